"""What Azure refuses of a server, said independently of the project's own rules so that each can show the other wrong.

At once, before the operation: everything here but `refuse_in_poll`. Where the recordings hold an answer its code and words are the
recorded ones; all other codes are assumed.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from scripts.local_azure.capabilities import VERSIONS
from scripts.local_azure.kinds import server_body
from scripts.local_azure.refusal import Refusal, bad_value, immutable, not_played
from scripts.local_azure.store import Record
from scripts.local_azure.world import Answer, World

Body = dict[str, Any]

INVALID_NAME = (
    "Specified server name contains unsupported characters or is too long. Server name must be no longer than 63 characters long, contain "
    "only lower-case characters or digits, cannot contain '.' or '_' characters and can't start or end with '-' character."
)
"""Recorded (wire/server.md 4)."""
RESERVED_LOGINS = frozenset({"azure_superuser", "azure_pg_admin", "admin", "administrator", "root", "guest", "public"})
"""azure-facts 7; also everything that begins with pg_."""
DNS_SUFFIX = "postgres.database.azure.com"
DELEGATION = "Microsoft.DBforPostgreSQL/flexibleServers"
SMALLEST_PREFIX = 28
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{1,61})[a-z0-9]")


def valid_name(name: str) -> bool:
    """3 to 63 lower-case letters, digits and hyphens, no hyphen at the ends."""
    return _NAME.fullmatch(name) is not None


def refuse_unplayed(request: Body) -> None:
    """Raises Refusal for a way to make a server that is not played: such a request has no SKU of its own to judge."""
    asked = request.get("properties") or {}
    if asked.get("createMode") not in (None, "", "Default", "Create"):
        raise not_played(f"createMode {asked['createMode']}")


def refuse_new(world: World, record: Record, request: Body) -> None:
    """Raises Refusal for a server that cannot be created as asked."""
    asked = request.get("properties") or {}
    if not valid_name(record["body"]["name"]):
        raise Refusal(400, "InvalidServerName", INVALID_NAME)
    if (asked.get("cluster") or {}).get("clusterSize"):
        raise not_played("an elastic cluster")
    _refuse_login(asked, record["body"]["properties"]["authConfig"])
    off = record["body"]["properties"]["highAvailability"]["mode"] == "Disabled"
    if off and (asked.get("highAvailability") or {}).get("standbyAvailabilityZone"):
        raise bad_value("highAvailability.standbyAvailabilityZone", "there is no standby while the mode is Disabled")
    refuse_state(world, record)
    _refuse_network(world, record)


def refuse_state(world: World, record: Record) -> None:
    """Raises Refusal for a server that Azure would not have, new or changed."""
    properties, sku = record["body"]["properties"], server_body.sku_of(record["body"]["sku"])
    region = server_body.region_of(record["hidden"]["location"])
    zones = server_body.zones_of(sku, region)
    version, zone = properties["version"], properties.get("availabilityZone")
    if version not in VERSIONS:
        raise bad_value("version", f"{version} is not offered here")
    if version not in world.backend.minor_versions:
        raise not_played(f"PostgreSQL {version}")
    if not 7 <= properties["backup"]["backupRetentionDays"] <= 35:
        raise bad_value("backup.backupRetentionDays", f"{properties['backup']['backupRetentionDays']} is outside 7 to 35")
    if properties["backup"]["geoRedundantBackup"] == "Enabled" and not region.geo_backup:
        raise bad_value("backup.geoRedundantBackup", f"{region.display_name} has no paired region for backups")
    if properties["storage"]["type"] == "PremiumV2_LRS" and int(version) < 14:
        raise bad_value("storage.type", f"Premium SSD v2 needs PostgreSQL 14, this is {version}")
    if zone is not None and zone not in zones:
        raise bad_value("availabilityZone", f"{sku.name} is not offered in zone {zone} of {region.display_name}")
    if {properties["authConfig"]["activeDirectoryAuth"], properties["authConfig"]["passwordAuth"]} == {"Disabled"}:
        raise bad_value("authConfig", "one way to log in must stay enabled")
    _refuse_availability(properties["highAvailability"], zone, zones, region.display_name)
    _refuse_keys(record["body"])


def refuse_change(world: World, old: Record, new: Record, request: Body) -> None:
    """Raises Refusal for a change that Azure does not make; what it may ignore instead is put back in `new`."""
    asked = {key: value for key, value in (request.get("properties") or {}).items() if value not in ("", None)}
    was, becomes = old["body"]["properties"], new["body"]["properties"]
    if asked.get("createMode") == "Create":
        raise Refusal(409, "ServerNameAlreadyExists", f"server {old['body']['name']} exists already, so it cannot be created")
    if asked.get("createMode") not in (None, "Default", "Update"):
        raise not_played(f"createMode {asked['createMode']} on an existing server")
    if request.get("location") and server_body.region_of(request["location"]).name != old["hidden"]["location"]:
        raise immutable("location")
    if asked.get("administratorLogin", was.get("administratorLogin")) != was.get("administratorLogin") and was.get("administratorLogin"):
        raise immutable("administratorLogin")
    _refuse_other_network(asked.get("network") or {}, was["network"])
    if was["dataEncryption"]["type"] != becomes["dataEncryption"]["type"]:
        raise immutable("dataEncryption.type")
    if int(becomes["version"]) < int(was["version"]):
        raise bad_value("version", f"{becomes['version']} is lower than {was['version']}; there is no way back")
    if becomes["version"] != was["version"]:
        raise not_played("a major version upgrade")
    if becomes["backup"]["geoRedundantBackup"] != was["backup"]["geoRedundantBackup"]:
        if world.settings.geo_flag_change is not Answer.IGNORE:
            raise immutable("backup.geoRedundantBackup")
        becomes["backup"]["geoRedundantBackup"] = was["backup"]["geoRedundantBackup"]
    _settle_zones(world, asked, was, becomes)
    if old["body"]["sku"]["tier"] == "Burstable" != new["body"]["sku"]["tier"] and becomes["highAvailability"]["mode"] != "Disabled":
        raise bad_value("highAvailability.mode", "leaves Burstable and becomes available in two steps, not in one")
    refuse_state(world, new)


def refuse_in_poll(record: Record) -> None:
    """The recorded refusal that comes after 202, spelling as recorded (wire/server.md 10); for a create it is assumed the same."""
    body = record["body"]
    if body["sku"]["tier"] == "Burstable" and body["properties"]["highAvailability"]["mode"] != "Disabled":
        text = f"High availiability not supported for burstable server [{body['name']}]."
        raise Refusal(400, "HANotSupportedForBurstableSkuWithMoreInfo", text)


def refuse_password(login: str, password: str) -> None:
    """8 to 128 characters, three classes of four, without the login's name (azure-facts 7). Never repeats the password."""
    classes = sum(bool(re.search(each, password)) for each in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]"))
    if not 8 <= len(password) <= 128 or classes < 3 or (login and login.lower() in password.lower()):
        why = "a password has 8 to 128 characters, three of the four classes lower, upper, digit, other, and not the login in it"
        raise Refusal(400, "PasswordNotComplex", f"administratorLoginPassword: {why}")


def _refuse_login(asked: Body, auth: Body) -> None:
    login, password = asked.get("administratorLogin") or "", asked.get("administratorLoginPassword") or ""
    if auth["passwordAuth"] == "Disabled":
        if login or password:
            raise bad_value("administratorLogin", "a server without passwords is created without login and password")
        return
    if not login or not password:
        raise bad_value("administratorLogin", "a server with passwords is created with login and password")
    if login.lower() in RESERVED_LOGINS or login.lower().startswith("pg_") or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", login):
        raise Refusal(400, "InvalidAdministratorLogin", f"administratorLogin: {login} cannot be used")
    refuse_password(login, password)


def _refuse_availability(section: Body, zone: str | None, zones: tuple[str, ...], region: str) -> None:
    mode, standby = section["mode"], section.get("standbyAvailabilityZone")
    if mode not in ("Disabled", "SameZone", "ZoneRedundant"):
        raise bad_value("highAvailability.mode", f"{mode} is no mode")
    if mode == "ZoneRedundant" and len(zones) < 2:
        raise bad_value("highAvailability.mode", f"{region} has no second zone")
    if mode == "ZoneRedundant" and (standby == zone or standby not in zones):
        raise bad_value("highAvailability.standbyAvailabilityZone", f"{standby} cannot stand by for zone {zone}")
    if mode == "SameZone" and standby != zone:
        raise bad_value("highAvailability.standbyAvailabilityZone", f"{standby} is not the server's own zone {zone}")


def _refuse_keys(body: Body) -> None:
    keys, geo = body["properties"]["dataEncryption"], body["properties"]["backup"]["geoRedundantBackup"] == "Enabled"
    if keys["type"] == "SystemManaged":
        return
    users = {each.lower() for each in body.get("identity", {}).get("userAssignedIdentities", {})}
    first, second = keys.get("primaryUserAssignedIdentityId", "").lower(), keys.get("geoBackupUserAssignedIdentityId", "").lower()
    if not keys.get("primaryKeyURI") or first not in users:
        raise bad_value("dataEncryption", "an own key needs its URI and a user-assigned identity of the server")
    if geo != bool(keys.get("geoBackupKeyURI")):
        raise bad_value("dataEncryption.geoBackupKeyURI", "an own key for the geo copy goes with geo-redundant backup, and only with it")
    if geo and (second not in users or second == first):
        raise bad_value("dataEncryption.geoBackupUserAssignedIdentityId", "the geo copy's key needs an identity of its own")


def _settle_zones(world: World, asked: Body, was: Body, becomes: Body) -> None:
    """Zones may be exchanged by a failover alone: a PUT with others is stale, and refused or ignored as set (azure-facts 11.1 a)."""
    standby = (asked.get("highAvailability") or {}).get("standbyAvailabilityZone")
    moved = asked.get("availabilityZone", was.get("availabilityZone")) != was.get("availabilityZone")
    same_mode = becomes["highAvailability"]["mode"] == was["highAvailability"]["mode"] != "Disabled"
    other = same_mode and standby and standby != was["highAvailability"].get("standbyAvailabilityZone")
    if not moved and not other:
        return
    if world.settings.stale_zone is Answer.REFUSE:
        raise immutable("availabilityZone" if moved else "highAvailability.standbyAvailabilityZone")
    if same_mode:
        becomes["highAvailability"] = dict(was["highAvailability"])


def _refuse_other_network(asked: Body, was: Body) -> None:
    subnet = asked.get("delegatedSubnetResourceId")
    if subnet and subnet.lower() != was.get("delegatedSubnetResourceId", "").lower():
        raise immutable("network.delegatedSubnetResourceId")
    if was.get("delegatedSubnetResourceId") and asked.get("publicNetworkAccess") == "Enabled":
        raise immutable("network mode")


def _refuse_network(world: World, record: Record) -> None:
    """A server in a network needs a delegated subnet of at least /28 and a zone with the right suffix, all of them there."""
    section = record["body"]["properties"]["network"]
    subnet_id, zone_id = section.get("delegatedSubnetResourceId"), section.get("privateDnsZoneArmResourceId")
    if not subnet_id:
        return
    subnet = world.store.get(subnet_id.lower())
    if subnet is None:
        raise bad_value("network.delegatedSubnetResourceId", f"{subnet_id} does not exist")
    delegations = subnet["body"]["properties"].get("delegations") or []
    if DELEGATION not in [each["properties"]["serviceName"] for each in delegations]:
        raise bad_value("network.delegatedSubnetResourceId", f"{subnet_id} is not delegated to {DELEGATION}")
    prefixes = [subnet["body"]["properties"].get("addressPrefix"), *(subnet["body"]["properties"].get("addressPrefixes") or [])]
    if all(ipaddress.ip_network(each).prefixlen > SMALLEST_PREFIX for each in prefixes if each):
        raise bad_value("network.delegatedSubnetResourceId", f"{subnet_id} is smaller than /{SMALLEST_PREFIX}")
    if not zone_id or not world.store.has(zone_id.lower()):
        raise bad_value("network.privateDnsZoneArmResourceId", f"{zone_id or 'nothing'} is no private DNS zone that exists")
    zone = zone_id.rsplit("/", 1)[1].lower()
    if not zone.endswith("." + DNS_SUFFIX) or zone == record["body"]["properties"]["fullyQualifiedDomainName"]:
        raise bad_value("network.privateDnsZoneArmResourceId", f"{zone} must end in .{DNS_SUFFIX} and not be the server's own name")
