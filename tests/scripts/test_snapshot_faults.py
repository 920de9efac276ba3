"""`agentmem snapshot create` when Azure or the process fails: resumed or told, never half written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.domain import copies
from infra.domain.environment import Environment
from infra.domain.ledger import Kind
from scripts.edges.exits import BUSY, GOOD, REFUSED, UNREACHABLE
from scripts.edges.ledger_file import LedgerFile
from scripts.local_azure.serve import LocalAzure
from tests.scripts.backed_up import emptied, on_demand, records, refusal, run, take, with_restorable_server

# The server of the child, too.
SERVER = "zepmem-faulty"
NOW = datetime.now(UTC)
REASON = "before 0042"


@pytest.fixture(scope="module")
def made(azure: LocalAzure, root: Path) -> Environment:
    """The shipped prod with a server of its own."""
    return with_restorable_server(azure, root, "prod", SERVER)[0]


@pytest.fixture
def prod(at_azure: LocalAzure, made: Environment) -> Iterator[Environment]:
    """The same, without on-demand backups."""
    emptied(made)
    yield made


def fault(azure: LocalAzure, effect: str, method: str = "PUT", pattern: str = "*/backups/*", **more: object) -> None:
    azure.fault({"effect": effect, "method": method, "pattern": pattern, **more})


@pytest.mark.parametrize("status", [409, 429])
def test_a_busy_or_throttling_azure_is_waited_for(azure: LocalAzure, prod: Environment, ledger: Path, status: int) -> None:
    code = {409: "ServerIsBusy", 429: "TooManyRequests"}[status]
    fault(azure, "refuse", status=status, code=code, seconds=0.1 if status == 429 else None)
    assert run(prod, ledger) == GOOD
    assert len(on_demand(prod)) == 1


def test_throttling_beyond_the_sdks_patience_is_waited_for(
    azure: LocalAzure, prod: Environment, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fault(azure, "refuse", status=429, code="TooManyRequests", seconds=0.05, times=5)
    assert run(prod, ledger) == GOOD
    assert "waits: TooManyRequests" in capsys.readouterr().err


def test_busy_in_the_poll_is_asked_again(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    fault(azure, "fail", code="ServerIsBusy")
    assert run(prod, ledger) == GOOD
    assert [record.kind for record in records(ledger)] == [Kind.COPY, Kind.PROOF]


def test_a_server_that_stays_busy_is_busy_in_the_end(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    fault(azure, "refuse", times=3)
    found = refusal(prod, ledger, seconds=0.4)
    assert (found.code, found.fact) == (BUSY, "ServerIsBusy: a fault was asked for here")
    assert run(prod, ledger) == GOOD  # the faults that are left are waited for


def test_one_500_is_survived(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    fault(azure, "refuse", status=500)
    assert run(prod, ledger) == GOOD


def test_a_failed_operation_leaves_nothing_half_recorded(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    fault(azure, "fail", code="SnapshotFailed", message="No. Way.")
    found = refusal(prod, ledger)
    assert (found.code, found.fact) == (REFUSED, "SnapshotFailed: No. Way")
    assert (records(ledger), LedgerFile(ledger).under_way(prod.server.name)) == ((), None)
    assert run(prod, ledger) == GOOD


def test_an_answer_that_got_lost_is_not_asked_for_twice(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    fault(azure, "lose", done=True)
    assert run(prod, ledger) == GOOD
    assert len(on_demand(prod)) == 1


def test_a_lost_poll_is_survived(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    fault(azure, "lose", method="POLL")
    assert run(prod, ledger) == GOOD


def test_a_poll_that_is_refused_leaves_the_operation_to_the_next_run(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    fault(azure, "slow", seconds=0.5)
    fault(azure, "refuse", method="POLL", status=403, code="AuthorizationFailed")
    assert refusal(prod, ledger).code is REFUSED
    left = LedgerFile(ledger).under_way(SERVER)
    assert left is not None and left["token"] and records(ledger) == ()
    assert run(prod, ledger) == GOOD
    assert [each.name for each in on_demand(prod)] == [left["name"]]


def test_an_operation_that_azure_forgot_is_found_by_its_name(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    fault(azure, "slow", seconds=1.0)
    assert refusal(prod, ledger, seconds=0.3).code is BUSY
    left = LedgerFile(ledger).under_way(SERVER)
    fault(azure, "refuse", method="POLL", status=404, code="OperationNotFound")
    assert run(prod, ledger) == GOOD
    assert left is not None and [each.name for each in on_demand(prod)] == [left["name"]]


def test_an_operation_longer_than_the_wait_is_gone_on_with_next_time(
    azure: LocalAzure, prod: Environment, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fault(azure, "slow", seconds=1.5)
    assert refusal(prod, ledger, seconds=0.4).fact == "not finished within 0 s"
    left = LedgerFile(ledger).under_way(prod.server.name)
    assert left is not None and left["token"]
    assert records(ledger) == ()
    assert run(prod, ledger) == GOOD
    told = json.loads(capsys.readouterr().out)
    assert ([phase["name"] for phase in told["phases"]], told["copy"]["name"]) == (["resume", "take", "prove"], left["name"])
    assert [each.name for each in on_demand(prod)] == [left["name"]]


def test_a_second_command_at_the_same_time_is_kept_out(prod: Environment, ledger: Path) -> None:
    with LedgerFile(ledger).alone_with(prod.server.name):
        found = refusal(prod, ledger)
    assert (found.code, found.fact) == (BUSY, "another agentmem snapshot is at work on this server")


@pytest.mark.parametrize("moment", ["noted", "asked", "kept", "complete", "written"])
def test_a_killed_snapshot_goes_on_with_the_same_one(azure: LocalAzure, prod: Environment, ledger: Path, root: Path, moment: str) -> None:
    command = [sys.executable, "-m", "tests.scripts.snapshot_child", "prod", SERVER, str(ledger)]
    environment = {**os.environ, **azure.environment}
    killed = subprocess.run([*command, moment], cwd=root, env=environment, capture_output=True, text=True, timeout=60)
    assert killed.returncode == -9, killed.stderr
    assert len(records(ledger)) == (2 if moment == "written" else 0)
    left = LedgerFile(ledger).under_way(prod.server.name)
    assert left is not None
    assert run(prod, ledger) == GOOD
    assert [each.name for each in on_demand(prod)] == [left["name"]]
    assert [(record.kind, record.copy) for record in records(ledger)] == [(Kind.COPY, left["name"]), (Kind.PROOF, left["name"])]
    assert LedgerFile(ledger).under_way(prod.server.name) is None


def note(ledger: Path, environment: Environment, name: str, begun: datetime, reason: str = REASON, token: str | None = None) -> None:
    what = {"name": name, "reason": reason, "begun": begun.isoformat(), "server": "s", "token": token}
    LedgerFile(ledger).keep_under_way(environment.server.name, what)


def test_a_token_that_nobody_can_read_is_no_obstacle(prod: Environment, ledger: Path) -> None:
    name = copies.copy_name("prod", REASON, NOW)
    note(ledger, prod, name, datetime.now(UTC), token="worn out")
    assert run(prod, ledger) == GOOD
    assert [each.name for each in on_demand(prod)] == [name]


def test_what_is_there_already_is_not_asked_for_again(azure: LocalAzure, prod: Environment, ledger: Path) -> None:
    name = copies.copy_name("prod", "there", NOW)
    made = take(prod, name)
    note(ledger, prod, name, datetime.now(UTC))
    fault(azure, "lose", pattern=f"*/backups/{name}", times=99)
    assert run(prod, ledger, seconds=2.0) == GOOD
    assert made.completed and records(ledger)[0].facts["completed"] == made.completed.isoformat()


def test_what_was_begun_for_another_reason_is_ended_and_a_new_one_taken(prod: Environment, ledger: Path) -> None:
    name = copies.copy_name("prod", "another", NOW)
    note(ledger, prod, name, datetime.now(UTC), reason="another")
    assert run(prod, ledger) == GOOD
    assert [record.facts["reason"] for record in records(ledger) if record.kind is Kind.COPY] == ["another", REASON]


def test_what_was_begun_long_ago_and_never_made_is_forgotten(prod: Environment, ledger: Path) -> None:
    note(ledger, prod, "prod-old-20200101T000000Z", NOW - timedelta(hours=2))
    assert run(prod, ledger) == GOOD
    assert all(each.name.startswith("prod-before-0042-") for each in on_demand(prod))
    assert len(on_demand(prod)) == 1


def test_a_closed_door_is_unreachable(prod: Environment, ledger: Path) -> None:
    from azure.core.pipeline.policies import RetryPolicy
    from azure.identity import DefaultAzureCredential
    from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient

    from scripts.edges import arm

    sdk = PostgreSQLManagementClient(
        DefaultAzureCredential(), "s", base_url="https://127.0.0.1:9", credential_scopes=["https://x/.default"],
        api_version=arm.API_VERSION, retry_policy=RetryPolicy.no_retries(),
    )  # fmt: skip
    assert refusal(prod, ledger, connect=lambda: arm.Arm(sdk)).code is UNREACHABLE
