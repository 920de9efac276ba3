"""What all resource kinds have in common, and what all children of a server have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.local_azure import refusal
from scripts.local_azure.faults import Fault
from scripts.local_azure.operations import Operation, Timing, Work
from scripts.local_azure.refusal import Refusal
from scripts.local_azure.resource_ids import ResourceId, parse
from scripts.local_azure.store import Record
from scripts.local_azure.world import World

Body = dict[str, Any]
Outcome = Operation | Body

SERVERS = "microsoft.dbforpostgresql/flexibleservers"
"""The type of a flexible server, lower-case as kinds compare."""


class Kind:
    """One resource type. Every method raises Refusal; those that a type does not have answer 405."""

    type = ""
    """As Azure spells it in answers."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get(self, resource: ResourceId) -> Body:
        """The resource as ARM answers it now."""
        return self.show(self.record(resource))

    def list(self, parent: str, records: list[Record]) -> list[Body]:
        """The members of a list; `records` are those of this kind, `parent` the lower-case path before the collection's name."""
        return [self.show(each) for each in records]

    def show(self, record: Record) -> Body:
        """A record as ARM answers it."""
        return dict(record["body"])

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Creates or replaces."""
        raise self.not_allowed("PUT", resource)

    def patch(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Changes what the body names."""
        raise self.not_allowed("PATCH", resource)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Removes; None when that was done at once."""
        raise self.not_allowed("DELETE", resource)

    def act(self, resource: ResourceId, action: str, body: Body, fault: Fault | None) -> Outcome:
        """A POST with a verb at its end."""
        raise refusal.Refusal(404, "NotFound", f"{self.type} has no action {action}")

    def record(self, resource: ResourceId) -> Record:
        """The stored record. Raises Refusal (404)."""
        found = self.world.store.get(resource.key)
        if found is None:
            raise refusal.not_found(resource.text)
        return found

    def not_allowed(self, method: str, resource: ResourceId) -> Refusal:
        """405 in ARM's words."""
        return Refusal(405, "HttpMethodNotAllowed", f"{method} is not possible on {resource.type}")


class ServerChild(Kind):
    """A child of a flexible server: its writes are management operations of that server."""

    def server(self, resource: ResourceId) -> Record:
        """The server's record. Raises Refusal (404) without one."""
        found = self.world.store.get(server_key(resource))
        if found is None:
            raise refusal.parent_not_found(resource.parent or resource.text)
        return found

    def ready_server(self, resource: ResourceId) -> Record:
        """The server's record. Raises Refusal also if it is busy or not running (the code for a stopped server is assumed)."""
        server = self.server(resource)
        self.world.operations.refuse_if_busy(server_key(resource))
        if server["body"]["properties"]["state"] != "Ready":
            raise Refusal(409, "ServerIsNotReady", f"server {server['body']['name']} is {server['body']['properties']['state']}")
        return server

    def begin(
        self,
        resource: ResourceId,
        name: str,
        method: str,
        timing: Timing,
        apply: Callable[[], None],
        fault: Fault | None,
        verify: Callable[[], None] | None = None,
    ) -> Operation:
        """Starts the operation of a child: location segment short, also for DELETE (wire/server.md 1)."""
        segment = self.server(resource)["hidden"]["location"]
        work = Work(
            name=name, resource_id=resource.text, segment=segment, timing=timing, method=method, server=server_key(resource),
            apply=apply, verify=verify,
        )  # fmt: skip
        return self.world.operations.begin(work, fault)

    def keep(self, resource: ResourceId, properties: Body, *, name: str | None = None, hidden: Body | None = None) -> None:
        """Stores the child in the common shape: properties, id, name, type, and no systemData."""
        body = {"properties": properties, "id": self.canonical(resource), "name": name or resource.name, "type": self.type}
        self.world.store.put(resource.key, {"id": body["id"], "type": self.type, "body": body, "hidden": hidden or {}})

    def canonical(self, resource: ResourceId) -> str:
        """The child's id under the server's own spelling."""
        server_id = self.server(resource)["id"]
        return f"{server_id}/{self.type.rsplit('/', 1)[1]}/{resource.name}"

    def children(self, server: str) -> list[Record]:
        """All records of this kind on one server, oldest first. `server` is its key."""
        prefix = server + "/"
        return [
            each
            for each in self.world.store.records()
            if each["type"].lower() == self.type.lower() and each["id"].lower().startswith(prefix)
        ]


def server_key(resource: ResourceId) -> str:
    """The key of the server that a child belongs to."""
    return parse("/".join(resource.text.split("/")[:9])).key
