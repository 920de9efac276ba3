"""What a server costs a month: a dated table of prices, the lines of an environment, and what is not known, which is never guessed.

The table is data, refreshed from Azure's public price service; this file reads no file. A line without a price is unknown with its
reason, and then the total is only what it is at least. Backups beyond the free part depend on use: their price is told, not counted.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from infra.domain.azure import storage
from infra.domain.environment import Environment

# The convention of Azure's price calculator: 365 days of 24 hours in 12 months.
HOURS_PER_MONTH = 730
CURRENCY = "EUR"
SCHEMA = "agentmem/prices/1"
REFRESH = "agentmem prices refresh"
LRS, GRS = "LRS", "GRS"
# What the bill of an environment has beside the server; no line here prices it.
NOT_COUNTED = ("network, private endpoint and NAT gateway", "metrics, logs and alerts", "traffic between regions", "portable copies")
# A Premium SSD v2 brings these for nothing (page on Premium SSD v2); from 400 GiB on it brings 12,000 IOPS.
_V2_IOPS, _V2_IOPS_LARGE, _V2_LARGE_GIB = 3000, 12000, 400
_V2_THROUGHPUT = 125
_USE_GIB = 100
# A fee for the protected server and one for what is kept; neither is among the meters that a refresh reads.
_VAULT_UNKNOWN = "nobody here knows what a Backup vault costs"
# The kinds of price: key in the file, and what it is a price of.
_KINDS = ("compute_hour", "storage_gib_month", "iops_month", "throughput_month", "backup_gib_month")


class NotATable(ValueError):
    """The data are no price table; the text says what is wrong, with its place."""


@dataclass(frozen=True, kw_only=True)
class RegionPrices:
    """Prices of one region, on the day they were read: by SKU an hour, by kind of disk or redundancy a month."""

    date: str
    compute_hour: Mapping[str, Decimal] = field(default_factory=dict)
    storage_gib_month: Mapping[str, Decimal] = field(default_factory=dict)
    iops_month: Mapping[str, Decimal] = field(default_factory=dict)
    throughput_month: Mapping[str, Decimal] = field(default_factory=dict)
    backup_gib_month: Mapping[str, Decimal] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, str, Decimal]]:
        """(kind, name, price), in order."""
        for kind in _KINDS:
            for name, price in sorted(getattr(self, kind).items()):
                yield kind, name, price


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices by region, in one currency that is never converted."""

    currency: str
    regions: Mapping[str, RegionPrices]

    def with_region(self, region: str, prices: RegionPrices) -> PriceTable:
        """The same table with other prices of one region."""
        return PriceTable(currency=self.currency, regions={**self.regions, region: prices})


EMPTY = PriceTable(currency=CURRENCY, regions=MappingProxyType({}))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a bill. `amount` is None where it is not known (`why`), or where it depends on use (`by_use`, told in `why`)."""

    name: str
    what: str
    amount: Decimal | None
    why: str = ""
    by_use: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether a price is missing."""
        return self.amount is None and not self.by_use


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The bill of a server for a month of 730 hours, at the prices of `dates`."""

    lines: tuple[Line, ...]
    currency: str
    dates: tuple[str, ...]

    @property
    def at_least(self) -> Decimal:
        """The sum of what is known."""
        return sum((line.amount for line in self.lines if line.amount is not None), Decimal(0))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Why the rest is not known, each reason once."""
        return tuple(dict.fromkeys(line.why for line in self.lines if line.is_unknown))

    @property
    def total(self) -> Decimal | None:
        """The whole, None as soon as one line is unknown."""
        return None if self.unknown else self.at_least

    def __str__(self) -> str:
        """`312.40 EUR`, `at least 58.88 EUR (unknown: …)`, or `unknown: no prices of westeurope`."""
        if not self.unknown:
            return money(self.at_least, self.currency)
        why = self.unknown[0] + (f" and {len(self.unknown) - 1} more" if len(self.unknown) > 1 else "")
        return f"at least {money(self.at_least, self.currency)} (unknown: {why})" if self.at_least else f"unknown: {why}"

    def as_json(self) -> dict[str, Any]:
        """Stable names; amounts with two decimals, null where unknown or by use."""
        lines = [
            {"name": each.name, "what": each.what, "amount": rounded(each.amount), "why": each.why or None, "by_use": each.by_use}
            for each in self.lines
        ]
        return {
            "currency": self.currency, "total": rounded(self.total), "at_least": rounded(self.at_least), "unknown": list(self.unknown),
            "hours": HOURS_PER_MONTH, "dates": list(self.dates), "lines": lines, "not_counted": list(NOT_COUNTED),
        }  # fmt: skip


def monthly_cost(environment: Environment, table: PriceTable) -> Cost:
    """What the declared server, its standby and its replica cost a month, line by line."""
    home = _Place(environment.location, table)
    lines = [home.compute("compute", environment.server.sku), *_disk("", environment, home)]
    if environment.availability.mode != "Disabled":
        lines += [home.compute("standby compute", environment.server.sku), *_disk("standby ", environment, home)]
    if environment.replica is not None:
        there = _Place(environment.replica.location, table)
        lines += [there.compute("replica compute", environment.replica.sku), *_disk("replica ", environment, there)]
    lines.append(_backup(environment, home))
    if environment.backup.long_term is not None:
        lines.append(Line(name="long-term retention", what="Backup vault", amount=None, why=_VAULT_UNKNOWN))
    places = [environment.location, *([environment.replica.location] if environment.replica else [])]
    dates = sorted({table.regions[place].date for place in places if place in table.regions})
    return Cost(lines=tuple(lines), currency=table.currency, dates=tuple(dates))


@dataclass(frozen=True)
class _Place:
    """A region and what the table has of it."""

    region: str
    table: PriceTable

    def price(self, kind: str, name: str) -> Decimal | None:
        prices = self.table.regions.get(self.region)
        return None if prices is None else getattr(prices, kind).get(name)

    def missing(self, what: str) -> str:
        if self.region not in self.table.regions:
            return f"no prices of {self.region}, {REFRESH}"
        return f"no price of {what} in {self.region}, {REFRESH}"

    def compute(self, name: str, sku: str) -> Line:
        return self.line(name, sku, self.price("compute_hour", sku), HOURS_PER_MONTH, sku)

    def line(self, name: str, what: str, price: Decimal | None, number: int, of: str) -> Line:
        if price is None:
            return Line(name=name, what=what, amount=None, why=self.missing(of))
        return Line(name=name, what=what, amount=price * number)


def _disk(whose: str, environment: Environment, place: _Place) -> Iterator[Line]:
    disk = environment.storage
    what = f"{disk.size_gib} GiB of {disk.kind}"
    yield place.line(f"{whose}storage", what, place.price("storage_gib_month", disk.kind), disk.size_gib, disk.kind)
    size = storage.PREMIUM_SSD.get(disk.size_gib)
    if disk.performance_tier is not None and (size is None or disk.performance_tier != size.default_tier):
        tier = disk.performance_tier
        yield Line(
            name=f"{whose}performance tier", what=tier, amount=None, why=f"nobody here knows the price of the performance tier {tier}"
        )
    if disk.kind == storage.PREMIUM_V2:
        yield from _v2(whose, environment, place)
    elif disk.kind == storage.ULTRA:
        yield Line(name=f"{whose}performance", what=disk.kind, amount=None, why="nobody here knows what an Ultra Disk's performance costs")


def _v2(whose: str, environment: Environment, place: _Place) -> Iterator[Line]:
    """IOPS and throughput above what a Premium SSD v2 brings."""
    disk, name = environment.storage, storage.PREMIUM_V2
    large = disk.size_gib >= _V2_LARGE_GIB
    iops = (disk.iops or 0) - (_V2_IOPS_LARGE if large else _V2_IOPS)
    if iops > 0:
        yield place.line(f"{whose}IOPS", f"{iops} more IOPS", place.price("iops_month", name), iops, f"IOPS of {name}")
    throughput = (disk.throughput_mb_per_second or 0) - _V2_THROUGHPUT
    if throughput > 0:
        what = f"{throughput} more MB/s"
        if large:
            yield Line(name=f"{whose}throughput", what=what, amount=None, why="nobody here knows how many MB/s are free from 400 GiB on")
        else:
            yield place.line(f"{whose}throughput", what, place.price("throughput_month", name), throughput, f"MB/s of {name}")


def _backup(environment: Environment, place: _Place) -> Line:
    """The free part is the size of the disk; a geo-redundant backup counts twice against it. What lies beyond depends on use."""
    geo, free = environment.backup.geo_redundant, environment.storage.size_gib
    own = place.price("backup_gib_month", GRS) if geo else None
    # The size doubles, so with a price for one copy alone each GiB is paid twice.
    one = place.price("backup_gib_month", LRS)
    more = own * _USE_GIB if own is not None else one * _USE_GIB * (2 if geo else 1) if one is not None else None
    twice = "; a geo-redundant backup counts twice" if geo else ""
    each = f"{money(more, place.table.currency)} for each {_USE_GIB} GiB more" if more is not None else place.missing("backup storage")
    what = f"{free} GiB are free{twice}"
    return Line(name="backup", what=what, amount=None, why=each, by_use=True)


def rounded(amount: Decimal | None) -> float | None:
    """An amount with two decimals, for JSON."""
    return None if amount is None else float(round(amount, 2))


def money(amount: Decimal, currency: str, *, sign: bool = False) -> str:
    """`312.40 EUR`; with `sign` a plus too."""
    return f"{amount:+,.2f} {currency}" if sign else f"{amount:,.2f} {currency}"


def parse_table(data: object) -> PriceTable:
    """The table that these data (of its JSON file) are. Raises NotATable: an unknown key is wrong, and so is a price that is none."""
    top = _keys(data, "the table", {"schema", "currency", "source", "regions"}, needed={"schema", "currency", "regions"})
    if top["schema"] != SCHEMA:
        raise NotATable(f"schema is {top['schema']!r}, this version reads {SCHEMA}")
    currency = top["currency"]
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise NotATable(f"currency is {currency!r}, no code of three capital letters")
    if not isinstance(top["regions"], Mapping):
        raise NotATable("regions is no mapping")
    return PriceTable(currency=currency, regions={str(name): _region(str(name), each) for name, each in top["regions"].items()})


def as_data(table: PriceTable, source: str) -> dict[str, Any]:
    """The data of the file: what `parse_table` reads. A price is written as text, so that it stays exact."""
    regions = {}
    for name, prices in sorted(table.regions.items()):
        region: dict[str, Any] = {"date": prices.date}
        for kind, key, price in prices.rows():
            region.setdefault(kind, {})[key] = format(price.normalize(), "f")
        regions[name] = region
    return {"schema": SCHEMA, "currency": table.currency, "source": source, "regions": regions}


def _region(name: str, data: object) -> RegionPrices:
    found = _keys(data, f"regions.{name}", {"date", *_KINDS}, needed={"date"})
    try:
        datetime.date.fromisoformat(found["date"])
    except (TypeError, ValueError):
        raise NotATable(f"regions.{name}.date is {found['date']!r}, no date") from None
    kinds = {kind: _prices(f"regions.{name}.{kind}", found[kind]) for kind in _KINDS if kind in found}
    return RegionPrices(date=found["date"], **kinds)


def _prices(where: str, data: object) -> dict[str, Decimal]:
    if not isinstance(data, Mapping):
        raise NotATable(f"{where} is no mapping")
    return {str(name): price_of(each, f"{where}.{name}") for name, each in data.items()}


def price_of(value: object, where: str) -> Decimal:
    """A price: a number above 0, or its text. Raises NotATable: nothing that is billed is free."""
    try:
        price = Decimal(str(value)) if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool) else None
    except InvalidOperation:
        price = None
    if price is None or not price.is_finite() or price <= 0:
        raise NotATable(f"{where} is {value!r}, no price above 0")
    return price


def _keys(data: object, where: str, known: set[str], *, needed: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise NotATable(f"{where} is no mapping")
    for key in data:
        if key not in known:
            raise NotATable(f"{where} has the key {key!r}, which this version does not know")
    for key in sorted(needed - set(data)):
        raise NotATable(f"{where} has no {key}")
    return data
