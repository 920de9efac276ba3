"""What a change of an environment does to a server that exists."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from infra.domain.azure.immutables import SERVER
from infra.domain.problem import Severity
from infra.domain.transitions import PlannedOperation, endings, judge
from tests.builders import BURSTABLE, PUBLIC, REPLICA, build_environment

URN = "urn:pulumi:prod::agent-memory::azure-native:dbforpostgresql:Server::memory-server"
DEV: Mapping[str, object] = {"environment": "dev"}
_KEY = {"key": "k", "identity": "i", "backup_key": "b", "backup_identity": "j"}


def _steps(operation: str, kind: str = SERVER) -> list[PlannedOperation]:
    return [PlannedOperation(urn=URN, type=kind, operation=operation)]


@pytest.mark.parametrize("stack", ["uat", "prod"])
@pytest.mark.parametrize("operation", ["delete", "replace", "create-replacement", "delete-replaced"])
def test_refuses_the_end_of_a_server(stack: str, operation: str) -> None:
    (problem,) = endings(stack, _steps(operation))
    assert (problem.rule, problem.severity) == ("R1", Severity.REFUSE)
    assert "its data with it" in problem.message


@pytest.mark.parametrize("kind", ["azure-native:dbforpostgresql:Database", "azure-native:resources:ResourceGroup"])
def test_refuses_the_end_of_what_takes_data_along(kind: str) -> None:
    assert list(endings("prod", _steps("delete", kind)))


def test_warns_of_the_end_of_a_server_in_dev() -> None:
    (problem,) = endings("dev", _steps("replace"))
    assert problem.severity is Severity.WARN


def test_tells_of_a_replacement_once() -> None:
    steps = [step for operation in ("create-replacement", "replace", "delete-replaced") for step in _steps(operation)]
    assert len(list(endings("prod", steps))) == 1


@pytest.mark.parametrize("operation", ["create", "same", "update", "read", "refresh", "import"])
def test_lets_a_server_be_made_and_changed(operation: str) -> None:
    assert not list(endings("prod", _steps(operation)))


def test_lets_what_holds_no_data_end() -> None:
    assert not list(endings("prod", _steps("delete", "azure-native:dbforpostgresql:FirewallRule")))


CHANGES: dict[str, tuple[Mapping[str, object], Mapping[str, object], str, str, str]] = {
    "refuses_another_server_name": ({}, {"server.name": "zep"}, "R1", "server.name", "creates an empty one"),
    "refuses_another_location": ({}, {"location": "northeurope"}, "R1", "location", "creates an empty one"),
    "refuses_another_database": ({}, {"database.name": "zep2"}, "R1", "database.name", "creates an empty one"),
    "refuses_geo_backup_afterwards": ({"backup.geo_redundant": False}, {}, "R6", "backup.geo_redundant", "when a server is created"),
    "refuses_to_drop_geo_backup": ({}, {"backup.geo_redundant": False}, "R6", "backup.geo_redundant", "from true to false"),
    "refuses_own_keys_afterwards": ({}, {"access.customer_managed_key": _KEY}, "R6", "access.customer_managed_key", "service-managed"),
    "refuses_another_login": ({}, {"access.administrator": "other"}, "R6", "access.administrator", "from cogadmin to other"),
    "refuses_to_drop_the_login": ({}, {"access.administrator": None}, "R6", "access.administrator", "to null"),
    "refuses_another_network_mode": ({}, PUBLIC, "R6", "network.mode", "from private to public"),
    "refuses_another_subnet": ({}, {"network.subnet": "10.20.2.0/28"}, "R6", "network.subnet", "stays"),
    "refuses_less_retention": ({}, {"backup.retention_days": 14}, "R5", "backup.retention_days", "falls from 35 to 14"),
    "refuses_to_shrink": ({}, {"storage.size_gib": 64}, "R9", "storage.size_gib", "refuses to shrink"),
    "refuses_another_kind_of_disk": ({}, {"storage.kind": "PremiumV2_LRS"}, "R9", "storage.kind", "only during a restore"),
    "refuses_a_downgrade": ({}, {"server.version": 15}, "R10", "server.version", "no way back"),
    "refuses_an_upgrade_that_nobody_asked_for": ({}, {"server.version": 17}, "R10", "server.version", "without return"),
    "refuses_an_upgrade_with_a_replica": (
        REPLICA,
        {**REPLICA, "server.version": 17, "server.allow_major_upgrade": True},
        "R10",
        "replica",
        "in the way",
    ),
    "refuses_an_upgrade_with_an_extension_in_the_way": (
        {"database.extensions": ["vector", "pg_diskann"]},
        {"server.version": 17, "server.allow_major_upgrade": True},
        "R10",
        "database.extensions",
        "pg_diskann",
    ),
    "refuses_tier_and_standby_at_once": (BURSTABLE, {}, "R18", "availability.mode", "in one update"),
    "warns_of_connections_that_stay_behind": (
        {"database.parameters": {"max_connections": 800}},
        {"database.parameters": {"max_connections": 800}, "server.sku": "Standard_D4s_v3"},
        "W4",
        "database.parameters.max_connections",
        "1718",
    ),
    "warns_of_a_restart": ({}, {"server.sku": "Standard_D4s_v3"}, "W3", "database.parameters", "max_connections"),
    "warns_of_a_reset_that_loses_something": (
        {"database.parameters": {"shared_preload_libraries": "pg_cron,pg_stat_statements,pg_prewarm"}},
        {},
        "W3",
        "database.parameters.shared_preload_libraries",
        "pg_cron,pg_stat_statements",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change(name: str) -> None:
    before, after, rule, key, says = CHANGES[name]
    problems = judge(build_environment(before), build_environment(after))
    found = [problem for problem in problems if (problem.rule, problem.key) == (rule, key)]
    assert len(found) == 1, problems
    assert says in found[0].message
    assert found[0].severity is (Severity.WARN if rule.startswith("W") else Severity.REFUSE)


UNHARMFUL: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
    "nothing": ({}, {}),
    "a_larger_disk": ({}, {"storage.size_gib": 256}),
    "more_retention": ({"backup.retention_days": 7}, {}),
    "an_upgrade_on_request": ({}, {"server.version": 17, "server.allow_major_upgrade": True}),
    "a_standby_later": ({"availability.mode": "Disabled", "availability.standby_zone": None}, {}),
    "a_new_tier_without_standby": (
        {**BURSTABLE, "server.sku": "Standard_B2ms"},
        {"availability.mode": "Disabled", "availability.standby_zone": None},
    ),
    "a_rotated_key": (
        {"access.customer_managed_key": _KEY},
        {"access.customer_managed_key": {**_KEY, "key": "k2"}},
    ),
}


@pytest.mark.parametrize("name", UNHARMFUL)
def test_lets_pass(name: str) -> None:
    before, after = (build_environment(changes) for changes in UNHARMFUL[name])
    assert judge(before, after) == ()


def test_moves_a_dev_server_with_a_warning() -> None:
    (problem,) = judge(build_environment(DEV), build_environment(DEV, {"location": "northeurope"}))
    assert problem.severity is Severity.WARN


def test_says_nothing_of_restarts_for_an_unknown_sku() -> None:
    assert judge(build_environment(), build_environment({"server.sku": "none"})) == ()
