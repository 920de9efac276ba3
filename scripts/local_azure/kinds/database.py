"""Databases of a server: the three that Azure brings and those that were created, in the recorded order (wire/parameter.md 3).

Assumed: the refusal of a bad name, of another charset or collation for a database that exists, and of dropping a system database.
"""

from __future__ import annotations

import re

from scripts.local_azure import refusal
from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.kind import Body, Outcome, ServerChild
from scripts.local_azure.operations import Operation, Timing
from scripts.local_azure.refusal import bad_value
from scripts.local_azure.resource_ids import ResourceId
from scripts.local_azure.store import Record

SYSTEM = ("azure_maintenance", "postgres", "azure_sys")
CHARSET, COLLATION = "UTF8", "en_US.utf8"
TIMING = Timing(12.0, 12.0)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


class Databases(ServerChild):
    """The `databases` of a server."""

    type = "Microsoft.DBforPostgreSQL/flexibleServers/databases"

    def get(self, resource: ResourceId) -> Body:
        """A system database is there as long as the server is."""
        if resource.name in SYSTEM:
            return self._system(self.server(resource), resource.name)
        return super().get(resource)

    def list(self, parent: str, records: list[Record]) -> list[Body]:
        """System databases first, then the others as they were created."""
        server = self.world.store.get(parent)
        if server is None:
            raise refusal.parent_not_found(parent)
        return [self._system(server, name) for name in SYSTEM] + [self.show(each) for each in records]

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Creates a database. The flat body of az is taken and its fields are ignored, as Azure seems to do (wire/parameter.md 3)."""
        self.ready_server(resource)
        asked = body.get("properties") or {}
        charset = str(asked.get("charset") or CHARSET).upper()
        collation = str(asked.get("collation") or COLLATION)
        if not _NAME.fullmatch(resource.name):
            raise bad_value("database name", f"{resource.name} is none")
        if charset != CHARSET:
            raise bad_value("charset", f"{charset} is not played here, {CHARSET} is")
        before = self.world.store.get(resource.key)
        existing = before["body"]["properties"] if before else None
        if resource.name in SYSTEM:
            existing = {"charset": CHARSET, "collation": COLLATION}
        if existing is not None and existing != {"charset": charset, "collation": collation}:
            raise bad_value("collation", f"database {resource.name} exists with other settings, which never change")

        def apply() -> None:
            if existing is None:
                self.world.backend.create_database(self.server(resource)["body"]["name"], resource.name, collation)
                self.keep(resource, {"charset": charset, "collation": collation})

        return self.begin(resource, "UpsertServerDatabaseManagementOperation", "PUT", TIMING, apply, fault)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Drops a database."""
        if resource.name in SYSTEM:
            raise bad_value("database name", f"{resource.name} belongs to the service")
        if not self.world.store.has(resource.key):
            return None
        server = self.ready_server(resource)

        def apply() -> None:
            self.world.backend.drop_database(server["body"]["name"], resource.name)
            self.world.store.drop(resource.key)

        return self.begin(resource, "DropServerDatabaseManagementOperation", "DELETE", TIMING, apply, fault)

    def _system(self, server: Record, name: str) -> Body:
        properties = {"charset": CHARSET, "collation": COLLATION}
        return {"properties": properties, "id": f"{server['id']}/databases/{name}", "name": name, "type": self.type}
