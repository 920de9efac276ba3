"""The lock on the server, last of all: what stands before it could not be undone once it is there."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import authorization, dbforpostgresql

from infra.components.write_queue import WriteQueue
from infra.domain import names
from infra.domain.environment import Environment

NOTES = "The memory of agents. Lifted for one operation by deleting this lock, it comes back with the next pulumi up --refresh."


class Guard(pulumi.ComponentResource):
    """A lock against deletion by anybody, with any tool. It covers the server's children too: databases, backups, rules.

    Protected like the server: a destroy begins with what was made last, so without it a destroy that ends at the
    protected server would have taken the lock away on its way there.
    """

    def __init__(
        self,
        name: str,
        environment: Environment,
        server: dbforpostgresql.Server,
        queue: WriteQueue,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("agent-memory:index:Guard", name, None, opts)
        self.lock = queue.write(
            lambda options: authorization.ManagementLockByScope(
                f"{name}-lock",
                lock_name=names.lock(environment),
                level="CanNotDelete",
                scope=server.id,
                notes=NOTES,
                opts=options,
            ),
            self,
            protect=environment.guard.protect,
        )
        self.register_outputs({"lock_id": self.lock.id})
