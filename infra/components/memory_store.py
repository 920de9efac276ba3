"""A whole environment, in the order in which Azure wants it made."""

from __future__ import annotations

from dataclasses import fields

import pulumi
from pulumi_azure_native import authorization, resources

from infra.components.access import Access
from infra.components.database import Database
from infra.components.guard import Guard
from infra.components.job import JobPlace
from infra.components.monitoring import Monitoring
from infra.components.network import Network
from infra.components.outputs import outputs_of
from infra.components.parameters import Parameters
from infra.components.reach import Reach
from infra.components.replica import Replica
from infra.components.server import Server
from infra.components.vault import Vault
from infra.components.write_queue import WriteQueue, busy_hook
from infra.domain import names
from infra.domain.environment import Environment, entra_logins


class MemoryStore(pulumi.ComponentResource):
    """Group, network, server, then one write after another on the server: administrators, database, firewall, parameters,
    replica, diagnostics, Backup vault, and the lock last. Deletion goes the other way."""

    def __init__(
        self, name: str, environment: Environment, password: pulumi.Output[str] | None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("agent-memory:index:MemoryStore", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        tenant_id = _tenant_id(environment)
        group = self._group(name, environment)
        network = None if environment.network.mode == "public" else Network(f"{name}-network", environment, group, child)
        place = environment.network.job
        job = JobPlace(f"{name}-job", environment, place, group, network, child) if network and place else None
        busy = busy_hook(f"{name}-busy")
        server = Server(
            f"{name}-server", environment, group, password=password, tenant_id=tenant_id, network=network, busy=busy, opts=child
        ).server
        queue = WriteQueue(server, busy)
        Access(f"{name}-access", environment, queue, tenant_id, child, job=job)
        database = Database(f"{name}-database", environment, queue, child).database
        reach = Reach(f"{name}-reach", environment, server, network, queue, child)
        Parameters(f"{name}-parameters", environment, queue, child)
        replica = Replica(f"{name}-replica", environment, environment.replica, server, queue, child) if environment.replica else None
        monitoring = Monitoring(f"{name}-monitoring", environment, group, server, queue, child)
        if environment.backup.long_term:
            Vault(f"{name}-vault", environment, environment.backup.long_term, group, server, queue, child)
        if environment.guard.lock:
            Guard(f"{name}-guard", environment, server, queue, child)
        self.outputs = outputs_of(environment, server, database, monitoring, network, reach, replica)
        self.register_outputs(self.exports())

    def exports(self) -> dict[str, object]:
        """What the stack tells, by name. Pulumi leaves out what is null."""
        return {field.name: getattr(self.outputs, field.name) for field in fields(self.outputs)}

    def _group(self, name: str, environment: Environment) -> resources.ResourceGroup:
        # Deleting a group deletes everything in it, so it is as precious as the server.
        return resources.ResourceGroup(
            f"{name}-group",
            resource_group_name=names.resource_group(environment),
            location=environment.location,
            tags=names.tags(environment),
            opts=pulumi.ResourceOptions(parent=self, protect=environment.guard.protect),
        )


def _tenant_id(environment: Environment) -> pulumi.Output[str] | None:
    """The tenant of whoever runs Pulumi, which must be that of the administrators; nobody is asked where there are none."""
    return authorization.get_client_config_output().tenant_id if entra_logins(environment) else None
