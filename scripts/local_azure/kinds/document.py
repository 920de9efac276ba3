"""Everything that is not PostgreSQL: kept as it was sent, under its ARM id, with the few fields that others look for.

Networks, DNS zones, workspaces, alerts, diagnostic settings, locks, identities, vaults, storage accounts. What such a resource would do
is not played; that it exists, what it lies in and what hangs on it is. Values that Azure never answers (secrets) are not kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.kind import Body, Kind, Outcome
from scripts.local_azure.operations import Operation
from scripts.local_azure.refusal import Refusal, bad_value, not_found
from scripts.local_azure.resource_ids import ResourceId, parse
from scripts.local_azure.store import Record
from scripts.local_azure.world import World

NETWORK = "microsoft.network/virtualnetworks"
SUBNET = NETWORK + "/subnets"
ZONE = "microsoft.network/privatednszones"
LINK = ZONE + "/virtualnetworklinks"
IDENTITY = "microsoft.managedidentity/userassignedidentities"
WITHOUT_STATE = ("microsoft.authorization/", "microsoft.insights/diagnosticsettings", IDENTITY)
"""Types whose answers have no provisioningState."""
WRITE_ONLY = {"microsoft.keyvault/vaults/secrets": ("value",)}
"""Properties that are taken and never answered."""
DNS_LIMITS = {
    "maxNumberOfRecordSets": 25000, "maxNumberOfVirtualNetworkLinks": 1000, "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
    "numberOfRecordSets": 1,
}  # fmt: skip
"""What a new private zone answers (wire/parameter.md 7)."""


class Documents(Kind):
    """Any type that has no module of its own."""

    type = "a document"

    def show(self, record: Record) -> Body:
        """The document; a virtual network with its subnets as they are now."""
        body = dict(record["body"])
        if record["type"].lower() == NETWORK:
            prefix = record["id"].lower() + "/subnets/"
            subnets = [each["body"] for each in self.world.store.records() if each["id"].lower().startswith(prefix)]
            body["properties"] = {**body["properties"], "subnets": subnets}
        return body

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Keeps the document, done at once."""
        before = self.world.store.get(resource.key)
        self._keep(resource, body, before)
        if resource.kind == NETWORK:
            for subnet in (body.get("properties") or {}).get("subnets") or []:
                inner = parse(f"{resource.text}/subnets/{subnet['name']}")
                self._keep(inner, subnet, self.world.store.get(inner.key))
        return self.get(resource)

    def patch(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Changes the named properties; tags are replaced as a whole."""
        old = self.record(resource)["body"]
        merged = {**old, **body, "properties": {**old["properties"], **(body.get("properties") or {})}}
        return self.put(resource, merged, fault)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Removes the document and what lies in it, unless something stands on it."""
        self._refuse_in_use(resource)
        self.world.store.drop(resource.key)
        return None

    def _keep(self, resource: ResourceId, body: Body, before: Record | None) -> None:
        properties = dict(body.get("properties") or {})
        for name in WRITE_ONLY.get(resource.kind, ()):
            properties.pop(name, None)
        if resource.kind == NETWORK:
            properties.pop("subnets", None)
        if not resource.kind.startswith(WITHOUT_STATE):
            properties["provisioningState"] = "Succeeded"
        filled = FILL.get(resource.kind)
        if filled is not None:
            properties |= filled(self.world, resource, properties)
        if before is not None and resource.kind == IDENTITY:
            properties |= before["body"]["properties"]
        # Managed identities alone answer a lower-case segment (wire/parameter.md 5).
        own_id = resource.text.replace("/resourceGroups/", "/resourcegroups/", 1) if resource.kind == IDENTITY else resource.text
        kept = {key: value for key, value in body.items() if key not in ("id", "name", "type", "properties") and value is not None}
        whole = {"id": own_id, "name": resource.name, "type": resource.type, **kept, "properties": properties}
        self.world.store.put(resource.key, {"id": resource.text, "type": resource.type, "body": whole, "hidden": {}})

    def _refuse_in_use(self, resource: ResourceId) -> None:
        records = self.world.store.records()
        if resource.kind == ZONE and any(
            each["type"].lower() == LINK and each["id"].lower().startswith(resource.key + "/") for each in records
        ):
            raise Refusal(409, "CannotDeleteResource", f"{resource.text} still has virtual network links")
        used = {
            str(value).lower(): each["id"]
            for each in records
            for value in (*each["body"].get("properties", {}).get("network", {}).values(), _subnet_of(each))
            if value
        }
        for user in (used[key] for key in used if key == resource.key or key.startswith(resource.key + "/")):
            raise Refusal(400, "InUseSubnetCannotBeDeleted", f"{resource.text} is in use by {user}")


def _subnet_of(record: Record) -> str:
    subnet = record["body"].get("properties", {}).get("subnet")
    return str(subnet.get("id", "")) if isinstance(subnet, dict) else ""


def _identity(world: World, resource: ResourceId, properties: Body) -> Body:
    ids = {"principalId": str(uuid.uuid4()), "clientId": str(uuid.uuid4())}
    return {"isolationScope": "None", "tenantId": world.tenant, **ids}


def _link(world: World, resource: ResourceId, properties: Body) -> Body:
    network = str((properties.get("virtualNetwork") or {}).get("id", ""))
    if not world.store.has(network.lower()):
        raise bad_value("virtualNetwork.id", f"{network or 'nothing'} does not exist")
    return {"virtualNetworkLinkState": "Completed"}


def _subnet(world: World, resource: ResourceId, properties: Body) -> Body:
    delegations = []
    for each in properties.get("delegations") or []:
        service = (each.get("properties") or each).get("serviceName")
        inner = {
            "serviceName": service,
            "provisioningState": "Succeeded",
            "actions": ["Microsoft.Network/virtualNetworks/subnets/join/action"],
        }
        name = each.get("name") or service
        delegations.append({"name": name, "id": f"{resource.text}/delegations/{name}", "properties": inner})
    policies = {"privateEndpointNetworkPolicies": "Disabled", "privateLinkServiceNetworkPolicies": "Enabled"}
    return {**policies, **properties, "delegations": delegations}


FILL: Mapping[str, Callable[[World, ResourceId, Body], Body]] = {
    IDENTITY: _identity,
    LINK: _link,
    SUBNET: _subnet,
    ZONE: lambda world, resource, properties: dict(DNS_LIMITS),
    "microsoft.operationalinsights/workspaces": lambda world, resource, properties: {
        "customerId": str(uuid.uuid5(uuid.NAMESPACE_URL, resource.key))
    },
    "microsoft.storage/storageaccounts": lambda world, resource, properties: {
        "primaryEndpoints": {"blob": f"https://{resource.name}.blob.core.windows.net/"}
    },
    "microsoft.keyvault/vaults": lambda world, resource, properties: {"vaultUri": f"https://{resource.name}.vault.azure.net/"},
    "microsoft.keyvault/vaults/keys": lambda world, resource, properties: {
        "keyUri": f"https://{resource.names[0]}.vault.azure.net/keys/{resource.name}",
        "keyUriWithVersion": f"https://{resource.names[0]}.vault.azure.net/keys/{resource.name}/{uuid.UUID(int=0).hex}",
    },
}
"""What Azure adds to a type: that which other resources of the program read."""


def refuse_locked(world: World, resource: ResourceId, *, deleting: bool) -> None:
    """Raises Refusal (409 ScopeLocked) where a lock holds: on the resource, on what it lies in, or, for a delete, on what lies in it."""
    if resource.kind == "microsoft.authorization/locks":
        return
    for record in world.store.records():
        if record["type"].lower() != "microsoft.authorization/locks":
            continue
        if not deleting and record["body"]["properties"].get("level") != "ReadOnly":
            continue
        scope = record["id"].lower().rsplit("/providers/microsoft.authorization/", 1)[0]
        covers = resource.key == scope or resource.key.startswith(scope + "/")
        if covers or (deleting and scope.startswith(resource.key + "/")):
            verb = "delete" if deleting else "write"
            raise Refusal(
                409,
                "ScopeLocked",
                f"The scope '{resource.text}' cannot perform {verb} operation because following scope(s) are locked: '{scope}'.",
            )


class Unplayed(Kind):
    """Children of a server that Azure has and this stand-in has not: virtual endpoints, migrations and the like."""

    type = "an unplayed type"

    def get(self, resource: ResourceId) -> Body:
        """None of them exists."""
        raise not_found(resource.text)

    def not_allowed(self, method: str, resource: ResourceId) -> Refusal:
        """501, because Azure would do it."""
        return Refusal(501, "NotPlayedLocally", f"{resource.type} is not played yet by the local Azure")
