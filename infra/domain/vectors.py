"""Index knowledge: operators, limits, memory, sizes and settings of HNSW and IVFFlat indexes of pgvector.

Memory and size models were fitted to measurements on PostgreSQL 16.14 with pgvector 0.8.5 (dimensions 384 to 4000,
m 8 to 64, serial and parallel) and hold within half a percent; the limits are those that the server enforces.
"""

from __future__ import annotations

import hashlib
import math

from infra.domain.environment import Hnsw, IvfFlat, VectorSet

# Most dimensions that an index takes, by the type that it stores (SQLSTATE 54000 above).
INDEX_LIMITS = {"vector": 2000, "halfvec": 4000}
# Settings outside these ranges are refused by the server (SQLSTATE 22023).
M_RANGE, EF_CONSTRUCTION_RANGE, LISTS_RANGE = (2, 100), (4, 1000), (1, 32768)
_OPERATORS = {"cosine": "<=>", "l2": "<->", "inner_product": "<#>"}
_CLASSES = {"cosine": "cosine_ops", "l2": "l2_ops", "inner_product": "ip_ops"}
# recall@10 measured on 100,000 clustered 1536-d embeddings, worst of three builds: 0.928 at 40, 0.969 at 100, 0.991 at
# 200. The smallest setting that reaches the floor with the .026 by which two equal builds differ is taken.
_EF_SEARCH = ((0.90, 40), (0.95, 100), (0.97, 200), (0.99, 400))
_EF_SEARCH_MOST = 800
# k-means wants this many samples a list, and at least 10,000 of a table that has them.
_SAMPLES_PER_LIST, _LEAST_SAMPLES = 50, 10_000
# lists = rows / 1000 up to a million rows, their square root above (pgvector's own advice).
_ROWS_PER_LIST, _SQUARE_ROOT_FROM = 1000, 1_000_000
# An index that lives for minutes: of 100,000 x 1536, 33 lists took 9 CPU seconds and 100 lists 15, and found as many of the nearest.
_ROWS_PER_BRIDGE_LIST, _LEAST_BRIDGE_LISTS = 3000, 24
# Measured on clustered embeddings: six probes of 24 to 33 lists found .99 of the ten nearest; the square root is less below 36 lists.
_LEAST_BRIDGE_PROBES = 6
_PAGE_BYTES = 8160
_NAME_BYTES = 63


def operator(distance: str) -> str:
    """The operator of a distance: cosine <=>, l2 <->, inner_product <#> (which is the negative inner product)."""
    return _OPERATORS[distance]


def operator_class(kind: str, distance: str) -> str:
    """The operator class of an index that stores `kind` (vector, halfvec) for a distance."""
    return f"{kind}_{_CLASSES[distance]}"


def value_bytes(kind: str, dimensions: int) -> int:
    """Bytes of one value: 4 a dimension for vector, 2 for halfvec, a bit for bit, and 8 before them."""
    return 8 + (-(-dimensions // 8) if kind == "bit" else (2 if kind == "halfvec" else 4) * dimensions)


def graph_bytes_per_vector(kind: str, dimensions: int, m: int) -> float:
    """Memory in bytes that one vector takes in the graph of an HNSW build."""
    return 128 + 8 + (8 + 32 * m) + _eights(value_bytes(kind, dimensions)) + (16 + 16 * m) / (m - 1)


def graph_bytes(rows: int, dimensions: int, kind: str, m: int) -> int:
    """Memory in bytes that an HNSW build of `rows` vectors needs to stay in memory, with 4 MiB of reserve for workers."""
    return math.ceil(rows * graph_bytes_per_vector(kind, dimensions, m)) + (4 << 20)


def ivfflat_bytes(rows: int, dimensions: int, kind: str, lists: int) -> int:
    """Memory in bytes of the k-means step of an IVFFlat build; with less it fails, it does not slow down."""
    item = _eights(value_bytes(kind, dimensions))
    samples = min(rows, max(_SAMPLES_PER_LIST * lists, _LEAST_SAMPLES))
    return 2 * lists * item + samples * item + 4 * lists * dimensions + 4 * samples * lists + 4 * lists * lists + 8 * samples + 12 * lists


def index_bytes(rows: int, dimensions: int, kind: str, m: int) -> int:
    """Size on disk in bytes of an HNSW index: whole pages of 8 KiB, as many elements in each as fit."""
    pair = _eights(72 + value_bytes(kind, dimensions)) + _eights(4 + 12 * m) + 8
    return 8192 * (2 * rows if pair > _PAGE_BYTES else math.ceil(rows / (_PAGE_BYTES // pair)))


def ivfflat_index_bytes(rows: int, dimensions: int, kind: str, lists: int) -> int:
    """Size on disk in bytes of an IVFFlat index: each list begins a page of its own; 8 bytes of heading and 4 of pointer a value."""
    entry = _eights(8 + value_bytes(kind, dimensions)) + 4
    return 8192 * (math.ceil(rows / max(1, _PAGE_BYTES // entry)) + lists)


def ivfflat_sort_bytes(rows: int, dimensions: int, kind: str) -> int:
    """Memory in bytes with which an IVFFlat build sorts its values by list without files: 88 bytes of headings each, a tenth of reserve."""
    return math.ceil(rows * (_eights(value_bytes(kind, dimensions)) + 88) * 1.1)


def recommended_lists(rows: int) -> int:
    """Lists for a table of `rows`: a thousandth up to a million rows, their square root above."""
    return max(1, rows // _ROWS_PER_LIST if rows <= _SQUARE_ROOT_FROM else math.isqrt(rows))


def bridge(rows: int) -> tuple[int, int]:
    """Lists and probes of an IVFFlat index that answers only until another is built: sooner there, and each search reads more of it."""
    lists = min(recommended_lists(rows), max(_LEAST_BRIDGE_LISTS, rows // _ROWS_PER_BRIDGE_LIST))
    return lists, min(lists, max(_LEAST_BRIDGE_PROBES, probes_for(lists)))


def minimum_rows(lists: int) -> int:
    """Rows below which an IVFFlat index of `lists` must not be built: k-means would see fewer than 50 a list."""
    return _SAMPLES_PER_LIST * lists


def probes_for(lists: int) -> int:
    """`ivfflat.probes` for `lists`: their square root."""
    return max(1, math.isqrt(lists))


def ef_search_for(recall_floor: float) -> int:
    """`hnsw.ef_search` that reaches a floor of recall@10, from the measured table above; a start, proved by measuring."""
    return next((setting for reached, setting in _EF_SEARCH if recall_floor <= reached), _EF_SEARCH_MOST)


def effective_index(vector_set: VectorSet, build_memory_kib: int) -> Hnsw | IvfFlat:
    """The index that is built: the declared one, or the alternative when the graph does not fit the build memory."""
    index, alternative = vector_set.index, vector_set.index_if_memory_is_short
    if isinstance(index, IvfFlat) or alternative is None:
        return index
    needed = graph_bytes(vector_set.expected_rows, vector_set.dimensions, vector_set.type, index.m)
    return index if needed <= build_memory_kib * 1024 else alternative


def build_bytes(rows: int, vector_set: VectorSet, index: Hnsw | IvfFlat) -> int:
    """Memory in bytes that building `index` over `rows` of the set needs."""
    if isinstance(index, Hnsw):
        return graph_bytes(rows, vector_set.dimensions, vector_set.type, index.m)
    return ivfflat_bytes(rows, vector_set.dimensions, vector_set.type, index.lists)


def index_name(vector_set: VectorSet) -> str:
    """The name of the set's index: table, column and what it is for; cut names get a digest and stay distinct."""
    name = f"{vector_set.table}_{vector_set.column}_ann_idx"
    if len(name) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(f"{vector_set.table}.{vector_set.column}".encode()).hexdigest()[:8]
    return f"{name[: _NAME_BYTES - 17]}_{digest}_ann_idx"


def _eights(size: int) -> int:
    return -(-size // 8) * 8
