"""`agentmem restart` against the local Azure, with the real SDK: what waits, what is asked, what is told."""

from __future__ import annotations

import io
import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb

from infra.domain import names
from infra.domain.environment import Environment
from scripts.edges import arm
from scripts.edges.exits import BAD, BUSY, GOOD, REFUSED, Failure
from scripts.edges.stack_file import read
from scripts.local_azure.serve import LocalAzure
from scripts.restart import restart, typed

MODULE = "azure-native:dbforpostgresql:"
PARAMETER = "max_connections"


def make(azure: LocalAzure, environment: Environment, type_: str, **values: Any) -> None:
    properties = Struct()
    properties.update({"resourceGroupName": names.resource_group(environment), **values})
    azure.provider_stub().Create(pb.CreateRequest(urn=f"urn:pulumi:prod::agent-memory::{type_}::x", type=type_, properties=properties))


@pytest.fixture(scope="module")
def environment(azure: LocalAzure, root: Path) -> Environment:
    """The shipped prod with its server made."""
    found = read("prod", root)
    make(azure, found, "azure-native:resources:ResourceGroup", location=found.location)
    make(
        azure, found, MODULE + "Server", serverName=found.server.name, location=found.location, version="16",
        sku={"name": "Standard_D2s_v3", "tier": "GeneralPurpose"}, storage={"storageSizeGB": 64},
        network={"publicNetworkAccess": "Enabled"}, administratorLogin="cogadmin",
        administratorLoginPassword="Local-" + uuid.uuid4().hex,
    )  # fmt: skip
    return found


@pytest.fixture
def waiting(at_azure: LocalAzure, environment: Environment) -> Environment:
    """The same with a static parameter that waits, another value each time."""
    value = str(200 + time.monotonic_ns() % 500)
    make(
        at_azure, environment, MODULE + "Configuration", serverName=environment.server.name, configurationName=PARAMETER, value=value,
        source="user-override",
    )  # fmt: skip
    return environment


def pending(environment: Environment) -> tuple[str, ...]:
    return arm.connect().pending_restart(names.resource_group(environment), environment.server.name)


def run(environment: Environment, **more: Any) -> int:
    return restart(environment, **{"if_pending": False, "yes": True, "dry_run": False, "as_json": False, **more})


def nobody(question: str) -> str:
    raise AssertionError(f"asked: {question}")


def test_a_static_parameter_waits_until_the_restart(waiting: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    assert pending(waiting) == (PARAMETER,)
    assert run(waiting, if_pending=True, as_json=True, ask=nobody) == GOOD
    told = json.loads(capsys.readouterr().out)
    assert (told["pending"], told["still_pending"], told["restarted"], told["verdict"]) == ([PARAMETER], [], True, "ok")
    assert told["seconds"] > 0
    assert pending(waiting) == ()


def test_nothing_is_restarted_where_nothing_waits(
    azure: LocalAzure, at_azure: LocalAzure, environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    run(environment)
    capsys.readouterr()
    assert run(environment, if_pending=True, yes=False, ask=nobody) == GOOD
    assert capsys.readouterr().out == f"{environment.server.name}: no parameter waits for a restart\n"


def test_a_dry_run_names_what_waits_and_leaves_it(waiting: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(waiting, dry_run=True, yes=False, ask=nobody) == GOOD
    assert capsys.readouterr().out == f"{waiting.server.name} would be restarted; 1 wait: {PARAMETER}\n"
    assert pending(waiting) == (PARAMETER,)


def test_prod_is_restarted_only_when_its_name_is_typed(waiting: Environment) -> None:
    with pytest.raises(Failure, match="was not typed") as caught:
        run(waiting, yes=False, ask=lambda question: "yes")
    assert (caught.value.code, pending(waiting)) == (REFUSED, (PARAMETER,))
    assert run(waiting, yes=False, ask=lambda question: waiting.server.name) == GOOD
    assert pending(waiting) == ()


@pytest.mark.parametrize(("stdin", "heard"), [("zepmem-prod \n", "zepmem-prod"), ("", "")])
def test_a_name_is_read_from_standard_input(
    stdin: str, heard: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    assert typed("which:") == heard
    assert capsys.readouterr() == ("", "which:\n")


def test_dev_is_not_asked_for(waiting: Environment) -> None:
    assert run(waiting.model_copy(update={"name": "dev"}), yes=False, ask=nobody) == GOOD


@pytest.mark.parametrize("effect", ["refuse", "fail"])
def test_a_busy_server_is_told_as_busy(azure: LocalAzure, waiting: Environment, effect: str) -> None:
    azure.fault({"effect": effect, "method": "POST", "pattern": "*/restart", "code": "ServerIsBusy", "message": "Try later."})
    with pytest.raises(Failure, match="ServerIsBusy") as caught:
        run(waiting)
    assert caught.value.code == BUSY


def test_a_restart_that_takes_too_long_is_busy(azure: LocalAzure, waiting: Environment) -> None:
    azure.fault({"effect": "slow", "method": "POST", "pattern": "*/restart", "seconds": 2})
    group, name = names.resource_group(waiting), waiting.server.name
    with pytest.raises(Failure, match="has not restarted within") as caught:
        arm.connect().restart(group, name, seconds=0.2)
    assert caught.value.code == BUSY
    arm.connect().wait_ready(group, name, poll_seconds=0.2)


def test_a_server_that_is_not_there_is_bad(at_azure: LocalAzure, root: Path) -> None:
    with pytest.raises(Failure, match="ResourceNotFound") as caught:
        run(read("staging", root), if_pending=True)
    assert caught.value.code == BAD


def test_a_parameter_that_still_waits_afterwards_is_bad(waiting: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    class Idle(arm.Arm):
        def restart(self, resource_group: str, name: str, seconds: float = 0) -> None: ...

    assert run(waiting, connect=lambda: Idle(arm.connect()._client)) == BAD
    assert capsys.readouterr().out.endswith(f"; still waiting: {PARAMETER}\n")
