"""Changes of the contract that no resource of Azure shows: vector indexes to rebuild, memory kept shorter, guards taken away."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from infra.domain import index_advice, sizing, vectors
from infra.domain.azure import skus
from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.changes.recovery_delta import CONTRACT
from infra.domain.environment import Environment, Hnsw, IvfFlat, VectorSet

_REEMBED = "a second column filled by `agentmem indexes reembed`, then change over"
_BESIDE = "`agentmem indexes repair` builds beside the old one, and searches go on"


def between(old: Environment, new: Environment) -> tuple[Change, ...]:
    """Every such change between two contracts of one environment, in the order of the contract."""
    return (*_backups(old, new), *_access(old, new), *_vector_sets(old, new), *_memory(old, new), *_guard(old, new))


def _vector_sets(old: Environment, new: Environment) -> Iterator[Change]:
    before = {_named(each): each for each in old.vector_sets}
    after = {_named(each): each for each in new.vector_sets}
    for name, vector_set in after.items():
        was = before.get(name)
        if was is None:
            says, takes = _build(new, vector_set)
            why = f"an index is built for it once the table is there: {says}; the build takes the machine from searches"
            yield _change(new, name, Operation.CREATE, Danger.SLOWER, "index", None, _index_of(new, vector_set), why, takes)
        else:
            yield from _vector_set(old, new, was, vector_set)
    for name in before.keys() - after.keys():
        why = "nothing looks after it any more: its index stays, and is neither measured nor repaired"
        yield _change(new, name, Operation.FORGET, Danger.HARMLESS, "", "declared", None, why, instead="drop it by hand if nobody searches")


def _vector_set(old: Environment, new: Environment, was: VectorSet, now: VectorSet) -> Iterator[Change]:
    """What is guilty of a rebuild is told once, the worst first: other vectors, another column, another index."""
    change = partial(_change, new, _named(now), Operation.UPDATE)
    if was.model != now.model or was.dimensions != now.dimensions:
        path, first, then = ("model", was.model, now.model) if was.model != now.model else ("dimensions", was.dimensions, now.dimensions)
        says, takes = _build(new, now)
        why = "vectors of two models cannot be compared: each memory is embedded anew, and until then searches find the wrong ones or fail"
        yield change(Danger.OUTAGE, path, _plain(first), _plain(then), f"{why}; then {says}", takes, _REEMBED)
    else:
        yield from _rebuilt(old, new, was, now)
    if was.recall_floor != now.recall_floor:
        yield _floor(new, was, now)
    if was.expected_rows != now.expected_rows and _index_of(old, was) == _index_of(new, now):
        why = f"sized for {now.expected_rows:,} instead of {was.expected_rows:,} rows; the index stays as it is"
        yield change(Danger.HARMLESS, "expected_rows", was.expected_rows, now.expected_rows, why)


def _rebuilt(old: Environment, new: Environment, was: VectorSet, now: VectorSet) -> Iterator[Change]:
    for path in ("type", "distance"):
        first, then = getattr(was, path), getattr(now, path)
        if first != then:
            says, takes = _build(new, now)
            why = f"{says}; a search must be written for {then}, or no index serves it"
            yield _change(new, _named(now), Operation.UPDATE, Danger.SLOWER, path, first, then, why, takes, _BESIDE)
            return
    first, then = _index_of(old, was), _index_of(new, now)
    if first != then:
        same = was.index == now.index and was.expected_rows == now.expected_rows
        says, takes = _build(new, now)
        cause = f"the memory of a build changes with the server, and so does the index that is built: {says}" if same else says
        path = "index_if_memory_is_short" if same else "index"
        yield _change(new, _named(now), Operation.UPDATE, Danger.SLOWER, path, first, then, cause, takes, _BESIDE)


def _floor(new: Environment, was: VectorSet, now: VectorSet) -> Change:
    lower = now.recall_floor < was.recall_floor
    first, then = vectors.ef_search_for(was.recall_floor), vectors.ef_search_for(now.recall_floor)
    look = "as many candidates" if first == then else f"{then} candidates instead of {first}"
    why = f"recall@10 may fall to {now.recall_floor:g}" if lower else f"recall@10 of {now.recall_floor:g} is asked for"
    danger = Danger.SLOWER if then > first else Danger.HARMLESS
    why = f"{why}: searches of a graph look at {look}"
    return _change(new, _named(now), Operation.UPDATE, danger, "recall_floor", was.recall_floor, now.recall_floor, why)


def _build(environment: Environment, vector_set: VectorSet) -> tuple[str, str]:
    """What building the set's index needs, as a sentence, and how long it takes."""
    if skus.find(environment.server.sku) is None:
        return "an index is built", "unknown: nobody here knows this SKU"
    room = sizing.build_memory_kib(environment)
    index = vectors.effective_index(vector_set, room)
    need = vectors.build_bytes(vector_set.expected_rows, vector_set, index)
    seconds, fits = _seconds(environment, vector_set, index, need), need <= room * 1024
    short = "" if fits else ", more than there is: " + ("the graph is built on disk" if isinstance(index, Hnsw) else "the build fails")
    says = f"a build of {_told(index)} over {vector_set.expected_rows:,} rows needs {need >> 20} of {room >> 10} MB{short}"
    return says, f"about {_span(seconds)} (measured on another machine; {index_advice.MEASURED.error:.0%} either way)"


def _seconds(environment: Environment, vector_set: VectorSet, index: Hnsw | IvfFlat, need: int) -> float:
    graph = index if isinstance(index, Hnsw) else Hnsw(kind="hnsw", m=16, ef_construction=64)
    room = sizing.build_memory_kib(environment) * 1024
    machine = index_advice.Machine(build_bytes=room, workers=sizing.parallel_maintenance_workers(environment))
    shape = index_advice.Shape(
        rows=vector_set.expected_rows, dimensions=vector_set.dimensions, column=vector_set.type, distance=vector_set.distance,
        floor=vector_set.recall_floor, m=graph.m, ef_construction=graph.ef_construction,
    )  # fmt: skip
    if isinstance(index, Hnsw):
        return index_advice.hnsw_seconds(shape, vector_set.type, machine, fits=need <= room)
    found = (each for each in index_advice.candidates(shape, machine) if each.kind == "ivfflat" and each.stored == vector_set.type)
    return next(each.seconds for each in found)


def _backups(old: Environment, new: Environment) -> Iterator[Change]:
    first, then = old.backup.portable_copies, new.backup.portable_copies
    for name in ("weekly", "monthly"):
        was, now = getattr(first, name), getattr(then, name)
        if now < was:
            why = f"{was - now} of the {name} portable copies are no longer kept, the oldest first"
            yield _of(new, f"backup.portable_copies.{name}", Danger.DATA_LOSS, was, now, why, f"keep {was}")
    was, now = old.backup.migration_gate_hours, new.backup.migration_gate_hours
    if now > was:
        why = f"a migration may begin with a copy that is {now} h old"
        yield _of(new, "backup.migration_gate_hours", Danger.WEAKER_RECOVERY, was, now, why, f"keep {was}")


def _access(old: Environment, new: Environment) -> Iterator[Change]:
    if (was := old.database.sslmode) != (now := new.database.sslmode):
        weaker = now == "require"
        why = "clients no longer make sure who answers" if weaker else "clients need the certificates of Azure's authorities"
        yield _of(new, "database.sslmode", Danger.WEAKER_SECURITY if weaker else Danger.HARMLESS, was, now, why)


def _memory(old: Environment, new: Environment) -> Iterator[Change]:
    for name, what in (("session_days", "sessions"), ("fact_grace_days", "invalidated facts")):
        was, now = getattr(old.memory, name), getattr(new.memory, name)
        if now < was:
            why = f"{what} older than {now} days are to be deleted, and what the agents knew from {now} to {was} days ago with them"
            yield _of(new, f"memory.{name}", Danger.DATA_LOSS, was, now, why, "a verified copy first: `agentmem snapshot create`")
        elif now > was:
            yield _of(new, f"memory.{name}", Danger.HARMLESS, was, now, f"{what} are kept {now} days instead of {was}: tables grow")


def _guard(old: Environment, new: Environment) -> Iterator[Change]:
    if old.guard.protect and not new.guard.protect:
        why = "Pulumi no longer refuses to delete or replace what holds data"
        yield _of(new, "guard.protect", Danger.WEAKER_SECURITY, True, False, why, "leave it on; a single change is unprotected by hand")
    for override in new.guard.overrides:
        if override not in old.guard.overrides:
            why = f"a new exception, until {override.until}: {override.reason}"
            yield _of(new, "guard.overrides", Danger.HARMLESS, None, override.change, why)
    was, now = old.guard.monthly_cost_ceiling_eur, new.guard.monthly_cost_ceiling_eur
    if was != now:
        yield _of(new, "guard.monthly_cost_ceiling_eur", Danger.HARMLESS, was, now, "another ceiling for what the server costs a month")


def _named(vector_set: VectorSet) -> str:
    return f"{vector_set.table}.{vector_set.column}"


def _index_of(environment: Environment, vector_set: VectorSet) -> dict[str, Any]:
    """The index that is really built; on a SKU that nobody knows, the declared one."""
    known = skus.find(environment.server.sku) is not None
    index = vectors.effective_index(vector_set, sizing.build_memory_kib(environment)) if known else vector_set.index
    return index.model_dump()


def _told(index: Hnsw | IvfFlat) -> str:
    if isinstance(index, Hnsw):
        return f"HNSW (m {index.m}, ef_construction {index.ef_construction})"
    return f"IVFFlat ({index.lists} lists)"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _plain(value: Any) -> Any:
    return value.model_dump() if hasattr(value, "model_dump") else value


def _of(environment: Environment, path: str, danger: Danger, old: Any, new: Any, why: str, instead: str = "") -> Change:
    return _change(environment, path.partition(".")[0], Operation.UPDATE, danger, path, old, new, why, instead=instead)


def _change(
    environment: Environment, name: str, operation: Operation, danger: Danger, path: str, old: Any, new: Any, why: str, takes: str = "",
    instead: str = "",
) -> Change:  # fmt: skip
    urn = f"urn:agentmem:{environment.name}::agent-memory::{CONTRACT}::{name}"
    where = path if "." in path else f"vector_sets.{path}".rstrip(".")
    return Change(
        urn=urn, type=CONTRACT, operation=operation, danger=danger, path=where, old=old, new=new, why=why, takes=takes, instead=instead
    )
