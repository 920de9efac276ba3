"""What a change does to recovery is told per class of failure, and a weakening is never passed over."""

from __future__ import annotations

import datetime

from infra.domain.changes import report
from infra.domain.changes.change import Danger
from infra.domain.changes.recovery_delta import Direction, FailureDelta, compare
from infra.domain.environment import Environment, Replica
from infra.domain.recovery import FAILURES
from tests.domain.changes.contracts import edited, shipped

TODAY = datetime.date(2026, 11, 21)


def _by_failure(old: Environment | None, new: Environment | None) -> dict[str, FailureDelta]:
    return {delta.failure: delta for delta in compare(old, new)}


def test_nothing_moves_between_a_contract_and_itself() -> None:
    assert [delta.direction for delta in compare(shipped(), shipped())] == [Direction.SAME] * len(FAILURES)


def test_without_a_standby_node_and_zone_are_weaker_with_their_numbers() -> None:
    found = _by_failure(shipped(), edited(shipped(), "availability", mode="Disabled", standby_zone=None))
    assert found["node"].direction is found["zone"].direction is Direction.WEAKER
    assert found["region"].direction is found["corruption"].direction is Direction.SAME
    assert "RPO 0 min to 5 min, RTO 2 min to no time promised" in found["zone"].sentence
    assert found["node"].as_json()["before"]["rto_minutes"] == 2
    assert found["node"].as_json()["after"]["rto_minutes"] is None


def test_a_replica_in_another_region_makes_the_region_better() -> None:
    replica = Replica(location="northeurope", sku="Standard_D2s_v3", virtual_endpoint=None)
    found = _by_failure(shipped(), edited(shipped(), "replica", value=replica))
    assert found["region"].direction is Direction.BETTER
    assert "forced promotion of the replica instead of geo-restore" in found["region"].sentence


def test_a_looser_target_is_weaker_though_azure_gives_the_same() -> None:
    target = shipped().recovery.node.model_copy(update={"rto_minutes": 60})
    found = _by_failure(shipped(), edited(shipped(), "recovery", node=target))["node"]
    assert found.direction is Direction.WEAKER
    assert "back within 5 min to 0 min lost, back within 60 min" in found.sentence


def test_a_side_without_contract_is_unknown_and_never_the_same() -> None:
    assert {delta.direction for delta in compare(None, shipped())} == {Direction.UNKNOWN}
    assert compare(None, shipped())[0].as_json()["before"] is None


def test_a_weakening_that_no_resource_shows_gets_a_line_that_stops_prod() -> None:
    target = shipped().recovery.region.model_copy(update={"rto_minutes": 2880})
    found = report.of_stack("prod", (), old=shipped(), new=edited(shipped(), "recovery", region=target), today=TODAY)
    assert [(each.change.danger, each.change.path, each.stops) for each in found.changes] == [
        (Danger.WEAKER_RECOVERY, "recovery.region", True)
    ]
