"""Private endpoints and the connection that a server gets from each (wire/parameter.md 6).

Only the model: no address is made for the endpoint. Assumed: the refusal for a server that lies in a network (azure-facts 6).
"""

from __future__ import annotations

import uuid

from scripts.local_azure import refusal
from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.access import enforce
from scripts.local_azure.kinds.document import Documents
from scripts.local_azure.kinds.kind import SERVERS, Body, Outcome, ServerChild, server_key
from scripts.local_azure.operations import Operation, Timing
from scripts.local_azure.refusal import bad_value
from scripts.local_azure.resource_ids import ResourceId, parse
from scripts.local_azure.store import Record

TYPE = "microsoft.network/privateendpoints"
GROUP = "postgresqlServer"
TIMING = Timing(55.0, 60.0)
APPROVED = {"status": "Approved", "description": "Auto-Approved", "actionsRequired": "None"}
"""On the server's side with a hyphen, on the endpoint's side without one."""
PENDING = {"status": "Pending", "actionsRequired": "None"}


class PrivateEndpoints(Documents):
    """Endpoints on the network's side."""

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Keeps the endpoint and connects it to its server: at once, or waiting for approval when asked for by hand."""
        asked = body.get("properties") or {}
        for section, state in (("privateLinkServiceConnections", APPROVED), ("manualPrivateLinkServiceConnections", PENDING)):
            for connection in asked.get(section) or []:
                self._connect(resource, connection, state)
        return super().put(resource, body, fault)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Removes the endpoint and its connections."""
        for each in self._connections(resource):
            self.world.store.drop(each["id"].lower())
            enforce(self.world, server_key(parse(each["id"])))
        return super().delete(resource, fault)

    def _connect(self, resource: ResourceId, connection: Body, state: Body) -> None:
        inner = connection.setdefault("properties", {})
        target = self.world.store.get(str(inner.get("privateLinkServiceId", "")).lower())
        if target is None or target["type"].lower() != SERVERS:
            return
        if "delegatedSubnetResourceId" in target["body"]["properties"]["network"]:
            raise bad_value("privateLinkServiceId", f"{target['id']} lies in a network and takes no private endpoints")
        if inner.get("groupIds") != [GROUP]:
            raise bad_value("groupIds", f"a flexible server has the group {GROUP} only")
        inner["privateLinkServiceConnectionState"] = {**state, **({"description": "Auto Approved"} if state is APPROVED else {})}
        if any(each["id"].lower().startswith(target["id"].lower() + "/") for each in self._connections(resource)):
            return
        name = f"{resource.name}.{uuid.uuid4()}"
        properties = {
            "privateEndpoint": {"id": resource.text}, "privateLinkServiceConnectionState": dict(state), "groupIds": [GROUP],
            "provisioningState": "Succeeded",
        }  # fmt: skip
        own = parse(f"{target['id']}/privateEndpointConnections/{name}")
        body = {"properties": properties, "id": own.text, "name": name, "type": Connections.type}
        self.world.store.put(own.key, {"id": own.text, "type": Connections.type, "body": body, "hidden": {}})
        enforce(self.world, server_key(own))

    def _connections(self, resource: ResourceId) -> list[Record]:
        return [
            each
            for each in self.world.store.records()
            if each["type"] == Connections.type and each["body"]["properties"]["privateEndpoint"]["id"].lower() == resource.key
        ]


class Connections(ServerChild):
    """The `privateEndpointConnections` of a server."""

    type = "Microsoft.DBforPostgreSQL/flexibleServers/privateEndpointConnections"

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Approves or rejects; what was rejected cannot be approved again, and fails in the first poll as recorded."""
        record = self.record(resource)
        properties = record["body"]["properties"]
        wanted = (body.get("properties") or {}).get("privateLinkServiceConnectionState") or {}
        was = properties["privateLinkServiceConnectionState"]["status"]

        def verify() -> None:
            if was == "Rejected" and wanted.get("status") == "Approved":
                raise refusal.internal_error()

        def apply() -> None:
            self.keep(resource, {**properties, "privateLinkServiceConnectionState": {**APPROVED, **wanted}})
            enforce(self.world, server_key(resource))

        return self.begin(resource, "UpsertPrivateEndpointConnectionManagementOperation", "PUT", TIMING, apply, fault, verify)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Cuts the connection; the endpoint stays."""
        if not self.world.store.has(resource.key):
            return None

        def apply() -> None:
            self.world.store.drop(resource.key)
            enforce(self.world, server_key(resource))

        return self.begin(resource, "DropPrivateEndpointConnectionManagementOperation", "DELETE", TIMING, apply, fault)
