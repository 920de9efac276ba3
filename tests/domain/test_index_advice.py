"""Advice before a build: the kind that fits, the reason, and the search to write."""

from __future__ import annotations

import math

import pytest

from infra.domain import index_advice, vectors
from infra.domain.index_advice import Advice, Candidate, Machine, Shape, advise

MIB = 1 << 20
TWO_GB = 2_097_151 * 1024


def _advice(rows: int, dimensions: int, memory: int = TWO_GB, *, workers: int = 1, **changes: object) -> Advice:
    asked = {"rows": rows, "dimensions": dimensions, "column": "vector", "distance": "cosine", "floor": 0.95, **changes}
    return advise(Shape(**asked), Machine(build_bytes=memory, workers=workers))  # type: ignore[arg-type]


def _named(advice: Advice, name: str) -> Candidate:
    return next(each for each in (advice.best, *advice.others) if each.name == name)


@pytest.mark.parametrize(
    ("rows", "dimensions", "memory", "takes"),
    [
        (2_000, 1536, TWO_GB, "exact"),
        (100_000, 384, TWO_GB, "hnsw on vector"),
        (100_000, 1536, TWO_GB, "hnsw on halfvec"),
        (313_000, 1536, TWO_GB, "hnsw on halfvec"),
        (100_000, 3072, TWO_GB, "hnsw on halfvec"),
        (1_000_000, 3072, TWO_GB, "hnsw on bit"),
        (100_000, 5000, TWO_GB, "hnsw on bit"),
        (3_000_000, 1536, TWO_GB, "ivfflat on halfvec"),
        (300_000, 384, 512 * MIB, "hnsw on halfvec"),
        (1_000_000, 384, 512 * MIB, "ivfflat on vector"),
    ],
)
def test_takes_what_fits_the_memory_of_the_machine(rows: int, dimensions: int, memory: int, takes: str) -> None:
    assert _advice(rows, dimensions, memory).best.name == takes


def test_memory_is_that_of_the_measured_formula() -> None:
    # 313,983 vectors of 1536 dimensions is what two whole GiB hold, as measured; Azure's ceiling is a kilobyte less.
    fitting, over = _named(_advice(313_982, 1536), "hnsw on vector"), _named(_advice(313_984, 1536), "hnsw on vector")
    assert fitting.fits
    assert not over.fits
    assert fitting.memory_bytes == vectors.graph_bytes(313_982, 1536, "vector", 16)
    alone = _named(_advice(100_000, 1536, workers=0), "hnsw on vector")
    assert alone.memory_bytes == pytest.approx(100_000 * (6826 + 32), rel=0.001)


def test_a_column_of_halfvec_is_not_cast_to_twice_its_bytes() -> None:
    advice = _advice(100_000, 1536, column="halfvec")
    assert "vector" not in {each.stored for each in (advice.best, *advice.others)}
    assert index_advice.query("t", "e", advice.shape, advice.best) == "SELECT * FROM t ORDER BY e <=> $1 LIMIT 10"


def test_refuses_ivfflat_whose_clustering_would_fail_and_names_the_lists_that_fit() -> None:
    memory = 64 * MIB
    found = _named(_advice(300_000, 1536, memory), "ivfflat on vector")
    largest = index_advice.most_lists(300_000, 1536, "vector", memory)
    assert found.refusal == f"k-means of 300 lists needs 110 MB of the 64 MB there are, and fails; {largest} lists fit"
    assert vectors.ivfflat_bytes(300_000, 1536, "vector", largest) <= memory < vectors.ivfflat_bytes(300_000, 1536, "vector", largest + 1)
    assert index_advice.most_lists(300_000, 1536, "vector", MIB) == 0


def test_under_azures_ceiling_the_largest_lists_are_those_that_were_measured() -> None:
    assert index_advice.most_lists(100_000_000, 1536, "vector", TWO_GB) == pytest.approx(2541, rel=0.01)


@pytest.mark.parametrize(
    ("shape", "name", "says"),
    [
        ({"rows": 100_000, "dimensions": 3072}, "hnsw on vector", "an index on vector takes at most 2,000 dimensions"),
        ({"rows": 100_000, "dimensions": 4096}, "ivfflat on halfvec", "an index on halfvec takes at most 4,000 dimensions"),
        ({"rows": 100_000, "dimensions": 1536, "distance": "l2"}, "hnsw on bit", "binary codes know the angle between vectors,"),
        ({"rows": 100_000, "dimensions": 384}, "hnsw on bit", "binary codes of fewer than 768 dimensions tell too little apart"),
        ({"rows": 40, "dimensions": 1536}, "ivfflat on vector", "40 rows are too few for 1 lists"),
        ({"rows": 100_000, "dimensions": 1536}, "exact", "every search would read 586 MB"),
    ],
)  # fmt: skip
def test_says_what_speaks_against_a_way(shape: dict[str, object], name: str, says: str) -> None:
    refusal = _named(_advice(**shape), name).refusal  # type: ignore[arg-type]
    assert refusal is not None
    assert refusal.startswith(says)


def test_what_is_refused_is_never_taken() -> None:
    for rows in (40, 5_000, 300_000, 30_000_000):
        for dimensions in (64, 384, 1536, 3072, 5000):
            for memory in (16 * MIB, 512 * MIB, TWO_GB):
                best = _advice(rows, dimensions, memory).best
                assert best.refusal is None or best.kind == "exact", (rows, dimensions, memory)


def test_a_floor_decides_how_far_a_search_looks() -> None:
    low, high = _advice(100_000, 1536, floor=0.9).best, _advice(100_000, 1536, floor=0.99).best
    assert low.search["hnsw.ef_search"] < high.search["hnsw.ef_search"]


def test_the_search_repeats_the_cast_of_the_index() -> None:
    advice = _advice(100_000, 3072)
    text = index_advice.query("facts", "e", advice.shape, advice.best)
    assert text == "SELECT * FROM facts ORDER BY e::halfvec(3072) <=> $1::halfvec(3072) LIMIT 10"


def test_binary_codes_are_ranked_again_by_the_stored_vectors() -> None:
    advice = _advice(1_000_000, 3072)
    text = index_advice.query("facts", "e", advice.shape, advice.best)
    assert advice.best.candidates == 200 == advice.best.search["hnsw.ef_search"]
    assert "binary_quantize(e)::bit(3072) <~>" in text
    assert text.endswith("LIMIT 200) AS near ORDER BY distance LIMIT 10")


def test_a_sample_build_replaces_the_rate_that_was_measured_elsewhere() -> None:
    shape = Shape(rows=100_000, dimensions=1536, column="vector", distance="cosine", floor=0.95)
    rate = index_advice.normal(6.7, 10_000, shape, "vector", 0.25)
    seconds = index_advice.hnsw_seconds(shape, "vector", Machine(build_bytes=TWO_GB, workers=0, rate=rate), fits=True)
    assert seconds == pytest.approx(67 * math.log(100_000) / math.log(10_000))
    assert rate.calibrated
    # A second process does half as much again, because both read from the same memory.
    with_worker = Machine(build_bytes=TWO_GB, workers=1, rate=rate)
    assert index_advice.hnsw_seconds(shape, "vector", with_worker, fits=True) == pytest.approx(seconds / 1.5)


def test_a_build_that_does_not_fit_takes_many_times_longer() -> None:
    shape = Shape(rows=100_000, dimensions=1536, column="vector", distance="cosine", floor=0.95)
    machine = Machine(build_bytes=64 * MIB, workers=1)
    fits, spills = (index_advice.hnsw_seconds(shape, "vector", machine, fits=each) for each in (True, False))
    # 41.5 s with memory for the graph, 143 to 146 s without, on the machine of the rate.
    assert fits == pytest.approx(41.5, rel=0.1)
    assert spills == pytest.approx(144.5, rel=0.1)
