"""Index knowledge against measured numbers: memory, sizes, settings, names."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from infra.domain import vectors
from infra.domain.environment import EmbeddingModel, Hnsw, IvfFlat, VectorSet


def vector_set(**changes: object) -> VectorSet:
    values: dict[str, object] = {
        "table": "memories",
        "column": "embedding",
        "type": "vector",
        "dimensions": 1536,
        "distance": "cosine",
        "model": EmbeddingModel(name="text-embedding-3-small", version="2024-01"),
        "expected_rows": 250_000,
        "recall_floor": 0.95,
        "index": Hnsw(kind="hnsw", m=16, ef_construction=64),
        "index_if_memory_is_short": IvfFlat(kind="ivfflat", lists=100),
    }
    return VectorSet(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "distance", "expected"),
    [
        ("vector", "cosine", "vector_cosine_ops <=>"),
        ("vector", "l2", "vector_l2_ops <->"),
        ("halfvec", "inner_product", "halfvec_ip_ops <#>"),
        ("halfvec", "cosine", "halfvec_cosine_ops <=>"),
    ],
)
def test_a_distance_has_its_operator_and_class(kind: str, distance: str, expected: str) -> None:
    assert f"{vectors.operator_class(kind, distance)} {vectors.operator(distance)}" == expected


# Bytes a vector, as measured from the notice of an overflowing build, m = 16.
@pytest.mark.parametrize(
    ("kind", "dimensions", "expected"), [("vector", 384, 2218), ("vector", 768, 3754), ("halfvec", 1536, 3754), ("vector", 1536, 6826)]
)
def test_a_vector_takes_the_measured_memory_in_a_graph(kind: str, dimensions: int, expected: int) -> None:
    assert vectors.graph_bytes_per_vector(kind, dimensions, 16) == pytest.approx(expected, abs=1)


# The most vectors that build in memory under Azure's ceiling.
@pytest.mark.parametrize(
    ("kind", "dimensions", "most"), [("vector", 1536, 313_983), ("halfvec", 3072, 313_983), ("halfvec", 1536, 570_914)]
)
def test_a_graph_ends_where_azures_ceiling_ends(kind: str, dimensions: int, most: int) -> None:
    ceiling = 2_097_151 * 1024
    assert vectors.graph_bytes(most - 1, dimensions, kind, 16) <= ceiling, (
        "the ceiling is 1 KiB short of the 2 GiB that the table was made for"
    )
    assert vectors.graph_bytes(most + 20, dimensions, kind, 16) > ceiling


@pytest.mark.parametrize(
    ("kind", "dimensions", "expected"),
    [
        ("vector", 384, 2048),
        ("vector", 768, 4096),
        ("vector", 1536, 8192),
        ("halfvec", 3072, 8192),
        ("vector", 2000, 16_384),
        ("halfvec", 4000, 16_384),
    ],
)
def test_an_index_takes_whole_pages(kind: str, dimensions: int, expected: int) -> None:
    rows = 100_000
    assert vectors.index_bytes(rows, dimensions, kind, 16) / rows == pytest.approx(expected, rel=0.01)


def test_an_index_doubles_above_1968_dimensions() -> None:
    assert vectors.index_bytes(1000, 1969, "vector", 16) == 2 * vectors.index_bytes(1000, 1968, "vector", 16)


def test_lists_100_on_1536_dimensions_needs_more_than_the_default_64_mb() -> None:
    assert vectors.ivfflat_bytes(25_000, 1536, "vector", 100) > 64 << 20
    assert vectors.ivfflat_bytes(25_000, 1536, "vector", 90) <= 64 << 20


# The most lists that k-means has room for under Azure's ceiling.
@pytest.mark.parametrize(("kind", "dimensions", "most"), [("vector", 1536, 2541), ("halfvec", 3072, 2530), ("halfvec", 1536, 2861)])
def test_lists_end_where_azures_ceiling_ends(kind: str, dimensions: int, most: int) -> None:
    ceiling = 2_097_151 * 1024
    assert vectors.ivfflat_bytes(10_000_000, dimensions, kind, most) <= ceiling
    assert vectors.ivfflat_bytes(10_000_000, dimensions, kind, most + 2) > ceiling


@pytest.mark.parametrize(("rows", "lists"), [(10, 1), (100_000, 100), (1_000_000, 1000), (4_000_000, 2000)])
def test_lists_follow_the_rows(rows: int, lists: int) -> None:
    assert vectors.recommended_lists(rows) == lists


@pytest.mark.parametrize(
    ("rows", "lists", "probes"), [(0, 1, 1), (900, 1, 1), (9_000, 9, 6), (40_000, 24, 6), (100_000, 33, 6), (1_000_000, 333, 18)]
)
def test_a_bridge_has_fewer_lists_and_reads_more_of_them(rows: int, lists: int, probes: int) -> None:
    assert vectors.bridge(rows) == (lists, probes)


def test_probes_are_the_square_root_of_the_lists_and_rows_fifty_times_them() -> None:
    assert [vectors.probes_for(lists) for lists in (1, 100, 1000)] == [1, 10, 31]
    assert vectors.minimum_rows(100) == 5000


def test_a_higher_floor_never_searches_less() -> None:
    settings = [vectors.ef_search_for(floor / 100) for floor in range(101)]
    assert settings == sorted(settings)
    assert {vectors.ef_search_for(floor) for floor in (0.9, 0.95, 0.97, 0.99)} == {40, 100, 200, 400}
    assert vectors.ef_search_for(1.0) <= 1000, "the server takes no more than 1000"


# A quarter of the memory of Standard_B1ms, and of Standard_D2s_v3.
@pytest.mark.parametrize(("build_memory_mib", "kind"), [(512, "ivfflat"), (2048, "hnsw")])
def test_a_graph_that_does_not_fit_gives_way_to_lists(build_memory_mib: int, kind: str) -> None:
    assert vectors.effective_index(vector_set(), build_memory_mib * 1024).kind == kind


def test_a_graph_without_an_alternative_stays() -> None:
    assert vectors.effective_index(vector_set(index_if_memory_is_short=None), 1).kind == "hnsw"


def test_an_index_name_survives_postgresql() -> None:
    assert vectors.index_name(vector_set()) == "memories_embedding_ann_idx"
    long = [vectors.index_name(vector_set(table="t" * 60 + end, column="embedding")) for end in ("aa", "ab")]
    assert [len(name) for name in long] == [63, 63]
    assert len(set(long)) == 2


def test_names_that_are_cut_at_the_same_place_stay_apart() -> None:
    table = "t" * 50
    names = {vectors.index_name(vector_set(table=table, column=column)) for column in ("embedding_one", "embedding_two")}
    assert len(names) == 2


def test_a_vector_set_is_frozen() -> None:
    with pytest.raises(ValidationError):
        vector_set().table = "other"
