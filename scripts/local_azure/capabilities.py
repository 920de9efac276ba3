"""Capabilities of a location in wire form, put together from the same tables that the rules use (wire/server.md 5).

For canadacentral it has exactly the 30,031 bytes of the answer recorded in May 2026, for one of its servers 60 more. Other regions
differ here only in zones and geo backup; what else they lack was never recorded.
"""

from __future__ import annotations

from typing import Any

from infra.domain.azure import regions, skus, storage

Body = dict[str, Any]

DEFAULTS = {
    # tier: default SKU, default disk in GiB
    "Burstable": ("Standard_B2s", 32),
    "GeneralPurpose": ("Standard_D4ads_v5", 64),
    "MemoryOptimized": ("Standard_E4ads_v5", 128),
}
VERSIONS = ("11", "12", "13", "14", "15", "16", "17", "18")
NO_ULTRA = "Specified Storage Edition not supported in this region."
ON, OFF = "Enabled", "Disabled"


def of_location(region: regions.Region, *, of_server: bool = False) -> Body:
    """The whole answer, {"value": [...]}. `of_server` adds the feature that only a server's own capabilities name."""
    flags = {name: ON if on else OFF for name, on in _features(region).items()}
    if of_server:
        flags = {**{key: flags.pop(key) for key in list(flags)[:-1]}, "PremiumSSDV2HighAvailability": OFF, **flags}
    whole = {
        "name": "FlexibleServerCapabilities",
        "supportedServerEditions": [_edition(tier, region) for tier in skus.TIERS],
        "supportedServerVersions": [
            {"supportedFeatures": [], "name": each, "supportedVersionsToUpgrade": list(VERSIONS[at + 1 :])}
            for at, each in enumerate(VERSIONS)
        ],
        "supportedFastProvisioningEditions": [],
        "supportedFeatures": [{"name": name, "status": status} for name, status in flags.items()],
        "fastProvisioningSupported": flags["FastProvisioning"],
        "geoBackupSupported": flags["GeoBackup"],
        "zoneRedundantHaSupported": flags["ZoneRedundantHa"],
        "zoneRedundantHaAndGeoBackupSupported": flags["ZoneRedundantHaAndGeoBackup"],
        "storageAutoGrowthSupported": flags["StorageAutoGrowth"],
        "onlineResizeSupported": flags["OnlineResize"],
        "indexTuningSupported": flags["IndexTuning"],
    }
    return {"value": [whole]}


def _features(region: regions.Region) -> dict[str, bool]:
    """In the recorded order."""
    return {
        "FastProvisioning": False, "ZoneRedundantHa": region.zone_redundant, "GeoBackup": region.geo_backup,
        "ZoneRedundantHaAndGeoBackup": region.zone_redundant and region.geo_backup, "StorageAutoGrowth": True, "OnlineResize": True,
        "OfferRestricted": False, "IndexTuning": True, "Clusters": True, "AdaptiveAutoVacuumAutoApply": False, "ConfigTuning": False,
    }  # fmt: skip


def _edition(tier: str, region: regions.Region) -> Body:
    default_sku, default_gib = DEFAULTS[tier]
    # Both HA modes are listed for Burstable too, although the service refuses them there: so it was recorded.
    modes = ["SameZone", "ZoneRedundant"] if region.zone_redundant else ["SameZone"]
    offered = [
        {
            "supportedFeatures": [], "name": sku.name, "vCores": sku.vcores, "supportedIops": sku.iops,
            "supportedMemoryPerVcoreMb": sku.memory_mib // sku.vcores,
            "supportedZones": [str(zone) for zone in sku.zones] if region.zone_redundant else [], "supportedHaMode": modes,
        }
        for sku in skus.SKUS.values()
        if sku.tier == tier
    ]  # fmt: skip
    disks = [
        {"name": "ManagedDisk", "defaultStorageSizeMb": default_gib * 1024, "supportedStorageMb": _premium()},
        {"name": "ManagedDiskV2", "defaultStorageSizeMb": default_gib * 1024, "supportedStorageMb": [_premium_v2()]},
    ]
    if tier != "Burstable":
        disks.append({"name": "UltraDisk", "defaultStorageSizeMb": default_gib * 1024, "supportedStorageMb": [], "reason": NO_ULTRA})
    return {"supportedServerSkus": offered, "name": tier, "defaultSkuName": default_sku, "supportedStorageEditions": disks}


def _premium() -> list[Body]:
    return [
        {
            "supportedIops": disk.iops, "storageSizeMb": disk.size_gib * 1024, "defaultIopsTier": disk.default_tier,
            "supportedIopsTiers": [{"name": tier, "iops": storage.TIER_IOPS[tier]} for tier in disk.tiers],
        }
        for disk in storage.PREMIUM_SSD.values()
    ]  # fmt: skip


def _premium_v2() -> Body:
    limits = storage.PREMIUM_V2_LIMITS
    return {
        "supportedIops": limits.iops[0], "supportedMaximumIops": limits.iops[1], "storageSizeMb": limits.size_gib[0] * 1024,
        "maximumStorageSizeMb": limits.size_gib[1] * 1024, "supportedThroughput": limits.throughput_mb_per_second[0],
        "supportedMaximumThroughput": limits.throughput_mb_per_second[1], "defaultIopsTier": "None",
        "supportedIopsTiers": [{"name": "None", "iops": 0}],
    }  # fmt: skip
