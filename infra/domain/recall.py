"""Recall of a vector index: what was measured, how sure it is, which search setting to take, and what would help where none does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from infra.domain import vectors
from infra.domain.catalogue import READ_WRITE, Catalogue
from infra.domain.problem import Verdict

# recall@10 is what the floor of a vector set is declared for.
NEIGHBOURS = 10
# 200 stored rows of ten neighbours give a standard error of about 0.005 at a recall of 0.95.
QUERIES = 200
SEED = 20240101
PARAMETERS: Mapping[str, str] = {"hnsw": "hnsw.ef_search", "ivfflat": "ivfflat.probes"}
# What pgvector searches with where nobody has set anything.
DEFAULTS: Mapping[str, int] = {"hnsw": 40, "ivfflat": 1}
# The widest search that pgvector allows.
MOST_EF_SEARCH = 1000
# Ten neighbours need at least ten candidates; beyond 800 a search of 100,000 rows costs as much as an exact one of 10,000.
_EF_SEARCH = (10, 20, 40, 64, 100, 150, 200, 400, 800)
# Between two equal builds recall@10 differs by up to 0.026: a floor that is missed by less may be met by building again.
BUILD_SPREAD = 0.026
# Two standard errors: one measurement in forty lies further above the truth.
_SURE = 2.0
# Distances of equal vectors differ in the last bits of a float32.
_TIE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """Rows that the index cannot find because they are not in it: without a vector, or of length zero under cosine; of `rows` rows."""

    rows: int
    without_vector: int
    of_length_zero: int

    @property
    def searchable(self) -> int:
        """The rows that a search can find."""
        return self.rows - self.without_vector - self.of_length_zero


@dataclass(frozen=True, kw_only=True)
class RecallResult:
    """Recall@10 of one index at one setting. `recall` is None when the named index did not serve the query, or nothing was asked.

    Latencies in milliseconds, as the client saw them. `served_by` is what EXPLAIN names with sequential scans forbidden; `chosen` says
    whether the planner takes it without being forced.
    """

    vector_set: str
    index: str
    settings: Mapping[str, str]
    served_by: str | None
    chosen: bool
    recall: float | None
    standard_error: float
    queries: int
    p50_ms: float
    p95_ms: float
    floor: float
    excluded: Excluded

    @property
    def good(self) -> bool:
        """Whether the named index answered and reaches the floor."""
        return self.recall is not None and self.recall >= self.floor


@dataclass(frozen=True, kw_only=True)
class SelfRetrieval:
    """Stored vectors that were to find themselves: so many `asked`, so many `found` at the given setting.

    `unreachable` counts those that the widest search did not find either: they are cut off in the graph. `lost` are the addresses (ctid)
    of at most ten of them. Where the search was not `proved` to use the index nothing is known: any table finds its own rows.
    """

    index: str
    served_by: str | None
    asked: int
    found: int
    unreachable: int = 0
    lost: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether the named index answered."""
        return self.served_by == self.index

    @property
    def share(self) -> float:
        """Found of asked, 1 where nothing was asked."""
        return self.found / self.asked if self.asked else 1.0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What an index is: its kind, what it stores (vector, halfvec, bit), dimensions, and its settings."""

    method: str
    stored: str
    dimensions: int
    options: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A sweep as it was judged: the setting in force, the smallest that meets the floor, the smallest that does so beyond doubt."""

    current: RecallResult
    recommended: RecallResult | None
    sure: RecallResult | None
    verdict: Verdict
    helps: tuple[str, ...] = field(default=())


def settings_to_try(method: str, current: int, lists: int = 1) -> list[int]:
    """The settings of a sweep, rising: ef_search 10 to 800, or probes 1 to lists by doubling; the current one is among them."""
    if method == "hnsw":
        return sorted({*_EF_SEARCH, current})
    doubling = {2**power for power in range(lists.bit_length()) if 2**power < lists}
    return sorted({*doubling, vectors.probes_for(lists), lists, min(current, lists)})


def finds_all(result: RecallResult, current: int) -> bool:
    """Whether a sweep of probes may end here: everything is found, and not only at the setting that was measured first."""
    return result.recall == 1.0 and value_of(result, "ivfflat") != current


def value_of(result: RecallResult, method: str) -> int:
    """The search setting that a result was measured at."""
    return int(result.settings[PARAMETERS[method]])


def tied(distance: float, to: float) -> bool:
    """Whether a distance is at most another, the last bits of a float32 aside."""
    return distance <= to + _TIE * max(1.0, abs(to))


def bound(distance: float) -> float:
    """The distance up to which a row is as near as one at `distance`."""
    return distance + _TIE * max(1.0, abs(distance))


def hit_share(near: Sequence[float], truth: Sequence[float]) -> float:
    """The share of the exact neighbours that a search found: those as near as the farthest exact one, ties in any order."""
    if not truth:
        return 1.0
    return min(1.0, sum(1 for distance in near if tied(distance, truth[-1])) / len(truth))


def standard_error(shares: Sequence[float]) -> float:
    """Of the mean of the queries' recall: neighbours of one query go missing together, so queries count, not neighbours.

    Where every query found everything one is taken to have missed one neighbour: a sample does not prove that nothing is ever missed.
    """
    if len(shares) < 2:
        return 1.0
    if all(share == shares[0] for share in shares):
        shares = [*shares[1:], shares[0] - 1 / NEIGHBOURS]
    mean = fmean(shares)
    return math.sqrt(sum((share - mean) ** 2 for share in shares) / (len(shares) - 1) / len(shares))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed, 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def judge(results: Sequence[RecallResult], method: str, current: int, shape: Shape) -> Judged:
    """Judge a sweep against its floor. `shape` is what the index is, for the advice where no setting suffices."""
    rising = sorted(results, key=lambda result: value_of(result, method))
    now = next(result for result in rising if value_of(result, method) == current)
    recommended = _smallest(rising, 0.0)
    helps = () if recommended is not None or now.recall is None else tuple(_helps(rising, method, shape))
    return Judged(
        current=now, recommended=recommended, sure=_smallest(rising, _SURE), verdict=_verdict(now, recommended, method), helps=helps
    )


def _smallest(rising: Sequence[RecallResult], errors: float) -> RecallResult | None:
    """The smallest setting that meets the floor by so many standard errors, as all greater ones do too: chance is no reason."""
    found = None
    for result in reversed(rising):
        if result.recall is None or result.recall - errors * result.standard_error < result.floor:
            break
        found = result
    return found


def _verdict(now: RecallResult, recommended: RecallResult | None, method: str) -> Verdict:
    name, value = PARAMETERS[method], value_of(now, method)
    if not now.queries:
        excluded = now.excluded
        left_out = f"{excluded.without_vector:,} have no vector, {excluded.of_length_zero:,} one of length zero"
        return Verdict(ok=not excluded.of_length_zero, reason=f"none of {excluded.rows:,} rows can be searched: {left_out}")
    if now.recall is None:
        served = f"served by {now.served_by}" if now.served_by else "served by no index"
        return Verdict(
            ok=False, reason=f"the search is {served}, so the recall of {now.index} is unknown", expected=now.index, found=now.served_by
        )
    found = f"{now.recall:.3f} ± {now.standard_error:.3f} at {name} {value}"
    if now.good:
        return Verdict(ok=True, reason=f"{found} meets the floor {now.floor}", expected=now.floor, found=now.recall)
    instead = f"{name} {value_of(recommended, method)} meets it" if recommended else "and no setting meets it"
    return Verdict(ok=False, reason=f"{found} is below the floor {now.floor}: {instead}", expected=now.floor, found=now.recall)


def _helps(rising: Sequence[RecallResult], method: str, shape: Shape) -> list[str]:
    """What would reach a floor that no search setting reaches, the cheapest first."""
    best = max(result.recall or 0.0 for result in rising)
    floor, options = rising[-1].floor, shape.options
    if method == "ivfflat":
        lists = options["lists"]
        return [f"all {lists} lists were searched and {best:.3f} was found: rebuild it, or store a wider type; more probes cannot help"]
    m, width = options["m"], options["ef_construction"]
    said = [f"build it again as it is: equal builds differ by up to {BUILD_SPREAD}"] if floor - best < BUILD_SPREAD else []
    if shape.stored == "bit":
        said.append("index halfvec instead of bits: one bit a dimension does not tell near neighbours apart")
    if shape.stored == "halfvec" and shape.dimensions <= vectors.INDEX_LIMITS["vector"]:
        said.append("type vector, if the neighbours are closer to each other than half precision tells apart")
    most_m, most_width = vectors.M_RANGE[1], vectors.EF_CONSTRUCTION_RANGE[1]
    if m < most_m or width < most_width:
        wider, denser = min(most_width, max(2 * width, 4 * m)), min(most_m, 2 * m)
        said.append(f"ef_construction {wider} instead of {width}, then m {denser} instead of {m}: agentmem indexes advise tells the memory")
    return said


def search_setting(catalogue: Catalogue, method: str) -> int:
    """How far an application's search looks: its role's setting, else the database's, else pgvector's own."""
    name = PARAMETERS[method]
    role = catalogue.roles.get(READ_WRITE)
    value = (role.settings.get(name) if role else None) or catalogue.database_settings.get(name)
    return int(value) if value else DEFAULTS[method]
