"""`agentmem indexes recall`: recall against latency for many search settings, and the smallest that meets the floor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.domain import recall as knowledge
from infra.domain.catalogue import Catalogue
from infra.domain.environment import Environment, VectorSet
from infra.domain.recall import PARAMETERS, Judged, RecallResult, SelfRetrieval, value_of
from scripts.edges import screen
from scripts.edges.exits import BAD, GOOD, USAGE, Failure

if TYPE_CHECKING:
    from scripts.edges.recall_search import VectorIndex

_PICTURES = (".png", ".svg")


@dataclass(frozen=True)
class Measured:
    """What was measured of one vector set."""

    vector_set: VectorSet
    index: VectorIndex
    judged: Judged
    sweep: list[RecallResult]
    selves: SelfRetrieval | None

    @property
    def ok(self) -> bool:
        """Whether the setting in force meets the floor."""
        return self.judged.verdict.ok


@dataclass(frozen=True)
class Unmeasured:
    """Why a vector set was not measured, and whether that is bad."""

    vector_set: VectorSet
    reason: str
    bad: bool
    hint: str = ""

    @property
    def ok(self) -> bool:
        """A set that waits for its table or rows is not wrong; one whose index is missing is."""
        return not self.bad


def recall(environment: Environment, *, only: str | None, queries: int, plot: Path | None, login: Mapping[str, Any], as_json: bool) -> int:
    """Measure each vector set and tell. Returns bad when the search setting in force misses a floor."""
    from scripts.edges import database_steps, recall_probe
    from scripts.edges.chosen_sets import chosen
    from scripts.edges.sessions import sessions

    sets = chosen(environment, only)
    if plot is not None and plot.suffix.lower() not in _PICTURES:
        raise Failure(USAGE, f"a picture is a {' or '.join(_PICTURES)} file", where=str(plot))
    tell = (lambda line: None) if as_json else screen.talk
    with sessions(environment, **login)() as connection:
        catalogue = database_steps.read_catalogue(connection, environment)
        way = recall_probe.round_trip_ms(connection)
        found = [_measured(connection, vector_set, catalogue, queries, tell) for vector_set in sets]
    if plot is not None:
        _draw(plot, environment, [each for each in found if isinstance(each, Measured)], tell)
    if as_json:
        told = [_as_json(each) for each in found]
        screen.document("indexes-recall", {"environment": environment.name, "round_trip_ms": way, "vector_sets": told})
    else:
        for line in _lines(environment, found, way):
            screen.say(line)
    return GOOD if all(each.ok for each in found) else BAD


def _measured(connection: Any, vector_set: VectorSet, catalogue: Catalogue, queries: int, tell: Any) -> Measured | Unmeasured:
    from scripts.edges import recall_probe, recall_search

    column = catalogue.column(vector_set.table, vector_set.column)
    if column is None or column.kind is None:
        return Unmeasured(vector_set, f"waits for {vector_set.table}; the application makes it", bad=False)
    if catalogue.vector_version is None:
        return Unmeasured(vector_set, "the extension vector is not there", bad=True, hint="agentmem post-provision")
    found = recall_search.find(connection, vector_set)
    if not found or not found[0].usable:
        reason = f"{found[0].name} is invalid: no search uses it" if found else "has no index for its distance"
        return Unmeasured(vector_set, reason, bad=bool(column.rows), hint="agentmem post-provision builds it")
    index = found[0]
    name, lists = PARAMETERS[index.method], index.options.get("lists", 1)
    current = knowledge.search_setting(catalogue, index.method)
    # A search cannot look at more lists than there are.
    current = min(current, lists) if index.method == "ivfflat" else current
    values = knowledge.settings_to_try(index.method, current, lists)
    # All lists of a large table cost an exact search each: once everything is found, more probes tell nothing.
    enough = (lambda result: knowledge.finds_all(result, current)) if index.method == "ivfflat" else (lambda result: False)
    settings = [{name: value} for value in (current, *(value for value in values if value != current))]
    sweep = recall_probe.sweep(connection, vector_set, index.name, settings, queries, enough=enough, tell=tell)
    judged = knowledge.judge(sweep, index.method, current, index.shape)
    at = {name: current}
    selves = recall_probe.self_retrieval(connection, vector_set, index.name, at, queries) if index.method == "hnsw" else None
    return Measured(vector_set, index, judged, sorted(sweep, key=lambda result: value_of(result, index.method)), selves)


def _draw(plot: Path, environment: Environment, found: list[Measured], tell: Any) -> None:
    from scripts.edges.recall_plot import Curve, draw

    curves = [
        Curve(
            title=f"{each.vector_set.table}.{each.vector_set.column}, {PARAMETERS[each.index.method]}",
            floor=each.vector_set.recall_floor,
            points=[(result.p50_ms, result.recall, result.standard_error, value_of(result, each.index.method))
                    for result in each.sweep if result.recall is not None],
            marked=value_of(each.judged.recommended, each.index.method) if each.judged.recommended else None,
        )
        for each in found
    ]  # fmt: skip
    if not any(curve.points for curve in curves):
        tell(f"{plot}: nothing was measured, nothing was drawn")
        return
    draw(plot, [curve for curve in curves if curve.points], heading=f"recall against latency, {environment.name}")
    tell(f"drawn into {plot}")


def _lines(environment: Environment, found: list[Measured | Unmeasured], way: float) -> Iterator[str]:
    at_k = f"recall@{knowledge.NEIGHBOURS}"
    yield f"recall {environment.name} · {at_k} against exact search · {way} ms of each time are the way to the server"
    for each in found:
        name = f"{each.vector_set.table}.{each.vector_set.column}"
        if isinstance(each, Unmeasured):
            yield f"{name} · {each.reason}{f'; hint: {each.hint}' if each.hint else ''}"
            continue
        yield f"{name} · {each.index.name} · floor {each.vector_set.recall_floor}"
        yield from _of(each)
    bad = sum(not each.ok for each in found)
    yield f"{len(found) - bad} of {len(found)} vector sets are good" + (f"; next: {_next(environment, found)}" if bad else "")


def _of(each: Measured) -> Iterator[str]:
    judged, method, excluded = each.judged, each.index.method, each.judged.current.excluded
    if not judged.current.queries:  # nothing was measured, and rows of nothing are no table
        yield f"  verdict   {judged.verdict.reason}"
        return
    rows = [(f"  {PARAMETERS[method]}", "recall", "", "p50 ms", "p95 ms", "")]
    rows += [
        (f"  {value_of(result, method)}", _recall(result), f"± {result.standard_error:.3f}", f"{result.p50_ms:.2f}", f"{result.p95_ms:.2f}",
         ", ".join(_marks(result, judged)))
        for result in each.sweep
    ]  # fmt: skip
    yield from screen.table(rows, gap=3)
    yield f"  asked     {judged.current.queries} of {excluded.searchable:,} stored rows"
    if excluded.without_vector or excluded.of_length_zero:
        counted = f"{excluded.without_vector:,} rows without a vector, {excluded.of_length_zero:,} of length zero"
        yield f"  left out  {counted}: no index finds them"
    if each.selves is not None and each.selves.proved:
        cut = f"; cut off are {each.selves.unreachable}, {', '.join(each.selves.lost)}: REINDEX INDEX CONCURRENTLY {each.index.name}"
        said = f"  selves    {each.selves.found} of {each.selves.asked} stored vectors find themselves first"
        yield f"{said}{cut if each.selves.unreachable else ''}"
    yield f"  verdict   {judged.verdict.reason}"
    yield from (f"  try       {line}" for line in judged.helps)
    if judged.recommended is not None:
        yield f"  take      {PARAMETERS[method]} = {value_of(judged.recommended, method)}{_doubt(judged, method)}"


def _doubt(judged: Judged, method: str) -> str:
    if judged.sure is judged.recommended:
        return ", by more than two standard errors"
    return f"; {value_of(judged.sure, method)} is beyond doubt" if judged.sure else "; within two standard errors of the floor"


def _marks(result: RecallResult, judged: Judged) -> Iterator[str]:
    if result is judged.current:
        yield "in force"
    if result is judged.recommended:
        yield "smallest that meets the floor"
    if result.recall is None:
        yield f"served by {result.served_by or 'no index'}"
    elif not result.chosen:
        yield "the planner prefers to read the whole table"


def _recall(result: RecallResult) -> str:
    return "unknown" if result.recall is None else f"{result.recall:.3f}"


def _next(environment: Environment, found: list[Measured | Unmeasured]) -> str:
    """One step: a setting that suffices, an index that is missing, or what the lines above say."""
    for each in found:
        if isinstance(each, Unmeasured) and each.bad:
            return f"agentmem post-provision --stack {environment.name}"
        if isinstance(each, Measured) and not each.ok and each.judged.recommended is not None:
            setting = f"{PARAMETERS[each.index.method]} = {value_of(each.judged.recommended, each.index.method)}"
            return f"ALTER DATABASE {environment.database.name} SET {setting}"
    return f"agentmem indexes status --stack {environment.name}"


def _as_json(each: Measured | Unmeasured) -> dict[str, Any]:
    name = f"{each.vector_set.table}.{each.vector_set.column}"
    if isinstance(each, Unmeasured):
        return {
            "vector_set": name,
            "ok": each.ok,
            "reason": each.reason,
            "hint": each.hint,
            "recall_at_10": None,
            "served_by": None,
            "sweep": [],
        }
    judged, method, excluded = each.judged, each.index.method, each.judged.current.excluded
    return {
        "vector_set": name, "index": each.index.name, "kind": method, "stored": each.index.stored, "floor": each.vector_set.recall_floor,
        **_point(judged.current, method), "ok": each.ok, "reason": judged.verdict.reason, "queries": judged.current.queries,
        "rows": excluded.rows, "without_vector": excluded.without_vector, "of_length_zero": excluded.of_length_zero,
        "recommended": _point(judged.recommended, method) if judged.recommended else None,
        "beyond_doubt": _point(judged.sure, method) if judged.sure else None,
        "would_help": list(judged.helps),
        "self_retrieval": None if each.selves is None else
        asdict(each.selves),
        "sweep": [_point(result, method) for result in each.sweep],
    }  # fmt: skip


def _point(result: RecallResult, method: str) -> dict[str, Any]:
    return {
        "recall_at_10": result.recall, "standard_error": result.standard_error,
        PARAMETERS[method].partition(".")[2]: value_of(result, method),
        "p50_ms": result.p50_ms, "p95_ms": result.p95_ms, "served_by": result.served_by, "chosen_by_planner": result.chosen,
    }  # fmt: skip
