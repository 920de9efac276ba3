"""How fast memory is brought from one server to another, against pg_dump with pg_restore, against pgcopydb, and against the floor.

Two servers, one of them filled; the other's database is new before every run. Whole runs in turn, every second pair backwards, so that
neither a machine that gets slower nor whoever ran before favours a side. Every figure of a pair comes from the same run of each side:
rows there, rows proved, the first answers through the vector indexes as an application in a new session gets them. "Rows there" is what
our transfer and pg_restore say themselves; of pgcopydb, which says nothing, what is seen from outside. Clocks start when a program can
begin: what loading ours takes is a row of its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from psycopg import sql

from benchmarks import promotion_peers, promotion_runs, servers
from benchmarks.pairs import Row, in_turn, of_pairs
from benchmarks.promotion_ground import Ground, Part, prepared
from benchmarks.promotion_observer import RECALL_FLOOR
from benchmarks.promotion_peers import CAREFUL, DEFAULTS, PGCOPYDB
from benchmarks.promotion_runs import Run
from infra.domain.manifest import ALGORITHM, FAST_ALGORITHM
from scripts.edges import table_digests
from scripts.edges.index_builds import Room

# Azure's ceiling for one session; a build takes only what its graph needs of it.
_ALLOWED_KIB = 2_097_151
_SERVER_KIB = 64 * 1024
# The most that ours may take of the peer's time.
_ROWS_DEFAULTS, _ROWS_CAREFUL, _PROVEN = 1 / 28, 1 / 4.5, 1 / 12
_INDEXED_DEFAULTS, _INDEXED_CAREFUL, _INDEXED_PGCOPYDB = 1 / 5, 1 / 1.3, 1.0
_BRIDGED, _BRIDGED_FINAL = 1 / 15, 1.2
_DIGEST, _MEMORY_MB = 1.5, 200.0
_SCANS = 5


@dataclass(frozen=True)
class Size:
    """What is brought over, and how often."""

    parts: tuple[Part, ...]
    sessions: int
    pairs: int

    @property
    def title(self) -> str:
        """As the figures name it."""
        return f"promotion of {' and '.join(f'{part.rows:,} x {part.dimensions}' for part in self.parts)}"


QUICK = Size((Part("memories", 1536, "vector", 20_000), Part("facts", 3072, "halfvec", 4_000)), 20_000, 3)
FULL = Size((Part("memories", 1536, "vector", 100_000),), 20_000, 5)


@dataclass
class Sides:
    """The runs of each side, pair by pair; `pgcopydb` stays empty where it is not installed."""

    ours: list[Run] = field(default_factory=list)
    bridged: list[Run] = field(default_factory=list)
    defaults: list[Run] = field(default_factory=list)
    careful: list[Run] = field(default_factory=list)
    pgcopydb: list[Run] = field(default_factory=list)
    floor: list[Run] = field(default_factory=list)

    def add_pair(self, ground: Ground, *, backwards: bool) -> None:
        """One run of each, one after the other: ours and the short ones beside each other, the longest at an end."""
        runs: list[tuple[list[Run], Callable[[Ground], Run]]] = [
            (self.ours, partial(promotion_runs.ours, bridge=False)),
            (self.bridged, partial(promotion_runs.ours, bridge=True)),
            (self.floor, promotion_runs.floor),
            (self.careful, promotion_peers.careful),
            (self.defaults, promotion_peers.defaults),
        ]
        if promotion_peers.pgcopydb_program():
            runs.insert(-1, (self.pgcopydb, promotion_peers.pgcopydb))
        for kept, run in reversed(runs) if backwards else runs:
            kept.append(run(ground))


def measure(quick: bool) -> list[dict[str, object]]:
    """Rows of figures; `--quick` takes fewer rows, 3072 dimensions beside the 1536, and three pairs instead of five."""
    return [row.as_json() for row in compare(QUICK if quick else FULL)]


def compare(size: Size) -> list[Row]:
    """Every figure of one size."""
    room = Room(_ALLOWED_KIB, max(0, (os.cpu_count() or 1) - 1), _SERVER_KIB)
    with prepared(size.parts, size.sessions, room) as ground:
        scans = _digests(ground, size.title)
        sides = Sides()
        promotion_runs.floor(ground)  # memory and disk that nobody has touched yet take longer, and whoever comes first would pay
        for number in range(1, size.pairs + 1):
            print(f"{size.title}: pair {number} of {size.pairs}", file=sys.stderr, flush=True)
            sides.add_pair(ground, backwards=number % 2 == 0)
    return [*_times(sides, size.title), *_costs(sides, size.title), *scans]


def _times(sides: Sides, title: str) -> list[Row]:
    """Rows there, proved, indexed; with a bridge; and how far from the floor."""
    recall = min(min(run.recall.values()) for run in sides.bridged)
    bridge = f"first indexed answer with a bridge, recall@10 {recall:.3f} (at least {RECALL_FLOOR})"
    found = [
        _row(f"{title}, rows there", sides.ours, "data", DEFAULTS, sides.defaults, "data", _ROWS_DEFAULTS),
        _row(f"{title}, rows there", sides.ours, "data", CAREFUL, sides.careful, "data", _ROWS_CAREFUL),
        _row(f"{title}, rows proved equal", sides.ours, "proven", f"{DEFAULTS}: rows there, unproved", sides.defaults, "data", _PROVEN),
        _row(f"{title}, first indexed answer", sides.ours, "indexed", DEFAULTS, sides.defaults, "indexed", _INDEXED_DEFAULTS),
        _row(f"{title}, first indexed answer", sides.ours, "indexed", CAREFUL, sides.careful, "indexed", _INDEXED_CAREFUL),
        _against_pgcopydb(sides, title),
        _row(f"{title}, {bridge}", sides.bridged, "indexed", DEFAULTS, sides.defaults, "indexed", _BRIDGED),
        _row(f"{title}, HNSW alone after a bridge", sides.bridged, "final", "ours without a bridge", sides.ours, "final", _BRIDGED_FINAL),
        _row(f"{title}, rows there", sides.ours, "data", "the floor: COPY BINARY alone", sides.floor, "data", None),
        _row(f"{title}, first indexed answer", sides.ours, "indexed", "the floor: and CREATE INDEX", sides.floor, "indexed", None),
    ]
    if sides.pgcopydb:
        found.insert(2, _row(f"{title}, rows there", sides.ours, "data", PGCOPYDB, sides.pgcopydb, "rows", None))
    return found


def _costs(sides: Sides, title: str) -> list[Row]:
    """CPU of everything that works, memory of our process alone, and what loading it takes."""
    cpu = [run.cpu_s for run in sides.ours]
    found = [
        of_pairs(f"{title}, CPU of servers and programs", cpu, peer, [run.cpu_s for run in runs], None)
        for peer, runs in ((DEFAULTS, sides.defaults), (CAREFUL, sides.careful), (PGCOPYDB, sides.pgcopydb), ("the floor", sides.floor))
        if runs
    ]
    peaks = [run.facts["peak_mb"] for run in (*sides.ours, *sides.bridged)]
    limit = f"{_MEMORY_MB:g} MB"
    found.append(of_pairs(f"{title}, peak memory of our process in MB", peaks, limit, [_MEMORY_MB] * len(peaks), 1.0))
    starts = [run.facts["start_s"] for run in sides.ours]
    indexed = [run.moments["indexed"] for run in sides.ours]
    found.append(of_pairs(f"{title}, loading our program, before the clock", starts, "our first indexed answer", indexed, None))
    return found


def _against_pgcopydb(sides: Sides, title: str) -> Row:
    figure = f"{title}, first indexed answer"
    if sides.pgcopydb:
        return _row(figure, sides.ours, "indexed", PGCOPYDB, sides.pgcopydb, "indexed", _INDEXED_PGCOPYDB)
    return Row(
        figure=figure, ours_s=0.0, peer=f"{PGCOPYDB}: not installed", peer_s=0.0, ratio=0.0, ratio_min=0.0, ratio_max=0.0, pairs=0,
        goal="not measured", met=True,
    )  # fmt: skip


def _row(figure: str, ours: list[Run], mine: str, peer: str, theirs: list[Run], other: str, at_most: float | None) -> Row:
    return of_pairs(figure, [run.moments[mine] for run in ours], peer, [run.moments[other] for run in theirs], at_most)


def _digests(ground: Ground, title: str) -> list[Row]:
    """The digest of every table of the source, against a sequential scan that also reads every value of it, in the same session."""
    with servers.open_on(ground.source) as session:
        table_digests.settle(session)
        found = [table for table in table_digests.tables(session) if table.schema == "public"]
        statements = [_scan(table) for table in found]
        scan = _timed(lambda: [session.execute(statement) for statement in statements])
        scan()  # what is not in memory yet comes now
        rows = []
        for algorithm, named, at_most in ((FAST_ALGORITHM, "digest", _DIGEST), (ALGORITHM, "digest for any version of PostgreSQL", None)):
            digest = _timed(lambda algorithm=algorithm: [table_digests.digest(session, table, algorithm=algorithm) for table in found])  # type: ignore[misc]
            rows.append(in_turn(f"{title}, {named}", digest, "a scan of every value", scan, pairs=_SCANS, at_most=at_most))
    return rows


def _scan(table: table_digests.Found) -> sql.Composed:
    """A statement that reads every value and makes its bytes; nothing is NULL in these tables."""
    lengths = sql.SQL(" + ").join(sql.SQL("octet_length({})").format(sent) for _, sent in table.sent)
    return sql.SQL("SELECT sum({}) FROM ONLY {}").format(lengths, table.identifier)


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def seconds() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return seconds
