"""Rules on the disk: what trips them and what does not."""

from __future__ import annotations

import pytest

from infra.domain.azure.storage import PREMIUM_SSD
from infra.domain.problem import Severity
from tests.domain.rules.judged import Case, found, holds, passes

WARN = Severity.WARN
_SIZE, _KIND, _TIER = "storage.size_gib", "storage.kind", "storage.performance_tier"
_THROUGHPUT = "storage.throughput_mb_per_second"
V2 = {_KIND: "PremiumV2_LRS", "storage.autogrow": False}

CASES = {
    "refuses_a_size_between_two_sizes": Case("R9", _SIZE, "comes in 32, 64", {_SIZE: 100}),
    "refuses_a_size_below_the_smallest": Case("R9", _SIZE, "comes in", {_SIZE: 16}),
    "refuses_a_tier_below_that_of_the_size": Case("R9", _TIER, "takes P10", {_TIER: "P6"}),
    "refuses_a_tier_above_those_of_the_size": Case("R9", _TIER, "takes P10", {_TIER: "P60"}),
    "refuses_iops_on_premium_ssd": Case("R9", "storage.iops", "follows from the tier", {"storage.iops": 3000}),
    "refuses_throughput_on_premium_ssd": Case("R9", _THROUGHPUT, "follows from the tier", {_THROUGHPUT: 125}),
    "refuses_autogrow_on_v2": Case("R9", "storage.autogrow", "does not grow by itself", {**V2, "storage.autogrow": True}),
    "refuses_a_tier_on_v2": Case("R9", _TIER, "has no tiers", {**V2, _TIER: "P10"}),
    "refuses_an_old_version_on_v2": Case("R9", "server.version", "14 or later", {**V2, "server.version": 13}),
    "refuses_too_few_iops_on_v2": Case("R9", "storage.iops", "3000 to 80000", {**V2, "storage.iops": 2999}),
    "refuses_too_many_iops_on_v2": Case("R9", "storage.iops", "3000 to 80000", {**V2, "storage.iops": 80001}),
    "refuses_too_little_throughput_on_v2": Case("R9", _THROUGHPUT, "125 to 1200", {**V2, _THROUGHPUT: 124}),
    "refuses_too_much_throughput_on_v2": Case("R9", _THROUGHPUT, "125 to 1200", {**V2, _THROUGHPUT: 1201}),
    "refuses_a_v2_beyond_64_tib": Case("R9", _SIZE, "32 to 65536", {**V2, _SIZE: 65537}),
    "refuses_ultra_disks": Case("R9", _KIND, "without a single size", {_KIND: "UltraSSD_LRS"}),
    "warns_of_an_alert_after_the_fact": Case(
        "W1", "alerts.storage_percent", "read-only at 84.4 %", {_SIZE: 32, "alerts.storage_percent": 90}, WARN
    ),
    "warns_of_an_alert_at_the_read_only_point": Case(
        "W1", "alerts.storage_percent", "after the fact", {"alerts.storage_percent": 95}, WARN
    ),
    "warns_of_autogrow_that_comes_too_late": Case("W1", "storage.autogrow", "does not help", {_SIZE: 2048}, WARN),
}


@pytest.mark.parametrize("name", CASES)
def test_storage_rule(name: str) -> None:
    holds(CASES[name])


@pytest.mark.parametrize("size_gib", PREMIUM_SSD)
def test_takes_every_size_with_every_tier_of_it(size_gib: int) -> None:
    for tier in (None, *PREMIUM_SSD[size_gib].tiers):
        passes("R9", {_SIZE: size_gib, _TIER: tier})


def test_proposes_the_next_larger_size() -> None:
    (problem,) = found({_SIZE: 100}, "R9", _SIZE)
    assert problem.hint == "size_gib: 128"


@pytest.mark.parametrize(("iops", "throughput"), [(None, None), (3000, 125), (80000, 1200)])
def test_takes_a_sound_v2(iops: int | None, throughput: int | None) -> None:
    passes("R9", {**V2, _SIZE: 100, "storage.iops": iops, _THROUGHPUT: throughput})


@pytest.mark.parametrize(("size_gib", "percent"), [(32, 84), (64, 92), (128, 94)])
def test_takes_an_alert_just_below_the_read_only_point(size_gib: int, percent: int) -> None:
    passes("W1", {_SIZE: size_gib, "alerts.storage_percent": percent})
