"""An environment of which only a part is known: what the properties of one registered resource tell about it.

The rules of the domain run on it as they are. Whatever asks for a part that nobody knows stops there and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, cast

from infra.domain.azure import storage
from infra.domain.environment import Environment
from infra.domain.problem import Problem
from infra.domain.rules.rule import Face


class Unknown(Exception):
    """A rule asked for something that the properties do not tell."""


class _Somewhat:
    """A value that is there (not None) and not known: a network whose range another program chose."""

    def _refuse(self, *_: object) -> NoReturn:
        raise Unknown

    __contains__ = __str__ = __len__ = __iter__ = __bool__ = _refuse


UNKNOWN = _Somewhat()
# Unlike the one above, it is kept in a part: rules may see that it is there.
SOME_RANGE = _Somewhat()


class Part:
    """A section, or the whole: attributes are what is known, any other raises Unknown."""

    def __init__(self, **known: object) -> None:
        vars(self).update({name: value for name, value in known.items() if value is not UNKNOWN})

    def __getattr__(self, name: str) -> NoReturn:
        raise Unknown(name)


def found(face: Face, environment: Part) -> Iterator[Problem]:
    """What one face of a rule finds before it asks for something unknown."""
    try:
        yield from face(cast(Environment, environment))
    except Unknown:
        return


def section(properties: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """An object among the properties: empty where it is left out, None where it is not known or no object."""
    value = properties.get(name)
    if value is None:
        return {}
    return value if isinstance(value, Mapping) else None


def text(value: object, *, absent: object = UNKNOWN) -> Any:
    """A text; `absent` where it is left out or empty, UNKNOWN where it is anything else."""
    if value is None or value == "":
        return absent
    return value if isinstance(value, str) else UNKNOWN


def whole(value: object, *, absent: object = UNKNOWN) -> Any:
    """A whole number, which Pulumi hands over as 16.0 and Azure writes as "16"."""
    if value is None or value == "":
        return absent
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
        return int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(cast(float, value)) if is_number and cast(float, value) % 1 == 0 else UNKNOWN


def enabled(value: object, *, absent: object = UNKNOWN) -> Any:
    """Azure's `Enabled` and `Disabled` as true and false."""
    if value is None:
        return absent
    return {"enabled": True, "disabled": False}.get(value.lower(), UNKNOWN) if isinstance(value, str) else UNKNOWN


def server(properties: Mapping[str, Any]) -> Part:
    """What a server's own properties say. One that is made from another inherits what it leaves out, so that stays unknown."""
    origin = text(properties.get("createMode"), absent="Default")
    own = isinstance(origin, str) and origin.lower() in ("default", "create", "update")
    size = section(properties, "sku") or {}
    follows = isinstance(origin, str) and origin.lower() == "replica"
    return Part(
        location=_location(properties),
        server=Part(
            name=text(properties.get("serverName")),
            version=whole(properties.get("version")),
            sku=UNKNOWN if follows else text(size.get("name")),
            zone=whole(properties.get("availabilityZone")),
        ),
        storage=_storage(section(properties, "storage")),
        availability=_availability(section(properties, "highAvailability"), own),
        backup=_backup(section(properties, "backup"), own),
        replica=Part(sku=text(size.get("name"))) if follows else None,
        network=_network(section(properties, "network"), own),
        access=_access(properties, own),
    )


def _location(properties: Mapping[str, Any]) -> Any:
    """The short name; the provider takes the displayed one for the same."""
    value = text(properties.get("location"))
    return value.replace(" ", "").lower() if isinstance(value, str) else UNKNOWN


def _storage(disk: Mapping[str, Any] | None) -> Any:
    if disk is None:
        return UNKNOWN
    return Part(
        size_gib=whole(disk.get("storageSizeGB")),
        autogrow=enabled(disk.get("autoGrow"), absent=False),
        kind=text(disk.get("type"), absent=storage.PREMIUM_LRS),
        performance_tier=text(disk.get("tier"), absent=None),
        iops=whole(disk.get("iops"), absent=None),
        throughput_mb_per_second=whole(disk.get("throughput"), absent=None),
    )


def _availability(standby: Mapping[str, Any] | None, own: bool) -> Any:
    if standby is None:
        return UNKNOWN
    return Part(
        mode=text(standby.get("mode"), absent="Disabled" if own else UNKNOWN),
        standby_zone=whole(standby.get("standbyAvailabilityZone"), absent=None),
    )


def _backup(copies: Mapping[str, Any] | None, own: bool) -> Any:
    """Left out, Azure keeps seven days and no copy in a second region."""
    if copies is None:
        return UNKNOWN
    return Part(
        retention_days=whole(copies.get("backupRetentionDays"), absent=7 if own else UNKNOWN),
        geo_redundant=enabled(copies.get("geoRedundantBackup"), absent=False if own else UNKNOWN),
    )


def _network(reach: Mapping[str, Any] | None, own: bool) -> Any:
    """Private is who has a subnet; without one, closed to the public is who waits for an endpoint."""
    if reach is None:
        return UNKNOWN
    if reach.get("delegatedSubnetResourceId") is not None:
        return Part(mode="private", address_space=SOME_RANGE, subnet=SOME_RANGE, dns_zone=_zone(reach))
    public = enabled(reach.get("publicNetworkAccess"), absent=own or UNKNOWN)
    if public is UNKNOWN:
        return UNKNOWN
    if public:
        return Part(mode="public", address_space=None, subnet=None, dns_zone=None)
    return Part(mode="private_endpoint", address_space=SOME_RANGE, subnet=SOME_RANGE)


def _zone(reach: Mapping[str, Any]) -> Any:
    """The name of the private DNS zone, the end of its id."""
    zone = text(reach.get("privateDnsZoneArmResourceId"))
    return zone.rstrip("/").rpartition("/")[2] if isinstance(zone, str) else UNKNOWN


def _access(properties: Mapping[str, Any], own: bool) -> Part:
    ways = section(properties, "authConfig")
    return Part(
        password=enabled(ways.get("passwordAuth"), absent=True) if own and ways is not None else UNKNOWN,
        administrator=text(properties.get("administratorLogin"), absent=None if own else UNKNOWN),
        customer_managed_key=_key(section(properties, "dataEncryption"), own),
    )


def _key(encryption: Mapping[str, Any] | None, own: bool) -> Any:
    kind = UNKNOWN if encryption is None else text(encryption.get("type"), absent="SystemManaged" if own else UNKNOWN)
    if encryption is None or not isinstance(kind, str):
        return UNKNOWN
    if kind.lower() == "systemmanaged":
        return None
    return Part(
        key=text(encryption.get("primaryKeyURI")),
        identity=text(encryption.get("primaryUserAssignedIdentityId")),
        backup_key=text(encryption.get("geoBackupKeyURI"), absent=None),
        backup_identity=text(encryption.get("geoBackupUserAssignedIdentityId"), absent=None),
    )
