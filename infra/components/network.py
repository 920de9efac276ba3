"""The network of a server that is not public: virtual network, subnet and private DNS zone, all there before the server."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import network, privatedns

from infra.domain import names
from infra.domain.environment import Environment

DELEGATE = "Microsoft.DBforPostgreSQL/flexibleServers"
_ANY = "*"


class Network(pulumi.ComponentResource):
    """Virtual network with one subnet, and the zone in which the server's name resolves.

    In mode `private` the subnet is delegated to the service and guarded by a security group; in mode `private_endpoint`
    it is a plain one for the endpoint. `ready` is what a server must wait for: Azure does not check that the zone is
    linked, and a server without the link resolves nowhere.
    """

    def __init__(self, name: str, environment: Environment, group: pulumi.Resource, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-memory:index:Network", name, None, opts)
        self._name, self._environment, self._group = name, environment, names.resource_group(environment)
        self.virtual_network = self._virtual_network(group)
        self.subnet = self._delegated_subnet(group) if environment.network.mode == "private" else self._endpoint_subnet()
        self.zone = self._zone(self._after(group))
        self.link = self._link(self._after(self.zone))
        self.ready: list[pulumi.Resource] = [self.subnet, self.link]
        self.register_outputs({"virtual_network_id": self.virtual_network.id, "subnet_id": self.subnet.id, "zone_id": self.zone.id})

    def _after(self, *resources: pulumi.Resource, ignore_changes: list[str] | None = None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(resources), protect=False, ignore_changes=ignore_changes)

    def _virtual_network(self, group: pulumi.Resource) -> network.VirtualNetwork:
        return network.VirtualNetwork(
            f"{self._name}-virtual-network",
            virtual_network_name=names.virtual_network(self._environment),
            resource_group_name=self._group,
            location=self._environment.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[str(self._environment.network.address_space)]),
            enable_ddos_protection=False,  # a paid plan of its own, and there is no public address to protect
            enable_vm_protection=False,
            tags=names.tags(self._environment),
            # The subnet is a resource of its own; otherwise a refresh would copy it here and the next update remove it.
            opts=self._after(group, ignore_changes=["subnets"]),
        )

    def _delegated_subnet(self, group: pulumi.Resource) -> network.Subnet:
        self.security_group = self._security_group(group)
        return network.Subnet(
            f"{self._name}-subnet",
            subnet_name=names.subnet(self._environment),
            virtual_network_name=names.virtual_network(self._environment),
            resource_group_name=self._group,
            address_prefix=self._environment.network.subnet,
            delegations=[network.DelegationArgs(name=DELEGATE, service_name=DELEGATE)],
            # WAL goes to Storage; with high availability it needs this way out.
            service_endpoints=[network.ServiceEndpointPropertiesFormatArgs(service="Microsoft.Storage")],
            network_security_group=network.NetworkSecurityGroupArgs(id=self.security_group.id),
            private_endpoint_network_policies="Disabled",
            private_link_service_network_policies="Enabled",
            opts=self._after(self.virtual_network),
        )

    def _endpoint_subnet(self) -> network.Subnet:
        return network.Subnet(
            f"{self._name}-subnet",
            subnet_name=names.subnet(self._environment),
            virtual_network_name=names.virtual_network(self._environment),
            resource_group_name=self._group,
            address_prefix=self._environment.network.subnet,
            private_endpoint_network_policies="Disabled",  # a private endpoint needs its subnet so
            private_link_service_network_policies="Enabled",
            opts=self._after(self.virtual_network),
        )

    def _security_group(self, group: pulumi.Resource) -> network.NetworkSecurityGroup:
        return network.NetworkSecurityGroup(
            f"{self._name}-security-group",
            network_security_group_name=names.security_group(self._environment),
            resource_group_name=self._group,
            location=self._environment.location,
            security_rules=_rules(str(self._environment.network.subnet)),
            tags=names.tags(self._environment),
            opts=self._after(group),
        )

    def _zone(self, options: pulumi.ResourceOptions) -> privatedns.PrivateZone:
        return privatedns.PrivateZone(
            f"{self._name}-zone",
            private_zone_name=names.private_zone(self._environment),
            resource_group_name=self._group,
            location="global",  # private zones have no region
            tags=names.tags(self._environment),
            opts=options,
        )

    def _link(self, options: pulumi.ResourceOptions) -> privatedns.VirtualNetworkLink:
        return privatedns.VirtualNetworkLink(
            f"{self._name}-zone-link",
            virtual_network_link_name=names.private_zone_link(self._environment),
            private_zone_name=names.private_zone(self._environment),
            resource_group_name=self._group,
            location="global",
            registration_enabled=False,  # the service writes its own records; machines do not belong in this zone
            virtual_network=privatedns.SubResourceArgs(id=self.virtual_network.id),
            tags=names.tags(self._environment),
            opts=options,
        )


def _rules(subnet: str) -> list[network.SecurityRuleArgs]:
    """What the service needs, written out so that a stricter rule added later cannot cut it off.

    PostgreSQL and the pooler from the network and between primary and standby; Storage for WAL; Entra for tokens.
    """
    ports = [str(names.PORT), str(names.POOLED_PORT)]
    return [
        _rule("allow-postgresql-in", 100, "Inbound", "VirtualNetwork", subnet, ports),
        _rule("allow-postgresql-within", 100, "Outbound", subnet, subnet, ports),
        _rule("allow-storage-out", 110, "Outbound", subnet, "Storage", ["443"]),
        _rule("allow-entra-out", 120, "Outbound", subnet, "AzureActiveDirectory", ["443"]),
    ]


def _rule(name: str, priority: int, direction: str, source: str, destination: str, ports: list[str]) -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name=name,
        priority=priority,
        direction=direction,
        access="Allow",
        protocol="Tcp",
        source_address_prefix=source,
        source_port_range=_ANY,
        destination_address_prefix=destination,
        destination_port_ranges=ports,
    )
