"""The place of one-off containers inside the network: a delegated subnet with a way out, and an identity that may administer the server.

The containers themselves are made and removed by `agentmem inside`: what runs once is no part of what a stack keeps up.
"""

from __future__ import annotations

import pulumi
from pulumi_azure_native import managedidentity, network

from infra.components.network import Network
from infra.domain import names
from infra.domain.environment import Environment, Job

DELEGATE = "Microsoft.ContainerInstance/containerGroups"


class JobPlace(pulumi.ComponentResource):
    """Identity and subnet, and with `nat_gateway` the gateway and its address, for a network that has a `job`."""

    def __init__(
        self,
        name: str,
        environment: Environment,
        declared: Job,
        group: pulumi.Resource,
        inside: Network,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("agent-memory:index:JobPlace", name, None, opts)
        self._name, self._environment, self._group = name, environment, names.resource_group(environment)
        self.identity = self._identity(group)
        gateway = self._gateway(self._address(group)) if declared.nat_gateway else None
        # One write at a time on a virtual network: this subnet after the server's.
        self.subnet = self._subnet(declared.subnet, gateway, inside.subnet)
        self.register_outputs({"identity_id": self.identity.id, "subnet_id": self.subnet.id})

    def _after(self, *resources: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(resources), protect=False)

    def _identity(self, group: pulumi.Resource) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            f"{self._name}-identity",
            resource_name_=names.JOB,
            resource_group_name=self._group,
            location=self._environment.location,
            tags=names.tags(self._environment),
            opts=self._after(group),
        )

    def _address(self, group: pulumi.Resource) -> network.PublicIPAddress:
        return network.PublicIPAddress(
            f"{self._name}-address",
            public_ip_address_name=names.job_address(self._environment),
            resource_group_name=self._group,
            location=self._environment.location,
            # A NAT gateway takes no other: Standard, and an address that stays.
            sku=network.PublicIPAddressSkuArgs(name="Standard", tier="Regional"),
            public_ip_allocation_method="Static",
            public_ip_address_version="IPv4",
            tags=names.tags(self._environment),
            opts=self._after(group),
        )

    def _gateway(self, address: network.PublicIPAddress) -> network.NatGateway:
        return network.NatGateway(
            f"{self._name}-gateway",
            nat_gateway_name=names.job_gateway(self._environment),
            resource_group_name=self._group,
            location=self._environment.location,
            sku=network.NatGatewaySkuArgs(name="Standard"),
            public_ip_addresses=[network.SubResourceArgs(id=address.id)],
            tags=names.tags(self._environment),
            opts=self._after(address),
        )

    def _subnet(self, prefix: str, gateway: network.NatGateway | None, before: network.Subnet) -> network.Subnet:
        return network.Subnet(
            f"{self._name}-subnet",
            subnet_name=names.job_subnet(self._environment),
            virtual_network_name=names.virtual_network(self._environment),
            resource_group_name=self._group,
            address_prefix=prefix,
            delegations=[network.DelegationArgs(name=DELEGATE, service_name=DELEGATE)],
            nat_gateway=network.SubResourceArgs(id=gateway.id) if gateway else None,
            private_endpoint_network_policies="Disabled",
            private_link_service_network_policies="Enabled",
            opts=self._after(before, *([gateway] if gateway else [])),
        )
