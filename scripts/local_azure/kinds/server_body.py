"""A server as data: from a request to the record that is kept, and from the record to the answer that ARM gives."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from infra.domain.azure import regions, skus
from scripts.local_azure import times
from scripts.local_azure.kinds import server_storage
from scripts.local_azure.operations import Pace
from scripts.local_azure.refusal import Refusal, bad_value
from scripts.local_azure.resource_ids import ResourceId
from scripts.local_azure.store import Record
from scripts.local_azure.world import World

Body = dict[str, Any]

TYPE = "Microsoft.DBforPostgreSQL/flexibleServers"
SUFFIX = ".postgres.database.azure.com"
REPLICA_CAPACITY = 5
CREATED_AFTER_SECONDS = 11.0
"""`createdAt` lies 8 to 14 s after the operation's start (wire/server.md 2)."""
NO_WINDOW = {"customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0}
ORDER = (
    "dataEncryption", "replica", "storage", "network", "privateEndpointConnections", "authConfig", "fullyQualifiedDomainName", "version",
    "minorVersion", "administratorLogin", "state", "availabilityZone", "backup", "highAvailability", "maintenanceWindow",
    "replicationRole", "replicaCapacity",
)  # fmt: skip
"""Order of the properties in an answer (wire/server.md 6)."""


def region_of(location: object) -> regions.Region:
    """The region that a request names in either form. Raises Refusal (400) for one that is not known."""
    found = regions.find(str(location or "").replace(" ", "").lower())
    if found is None:
        raise Refusal(400, "LocationNotAvailableForResourceType", f"location {location!r} does not have flexible servers")
    return found


def zones_of(sku: skus.Sku, region: regions.Region) -> tuple[str, ...]:
    """The zones that a server of this SKU can be in; none where the region has none."""
    return tuple(str(zone) for zone in sku.zones) if region.zone_redundant else ()


def created(world: World, resource: ResourceId, request: Body) -> Record:
    """The record of a new server, with everything that Azure fills in. Raises Refusal for what cannot be built."""
    asked = _properties(request)
    region, sku = region_of(request.get("location")), sku_of(request.get("sku") or {})
    zones = zones_of(sku, region)
    zone = asked.get("availabilityZone") or (world.settings.first_zone if zones else None)
    born = world.clock.now() + timedelta(seconds=CREATED_AFTER_SECONDS if world.pace is Pace.RECORDED else 0)
    version = str(asked.get("version") or max(world.backend.minor_versions, key=int))
    properties: Body = {
        "dataEncryption": encryption(asked.get("dataEncryption") or {}),
        "replica": {"role": "Primary", "capacity": REPLICA_CAPACITY},
        "storage": server_storage.settled(asked.get("storage") or {}, None, sku.tier),
        "network": network(asked.get("network") or {}),
        "authConfig": auth(asked.get("authConfig") or {}, {}, world.tenant),
        "fullyQualifiedDomainName": resource.name.lower() + SUFFIX,
        "version": version,
        "minorVersion": world.backend.minor_versions.get(version, "0"),
        "state": "Provisioning",
        "backup": backup(asked.get("backup") or {}, {}),
        "highAvailability": availability(asked.get("highAvailability") or {}, {}, zone, zones),
        # Sent at creation it is not honoured (azure-facts 11.1).
        "maintenanceWindow": dict(NO_WINDOW),
        "replicationRole": "Primary",
        "replicaCapacity": REPLICA_CAPACITY,
    }
    properties |= {"availabilityZone": zone} if zone else {}
    properties |= {"administratorLogin": asked["administratorLogin"]} if asked.get("administratorLogin") else {}
    body = {
        "sku": {"name": sku.name, "tier": sku.tier}, "systemData": {"createdAt": times.created_time(born)}, "properties": properties,
        "location": region.display_name, "id": resource.text, "name": resource.name, "type": TYPE,
    }  # fmt: skip
    body |= _optional(world, request, {})
    hidden = {
        "location": region.name, "sized_by": sku.name, "parameters": {}, "creating": True,
        "first_backup_at": times.stored(born + timedelta(seconds=world.settings.first_backup(world.pace))),
    }  # fmt: skip
    return {"id": resource.text, "type": TYPE, "body": body, "hidden": hidden}


def changed(world: World, record: Record, request: Body, *, whole: bool) -> Record:
    """The record after a PATCH, or with `whole` after a PUT. What is not sent stays, but for a PUT's tags (assumed)."""
    asked, old = _properties(request), record["body"]["properties"]
    sku = sku_of({**record["body"]["sku"], **(request.get("sku") or {})})
    zone = old.get("availabilityZone")
    zones = zones_of(sku, region_of(record["hidden"]["location"]))
    new = {
        **old,
        "storage": server_storage.settled(asked.get("storage") or {}, old["storage"], sku.tier),
        "network": {**old["network"], **{key: value for key, value in (asked.get("network") or {}).items() if value}},
        "authConfig": auth(asked.get("authConfig") or {}, old["authConfig"], world.tenant),
        "backup": backup(asked.get("backup") or {}, old["backup"]),
        "highAvailability": availability(asked.get("highAvailability") or {}, old["highAvailability"], zone, zones),
        "maintenanceWindow": {**NO_WINDOW, **(asked["maintenanceWindow"] if asked.get("maintenanceWindow") else old["maintenanceWindow"])},
        "version": str(asked.get("version") or old["version"]),
    }
    if asked.get("administratorLogin") and not old.get("administratorLogin"):
        new["administratorLogin"] = asked["administratorLogin"]
    if asked.get("dataEncryption"):
        new["dataEncryption"] = encryption(asked["dataEncryption"])
    body = {**record["body"], "sku": {"name": sku.name, "tier": sku.tier}, "properties": new}
    kept = {key: body.pop(key) for key in ("tags", "identity") if key in body}
    if whole:
        kept.pop("tags", None)
    return {**record, "body": {**body, **_optional(world, request, kept)}}


def shown(world: World, record: Record, connections: list[Body]) -> Body:
    """The server as GET answers it now (wire/server.md 6)."""
    body, hidden = record["body"], record["hidden"]
    properties = dict(body["properties"])
    if "delegatedSubnetResourceId" not in properties["network"]:
        properties["privateEndpointConnections"] = connections
    born = times.moment(hidden["first_backup_at"])
    if world.clock.now() >= born and not hidden.get("creating"):
        properties["backup"] = {**properties["backup"], "earliestRestoreDate": times.offset_time(born)}
    if hidden.get("zones_settle_at") and world.clock.now() < times.moment(hidden["zones_settle_at"]):
        # The trap after a SKU change: for minutes the standby reads the same zone as the primary (wire/server.md 8).
        properties["highAvailability"] = {**properties["highAvailability"], "standbyAvailabilityZone": properties["availabilityZone"]}
    ordered = {key: properties[key] for key in ORDER if key in properties}
    top = ("sku", "identity", "systemData", "properties", "location", "tags", "id", "name", "type")
    return {key: ordered if key == "properties" else body[key] for key in top if key in body}


def sku_of(asked: Body) -> skus.Sku:
    """The SKU of a request. Raises Refusal (400) for one that is not offered or has another tier."""
    found = skus.find(str(asked.get("name") or ""))
    if found is None:
        raise bad_value("sku.name", f"{asked.get('name')} is not offered here")
    if asked.get("tier") != found.tier:
        raise bad_value("sku.tier", f"{found.name} belongs to {found.tier}, not to {asked.get('tier')}")
    return found


def network(asked: Body) -> Body:
    """Public access is on unless said; a server in a subnet has it off, whatever was sent (wire/parameter.md 7)."""
    if asked.get("delegatedSubnetResourceId"):
        wanted = ("delegatedSubnetResourceId", "privateDnsZoneArmResourceId")
        return {"publicNetworkAccess": "Disabled", **{key: asked[key] for key in wanted if asked.get(key)}}
    return {"publicNetworkAccess": asked.get("publicNetworkAccess") or "Enabled"}


def auth(asked: Body, current: Body, tenant: str) -> Body:
    """`tenantId` is answered only while Entra is on, and filled in by Azure (wire/parameter.md 4)."""
    result = {
        "activeDirectoryAuth": asked.get("activeDirectoryAuth") or current.get("activeDirectoryAuth") or "Disabled",
        "passwordAuth": asked.get("passwordAuth") or current.get("passwordAuth") or "Enabled",
    }
    return {**result, "tenantId": tenant} if result["activeDirectoryAuth"] == "Enabled" else result


def backup(asked: Body, current: Body) -> Body:
    """Seven days and no geo copy unless said."""
    return {
        "backupRetentionDays": int(asked.get("backupRetentionDays") or current.get("backupRetentionDays") or 7),
        "geoRedundantBackup": asked.get("geoRedundantBackup") or current.get("geoRedundantBackup") or "Disabled",
    }


def availability(asked: Body, current: Body, zone: str | None, zones: tuple[str, ...]) -> Body:
    """The HA section: `Healthy` at the first answer after success, a standby zone only while it is on (wire/server.md 6, older.md 1)."""
    mode = asked.get("mode") or current.get("mode") or "Disabled"
    if mode == "Disabled":
        return {"mode": "Disabled", "state": "NotEnabled"}
    same = mode == current.get("mode")
    chosen = zone if mode == "SameZone" else next((each for each in zones if each != zone), None)
    standby = asked.get("standbyAvailabilityZone") or (current.get("standbyAvailabilityZone") if same else chosen)
    return {"mode": mode, "state": "Healthy", **({"standbyAvailabilityZone": standby} if standby else {})}


def encryption(asked: Body) -> Body:
    """What was sent and the key's status; `SystemManaged` alone without a key (wire/backup.md 7)."""
    if asked.get("type", "SystemManaged") == "SystemManaged":
        return {"type": "SystemManaged"}
    sent = {key: value for key, value in asked.items() if value}
    geo = {"geoBackupEncryptionKeyStatus": "Valid"} if sent.get("geoBackupKeyURI") else {}
    return {**sent, "primaryEncryptionKeyStatus": "Valid", **geo}


def identity(world: World, asked: Body, current: Body | None) -> Body | None:
    """The identity section; None when there is none. `clientId` repeats the tenant id, as recorded (wire/parameter.md 5)."""
    if asked.get("type", "None") == "None":
        return None
    known: Body = dict((current or {}).get("userAssignedIdentities") or {})
    for each in asked.get("userAssignedIdentities") or {}:
        found = world.store.get(str(each).lower())
        if found is None:
            raise bad_value("identity.userAssignedIdentities", f"{each} does not exist")
        known[each] = {"principalId": found["body"]["properties"]["principalId"], "clientId": world.tenant}
    result: Body = {"userAssignedIdentities": known} if known else {}
    if "SystemAssigned" in asked["type"]:
        result["principalId"] = (current or {}).get("principalId") or str(uuid.uuid4())
    return {**result, "type": asked["type"], "tenantId": world.tenant}


def _optional(world: World, request: Body, kept: Body) -> Body:
    """`tags` and `identity`: absent when empty. Tags are replaced as a whole (wire/server.md 8)."""
    result: Body = {}
    own = identity(world, request["identity"], kept.get("identity")) if request.get("identity") else kept.get("identity")
    tags = request["tags"] if request.get("tags") is not None else kept.get("tags")
    if own:
        result["identity"] = own
    if tags:
        result["tags"] = dict(tags)
    return result


def _properties(request: Body) -> Body:
    """The request's properties without empty texts, which the SDKs send for what was left out."""
    return {key: value for key, value in (request.get("properties") or {}).items() if value not in ("", None)}
