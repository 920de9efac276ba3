"""`agentmem indexes advise`: which index fits a vector set, what its build needs, and the search to write. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from infra.domain import index_advice, sizing
from infra.domain.environment import Environment, Hnsw, VectorSet
from infra.domain.index_advice import Advice, Candidate, Machine, Rate, Shape
from scripts.edges import screen
from scripts.edges.chosen_sets import chosen
from scripts.edges.exits import BAD, GOOD

_MIB = 20


def advise(
    environment: Environment, *, only: str | None, rows: int | None, sample: bool, login: Mapping[str, Any] | None, as_json: bool
) -> int:
    """Tell the advice for each vector set. Returns bad when a declared index cannot be built as it is declared."""
    sets = chosen(environment, only)
    found = []
    for vector_set in sets:
        counted, rate = (None, None) if login is None else _asked(environment, vector_set, rows, sample, login)
        shape = _shape(vector_set, rows or counted or vector_set.expected_rows)
        machine = Machine(
            build_bytes=sizing.build_memory_kib(environment) * 1024,
            workers=sizing.parallel_maintenance_workers(environment),
            rate=rate or index_advice.MEASURED,
        )
        found.append((vector_set, machine, index_advice.advise(shape, machine)))
    broken = [vector_set for vector_set, machine, advice in found if _declared(vector_set, advice).refusal]
    if as_json:
        sets_told = [_as_json(vector_set, machine, advice) for vector_set, machine, advice in found]
        screen.document("indexes-advise", {"environment": environment.name, "sku": environment.server.sku, "vector_sets": sets_told})
    else:
        for line in _lines(environment, found):
            screen.say(line)
    return BAD if broken else GOOD


def _asked(
    environment: Environment, vector_set: VectorSet, rows: int | None, sample: bool, login: Mapping[str, Any]
) -> tuple[int | None, Rate | None]:
    """What the server says: the rows that the table holds, and the rate of a sample build where one is asked for."""
    from scripts.edges import sample_builds
    from scripts.edges.sessions import sessions

    with sessions(environment, **login)() as connection:
        counted = sample_builds.rows_of(connection, vector_set)
        shape = _shape(vector_set, rows or counted or vector_set.expected_rows)
        if not sample:
            return counted, None
        screen.talk(f"building a sample of {vector_set.table}, a few seconds; nothing of it stays")
        return counted, sample_builds.calibrate(connection, vector_set, shape)


def _shape(vector_set: VectorSet, rows: int) -> Shape:
    """A set declared as halfvec beyond the limit of vector may have either column; what the index stores decides the cast."""
    index = vector_set.index
    settings = {"m": index.m, "ef_construction": index.ef_construction} if isinstance(index, Hnsw) else {}
    return Shape(
        rows=rows,
        dimensions=vector_set.dimensions,
        column="vector",
        distance=vector_set.distance,
        floor=vector_set.recall_floor,
        **settings,
    )


def _declared(vector_set: VectorSet, advice: Advice) -> Candidate:
    """The candidate that the stack file declares."""
    every = (advice.best, *advice.others)
    return next(each for each in every if (each.kind, each.stored) == (vector_set.index.kind, vector_set.type))


def _lines(environment: Environment, found: list[tuple[VectorSet, Machine, Advice]]) -> Iterator[str]:
    room, workers = sizing.build_memory_kib(environment) >> 10, sizing.parallel_maintenance_workers(environment)
    beside = f"{workers} worker{'' if workers == 1 else 's'} beside the leader" if workers else "no workers"
    yield f"advise {environment.name} · {environment.server.sku} · {room:,} MB for one build, {beside}"
    differ = 0
    for vector_set, machine, advice in found:
        best, declared, shape = advice.best, _declared(vector_set, advice), advice.shape
        differ += best is not declared
        yield f"{vector_set.table}.{vector_set.column} · {shape.rows:,} × {shape.dimensions}-d · {shape.distance} · floor {shape.floor}"
        yield f"  take      {best.name}{_settings(best.settings)}: {advice.why}"
        if best is not declared:
            yield f"  declared  {declared.name}{_settings(declared.settings)}: {_judged(declared, machine)}"
        if best.kind != "exact":
            disk = f"{best.disk_bytes >> _MIB:,} MB on disk and as much again in the write-ahead log"
            yield f"  build     {_time(best, machine.rate)}, {disk}"
        if best.search:
            yield f"  set       {', '.join(f'{name} = {value}' for name, value in best.search.items())}"
        yield f"  search    {index_advice.query(vector_set.table, vector_set.column, shape, best)}"
        rows = ((f"  {'or' if not at else '  '}", *_cells(each, machine)) for at, each in enumerate(advice.others))
        yield from screen.table(rows, gap=3)
    number = len(found)
    same = f"{number - differ} of {number} vector sets are declared so"
    yield same if not differ else f"{same}; next: change index and type in Pulumi.{environment.name}.yaml, or keep them knowing why"


def _cells(candidate: Candidate, machine: Machine) -> tuple[str, ...]:
    return candidate.name, f"{candidate.disk_bytes >> _MIB:,} MB on disk", f"about {candidate.seconds:,.0f} s", _judged(candidate, machine)


def _judged(candidate: Candidate, machine: Machine) -> str:
    if candidate.refusal:
        return candidate.refusal
    if candidate.kind == "exact":
        return "exact, no index"
    room = f"{candidate.memory_bytes >> _MIB:,} of {machine.build_bytes >> _MIB:,} MB"
    return f"in memory, {room}" if candidate.fits else f"does not fit, {room}: built on disk, many times slower"


def _settings(settings: Mapping[str, int]) -> str:
    return "".join(f", {name} {value:,}" for name, value in settings.items())


def _time(candidate: Candidate, rate: Rate) -> str:
    how = "measured by a sample" if rate.calibrated else "not measured here: --sample"
    return f"about {candidate.seconds:,.0f} s (± {rate.error:.0%}, {how})"


def _as_json(vector_set: VectorSet, machine: Machine, advice: Advice) -> dict[str, Any]:
    told = [asdict(each) | {"name": each.name} for each in (advice.best, *advice.others)]
    for each, candidate in zip(told, (advice.best, *advice.others), strict=True):
        each["query"] = index_advice.query(vector_set.table, vector_set.column, advice.shape, candidate)
    return {
        "vector_set": f"{vector_set.table}.{vector_set.column}", "shape": asdict(advice.shape), "machine": asdict(machine),
        "best": told[0], "why": advice.why, "others": told[1:], "declared": _declared(vector_set, advice).name,
    }  # fmt: skip
