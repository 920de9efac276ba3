"""Judging recall: ties, how sure a measurement is, the smallest setting that suffices, and what helps where none does."""

from __future__ import annotations

import math

import pytest

from infra.domain import recall
from infra.domain.recall import Excluded, RecallResult, Shape

HNSW = Shape(method="hnsw", stored="vector", dimensions=1536, options={"m": 16, "ef_construction": 64})
ALL = Excluded(rows=1000, without_vector=0, of_length_zero=0)


def measured(setting: int, found: float | None, *, error: float = 0.0, method: str = "hnsw", queries: int = 200) -> RecallResult:
    return RecallResult(
        vector_set="t.e", index="near", settings={recall.PARAMETERS[method]: str(setting)}, served_by="near", chosen=True, recall=found,
        standard_error=error, queries=queries, p50_ms=1.0, p95_ms=2.0, floor=0.95, excluded=ALL,
    )  # fmt: skip


def chosen(*points: tuple[int, float], current: int, error: float = 0.0) -> recall.Judged:
    return recall.judge([measured(*point, error=error) for point in points], "hnsw", current, HNSW)


def test_a_neighbour_as_near_as_the_last_exact_one_counts_whichever_row_it_is() -> None:
    truth = [0.0, 0.1, 0.2, 0.2]
    assert recall.hit_share([0.0, 0.2, 0.2, 0.2], truth) == 1.0
    assert recall.hit_share([0.0, 0.1, 0.2, 0.3], truth) == 0.75


def test_a_difference_in_the_last_bits_of_a_float_is_a_tie_and_a_greater_one_is_not() -> None:
    assert recall.hit_share([0.2 + 1e-8], [0.2]) == 1.0
    assert recall.hit_share([0.2 + 1e-4], [0.2]) == 0.0


def test_ties_of_large_negative_inner_products_are_judged_by_their_size() -> None:
    assert recall.tied(-1000.0 + 1e-4, -1000.0)
    assert not recall.tied(-999.0, -1000.0)


def test_too_few_answers_are_misses() -> None:
    assert recall.hit_share([0.1], [0.1, 0.2]) == 0.5
    assert recall.hit_share([], [0.1]) == 0.0


def test_the_standard_error_is_that_of_the_queries() -> None:
    shares = [1.0] * 100 + [0.9] * 100
    assert recall.standard_error(shares) == pytest.approx(0.05 / math.sqrt(199))


def test_two_hundred_queries_that_find_everything_leave_a_doubt() -> None:
    assert 0.0 < recall.standard_error([1.0] * 200) < 0.001
    assert recall.standard_error([1.0] * 10) > recall.standard_error([1.0] * 200)
    assert recall.standard_error([1.0]) == 1.0, "one query tells nothing about another"


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.95, 4.0), (0.25, 1.0)])
def test_percentiles_are_values_that_were_measured(share: float, value: float) -> None:
    assert recall.percentile([3.0, 1.0, 4.0, 2.0], share) == value
    assert recall.percentile([], share) == 0.0


def test_a_sweep_covers_the_range_and_the_setting_in_force() -> None:
    assert recall.settings_to_try("hnsw", 120)[0] == 10
    assert recall.settings_to_try("hnsw", 120)[-1] == 800
    assert 120 in recall.settings_to_try("hnsw", 120)
    assert recall.settings_to_try("ivfflat", 7, 100) == [1, 2, 4, 7, 8, 10, 16, 32, 64, 100]
    assert recall.settings_to_try("ivfflat", 500, 1) == [1]


def test_the_smallest_setting_that_meets_the_floor_is_recommended() -> None:
    judged = chosen((10, 0.90), (40, 0.95), (100, 0.98), current=100)
    assert judged.recommended is not None
    assert recall.value_of(judged.recommended, "hnsw") == 40
    assert judged.verdict.ok


def test_a_setting_that_meets_the_floor_by_chance_is_not_recommended() -> None:
    """20 seems to do what 40 does not: a larger setting never finds less."""
    judged = chosen((20, 0.951), (40, 0.949), (100, 0.98), current=100)
    assert judged.recommended is not None
    assert recall.value_of(judged.recommended, "hnsw") == 100


def test_the_setting_that_is_beyond_doubt_lies_two_standard_errors_above_the_floor() -> None:
    judged = chosen((40, 0.955), (100, 0.965), (200, 0.98), current=40, error=0.01)
    assert judged.recommended is not None
    assert judged.sure is not None
    assert [recall.value_of(each, "hnsw") for each in (judged.recommended, judged.sure)] == [40, 200]


def test_a_setting_in_force_below_the_floor_is_bad_and_the_one_that_meets_it_is_named() -> None:
    judged = chosen((40, 0.90), (100, 0.97), current=40)
    assert not judged.verdict.ok
    assert judged.verdict.reason == "0.900 ± 0.000 at hnsw.ef_search 40 is below the floor 0.95: hnsw.ef_search 100 meets it"
    assert not judged.helps


def test_where_no_setting_meets_the_floor_wider_and_denser_graphs_are_named() -> None:
    judged = chosen((40, 0.80), (800, 0.90), current=40)
    assert judged.recommended is None
    assert judged.verdict.reason.endswith("and no setting meets it")
    assert judged.helps == ("ef_construction 128 instead of 64, then m 32 instead of 16: agentmem indexes advise tells the memory",)


def test_a_floor_that_is_missed_by_less_than_two_builds_differ_may_be_met_by_building_again() -> None:
    assert chosen((800, 0.94), current=800).helps[0].startswith("build it again as it is")


def test_more_probes_cannot_help_where_all_lists_were_searched() -> None:
    lists = Shape(method="ivfflat", stored="halfvec", dimensions=64, options={"lists": 8})
    judged = recall.judge([measured(8, 0.9, method="ivfflat")], "ivfflat", 8, lists)
    assert "all 8 lists were searched" in judged.helps[0]


@pytest.mark.parametrize(("stored", "words"), [("bit", "index halfvec instead of bits"), ("halfvec", "type vector")])
def test_an_index_of_a_coarser_type_is_told_to_store_a_finer_one(stored: str, words: str) -> None:
    shape = Shape(method="hnsw", stored=stored, dimensions=1536, options={"m": 16, "ef_construction": 64})
    assert any(words in line for line in recall.judge([measured(800, 0.5)], "hnsw", 800, shape).helps)


def test_a_search_that_another_index_served_is_bad_and_says_nothing_about_recall() -> None:
    judged = chosen((40, None), current=40)  # type: ignore[arg-type]
    assert not judged.verdict.ok
    assert judged.verdict.reason == "the search is served by near, so the recall of near is unknown"
    assert judged.recommended is None


@pytest.mark.parametrize(("without", "zero", "ok"), [(5, 0, True), (2, 3, False)])
def test_rows_without_vectors_are_not_wrong_and_rows_of_length_zero_are(without: int, zero: int, ok: bool) -> None:
    excluded = Excluded(rows=5, without_vector=without, of_length_zero=zero)
    nothing = RecallResult(**{**vars(measured(40, None, queries=0)), "excluded": excluded})
    verdict = recall.judge([nothing], "hnsw", 40, HNSW).verdict
    assert verdict.ok is ok
    assert "none of 5 rows can be searched" in verdict.reason


def test_a_sweep_of_probes_ends_where_everything_is_found_but_not_at_the_setting_that_came_first() -> None:
    everything = measured(8, 1.0, method="ivfflat")
    assert recall.finds_all(everything, current=4)
    assert not recall.finds_all(everything, current=8)
    assert not recall.finds_all(measured(8, 0.999, method="ivfflat"), current=4)
