"""The disk of a server: sizes, tiers and IOPS that Azure fills in, and the sizes that it refuses."""

from __future__ import annotations

from typing import Any

from infra.domain.azure import storage as table
from scripts.local_azure.refusal import bad_value

DEFAULT_GIB = {"Burstable": 32, "GeneralPurpose": 64, "MemoryOptimized": 128}
"""Size when none is sent: the default of the capabilities (wire/server.md 5); that Azure takes it for a create is assumed."""
V2 = "PremiumV2_LRS"
Storage = dict[str, Any]


def settled(asked: Storage, current: Storage | None, tier: str) -> Storage:
    """The storage section as it will be answered. Raises Refusal (400) for what Azure does not offer; codes are assumed.

    `asked` is the request's section, `current` the section before (None at creation), `tier` the compute tier.
    """
    asked = {key: value for key, value in asked.items() if value is not None}
    kind = asked.get("type", (current or {}).get("type", ""))
    if kind not in ("", "Premium_LRS", V2):
        raise bad_value("storage.type", f"{kind} is not offered here")
    if current is not None and (kind == V2) != (current["type"] == V2):
        raise bad_value("storage.type", "changes only through a restore")
    size = int(asked.get("storageSizeGB") or (current or {}).get("storageSizeGB") or DEFAULT_GIB[tier])
    if current is not None and size < current["storageSizeGB"]:
        raise bad_value("storage.storageSizeGB", f"{size} is less than the {current['storageSizeGB']} GiB there are; disks never shrink")
    grow = asked.get("autoGrow") or (current or {}).get("autoGrow") or "Disabled"
    if kind == V2:
        return _premium_v2(asked, current or {}, size, grow, tier)
    return _premium(asked, current, size, grow)


def _premium(asked: Storage, current: Storage | None, size: int, grow: str) -> Storage:
    disk = table.PREMIUM_SSD.get(size)
    if disk is None:
        raise bad_value("storage.storageSizeGB", f"{size} is no size of Premium SSD")
    tier = str(asked.get("tier") or "").upper() or _following_tier(size, current)
    if tier not in disk.tiers:
        raise bad_value("storage.tier", f"{tier} is not offered for {size} GiB")
    iops = table.TIER_IOPS[tier]
    for name in ("iops", "throughput"):
        # What the last answer said may be sent back; anything else is an own wish, which Premium SSD does not take.
        if asked.get(name) and asked[name] not in (iops if name == "iops" else None, (current or {}).get(name)):
            raise bad_value(f"storage.{name}", "can be chosen for Premium SSD v2 only")
    return {"type": "", "iops": iops, "tier": tier, "storageSizeGB": size, "autoGrow": grow}


def _following_tier(size: int, current: Storage | None) -> str:
    """Growth moves the tier by itself (wire/server.md 8); one that was raised by hand stays as long as it is the higher."""
    default = table.PREMIUM_SSD[size].default_tier
    raised = (current or {}).get("tier", default)
    return str(max(default, raised, key=lambda name: int(str(name)[1:])))


def _premium_v2(asked: Storage, current: Storage, size: int, grow: str, tier: str) -> Storage:
    if tier == "Burstable":
        raise bad_value("storage.type", "Premium SSD v2 is not offered for Burstable")
    if grow == "Enabled":
        raise bad_value("storage.autoGrow", "Premium SSD v2 does not grow by itself")
    if asked.get("tier"):
        raise bad_value("storage.tier", "Premium SSD v2 has no performance tier")
    limits = table.PREMIUM_V2_LIMITS
    # What nobody asked for is the least that can be had: 3,000 IOPS and 125 MB/s, as recorded (wire/backup.md 4).
    iops = int(asked.get("iops") or current.get("iops") or limits.iops[0])
    throughput = int(asked.get("throughput") or current.get("throughput") or limits.throughput_mb_per_second[0])
    for name, value, least, most in (
        ("storageSizeGB", size, *limits.size_gib),
        ("iops", iops, *limits.iops),
        ("throughput", throughput, *limits.throughput_mb_per_second),
    ):
        if not least <= value <= most:
            raise bad_value(f"storage.{name}", f"{value} is outside {least} to {most}")
    return {"type": V2, "iops": iops, "throughput": throughput, "storageSizeGB": size, "autoGrow": grow}
