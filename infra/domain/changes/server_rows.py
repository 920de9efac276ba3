"""What a changed property of a flexible server does: one function a property, old and new value in, the verdict out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.domain.azure import skus
from infra.domain.changes.change import Danger


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a changed property does, why, how long it takes and how to do it safely instead."""

    danger: Danger
    why: str
    takes: str = ""
    instead: str = ""


Judge = Callable[[Any, Any], Verdict]

_RESTORED = "a new server by point-in-time restore with the new choice, then promote into it"
_FAILOVER = "one to two minutes, with a standby; minutes without"


def retention(old: Any, new: Any) -> Verdict:
    """Days of automatic backups. Fewer end the older ones at once."""
    if _number(new) < _number(old):
        why = f"Azure deletes the backups older than {_days(new)}, and the points in time between {_days(new)} and {_days(old)} with them"
        return Verdict(danger=Danger.DATA_LOSS, why=why, instead="keep the days, and make portable copies for what must be kept cheaper")
    why = f"backups are kept {_days(new)} instead of {_days(old)}; beyond the size of the disk they are billed"
    return Verdict(danger=Danger.COSTS_MORE, why=why)


def geo_redundancy(old: Any, new: Any) -> Verdict:
    """Create-only: Azure may refuse, ignore, or the provider replace; only a new server has another choice for certain."""
    why = f"geo-redundancy is decided when a server is created ({old} to {new}): an update is refused or ignored, or replaces the server"
    return Verdict(danger=Danger.DATA_LOSS, why=why, instead=_RESTORED)


def disk(old: Any, new: Any) -> Verdict:
    """GiB of the disk, which only grows."""
    if _number(new) < _number(old):
        why = f"a disk never shrinks ({old} to {new} GiB): Azure refuses, and the up stops halfway"
        return Verdict(danger=Danger.OUTAGE, why=why, instead="dump and restore into a new, smaller server")
    beyond = _number(old) <= 4095 < _number(new)
    why = f"the disk grows from {old} to {new} GiB and never shrinks again"
    return Verdict(danger=Danger.OUTAGE if beyond else Danger.IRREVERSIBLE, why=why, takes="a restart beyond 4 TiB, else online")


def disk_kind(old: Any, new: Any) -> Verdict:
    """Premium SSD to Premium SSD v2 or back: only during a restore."""
    why = f"a disk changes its kind ({old or 'Premium_LRS'} to {new}) only during a restore: Azure refuses"
    return Verdict(danger=Danger.OUTAGE, why=why, instead=_RESTORED)


def performance(old: Any, new: Any) -> Verdict:
    """IOPS, throughput or the performance tier."""
    low, high = _rank(old), _rank(new)
    if high < low:
        return Verdict(danger=Danger.SLOWER, why=f"the disk answers slower ({old} to {new}); Azure takes it back only every twelve hours")
    return Verdict(danger=Danger.COSTS_MORE, why=f"the disk answers faster ({old} to {new})")


def autogrow(old: Any, new: Any) -> Verdict:
    """Whether Azure enlarges a disk that is nearly full."""
    if new == "Disabled":
        return Verdict(
            danger=Danger.OUTAGE, why="a full disk is no longer enlarged: the server turns read-only at 95 %", instead="leave it on"
        )
    return Verdict(danger=Danger.COSTS_MORE, why="Azure enlarges a disk that is nearly full, and it never shrinks again")


def size(old: Any, new: Any) -> Verdict:
    """The SKU: always a restart, and more or less of everything."""
    before, after = skus.find(str(old)), skus.find(str(new))
    if before is None or after is None:
        return Verdict(danger=Danger.UNKNOWN, why=f"{old if before is None else new} is no SKU that this version knows")
    less = after.memory_mib < before.memory_mib or after.vcores < before.vcores
    says = f"{after.vcores} vCores and {after.memory_mib >> 10} GiB instead of {before.vcores} and {before.memory_mib >> 10}"
    more = "connections, caches and index builds have less room" if less else "it costs more each month"
    return Verdict(danger=Danger.OUTAGE, why=f"the server restarts with {says}; {more}", takes=_FAILOVER, instead="outside business hours")


def tier(old: Any, new: Any) -> Verdict:
    """Burstable has no standby, no PgBouncer, no replica and no on-demand backup."""
    if new == skus.BURSTABLE:
        return Verdict(
            danger=Danger.WEAKER_RECOVERY, why="Burstable has no standby, no replica and no on-demand backup", instead=f"stay {old}"
        )
    return Verdict(danger=Danger.COSTS_MORE, why=f"the tier changes from {old} to {new}")


def availability(old: Any, new: Any) -> Verdict:
    """The standby: what a failure of the node or the zone costs."""
    ranks = {"Disabled": 0, "SameZone": 1, "ZoneRedundant": 2}
    if ranks.get(str(new), 0) < ranks.get(str(old), 0):
        lost = "a failed node means minutes to hours instead of two minutes" if new == "Disabled" else "a lost zone takes the server along"
        return Verdict(danger=Danger.WEAKER_RECOVERY, why=f"high availability falls from {old} to {new}: {lost}", instead=f"keep {old}")
    return Verdict(
        danger=Danger.COSTS_MORE, why=f"a standby is added ({new}); compute and storage are billed twice", takes="some minutes, online"
    )


def version(old: Any, new: Any) -> Verdict:
    """A major upgrade runs inside the up, and there is no way back in place."""
    if _number(new) < _number(old):
        return Verdict(
            danger=Danger.OUTAGE, why=f"PostgreSQL never goes back from {old} to {new}: Azure refuses", instead=f"version: {old}"
        )
    why = f"PostgreSQL is upgraded from {old} to {new} inside the up, and there is no way back in place"
    instead = "a verified copy first (`agentmem gate`), then the precheck; the way back is a restore to the minute before"
    return Verdict(danger=Danger.IRREVERSIBLE, why=why, takes="some ten minutes down", instead=instead)


def subnet(old: Any, new: Any) -> Verdict:
    """A server stays in its delegated subnet, and private stays private."""
    if (old in (None, "")) != (new in (None, "")):
        why = "a server is private or public from its creation on: Azure refuses the change"
        return Verdict(danger=Danger.WEAKER_SECURITY if new in (None, "") else Danger.OUTAGE, why=why, instead=_RESTORED)
    return Verdict(danger=Danger.OUTAGE, why="a server stays in its delegated subnet: Azure refuses", instead=_RESTORED)


def zone_name(old: Any, new: Any) -> Verdict:
    """The private DNS zone, through which clients find the server."""
    return Verdict(
        danger=Danger.OUTAGE, why="clients find the server by another zone: the old name stops resolving", instead="link both first"
    )


def public_access(old: Any, new: Any) -> Verdict:
    """Whether addresses of the internet may ask at all."""
    if new == "Enabled":
        why = "the server answers the internet; only firewall rules and passwords stand in between"
        return Verdict(danger=Danger.WEAKER_SECURITY, why=why, instead="keep it private, and run inside the network")
    return Verdict(danger=Danger.OUTAGE, why="clients that come from the internet are cut off", instead="move them into the network first")


def passwords(old: Any, new: Any) -> Verdict:
    """Logins by password beside Entra ID."""
    if new == "Enabled":
        return Verdict(danger=Danger.WEAKER_SECURITY, why="logins by password are allowed again", instead="Entra ID logins alone")
    return Verdict(danger=Danger.OUTAGE, why="logins by password are refused: applications that use one are cut off", instead="Entra first")


def entra(old: Any, new: Any) -> Verdict:
    """Logins by Microsoft Entra ID."""
    if new == "Disabled":
        return Verdict(danger=Danger.OUTAGE, why="logins by Microsoft Entra ID are refused", instead="give those clients a password first")
    return Verdict(
        danger=Danger.RESTART, why="logins by Microsoft Entra ID are allowed; Azure restarts the server for it", takes="a minute"
    )


def tenant(old: Any, new: Any) -> Verdict:
    """The directory of logins by Microsoft Entra ID; the first one comes with the first administrator."""
    if old in (None, ""):
        return Verdict(danger=Danger.HARMLESS, why="logins by Microsoft Entra ID are those of this tenant")
    return Verdict(danger=Danger.OUTAGE, why="logins of another tenant: those of the old one are refused", instead="add the new ones first")


def encryption(old: Any, new: Any) -> Verdict:
    """Whose keys encrypt the disk: decided at creation."""
    why = f"whose keys encrypt is decided when a server is created ({old or 'the service'} to {new or 'the service'}): Azure refuses"
    return Verdict(danger=Danger.WEAKER_SECURITY if new != "AzureKeyVault" else Danger.OUTAGE, why=why, instead=_RESTORED)


def key(old: Any, new: Any) -> Verdict:
    """Another key or identity: without access to it the server stops within the hour."""
    why = "the server stops if it cannot read the new key; backups still need the old one"
    return Verdict(danger=Danger.OUTAGE, why=why, instead="grant the identity first, and keep the old key as long as backups")


def window(old: Any, new: Any) -> Verdict:
    """When Azure may maintain the server."""
    return Verdict(danger=Danger.HARMLESS, why="Azure maintains the server at another time")


def password(old: Any, new: Any) -> Verdict:
    """The administrator's password, whose values nobody sees."""
    return Verdict(danger=Danger.OUTAGE, why="who logs in as the administrator needs the new password at once", takes="seconds")


def tags(old: Any, new: Any) -> Verdict:
    """Tags, replaced as a whole."""
    return Verdict(danger=Danger.HARMLESS, why="tags are words for people and bills")


def promotion(old: Any, new: Any) -> Verdict:
    """The role of a replica."""
    why = f"the replication role changes from {old} to {new}: a promotion, after which the old primary follows nobody"
    return Verdict(danger=Danger.DATA_LOSS, why=why, instead="`az postgres flexible-server replica promote` by the runbook, watched")


# The first path that fits decides; a path holds everything below it.
SERVER: Mapping[str, Judge] = {
    "backup.backupRetentionDays": retention, "backup.geoRedundantBackup": geo_redundancy, "storage.storageSizeGB": disk,
    "storage.type": disk_kind, "storage.tier": performance, "storage.iops": performance, "storage.throughput": performance,
    "storage.autoGrow": autogrow, "sku.name": size, "sku.tier": tier, "highAvailability.mode": availability, "version": version,
    "network.delegatedSubnetResourceId": subnet, "network.privateDnsZoneArmResourceId": zone_name,
    "network.publicNetworkAccess": public_access,
    "authConfig.passwordAuth": passwords, "authConfig.activeDirectoryAuth": entra, "authConfig.tenantId": tenant,
    "dataEncryption.type": encryption, "dataEncryption": key,
    "identity": key, "maintenanceWindow": window, "administratorLoginPassword": password, "tags": tags, "replicationRole": promotion,
    "replica": promotion,
}  # fmt: skip


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _rank(value: Any) -> float:
    """Performance tiers are P4 to P80; everything else here is a number; nothing is the size's own."""
    return _number(value[1:]) if isinstance(value, str) and value.startswith("P") else _number(value)


def _days(value: Any) -> str:
    return f"{_number(value):g} days"
