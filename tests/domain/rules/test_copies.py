"""Rules on on-demand backups, restores and live replicas: what trips them and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.domain.problem import Problem
from infra.domain.rules.copies import Backup, LiveServer, RestoreRequest, on_demand_backup, replica_beside, restore

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SERVER = LiveServer(
    name="zepmem-prod",
    location="westeurope",
    sku="Standard_D2s_v3",
    storage_kind="Premium_LRS",
    size_gib=128,
    private=True,
    geo_redundant=True,
    earliest_restore=NOW - timedelta(days=35),
    parameters={"max_connections": "859", "max_wal_senders": "10"},
)
PITR = RestoreRequest(kind="pitr", location="westeurope", sku="Standard_D2s_v3", private=True, at=NOW - timedelta(hours=1))
GEO = RestoreRequest(kind="geo", location="northeurope", sku="Standard_D2s_v3", private=True)


def _keys(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.rule, problem.key) for problem in problems]


def test_takes_a_first_backup_and_a_seventh() -> None:
    six = [Backup(name=f"b{number}", on_demand=True) for number in range(6)]
    assert not list(on_demand_backup(SERVER, [], "before-migration"))
    assert not list(on_demand_backup(SERVER, [*six, Backup(name="daily", on_demand=False)], "b7"))


@pytest.mark.parametrize(
    ("existing", "name", "says"),
    [
        ([Backup(name=f"b{number}", on_demand=True) for number in range(7)], "b8", "would be number 8, a server keeps 7"),
        ([Backup(name="B1", on_demand=True)], "b1", "exists"),
        ([Backup(name="b1", on_demand=True, running=True)], "b2", "still running"),
        ([], "before migration", "does not take"),
        ([], "", "does not take"),
        ([], "b" * 129, "does not take"),
    ],
)
def test_refuses_a_backup_that_azure_would_refuse(existing: list[Backup], name: str, says: str) -> None:
    problems = list(on_demand_backup(SERVER, existing, name))
    assert [problem.rule for problem in problems] == ["R15"]
    assert says in problems[0].message


def test_refuses_a_backup_on_demand_on_burstable() -> None:
    (problem,) = on_demand_backup(replace(SERVER, sku="Standard_B1ms"), [], "b1")
    assert problem.rule == "R3"
    assert "logical dump" in problem.hint


def test_refuses_a_backup_on_demand_on_premium_v2() -> None:
    assert _keys(list(on_demand_backup(replace(SERVER, storage_kind="PremiumV2_LRS"), [], "b1"))) == [("R15", "backup")]


@pytest.mark.parametrize("request_", [PITR, GEO, replace(PITR, at=NOW), replace(PITR, sku="Standard_E2s_v3")])
def test_takes_a_sound_restore(request_: RestoreRequest) -> None:
    assert not list(restore(SERVER, request_, NOW))


@pytest.mark.parametrize(
    ("request_", "key", "says"),
    [
        (replace(PITR, at=NOW + timedelta(seconds=1)), "restore.at", "in the future"),
        (replace(PITR, at=NOW - timedelta(days=36)), "restore.at", "before the oldest backup"),
        (replace(PITR, at=None), "restore.at", "wants a moment"),
        (replace(PITR, location="northeurope"), "restore.location", "stays in westeurope"),
        (replace(GEO, location="westeurope"), "restore.location", "paired region northeurope"),
        (replace(PITR, sku="Standard_B1ms"), "restore.sku", "lower tier"),
        (replace(PITR, private=False), "restore.network", "between public and private"),
    ],
)
def test_refuses_a_restore_that_azure_would_refuse(request_: RestoreRequest, key: str, says: str) -> None:
    problems = list(restore(SERVER, request_, NOW))
    assert _keys(problems) == [("R16", key)]
    assert says in problems[0].message


@pytest.mark.parametrize("request_", [PITR, GEO])
def test_refuses_a_restore_from_a_server_that_was_just_made(request_: RestoreRequest) -> None:
    (problem,) = restore(replace(SERVER, earliest_restore=None), request_, NOW)
    assert "5 to 21 minutes" in problem.message


def test_refuses_a_geo_restore_without_geo_backup() -> None:
    assert _keys(list(restore(replace(SERVER, geo_redundant=False), GEO, NOW))) == [("R16", "restore")]


def test_knows_regions_by_their_displayed_names() -> None:
    assert not list(restore(replace(SERVER, location="West Europe"), PITR, NOW))


REPLICA = replace(SERVER, name="zepmem-prod-replica", location="northeurope", geo_redundant=False)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sku": "Standard_B2s"}, "smaller than"),
        ({"size_gib": 64}, "fills up first"),
        ({"parameters": {"max_connections": "50"}}, "would not start again"),
        ({"geo_redundant": True}, "replicas do not have"),
    ],
)
def test_refuses_a_replica_that_is_less_than_its_primary(changes: Mapping[str, object], says: str) -> None:
    problems = list(replica_beside(SERVER, replace(REPLICA, **changes)))  # type: ignore[arg-type]
    assert [problem.rule for problem in problems] == ["R17"]
    assert says in problems[0].message


def test_takes_an_equal_replica() -> None:
    assert not list(replica_beside(SERVER, REPLICA))
