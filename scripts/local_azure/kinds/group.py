"""Resource groups: what everything else lies in (wire/server.md 3). Deleting one deletes what is in it, servers included."""

from __future__ import annotations

from collections.abc import Callable

from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.kind import Body, Kind, Outcome
from scripts.local_azure.kinds.server_body import region_of
from scripts.local_azure.operations import Operation, Timing, Work
from scripts.local_azure.refusal import Refusal, group_not_found
from scripts.local_azure.resource_ids import ResourceId
from scripts.local_azure.world import World

TIMING = Timing(60.0, 15.0)
"""Assumed: the recordings hold no length for it."""


class Groups(Kind):
    """Resource groups; their location is answered in the short form, unlike a server's."""

    type = "Microsoft.Resources/resourceGroups"

    def __init__(self, world: World, remove_server: Callable[[str], None]) -> None:
        super().__init__(world)
        self._remove_server = remove_server

    def get(self, resource: ResourceId) -> Body:
        """Raises Refusal with the code of a missing group."""
        if not self.world.store.has(resource.key):
            raise group_not_found(resource.name)
        return super().get(resource)

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Creates a group, or gives it other tags; it cannot move."""
        location = region_of(body.get("location")).name
        before = self.world.store.get(resource.key)
        if before is not None and before["body"]["location"] != location:
            raise Refusal(409, "InvalidResourceGroupLocation", f"group {resource.name} is in {before['body']['location']} and cannot move")
        own_id = before["id"] if before else resource.text
        whole = {
            "id": own_id,
            "name": own_id.rsplit("/", 1)[1],
            "type": self.type,
            "location": location,
            "tags": dict(body.get("tags") or {}),
        }
        whole["properties"] = {"provisioningState": "Succeeded"}
        self.world.store.put(resource.key, {"id": own_id, "type": self.type, "body": whole, "hidden": {}})
        return self.get(resource)

    def patch(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Replaces the tags."""
        old = self.get(resource)
        return self.put(resource, {**old, "tags": body.get("tags", old["tags"])}, fault)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Deletes the group with everything in it."""
        record = self.world.store.get(resource.key)
        if record is None:
            raise group_not_found(resource.name)

        def apply() -> None:
            for key in self.world.store.under(resource.key):
                self._remove_server(key)
            self.world.store.drop(resource.key)

        work = Work(
            name="DeleteResourceGroup",
            resource_id=record["id"],
            segment=record["body"]["location"],
            timing=TIMING,
            method="DELETE",
            apply=apply,
        )
        return self.world.operations.begin(work, fault)
