"""Meters of Azure's public price service to a region's prices: what each is a price of, and every one that is not understood.

Facts of the service: names of products have stray hyphens and no-break spaces; a burstable size has its own meter; the others have a
meter for one vCore, or one named `N vCore` of which nobody says whether it is the price of one or of N. That is told from other
meters of the same series (twice the cores cost twice as much, or as much), and left out where they cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from infra.domain.azure import skus, storage
from infra.domain.prices import NotATable, RegionPrices, price_of

SERVICE = "Azure Database for PostgreSQL"
_PRODUCT = re.compile(r"^(?:Azure Database|Az DB) for (?:PostgreSQL|PGSQL) Flexible Server (?P<what>.+)$")
_COMPUTE = re.compile(r"^(?:Burstable|General Purpose|Memory Optimized|Confidential Compute) (?P<series>\w+) Series Compute$")
_BURSTABLE_SERIES = "BS"
_CORES = re.compile(r"^(?:(\d+) )?vCore$")
_SKU = re.compile(r"^Standard_(?P<family>[A-Z]+)(?P<number>\d+)(?P<letters>[a-z]*)_v(?P<generation>\d+)$")
_BACKUP = re.compile(r"^Backup Storage (?P<redundancy>[A-Z-]+) Data Stored$")
_HOUR, _GIB_MONTH, _MONTH = ("1 Hour",), ("1 GB/Month", "1 GiB/Month"), ("1/Month",)
# Meters of storage: the kind of price, the kind of disk, the units it may come in.
_STORAGE: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "Storage Data Stored": ("storage_gib_month", storage.PREMIUM_LRS, _GIB_MONTH),
    "Premium SSD v2 Storage Data Stored": ("storage_gib_month", storage.PREMIUM_V2, _GIB_MONTH),
    "Premium SSD v2 IOPS Provisioned IOPS": ("iops_month", storage.PREMIUM_V2, _MONTH),
    "Premium SSDv2 Throughput Prov Throughput (MBps)": ("throughput_month", storage.PREMIUM_V2, _MONTH),
    "Ultra Disk Storage Data Stored": ("storage_gib_month", storage.ULTRA, _GIB_MONTH),
}
# Prices are rounded: two that differ by less than this share are the same.
_SAME = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """What a region's meters say. `left_out` names each meter that says nothing here, and why; `others` counts those of other products."""

    prices: RegionPrices
    left_out: tuple[str, ...] = ()
    others: int = 0


@dataclass
class _Found:
    """Prices on the way: each with the day it began, so that the latest holds; a contradiction ends it."""

    prices: dict[tuple[str, str], tuple[str, Decimal]] = field(default_factory=dict)
    contradicted: set[tuple[str, str]] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)

    def add(self, kind: str, name: str, price: Decimal, since: str) -> None:
        key = (kind, name)
        held = self.prices.get(key)
        if held is None or since > held[0]:
            self.prices[key] = (since, price)
            self.contradicted.discard(key)
        elif since == held[0] and not _same(price, held[1]):
            self.contradicted.add(key)

    def of(self, kind: str) -> dict[str, Decimal]:
        return {name: price for (own, name), (_, price) in self.prices.items() if own == kind and (own, name) not in self.contradicted}


def map_meters(items: Iterable[Any], region: str, today: str) -> Mapped:
    """The prices of `region` on `today` (ISO date) as these meters tell them. Raises NotATable for an item that is no meter."""
    found, others = _Found(), 0
    for item in items:
        meter = _meter(item, region)
        if meter.type != "Consumption" or meter.since > today:
            continue
        product = _PRODUCT.match(meter.product)
        if product is None:
            others += 1
        elif objection := _map(meter, product["what"], found):
            found.left_out.append(f"{meter.product}, {meter.name}: {objection}")
    compute = _compute(found)
    found.left_out += [
        f"{name} ({kind}): two prices at once" for kind, name in sorted(found.contradicted) if not name.startswith("series ")
    ]
    rest = {kind: found.of(kind) for kind in ("storage_gib_month", "iops_month", "throughput_month", "backup_gib_month")}
    prices = RegionPrices(date=today, compute_hour=compute, **rest)
    return Mapped(prices=prices, left_out=tuple(sorted(set(found.left_out))), others=others)


@dataclass(frozen=True, kw_only=True)
class _Meter:
    product: str
    name: str
    sku: str
    arm_sku: str
    unit: str
    price: Decimal | None
    tier: Decimal
    type: str
    since: str


def _meter(item: Any, region: str) -> _Meter:
    if not isinstance(item, Mapping):
        raise NotATable("an item is no mapping")
    texts = {}
    for key in ("productName", "meterName", "skuName", "armSkuName", "unitOfMeasure", "type", "effectiveStartDate", "armRegionName"):
        value = item.get(key) if item.get(key) is not None else ""
        if not isinstance(value, str):
            raise NotATable(f"an item's {key} is {value!r}, no text")
        texts[key] = " ".join(value.split()).replace(" - ", " ")
    if texts["armRegionName"] != region:
        raise NotATable(f"an item is of {texts['armRegionName'] or 'no region'}, asked for {region}")
    return _Meter(
        product=texts["productName"], name=texts["meterName"], sku=texts["skuName"], arm_sku=texts["armSkuName"],
        unit=texts["unitOfMeasure"], price=_price(item.get("retailPrice"), texts["meterName"]), tier=_tier(item.get("tierMinimumUnits", 0)),
        type=texts["type"], since=texts["effectiveStartDate"][:10],
    )  # fmt: skip


def _price(value: Any, name: str) -> Decimal | None:
    """The price, None for a meter that costs nothing: what is free, and until when, a table of prices cannot say."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and value == 0:
        return None
    return price_of(value, f"the price of {name}")


def _tier(value: Any) -> Decimal:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    raise NotATable(f"tierMinimumUnits is {value!r}, no number")


def _map(meter: _Meter, what: str, found: _Found) -> str:
    """Take the meter's price; why not, "" where it was taken."""
    compute = _COMPUTE.match(what)
    if meter.price is None:
        return "its price is 0"
    if meter.tier:
        return f"it is a price from {meter.tier} units on"
    if compute is not None:
        return _map_compute(meter, meter.price, compute["series"], found)
    backup = _BACKUP.match(meter.name) if what == "Backup Storage" else None
    row = ("backup_gib_month", backup["redundancy"], _GIB_MONTH) if backup else _STORAGE.get(meter.name) if what == "Storage" else None
    if row is None:
        return "this version does not know it"
    kind, name, units = row
    if meter.unit not in units:
        return f"its unit is {meter.unit or 'not told'}"
    found.add(kind, name, meter.price, meter.since)
    return ""


def _map_compute(meter: _Meter, price: Decimal, series: str, found: _Found) -> str:
    if meter.unit not in _HOUR:
        return f"its unit is {meter.unit or 'not told'}"
    if series == _BURSTABLE_SERIES:
        name = next((sku for sku in skus.SKUS if sku.lower() == f"standard_{meter.sku.lower()}"), None)
        if name is None or meter.name.lower().removesuffix(" vcore") != meter.sku.lower():
            return "this version does not know the size"
        found.add("compute_hour", name, price, meter.since)
        return ""
    if not any(_series(name) == series for name in skus.SKUS):
        return "this version does not know the series"
    cores = _CORES.match(meter.sku)
    if cores is None or _CORES.match(meter.name) is None:
        return "it names no number of vCores"
    number = cores[1] or "one"
    if meter.arm_sku.startswith("Standard_") and number.isdigit():
        sku = skus.find(meter.arm_sku)
        if sku is None or _series(sku.name) != series or str(sku.vcores) != number:
            return f"it names {meter.arm_sku} as well"
    # `1 vCore` is the price of one vCore, like `vCore`.
    found.add("series", f"series {series} {'one' if number == '1' else number}", price, meter.since)
    return ""


def _series(name: str) -> str | None:
    """`Ddsv5` for Standard_D2ds_v5."""
    match = _SKU.match(name)
    return f"{match['family']}{match['letters']}v{match['generation']}" if match else None


def _compute(found: _Found) -> dict[str, Decimal]:
    """Prices by SKU: the burstable as they are, the others from what their series' meters say together."""
    compute = found.of("compute_hour")
    by_series: dict[str, dict[str, Decimal]] = {}
    for name, price in found.of("series").items():
        _, series, number = name.split(" ")
        by_series.setdefault(series, {})[number] = price
    for _, name in sorted(key for key in found.contradicted if key[0] == "series"):
        found.left_out.append(f"{name.removeprefix('series ')} vCore: two prices at once")
    for series, prices in sorted(by_series.items()):
        one, why = _one_vcore(prices)
        if one is None:
            found.left_out.append(f"{series}: {why}")
            continue
        compute |= {sku.name: one * sku.vcores for sku in skus.SKUS.values() if _series(sku.name) == series}
    return compute


def _one_vcore(prices: Mapping[str, Decimal]) -> tuple[Decimal | None, str]:
    """What one vCore costs, or None and why the meters do not tell."""
    one = prices.get("one")
    sized = {int(number): price for number, price in prices.items() if number != "one"}
    if one is not None:
        wrong = [number for number, price in sized.items() if not (_same(price, one) or _same(price, one * number))]
        return (None, f"its meter of {wrong[0]} vCores fits no price of one") if wrong else (one, "")
    if len(sized) < 2:
        return None, "one meter alone does not tell whether it is of one vCore or of all"
    (small, first), *others = sorted(sized.items())
    if all(_same(price, first) for _, price in others):
        return first, ""
    if all(_same(price / number, first / small) for number, price in others):
        return first / small, ""
    return None, "its meters contradict each other"


def _same(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= _SAME * max(one, other)
