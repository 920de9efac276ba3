"""What recovery targets are worth: for each class of failure, with each feature that helps, and for the shipped environments."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies

from infra.domain.environment import STACKS
from infra.domain.recovery import FAILURES, Outcome, possible, verdicts
from scripts.edges import stack_file
from tests.builders import BURSTABLE, LONG_TERM, REPLICA, build_environment

MET, NOT_PROMISED, IMPOSSIBLE = Outcome
NO_GEO = {"backup.geo_redundant": False}
NO_COPIES = {"backup.portable_copies": {"weekly": 0, "monthly": 0}}
NO_STANDBY = {"availability.mode": "Disabled", "availability.standby_zone": None}

SINGLE = {"node": NOT_PROMISED, "zone": NOT_PROMISED, "corruption": NOT_PROMISED, "region": IMPOSSIBLE, "deletion": NOT_PROMISED}
REDUNDANT = {"node": MET, "zone": MET, "corruption": NOT_PROMISED, "region": NOT_PROMISED, "deletion": NOT_PROMISED}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("failure", FAILURES)
def test_verdict_on_a_shipped_target(stack: str, failure: str, root: Path) -> None:
    expected = REDUNDANT if stack in ("uat", "prod") else SINGLE
    verdict = verdicts(stack_file.read(stack, root))[failure]
    assert verdict.outcome is expected[failure], verdict.why
    assert not verdict.refused


@pytest.mark.parametrize("stack", STACKS)
def test_a_replica_gives_every_shipped_region_target_a_chance(stack: str, root: Path) -> None:
    from infra.domain.environment import Replica

    replica = Replica(location="northeurope", sku="Standard_D2s_v3", virtual_endpoint=None)
    environment = stack_file.read(stack, root).model_copy(update={"replica": replica})
    verdict = verdicts(environment)["region"]
    assert verdict.outcome is NOT_PROMISED
    assert (verdict.possible.rpo_minutes, verdict.possible.rto_minutes) == (5, 15)


def test_a_standby_in_another_zone_survives_node_and_zone() -> None:
    for failure in ("node", "zone"):
        best = possible(build_environment(), failure)
        assert (best.rpo_minutes, best.rto_minutes, best.promised, best.by) == (0, 2, True, "failover")


def test_a_standby_in_the_same_zone_does_not_survive_the_zone() -> None:
    environment = build_environment({"availability.mode": "SameZone", "availability.standby_zone": None})
    assert verdicts(environment)["node"].outcome is MET
    assert verdicts(environment)["zone"].outcome is IMPOSSIBLE
    assert verdicts(environment)["zone"].possible.by == "point-in-time restore into another zone"


def test_a_standby_declared_on_burstable_counts_for_nothing() -> None:
    environment = build_environment({**BURSTABLE, "availability.mode": "ZoneRedundant", "availability.standby_zone": 2})
    assert not possible(environment, "node").promised


def test_a_region_without_zones_falls_as_a_whole() -> None:
    environment = build_environment({**NO_STANDBY, **NO_GEO, **NO_COPIES, "location": "westus"})
    assert possible(environment, "zone") == possible(environment, "region")


def test_a_failover_takes_longer_than_a_minute() -> None:
    verdict = verdicts(build_environment({"recovery.node": {"rpo_minutes": 0, "rto_minutes": 1}}))["node"]
    assert verdict.outcome is IMPOSSIBLE
    assert verdict.why.startswith("back within 1 min")


def test_point_in_time_restore_loses_up_to_five_minutes() -> None:
    for rpo_minutes, outcome in ((4, IMPOSSIBLE), (5, NOT_PROMISED)):
        environment = build_environment({"recovery.corruption": {"rpo_minutes": rpo_minutes, "rto_minutes": 720}})
        assert verdicts(environment)["corruption"].outcome is outcome


def test_geo_restore_loses_up_to_an_hour() -> None:
    for rpo_minutes, outcome in ((59, IMPOSSIBLE), (60, NOT_PROMISED)):
        environment = build_environment({"recovery.region": {"rpo_minutes": rpo_minutes, "rto_minutes": 720}})
        assert verdicts(environment)["region"].outcome is outcome


def test_a_replica_in_the_same_region_does_not_survive_it() -> None:
    environment = build_environment({**REPLICA, "replica.location": "westeurope"})
    assert possible(environment, "region").by == "geo-restore"


def test_a_replica_may_lag_as_far_as_nobody_notices() -> None:
    environment = build_environment({**REPLICA, "alerts.replica_lag_seconds": 601})
    assert possible(environment, "region").rpo_minutes == 11


def test_nothing_survives_a_region_without_any_copy() -> None:
    verdict = verdicts(build_environment({**NO_GEO, **NO_COPIES}))["region"]
    assert verdict.possible.rpo_minutes is None
    assert (verdict.outcome, verdict.why) == (IMPOSSIBLE, "nothing survives the loss of the region")


def test_a_weekly_copy_is_a_floor() -> None:
    environment = build_environment({**NO_GEO, "recovery.region": {"rpo_minutes": 10080, "rto_minutes": 240}})
    assert verdicts(environment)["region"].outcome is NOT_PROMISED


def test_a_vaults_copy_in_the_paired_region_is_a_floor_too_and_any_other_is_none() -> None:
    for redundancy, outcome in (("GeoRedundant", NOT_PROMISED), ("ZoneRedundant", IMPOSSIBLE)):
        vault = {"backup.long_term": {**LONG_TERM, "redundancy": redundancy}}
        environment = build_environment({**NO_GEO, **NO_COPIES, **vault, "recovery.region": {"rpo_minutes": 10080, "rto_minutes": 240}})
        verdict = verdicts(environment)["region"]
        assert verdict.outcome is outcome
        assert ("restores as files and without a promised time" in verdict.why) is (outcome is NOT_PROMISED)


def test_a_vault_takes_the_place_of_nothing_better() -> None:
    vault = {"backup.long_term": LONG_TERM}
    assert possible(build_environment(vault), "region").by == "geo-restore"
    assert possible(build_environment({**NO_GEO, **vault}), "region").by == "portable copy kept in another region"
    assert possible(build_environment({**REPLICA, **vault}), "region").by == "forced promotion of the replica"


@pytest.mark.parametrize(
    ("changes", "floor"),
    [
        ({}, "below that is the weekly portable copy"),
        (NO_COPIES, "below that is nothing"),
        ({**NO_COPIES, "backup.long_term": LONG_TERM}, "below that is the vault's weekly copy, which restores as files"),
        ({"backup.long_term": LONG_TERM}, "below that is the weekly portable copy and the vault's weekly copy"),
    ],
)
def test_what_a_deleted_server_leaves_is_said(changes: dict[str, object], floor: str) -> None:
    best = possible(build_environment(changes), "deletion")
    assert floor in best.why
    # A revived server is as new as before: a copy of last week is no better number.
    assert best.rpo_minutes == 5


def test_premium_v2_may_lose_a_day_when_revived() -> None:
    environment = build_environment({"storage.kind": "PremiumV2_LRS", "storage.autogrow": False})
    assert possible(environment, "deletion").rpo_minutes == 1440


def test_refuses_only_what_is_neither_met_nor_accepted() -> None:
    target = {"rpo_minutes": 5, "rto_minutes": 15}
    assert verdicts(build_environment({"recovery.corruption": target}))["corruption"].refused
    assert not verdicts(build_environment({"recovery.corruption": {**target, "accepted": "so be it"}}))["corruption"].refused


_minutes = strategies.integers(0, 20_000)


@settings(max_examples=50, deadline=None)
@given(rpo_minutes=_minutes, rto_minutes=_minutes, more=_minutes, failure=strategies.sampled_from(FAILURES))
def test_a_weaker_target_is_never_judged_harder(rpo_minutes: int, rto_minutes: int, more: int, failure: str) -> None:
    order = [MET, NOT_PROMISED, IMPOSSIBLE]
    strict = build_environment({f"recovery.{failure}": {"rpo_minutes": rpo_minutes, "rto_minutes": rto_minutes}})
    weak = build_environment({f"recovery.{failure}": {"rpo_minutes": rpo_minutes + more, "rto_minutes": rto_minutes + more}})
    assert order.index(verdicts(weak)[failure].outcome) <= order.index(verdicts(strict)[failure].outcome)
