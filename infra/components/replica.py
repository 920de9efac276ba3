"""The read replica in another place, and the pair of host names that survives its promotion."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dbforpostgresql

from infra.components.server import ZONES, grown, storage
from infra.components.write_queue import WriteQueue
from infra.domain import names
from infra.domain.azure import skus
from infra.domain.environment import Environment, Replica as Declared

# After a promotion Azure no longer answers with the source, and a refresh drops it from the state; sent again, it would
# replace what is then the primary.
ORIGIN = ("sourceServerResourceId", "createMode")


class Replica(pulumi.ComponentResource):
    """A server that follows the primary. Logins, parameters and firewall rules are inherited once, at creation."""

    def __init__(
        self,
        name: str,
        environment: Environment,
        declared: Declared,
        source: dbforpostgresql.Server,
        queue: WriteQueue,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("agent-memory:index:Replica", name, None, opts)
        self._name, self._environment, self._queue = name, environment, queue
        self.server = self._server(declared, source)
        self.endpoint = self._endpoint(declared.virtual_endpoint) if declared.virtual_endpoint else None
        self.register_outputs(
            {
                "replica_id": self.server.id,
                "host": self.server.fully_qualified_domain_name,
                "endpoint_id": self.endpoint.id if self.endpoint else None,
            }
        )

    def _server(self, declared: Declared, source: dbforpostgresql.Server) -> dbforpostgresql.Server:
        """No password, no backup, no standby: Azure refuses them on a replica. The zone is Azure's choice."""
        environment = self._environment
        return self._queue.write(
            lambda options: dbforpostgresql.Server(
                f"{self._name}-postgresql",
                server_name=names.replica(environment),
                resource_group_name=names.resource_group(environment),
                location=declared.location,
                create_mode="Replica",
                source_server_resource_id=source.id,
                availability_zone="",
                sku=dbforpostgresql.SkuArgs(name=declared.sku, tier=skus.SKUS[declared.sku].tier),
                storage=storage(environment.storage),
                network=dbforpostgresql.NetworkArgs(public_network_access="Enabled"),
                tags=names.tags(environment),
                opts=options,
            ),
            self,
            protect=environment.guard.protect,
            ignore_changes=[*ORIGIN, *ZONES[:1], *grown(environment.storage)],
        )

    def _endpoint(self, base_name: str) -> dbforpostgresql.VirtualEndpoint:
        # Azure answers with the primary in front of the member that was sent, and a promotion swaps them.
        return self._queue.write(
            lambda options: dbforpostgresql.VirtualEndpoint(
                f"{self._name}-endpoint",
                virtual_endpoint_name=base_name,
                endpoint_type="ReadWrite",
                members=[names.replica(self._environment)],
                resource_group_name=names.resource_group(self._environment),
                server_name=self._environment.server.name,
                opts=options,
            ),
            self,
            protect=self._environment.guard.protect,  # applications hold these host names
            ignore_changes=["members"],
        )
