"""Advice before a vector index is built: every way to search a set, what each needs on a machine, and which one to take.

Costs are in bytes, rows and seconds. Memory and sizes follow the models of vectors.py; times follow a rate that was measured on one
machine and is replaced by a sample build's wherever there is a server to ask.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.domain import vectors

# Exact search reads every vector. At about 2 GB/s of cached TOAST (20,000 x 1536 in 41 to 83 ms) this much takes some ten milliseconds:
# near what an index answers in, with a recall of 1 and nothing to build.
EXACT_BYTES = 16 << 20
# From so many dimensions halfvec lost no recall at half the size and 0.8 of the time (100,000 x 1536, 50,000 x 3072).
_HALF_FROM = 1536
# Re-ranking candidates of binary codes by the stored vectors: recall@10 .83 / .95 / .99 with 40 / 100 / 200 candidates.
_RERANKED = ((0.80, 40), (0.93, 100), (0.97, 200))
_RERANK_MOST = 400
# Types that an index may store, and the most dimensions of each (SQLSTATE 54000 above).
LIMITS: Mapping[str, int] = {**vectors.INDEX_LIMITS, "bit": 64_000}
# A build without workers keeps an address for each vector; one with workers a fixed reserve.
SERIAL_BYTES_PER_VECTOR, PARALLEL_RESERVE_BYTES = 32, 4 << 20


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is to be searched: rows, the column's type and dimensions, the distance, and the recall@10 that is to be reached."""

    rows: int
    dimensions: int
    column: str
    distance: str
    floor: float
    m: int = 16
    ef_construction: int = 64


@dataclass(frozen=True, kw_only=True)
class Rate:
    """CPU seconds to insert one vector of 1536 dimensions into a graph of `rows` with m 16 and ef_construction 64; `error` is a share."""

    seconds: float
    rows: int
    error: float
    calibrated: bool


# Processes of a build share the memory that they read from, and one writes the graph's file: two did 0.71 to 0.79 of twice the work
# of one (20,000 rows of 256, 768 and 1536 dimensions). More than two are assumed to be alike.
_SHARED_SPEED = 0.75
# 100,000 x 1536 with memory for the graph took two processes 41.3 and 41.8 s (two cores, PostgreSQL 16.14, pgvector 0.8.5).
MEASURED = Rate(seconds=41.5e-5 * 2 * _SHARED_SPEED, rows=100_000, error=0.5, calibrated=False)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a build may take: memory in bytes, workers beside the leader, and how fast it inserts (see Rate)."""

    build_bytes: int
    workers: int
    rate: Rate = MEASURED


# What is saved or lost against `vector` when another type is stored: CPU seconds of the same builds (64 to 68, and 25, of 80).
_STORED_SHARE: Mapping[str, float] = {"vector": 1.0, "halfvec": 0.82, "bit": 0.31}
# IVFFlat with 100 lists took 0.13 of the tuned HNSW build on the same rows, and grows with the lists (28.9 s of 41.5 s at 1,000).
_IVFFLAT_SHARE, _IVFFLAT_SHARE_PER_LIST = 0.06, 0.0006
# Beyond the memory the graph is built on disk pages: three to four times the CPU of a build that fits.
_SPILL_FACTOR = 3.5


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to search a set. `refusal` says why it cannot be built or must not be; None when it can.

    `memory_bytes` is what the build needs, `fits` whether the machine has it, `disk_bytes` the index on disk; `seconds` is the wall time
    of the build. `search` are the settings of a session that searches, `candidates` how many rows are re-ranked (0: none).
    """

    kind: str
    stored: str
    settings: Mapping[str, int]
    search: Mapping[str, int]
    candidates: int
    memory_bytes: int
    fits: bool
    disk_bytes: int
    seconds: float
    refusal: str | None = None

    @property
    def name(self) -> str:
        """`hnsw on halfvec`, `exact`: how a reader calls it."""
        return self.kind if self.kind == "exact" else f"{self.kind} on {self.stored}"


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The candidate to take with the reason, and the others in the order of preference."""

    shape: Shape
    best: Candidate
    why: str
    others: tuple[Candidate, ...]


def advise(shape: Shape, machine: Machine) -> Advice:
    """The best way to search the set on this machine, and every other way with what speaks against it."""
    found = sorted(candidates(shape, machine), key=lambda each: _rank(each, shape))
    best = found[0]
    return Advice(shape=shape, best=best, why=_why(best, shape, machine), others=tuple(found[1:]))


def candidates(shape: Shape, machine: Machine) -> Iterator[Candidate]:
    """Every way to search the set: exact, and each index on each type that can be stored."""
    yield _exact(shape)
    for stored in ("vector", "halfvec", "bit"):
        if stored == "vector" and shape.column == "halfvec":
            continue  # a cast to twice the bytes adds nothing
        yield _hnsw(shape, machine, stored)
        if stored != "bit":
            yield _ivfflat(shape, machine, stored)


def graph_need(shape: Shape, stored: str, workers: int) -> int:
    """Memory in bytes that an HNSW build needs to stay in memory, with or without workers."""
    per_vector = vectors.graph_bytes_per_vector(stored, shape.dimensions, shape.m)
    if workers:
        return math.ceil(shape.rows * per_vector) + PARALLEL_RESERVE_BYTES
    return math.ceil(shape.rows * (per_vector + SERIAL_BYTES_PER_VECTOR))


def most_lists(rows: int, dimensions: int, stored: str, build_bytes: int) -> int:
    """The largest number of lists whose k-means fits the memory, 0 where not even one does."""
    low, high = 0, vectors.LISTS_RANGE[1]
    while low < high:
        middle = (low + high + 1) // 2
        if vectors.ivfflat_bytes(rows, dimensions, stored, middle) <= build_bytes:
            low = middle
        else:
            high = middle - 1
    return low


def hnsw_seconds(shape: Shape, stored: str, machine: Machine, *, fits: bool) -> float:
    """Wall seconds of a graph build: distances a row grow with ef_construction, m and the logarithm of the rows."""
    rate, rows = machine.rate, max(shape.rows, 2)
    per_row = rate.seconds * math.log(rows) / math.log(max(rate.rows, 2)) * _work(shape, stored)
    processes = 1 + machine.workers
    speed = processes if processes == 1 else processes * _SHARED_SPEED
    return rows * per_row / speed * (1.0 if fits else _SPILL_FACTOR)


def _work(shape: Shape, stored: str) -> float:
    """How much dearer one insert is than one of 1536 dimensions as vector with m 16 and ef_construction 64."""
    size = vectors.value_bytes("vector", shape.dimensions) / vectors.value_bytes("vector", 1536)
    # A third of an insert is the walk itself, whatever the size of a value (measured: 61 % of the bytes took 82 % of the time).
    settings: float = (shape.ef_construction / 64) ** 0.8 * (shape.m / 16) ** 0.4
    return (1 / 3 + 2 / 3 * size) * _STORED_SHARE[stored] * settings


def _exact(shape: Shape) -> Candidate:
    size = shape.rows * vectors.value_bytes(shape.column, shape.dimensions)
    refusal = None if size <= EXACT_BYTES else f"every search would read {size >> 20} MB"
    return Candidate(
        kind="exact", stored=shape.column, settings={}, search={}, candidates=0, memory_bytes=0, fits=True, disk_bytes=0, seconds=0.0,
        refusal=refusal,
    )  # fmt: skip


def _hnsw(shape: Shape, machine: Machine, stored: str) -> Candidate:
    need = graph_need(shape, stored, machine.workers)
    fits = need <= machine.build_bytes
    again = _rerank(shape.floor) if stored == "bit" else 0
    return Candidate(
        kind="hnsw", stored=stored, settings={"m": shape.m, "ef_construction": max(shape.ef_construction, 2 * shape.m)},
        search={"hnsw.ef_search": again or vectors.ef_search_for(shape.floor)}, candidates=again, memory_bytes=need, fits=fits,
        disk_bytes=vectors.index_bytes(shape.rows, shape.dimensions, stored, shape.m),
        seconds=hnsw_seconds(shape, stored, machine, fits=fits), refusal=_beyond(shape, stored) or _coarse(shape, stored),
    )  # fmt: skip


def _ivfflat(shape: Shape, machine: Machine, stored: str) -> Candidate:
    wanted = vectors.recommended_lists(shape.rows)
    need = vectors.ivfflat_bytes(shape.rows, shape.dimensions, stored, wanted)
    seconds = hnsw_seconds(shape, stored, machine, fits=True) * (_IVFFLAT_SHARE + _IVFFLAT_SHARE_PER_LIST * wanted)
    return Candidate(
        kind="ivfflat", stored=stored, settings={"lists": wanted}, search={"ivfflat.probes": vectors.probes_for(wanted)}, candidates=0,
        memory_bytes=need, fits=need <= machine.build_bytes, seconds=seconds,
        disk_bytes=vectors.ivfflat_index_bytes(shape.rows, shape.dimensions, stored, wanted),
        refusal=_beyond(shape, stored) or _short(shape, stored, wanted, need, machine),
    )  # fmt: skip


def _beyond(shape: Shape, stored: str) -> str | None:
    limit = LIMITS[stored]
    return f"an index on {stored} takes at most {limit:,} dimensions" if shape.dimensions > limit else None


def _coarse(shape: Shape, stored: str) -> str | None:
    """Binary codes carry too little of short vectors, and have no distance but that of angles."""
    if stored != "bit":
        return None
    if shape.distance == "l2":
        return "binary codes know the angle between vectors, not their length"
    return "binary codes of fewer than 768 dimensions tell too little apart" if shape.dimensions < 768 else None


def _short(shape: Shape, stored: str, lists: int, need: int, machine: Machine) -> str | None:
    if shape.rows < vectors.minimum_rows(lists):
        return f"{shape.rows:,} rows are too few for {lists} lists"
    if need <= machine.build_bytes:
        return None
    largest = most_lists(shape.rows, shape.dimensions, stored, machine.build_bytes)
    says = f"k-means of {lists} lists needs {need >> 20} MB of the {machine.build_bytes >> 20} MB there are, and fails"
    return f"{says}; {largest} lists fit" if largest else f"{says}; no number of lists fits"


def _rerank(floor: float) -> int:
    return next((number for reached, number in _RERANKED if floor <= reached), _RERANK_MOST)


def _rank(candidate: Candidate, shape: Shape) -> tuple[int, int, int]:
    """Smaller is better: what can be built, then what stays in memory, then the kind, then the type."""
    if candidate.kind == "exact" and candidate.refusal is None:
        return 0, 0, 0
    prefers = "halfvec" if shape.dimensions >= _HALF_FROM else "vector"
    kind = {"hnsw": 0 if candidate.stored != "bit" else 1, "ivfflat": 2, "exact": 3}[candidate.kind]
    return (2 if candidate.refusal else 1), (0 if candidate.fits else 5) + kind, 0 if candidate.stored == prefers else 1


def _why(best: Candidate, shape: Shape, machine: Machine) -> str:
    if best.kind == "exact":
        return f"{shape.rows:,} rows are read faster than an index is worth; a search is exact"
    room = f"{best.memory_bytes >> 20} of {machine.build_bytes >> 20} MB"
    if not best.fits:
        return f"nothing fits the memory: the graph needs {room} and is built on disk, {_SPILL_FACTOR:g} times slower"
    if best.kind == "ivfflat":
        return f"no graph fits the memory of a build; k-means does, {room}"
    if best.stored == "bit":
        return f"only binary codes fit the memory of a build, {room}; {best.candidates} candidates are ranked again by the stored vectors"
    half = ", at half the size and no loss of recall" if best.stored == "halfvec" and shape.column == "vector" else ""
    return f"the graph is built in memory, {room}{half}"


def query(table: str, column: str, shape: Shape, candidate: Candidate, limit: int = 10) -> str:
    """The search to write, as text to read: the operator and the cast must be those of the index, or it is not used.

    With binary codes the index finds candidates and the stored vectors rank them.
    """
    operator = vectors.operator(shape.distance)
    if candidate.stored == "bit":
        code = f"binary_quantize({column})::bit({shape.dimensions}) <~> binary_quantize($1::{shape.column}({shape.dimensions}))"
        near = f"SELECT *, {column} {operator} $1 AS distance FROM {table} ORDER BY {code} LIMIT {candidate.candidates}"
        return f"SELECT * FROM ({near}) AS near ORDER BY distance LIMIT {limit}"
    cast = f"::{candidate.stored}({shape.dimensions})" if candidate.stored != shape.column else ""
    return f"SELECT * FROM {table} ORDER BY {column}{cast} {operator} $1{cast} LIMIT {limit}"


def normal(seconds: float, rows: int, shape: Shape, stored: str, error: float) -> Rate:
    """The rate that a sample build tells: `seconds` without workers for `rows` of this shape, stored so."""
    return Rate(seconds=seconds / max(rows, 1) / _work(shape, stored), rows=rows, error=error, calibrated=True)
