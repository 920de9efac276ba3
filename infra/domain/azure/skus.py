"""SKUs of flexible servers: cores, memory, IOPS, zones and the connections that Azure grants at creation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from infra.domain.azure.sku_rows import ROWS

BURSTABLE, GENERAL_PURPOSE, MEMORY_OPTIMIZED = TIERS = ("Burstable", "GeneralPurpose", "MemoryOptimized")
# reserved_connections 5 and superuser_reserved_connections 10, both read-only (recorded).
RESERVED_CONNECTIONS = 15
# Tier of each family letter: B, D (and confidential DC), E (and EC).
_FAMILIES = {"B": BURSTABLE, "D": GENERAL_PURPOSE, "E": MEMORY_OPTIMIZED}
_NAME = re.compile(r"^Standard_([BDE])")
# max_connections by GiB of memory, as the page of limits gives it; the first row that the memory reaches holds.
_CONNECTIONS = ((48, 5000), (32, 3437), (16, 1718), (8, 859), (4, 429), (0, 50))
_ZONES = (1, 2, 3)


@dataclass(frozen=True)
class Sku:
    """One compute size. `memory_mib` is the whole memory; `max_connections` the default at creation, 15 of it reserved."""

    name: str
    tier: str
    vcores: int
    memory_mib: int
    iops: int
    zones: tuple[int, ...]
    max_connections: int


def _sku(row: str) -> Sku:
    name, tier, vcores, mib_per_vcore, iops = row.split()
    memory_mib = int(vcores) * int(mib_per_vcore)
    connections = next(number for gib, number in _CONNECTIONS if memory_mib >= gib * 1024)
    return Sku(name, tier, int(vcores), memory_mib, int(iops), _ZONES, connections)


@cache
def _table() -> Mapping[str, Sku]:
    return MappingProxyType({row.split()[0]: _sku(row) for row in ROWS.strip().splitlines()})


SKUS: Mapping[str, Sku] = _table()


def find(name: str) -> Sku | None:
    """The SKU of this exact name, or None."""
    return SKUS.get(name)


def family_tier(name: str) -> str | None:
    """The tier that the family letter of a name tells, also for a name that is not in the table; None if it is no SKU's name."""
    match = _NAME.match(name)
    return _FAMILIES[match[1]] if match else None
