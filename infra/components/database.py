"""The database of the application on the server."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dbforpostgresql

from infra.components.write_queue import WriteQueue
from infra.domain import names
from infra.domain.environment import Environment

# As Azure spells them in its answers: another spelling would be a difference after every refresh.
CHARSET = "UTF8"
COLLATION = "en_US.utf8"


class Database(pulumi.ComponentResource):
    """One database, protected like the server: it holds the data."""

    def __init__(self, name: str, environment: Environment, queue: WriteQueue, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-memory:index:Database", name, None, opts)
        self.database = queue.write(
            lambda options: dbforpostgresql.Database(
                f"{name}-application",
                database_name=environment.database.name,
                resource_group_name=names.resource_group(environment),
                server_name=environment.server.name,
                charset=CHARSET,
                collation=COLLATION,
                opts=options,
            ),
            self,
            protect=environment.guard.protect,
            dies_with_server=True,
        )
        self.register_outputs({"database_id": self.database.id})
