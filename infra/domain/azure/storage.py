"""Disks of flexible servers: sizes, performance tiers, and the point where a full disk turns read-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PREMIUM_LRS, PREMIUM_V2, ULTRA = "Premium_LRS", "PremiumV2_LRS", "UltraSSD_LRS"


@dataclass(frozen=True)
class Disk:
    """A Premium SSD size: the tier it comes with, the tiers that may be chosen, and its IOPS."""

    size_gib: int
    default_tier: str
    tiers: tuple[str, ...]
    iops: int


def _disk(size_gib: int, iops: int, tiers: str) -> Disk:
    names = tuple(tiers.split())
    return Disk(size_gib, names[0], names, iops)


_SMALL = "P15 P20 P30 P40 P50"
# Sizes, tiers and IOPS as the capabilities of canadacentral listed them on 2026-05-19.
PREMIUM_SSD: Mapping[int, Disk] = MappingProxyType(
    {
        disk.size_gib: disk
        for disk in (
            _disk(32, 120, f"P4 P6 P10 {_SMALL}"),
            _disk(64, 240, f"P6 P10 {_SMALL}"),
            _disk(128, 500, f"P10 {_SMALL}"),
            _disk(256, 1100, _SMALL),
            _disk(512, 2300, "P20 P30 P40 P50"),
            _disk(1024, 5000, "P30 P40 P50"),
            _disk(2048, 7500, "P40 P50"),
            _disk(4095, 7500, "P50"),
            _disk(4096, 7500, "P50"),
            _disk(8192, 16000, "P60 P70 P80"),
            _disk(16384, 18000, "P70 P80"),
            _disk(32767, 20000, "P80"),
        )
    }
)
TIER_IOPS: Mapping[str, int] = MappingProxyType({disk.default_tier: disk.iops for disk in PREMIUM_SSD.values()})


@dataclass(frozen=True)
class V2Limits:
    """What a Premium SSD v2 takes; IOPS and throughput do not follow the size."""

    size_gib: tuple[int, int] = (32, 65536)
    iops: tuple[int, int] = (3000, 80000)
    throughput_mb_per_second: tuple[int, int] = (125, 1200)
    oldest_version: int = 14


PREMIUM_V2_LIMITS = V2Limits()

# The server turns read-only at 95 % used or with less than 5 GiB free, whichever comes first.
_READ_ONLY_PERCENT, _READ_ONLY_FREE_GIB = 95.0, 5.0
# Autogrow acts below a fifth (a tenth from 1 TiB on) of the disk free, but never needs more than 64 GiB free.
_GROW_SHARE_SMALL, _GROW_SHARE_LARGE, _GROW_FREE_GIB = 0.20, 0.10, 64.0


def read_only_percent(size_gib: int) -> float:
    """Percent used at which a disk of this size turns the server read-only."""
    return min(_READ_ONLY_PERCENT, 100.0 * (1 - _READ_ONLY_FREE_GIB / size_gib))


def autogrow_percent(size_gib: int) -> float:
    """Percent used at which autogrow enlarges a disk of this size; above 1 TiB this comes after the read-only point."""
    share = _GROW_SHARE_SMALL if size_gib < 1024 else _GROW_SHARE_LARGE
    return 100.0 * (1 - min(share * size_gib, _GROW_FREE_GIB) / size_gib)


def next_size(size_gib: int) -> int | None:
    """The next larger Premium SSD size, or None."""
    return next((size for size in PREMIUM_SSD if size > size_gib), None)
