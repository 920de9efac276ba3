"""`agentmem prices`: refreshes the dated price table from Azure's public price service, and shows what a stack costs a month by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from infra.domain.environment import STACKS, Environment
from infra.domain.price_meters import Mapped, map_meters
from infra.domain.prices import CURRENCY, HOURS_PER_MONTH, NOT_COUNTED, Cost, Line, NotATable, PriceTable, RegionPrices, money, monthly_cost
from infra.domain.problem import Invalid
from scripts.edges import price_service, price_table, screen, stack_file
from scripts.edges.arm_retry import Deadline
from scripts.edges.clock import utc_now
from scripts.edges.exits import BAD, CONFIGURATION, GOOD, USAGE, Failure

_REGION = re.compile(r"^[a-z][a-z0-9]{2,40}$")


def refresh(folder: Path, *, regions: Sequence[str], dry_run: bool, as_json: bool, seconds: float = price_service.SECONDS) -> int:
    """Read the prices of `regions` (default: of all stack files), write the table, and show what changed; returns the exit code.

    A region without a single price keeps what it had, and is BAD. Raises Failure before anything is written.
    """
    wanted = list(dict.fromkeys(regions)) or declared_regions(folder)
    for region in wanted:
        if not _REGION.match(region):
            raise Failure(USAGE, f"{region!r} is no name of a region", hint="the short name, for example westeurope")
    old = price_table.load(folder)
    source, deadline, today = price_service.source(), Deadline(seconds), utc_now().date().isoformat()
    if old.currency != CURRENCY:
        raise Failure(CONFIGURATION, f"is in {old.currency}, and prices are read in {CURRENCY}", where=price_table.FILE, hint="delete it")
    read = {region: _region(region, deadline, today) for region in wanted}
    new = old
    for region, mapped in read.items():
        if list(mapped.prices.rows()):
            new = new.with_region(region, mapped.prices)
    if not dry_run and new is not old:
        price_table.save(new, folder, source)
    lacking = [region for region, mapped in read.items() if not list(mapped.prices.rows())]
    if as_json:
        screen.document("prices-refresh", _document(old, read, lacking, source=source, dry_run=dry_run))
    else:
        for line in _lines(old, read, lacking, source=source, dry_run=dry_run):
            screen.say(line)
    return BAD if lacking else GOOD


def declared_regions(folder: Path) -> list[str]:
    """The regions of the stack files and of their replicas, in order. A file that cannot be read is told and names none."""
    found: dict[str, None] = {}
    for stack in STACKS:
        environment = stack_file.load(stack, folder).environment
        if environment is None:
            screen.talk(f"Pulumi.{stack}.yaml is not read: agentmem check --stack {stack}")
            continue
        found[environment.location] = None
        if environment.replica is not None:
            found[environment.replica.location] = None
    if not found:
        raise Failure(USAGE, "no stack file names a region", hint="--region westeurope, or is --folder the project's?")
    return list(found)


def _region(region: str, deadline: Deadline, today: str) -> Mapped:
    items = price_service.meters(region, CURRENCY, deadline, waits=screen.talk)
    try:
        return map_meters(items, region, today)
    except NotATable as wrong:
        raise Failure(BAD, f"the price service cannot be understood: {wrong}", where=region, hint="nothing was written") from None


def changes(old: RegionPrices | None, new: RegionPrices) -> Iterator[tuple[str, str, str, str]]:
    """(kind, name, price before, price after) of each price that is not the same; "" where there is none."""
    before = {(kind, name): price for kind, name, price in old.rows()} if old is not None else {}
    after = {(kind, name): price for kind, name, price in new.rows()}
    for kind, name in sorted({*before, *after}):
        was, now = before.get((kind, name)), after.get((kind, name))
        if was != now:
            yield kind, name, _text(was), _text(now)


def _text(price: Decimal | None) -> str:
    return "" if price is None else format(price.normalize(), "f")


def _lines(old: PriceTable, read: dict[str, Mapped], lacking: Sequence[str], *, source: str, dry_run: bool) -> Iterator[str]:
    yield f"prices refresh · {', '.join(read)} · {CURRENCY} · {source}"
    number = 0
    for region, mapped in read.items():
        if region in lacking:
            yield f"{region}: the service has no prices of PostgreSQL flexible servers; what the table had of it stays"
        else:
            rows = [
                (name, kind, was or "–", "→", now or "gone") for kind, name, was, now in changes(old.regions.get(region), mapped.prices)
            ]
            number += len(rows)
            yield f"{region}: {sum(1 for _ in mapped.prices.rows())} prices, {len(rows)} changed"
            yield from (f"  {line}" for line in screen.table(rows))
        yield from (f"  left out: {each}" for each in mapped.left_out)
        if mapped.others:
            yield f"  {mapped.others} meters of other products were not looked at"
    if len(lacking) == len(read):
        yield f"nothing was written: {price_table.FILE} stays as it was"
        return
    done = "would be written" if dry_run else "is written"
    yield f"{price_table.FILE} {done}, {number} prices changed; next: git diff {price_table.FILE}, agentmem check --all"


def _document(old: PriceTable, read: dict[str, Mapped], lacking: Sequence[str], *, source: str, dry_run: bool) -> dict[str, Any]:
    regions = {
        region: {
            "date": mapped.prices.date,
            "prices": sum(1 for _ in mapped.prices.rows()),
            "changed": []
            if region in lacking
            else [
                {"kind": kind, "name": name, "old": was or None, "new": now or None}
                for kind, name, was, now in changes(old.regions.get(region), mapped.prices)
            ],
            "left_out": list(mapped.left_out),
            "other_products": mapped.others,
        }
        for region, mapped in read.items()
    }
    written = not dry_run and len(lacking) < len(read)
    return {"currency": CURRENCY, "source": source, "written": written, "without_prices": list(lacking), "regions": regions}


def show(stack: str, folder: Path, *, as_json: bool) -> int:
    """Print what the declared server of `stack` costs a month, line by line; BAD where the ceiling is passed."""
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    environment, table = loaded.environment, price_table.load(folder)
    cost = monthly_cost(environment, table)
    allowed = environment.guard.monthly_cost_ceiling_eur
    above = allowed is not None and cost.currency == CURRENCY and cost.at_least > allowed
    if as_json:
        screen.document("prices", {"environment": stack, "ceiling_eur": allowed, "above_ceiling": above, **cost.as_json()})
    else:
        for line in _bill(stack, environment, cost, above=above):
            screen.say(line)
    return BAD if above else GOOD


def _bill(stack: str, environment: Environment, cost: Cost, *, above: bool) -> Iterator[str]:
    dates = f"prices of {', '.join(cost.dates)}" if cost.dates else "no prices yet"
    yield f"prices show {stack} · {environment.location} · {HOURS_PER_MONTH} hours a month · {dates}"
    yield from (f"  {row}" for row in screen.table(_row(line, cost.currency) for line in cost.lines))
    yield f"  not counted: {', '.join(NOT_COUNTED)}"
    allowed = environment.guard.monthly_cost_ceiling_eur
    if allowed is None:
        limit = "there is no ceiling"
    elif cost.currency != CURRENCY:
        limit = f"the ceiling of {allowed} EUR cannot be judged in {cost.currency}"
    elif above:
        limit = f"above the ceiling of {allowed} EUR"
    else:
        limit = f"below the ceiling of {allowed} EUR" if cost.total is not None else f"the ceiling of {allowed} EUR cannot be judged"
    yield f"{stack} costs {cost} a month; {limit}" if cost.at_least else f"what {stack} costs is {cost}; {limit}"


def _row(line: Line, currency: str) -> tuple[str, str, str]:
    if line.amount is not None:
        return line.name, line.what, money(line.amount, currency)
    return line.name, line.what, f"by use: {line.why}" if line.by_use else f"unknown: {line.why}"
