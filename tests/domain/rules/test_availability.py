"""Rules on zones, standby and replica: what trips them and what does not."""

from __future__ import annotations

import pytest

from infra.domain.problem import Severity
from tests.builders import REPLICA
from tests.domain.rules.judged import Case, found, holds, passes

WARN = Severity.WARN
_MODE, _STANDBY = "availability.mode", "availability.standby_zone"

CASES = {
    "refuses_zone_redundancy_without_zones": Case("R4", _MODE, "has no availability zones", {"location": "westus"}),
    "warns_of_a_zone_in_a_region_without_zones": Case("R4", "server.zone", "may refuse", {"location": "westus", _MODE: "SameZone"}, WARN),
    "refuses_a_standby_in_the_zone_of_the_primary": Case("R4", _STANDBY, "would take both", {_STANDBY: 1}),
    "refuses_a_standby_zone_without_a_standby": Case("R4", _STANDBY, "no standby to place", {_MODE: "Disabled"}),
    "refuses_another_zone_for_a_standby_in_the_same": Case("R4", _STANDBY, "in zone 1", {_MODE: "SameZone"}),
    "refuses_a_smaller_replica": Case(
        "R17", "replica.sku", "it would fall behind, and Azure refuses it", {**REPLICA, "server.sku": "Standard_D4s_v3"}
    ),
    "refuses_a_replica_with_less_memory": Case("R17", "replica.sku", "smaller", {**REPLICA, "server.sku": "Standard_E2s_v3"}),
    "warns_of_a_replica_with_fewer_iops": Case("R17", "replica.sku", "3200 IOPS", {**REPLICA, "server.sku": "Standard_D2ds_v5"}, WARN),
    "warns_of_an_uneven_switchover": Case(
        "R17",
        "replica.sku",
        "planned switchover",
        {**REPLICA, "replica.sku": "Standard_D4s_v3", "replica.virtual_endpoint": "zepmem"},
        WARN,
    ),
    "refuses_a_server_name_that_leaves_no_room_for_the_replica": Case(
        "R17", "server.name", "more than 63", {**REPLICA, "server.name": "z" * 56}
    ),
    "refuses_a_virtual_endpoint_that_is_no_host_name": Case(
        "R17", "replica.virtual_endpoint", "does not take", {**REPLICA, "replica.virtual_endpoint": "Zep_Memory"}
    ),
    "warns_of_settings_that_a_replica_does_not_follow": Case(
        "R17", "database.parameters", "only when it is created", {**REPLICA, "database.parameters": {"max_wal_senders": 20}}, WARN
    ),
    "warns_of_a_nervous_lag_alert": Case(
        "W7", "alerts.replica_lag_seconds", "nothing is missing", {**REPLICA, "alerts.replica_lag_seconds": 30}, WARN
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_availability_rule(name: str) -> None:
    holds(CASES[name])


@pytest.mark.parametrize("standby", [None, 2, 3])
def test_takes_a_standby_in_another_zone(standby: int | None) -> None:
    passes("R4", {_STANDBY: standby})


@pytest.mark.parametrize("standby", [None, 1])
def test_takes_a_standby_in_the_same_zone(standby: int | None) -> None:
    passes("R4", {_MODE: "SameZone", _STANDBY: standby})


def test_proposes_a_free_zone_for_the_standby() -> None:
    (problem,) = found({"server.zone": 2}, "R4", _STANDBY)
    assert problem.hint.startswith("standby_zone: 1")


def test_takes_an_equal_replica() -> None:
    passes("R17", {**REPLICA, "replica.virtual_endpoint": "zepmem"})


def test_takes_a_server_name_that_just_leaves_room_for_the_replica() -> None:
    passes("R17", {**REPLICA, "server.name": "z" * 55})


def test_is_silent_about_lag_where_nothing_can_lag() -> None:
    passes("W7", {"alerts.replica_lag_seconds": 1})
    passes("W7", {**REPLICA, "alerts.replica_lag_seconds": 300})
