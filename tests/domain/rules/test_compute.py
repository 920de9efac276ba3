"""Rules on SKU, region, tier and version: what trips them and what does not."""

from __future__ import annotations

import pytest

from infra.domain.problem import Severity
from tests.builders import BURSTABLE, PUBLIC, REPLICA
from tests.domain.rules.judged import Case, found, holds, passes

WARN = Severity.WARN
_MODE, _POOL = "availability.mode", "database.pool.pgbouncer"

CASES = {
    "refuses_a_sku_that_does_not_exist": Case("R2", "server.sku", "not a SKU of flexible servers", {"server.sku": "Standard_D2s_v5"}),
    "refuses_a_sku_in_another_case": Case("R2", "server.sku", "Azure would refuse", {"server.sku": "standard_d2s_v3"}),
    "refuses_the_sku_of_a_replica_that_does_not_exist": Case(
        "R2", "replica.sku", "not a SKU", {**REPLICA, "replica.sku": "Standard_D3s_v3"}
    ),
    "refuses_a_misspelt_region": Case("R2", "location", "not a region of Azure", {"location": "westeurop"}),
    "refuses_a_displayed_region": Case("R2", "location", "short name", {"location": "West Europe"}),
    "warns_of_a_region_that_nobody_knows": Case("R2", "location", "cannot be told", {"location": "atlantis"}, WARN),
    "refuses_a_misspelt_region_of_a_replica": Case("R2", "replica.location", "not a region", {**REPLICA, "replica.location": "northeurop"}),
    "refuses_ha_on_burstable": Case(
        "R3", _MODE, "fails the operation minutes later", {**BURSTABLE, _MODE: "ZoneRedundant", "availability.standby_zone": 2}
    ),
    "refuses_same_zone_ha_on_burstable": Case("R3", _MODE, "Burstable has none", {**BURSTABLE, _MODE: "SameZone"}),
    "refuses_pgbouncer_on_burstable": Case("R3", _POOL, "6432", {**BURSTABLE, _POOL: True}),
    "refuses_a_replica_of_burstable": Case("R3", "replica", "source of a replica", {**BURSTABLE, **REPLICA}),
    "refuses_a_burstable_replica": Case("R3", "replica.sku", "cannot be a replica", {**REPLICA, "replica.sku": "Standard_B20ms"}),
    "refuses_premium_v2_on_burstable": Case(
        "R3", "storage.kind", "Premium SSD only", {**BURSTABLE, "storage.kind": "PremiumV2_LRS", "storage.autogrow": False}
    ),
    "refuses_ha_on_a_burstable_sku_that_is_not_in_the_table": Case("R3", _MODE, "Burstable", {"server.sku": "Standard_B2as_v2"}),
    "refuses_a_version_in_extended_support": Case("R10", "server.version", "paid extended support", {"server.version": 13}),
    "refuses_a_version_that_does_not_exist": Case("R10", "server.version", "Azure offers 11 to 18", {"server.version": 9}),
    "refuses_a_version_that_is_not_out": Case("R10", "server.version", "Azure offers", {"server.version": 19}),
    "warns_of_a_version_that_leaves_support": Case("R10", "server.version", "2026-12-11", {"server.version": 14}, WARN),
    "warns_of_connections_left_over_from_a_larger_sku": Case(
        "W4", "database.parameters.max_connections", "more than the 859", {"database.parameters": {"max_connections": 1718}}, WARN
    ),
    "warns_of_left_over_connections_written_as_text": Case(
        "W4", "database.parameters.max_connections", "memory", {"database.parameters": {"max_connections": "1718"}}, WARN
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_compute_rule(name: str) -> None:
    holds(CASES[name])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("GP_Standard_D2s_v3", "Standard_D2s_v3"),
        ("D2s_v3", "Standard_D2s_v3"),
        ("B_Standard_B1ms", "Standard_B1ms"),
        ("standard_e4ds_v5", "Standard_E4ds_v5"),
    ],
)
def test_hints_at_the_sku_that_was_meant(written: str, meant: str) -> None:
    (problem,) = found({"server.sku": written}, "R2", "server.sku")
    assert problem.hint == f"did you mean {meant}?"


def test_gives_a_hint_also_for_a_sku_that_resembles_none() -> None:
    (problem,) = found({"server.sku": "large"}, "R2", "server.sku")
    assert problem.hint


@pytest.mark.parametrize("version", [15, 16, 17, 18])
def test_takes_a_version_in_support(version: int) -> None:
    passes("R10", {"server.version": version})


def test_lets_burstable_be_burstable() -> None:
    passes("R3", BURSTABLE)
    passes("R3", {**BURSTABLE, **PUBLIC})


def test_does_not_take_general_purpose_for_burstable() -> None:
    passes("R3", REPLICA)


def test_takes_fewer_connections_than_the_sku_would_give() -> None:
    passes("W4", {"database.parameters": {"max_connections": 400}})
