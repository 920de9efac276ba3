"""How fast vector indexes are built, against `CREATE INDEX` with the server's defaults and against hnswlib without a database.

Both sides build on the same table of the same server, in turn; only session settings differ. CPU seconds are those of all the
server's processes: they hold still where the machine is busy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks import servers
from benchmarks.pairs import Row, in_turn, of_pairs
from infra.domain import index_advice, vectors
from infra.domain.environment import Hnsw, IvfFlat, VectorSet
from infra.domain.index_advice import Machine, Shape
from infra.domain.steps import BuildIndex
from scripts.edges import index_builds, sample_builds, stack_file
from scripts.edges.index_builds import Built, Room
from scripts.local_azure.postgres import Cluster

_ROOT = Path(__file__).resolve().parents[1]
_DEFAULTS = "CREATE INDEX with the server's defaults"
# Azure's ceiling for one session; a build takes only what its graph needs of it.
_ALLOWED_KIB = 2_097_151
_SERVER_KIB = 64 * 1024
# Faster by at least so much, as ratios ours / peer.
_WALL, _CPU, _SMALL = 1 / 3, 1 / 3, 1 / 4
_IVFFLAT_SHARE, _VECTOR_FLOOR, _HALFVEC_FLOOR = 0.2, 1.7, 1.4
_TIME_WITHIN, _SHAPES_WITHIN = 0.25, 0.8


def measure(quick: bool) -> list[dict[str, object]]:
    """Rows of figures; `--quick` takes 20,000 rows and three pairs instead of 100,000 (50,000 of 3072 dimensions) and five."""
    rows, large, pairs = (20_000, 5_000, 3) if quick else (100_000, 50_000, 5)
    found = _hnsw("HNSW", rows, 1536, "vector", pairs)
    found += _hnsw("HNSW, halfvec", large, 3072, "halfvec", pairs)
    if not quick:
        found += _hnsw("HNSW, main fork under 8 MB", 20_000, 1536, "vector", pairs, goals=(_SMALL, None))
    found += _times(quick)
    return [row.as_json() for row in found]


def _hnsw(figure: str, rows: int, dimensions: int, stored: str, pairs: int, goals: tuple[float, float | None] = (_WALL, _CPU)) -> list[Row]:
    """HNSW against the defaults (wall, CPU) and the floor, and IVFFlat against HNSW, on one server."""
    vector_set = _set(dimensions, stored)
    name = f"{figure} {rows:,} x {dimensions}"
    with servers.server() as cluster:
        embeddings = servers.fill(cluster, vector_set, rows)
        cpu: dict[str, list[float]] = {"ours": [], "peer": []}
        seconds: list[float] = []
        floors: list[float | None] = []

        def ours() -> float:
            wall, used = _timed(cluster, lambda: _build(cluster, vector_set, vector_set.index))
            cpu["ours"].append(used)
            seconds.append(wall)
            return wall

        def peer() -> float:
            wall, used = _timed(cluster, lambda: _plain(cluster, vector_set))
            cpu["peer"].append(used)
            floors.append(_without_database(embeddings))
            return wall

        wall = in_turn(f"{name}, wall", ours, _DEFAULTS, peer, pairs=pairs, at_most=goals[0])
        used = of_pairs(f"{name}, CPU of the server", cpu["ours"], _DEFAULTS, cpu["peer"], goals[1])
        found = [wall, used, _ivfflat(cluster, vector_set, rows, median(seconds))]
        known = [floor for floor in floors if floor is not None]
        goal = _HALFVEC_FLOOR if stored == "halfvec" else _VECTOR_FLOOR
        return found + ([of_pairs(f"{name}, distance to the floor", seconds, "hnswlib, no database", known, goal)] if known else [])


def _ivfflat(cluster: Cluster, vector_set: VectorSet, rows: int, hnsw_seconds: float) -> Row:
    """IVFFlat as advised, against the tuned HNSW; with the server's defaults it must fail, or the figure would say nothing."""
    index = IvfFlat(kind="ivfflat", lists=max(100, vectors.recommended_lists(rows)))
    fails = False
    try:
        _plain(cluster, vector_set.model_copy(update={"index": index}))
    except psycopg.errors.ProgramLimitExceeded:
        fails = True
    seconds, _ = _timed(cluster, lambda: _build(cluster, vector_set, index))
    figure = f"IVFFlat {rows:,} x {vector_set.dimensions}, {index.lists} lists{', where the defaults error' if fails else ''}"
    return of_pairs(figure, [seconds], "our HNSW of the same rows", [hnsw_seconds], _IVFFLAT_SHARE)


def _without_database(embeddings: Any) -> float | None:
    """Seconds of the same graph without a database; None where hnswlib is not installed (it has to be compiled, so nothing demands it)."""
    try:
        import hnswlib
    except ImportError:
        return None
    graph = hnswlib.Index(space="cosine", dim=embeddings.shape[1])
    graph.init_index(max_elements=len(embeddings), M=16, ef_construction=64)
    began = time.perf_counter()
    graph.add_items(embeddings, num_threads=os.cpu_count() or 1)
    return time.perf_counter() - began


def _times(quick: bool) -> list[Row]:
    """Estimates of build times by a sample build, against the builds; one row a shape, and the share of good ones as the last."""
    shapes = [(12_000, 384), (20_000, 256), (15_000, 768)] if quick else [
        (20_000, 256), (40_000, 256), (30_000, 384), (60_000, 384), (20_000, 768), (40_000, 768), (20_000, 1024), (30_000, 1024),
        (20_000, 1536), (30_000, 1536),
    ]  # fmt: skip
    found = [_estimate(rows, dimensions) for rows, dimensions in shapes]
    good = sum(row.met for row in found)
    total = replace(
        found[0], figure=f"estimates within {_TIME_WITHIN:.0%}: {good} of {len(found)}", ours_s=0.0, peer="", peer_s=0.0, ratio=0.0,
        ratio_min=0.0, ratio_max=0.0, pairs=len(found), goal=f"{_SHAPES_WITHIN:.0%} of the shapes", met=good >= _SHAPES_WITHIN * len(found),
    )  # fmt: skip
    return [*found, total]


def _estimate(rows: int, dimensions: int) -> Row:
    vector_set = _set(dimensions, "vector")
    shape = Shape(rows=rows, dimensions=dimensions, column="vector", distance="cosine", floor=0.95)
    with servers.server() as cluster:
        servers.fill(cluster, vector_set, rows)
        with servers.open_on(cluster) as session:
            rate = sample_builds.calibrate(session, vector_set, shape)
        machine = Machine(build_bytes=_ALLOWED_KIB * 1024, workers=_workers(), rate=rate)
        estimated = index_advice.hnsw_seconds(shape, "vector", machine, fits=True)
        seconds, _ = _timed(cluster, lambda: _build(cluster, vector_set, vector_set.index))
    row = of_pairs(f"estimate for {rows:,} x {dimensions}", [estimated], "the build", [seconds], 1 + _TIME_WITHIN)
    return replace(row, goal=f"within {_TIME_WITHIN:.0%}", met=1 / (1 + _TIME_WITHIN) <= row.ratio <= 1 + _TIME_WITHIN)


def _set(dimensions: int, stored: str) -> VectorSet:
    shipped = stack_file.read("prod", _ROOT).vector_sets[0]
    index = Hnsw(kind="hnsw", m=16, ef_construction=64)
    return shipped.model_copy(update={"dimensions": dimensions, "type": stored, "index": index, "index_if_memory_is_short": None})


def _build(cluster: Cluster, vector_set: VectorSet, index: Hnsw | IvfFlat) -> Built:
    """The product's own builder; a build that spills although it was planned in memory ends the measuring."""
    action = BuildIndex(vector_set=vector_set, index=index, name=vectors.index_name(vector_set), cast=vector_set.type != "vector")
    room = Room(_ALLOWED_KIB, _workers(), _SERVER_KIB)
    with servers.open_on(cluster) as session:
        # As the peer does it, and as in a restore; CONCURRENTLY, on a live table, reads it once more.
        built = index_builds.build(session, lambda: servers.open_on(cluster), action, room, lambda progress: None, live=False)
    if built.spilled:
        raise SystemExit(f"a build spilled that was planned in memory: {built}")
    return built


def _plain(cluster: Cluster, vector_set: VectorSet) -> None:
    """What a person types who has read the manual."""
    stored, dimensions = vector_set.type, vector_set.dimensions
    expression = vector_set.column if stored == "vector" else f"({vector_set.column}::{stored}({dimensions}))"
    options = ", ".join(f"{name} = {value}" for name, value in vector_set.index.model_dump().items() if name != "kind")
    method, kind = vector_set.index.kind, vectors.operator_class(stored, vector_set.distance)
    with servers.open_on(cluster) as session:
        session.execute(f"CREATE INDEX plain ON {vector_set.table} USING {method} ({expression} {kind}) WITH ({options})".encode())


def _timed(cluster: Cluster, work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds; the index is gone afterwards, and what it wrote is on disk."""
    wall: list[float] = []

    def run() -> None:
        began = time.perf_counter()
        work()
        wall.append(time.perf_counter() - began)

    used = servers.cpu_seconds(cluster, run)
    with servers.open_on(cluster) as session:
        for (name,) in session.execute("SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
                                       " JOIN pg_am ON pg_am.oid = relam WHERE amname IN ('hnsw', 'ivfflat')").fetchall():  # fmt: skip
            session.execute(f"DROP INDEX {name}".encode())
    servers.settle(cluster)
    return wall[0], used


def _workers() -> int:
    return max(0, (os.cpu_count() or 1) - 1)
