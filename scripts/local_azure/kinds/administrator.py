"""Entra administrators of a server: the id ends in the object id while the name is the principal's (wire/parameter.md 4).

As recorded, nothing checks that name and object id belong together, and the last one of an Entra-only server can be deleted.
Assumed: the refusal while Entra is off, and of an unknown principal type.
"""

from __future__ import annotations

from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.kind import Body, Outcome, ServerChild
from scripts.local_azure.operations import Operation, Timing
from scripts.local_azure.refusal import Refusal, bad_value
from scripts.local_azure.resource_ids import ResourceId

PUT_TIMING, DELETE_TIMING = Timing(60.0, 60.0), Timing(28.0, 30.0)
PRINCIPALS = ("User", "Group", "ServicePrincipal")


class Administrators(ServerChild):
    """The `administrators` of a server."""

    type = "Microsoft.DBforPostgreSQL/flexibleServers/administrators"

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Makes a principal an administrator, with a role of its name."""
        server = self.ready_server(resource)
        if server["body"]["properties"]["authConfig"]["activeDirectoryAuth"] != "Enabled":
            raise Refusal(400, "AadAuthNotEnabled", f"server {server['body']['name']} has Entra authentication off")
        asked = body.get("properties") or {}
        name, kind = asked.get("principalName"), asked.get("principalType")
        if not name or kind not in PRINCIPALS:
            raise bad_value("administrator", f"a name and one of {', '.join(PRINCIPALS)} are needed, not {name} and {kind}")
        properties = {
            "principalType": kind, "principalName": name, "objectId": resource.name, "tenantId": asked.get("tenantId") or self.world.tenant,
        }  # fmt: skip

        def apply() -> None:
            self.world.backend.add_entra_role(server["body"]["name"], name, resource.name)
            self.keep(resource, properties, name=name)

        return self.begin(resource, "UpsertAadAuthPrincipalManagementOperation", "PUT", PUT_TIMING, apply, fault)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Takes the right away, and the role with it."""
        found = self.world.store.get(resource.key)
        if found is None:
            return None
        server = self.ready_server(resource)

        def apply() -> None:
            self.world.backend.drop_entra_role(server["body"]["name"], found["body"]["properties"]["principalName"])
            self.world.store.drop(resource.key)

        return self.begin(resource, "DropAadAuthPrincipalManagementOperation", "DELETE", DELETE_TIMING, apply, fault)
