"""Who may reach the server: firewall rules of a public one, the private endpoint of a closed one."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dbforpostgresql, network

from infra.components.network import Network
from infra.components.write_queue import WriteQueue
from infra.domain import names
from infra.domain.environment import Environment, FirewallRule

# The sub-resource of a flexible server to which an endpoint connects.
ENDPOINT_GROUP = "postgresqlServer"


class Reach(pulumi.ComponentResource):
    """Firewall rules one after another, or the private endpoint with its records in the private zone."""

    def __init__(
        self,
        name: str,
        environment: Environment,
        server: dbforpostgresql.Server,
        private: Network | None,
        queue: WriteQueue,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("agent-memory:index:Reach", name, None, opts)
        self._name, self._environment, self._server, self._queue = name, environment, server, queue
        self.rules = [self._rule(rule) for rule in environment.network.firewall]
        self.endpoint: network.PrivateEndpoint | None = None
        if private is not None and environment.network.mode == "private_endpoint":
            self.endpoint = self._endpoint(private)
            self._zone_group(private)
        self.register_outputs(
            {"firewall_rule_ids": [rule.id for rule in self.rules], "private_endpoint_id": self.endpoint.id if self.endpoint else None}
        )

    def _rule(self, rule: FirewallRule) -> dbforpostgresql.FirewallRule:
        return self._queue.write(
            lambda options: dbforpostgresql.FirewallRule(
                f"{self._name}-firewall-{rule.name}",
                firewall_rule_name=rule.name,
                resource_group_name=names.resource_group(self._environment),
                server_name=self._environment.server.name,
                start_ip_address=rule.start,
                end_ip_address=rule.end,
                opts=options,
            ),
            self,
            dies_with_server=True,
        )

    def _endpoint(self, private: Network) -> network.PrivateEndpoint:
        environment = self._environment
        connection = network.PrivateLinkServiceConnectionArgs(
            name=names.private_endpoint(environment), private_link_service_id=self._server.id, group_ids=[ENDPOINT_GROUP]
        )
        return self._queue.write(
            lambda options: network.PrivateEndpoint(
                f"{self._name}-private-endpoint",
                private_endpoint_name=names.private_endpoint(environment),
                resource_group_name=names.resource_group(environment),
                location=environment.location,
                subnet=network.SubnetArgs(id=private.subnet.id),
                private_link_service_connections=[connection],
                tags=names.tags(environment),
                opts=options,
            ),
            self,
        )

    def _zone_group(self, private: Network) -> network.PrivateDnsZoneGroup:
        """In the queue too, although it is no write on the server: what comes later finds the server by name."""
        zone = network.PrivateDnsZoneConfigArgs(name=names.private_zone_link(self._environment), private_dns_zone_id=private.zone.id)
        return self._queue.write(
            lambda options: network.PrivateDnsZoneGroup(
                f"{self._name}-zone-group",
                private_dns_zone_group_name="default",  # an endpoint has one group at most, and the portal calls it so
                private_endpoint_name=names.private_endpoint(self._environment),
                resource_group_name=names.resource_group(self._environment),
                private_dns_zone_configs=[zone],
                opts=options,
            ),
            self,
        )
