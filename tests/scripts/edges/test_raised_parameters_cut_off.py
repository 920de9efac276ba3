"""Parameters raised for a restore, cut off: by a kill at each moment, by signals, by an operation that outlives its command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.domain.environment import Environment
from infra.domain.restore_parameters import Raise
from scripts.edges.exits import BUSY, Failure
from scripts.edges.server_parameters_arm import DEFAULT
from scripts.local_azure.serve import LocalAzure
from tests.scripts.raising import BEFORE, RAISED, World, fault, with_reachable_server

SERVER = "zepmem-cut-off"


@pytest.fixture(scope="module")
def made(azure: LocalAzure, root: Path) -> Environment:
    return with_reachable_server(azure, root, SERVER)


@pytest.fixture
def world(at_azure: LocalAzure, made: Environment, tmp_path: Path) -> World:
    return World(made, tmp_path / "ledger").prepared()


@pytest.mark.parametrize("moment", ["noted", "asked checkpoint_timeout", "set max_wal_size", "raised", "back autovacuum", "abandoned"])
def test_after_a_kill_the_next_run_begins_with_the_original_values(azure: LocalAzure, world: World, root: Path, moment: str) -> None:
    command = [sys.executable, "-m", "tests.scripts.raised_child", SERVER, str(world.ledger.folder), moment]
    killed = subprocess.run(command, cwd=root, env={**os.environ, **azure.environment}, capture_output=True, text=True, timeout=20)
    assert killed.returncode == (1 if moment == "abandoned" else -signal.SIGKILL), killed.stderr
    changed = {"noted": 0, "asked checkpoint_timeout": 1, "set max_wal_size": 1, "raised": 4, "back autovacuum": 3, "abandoned": 4}[moment]
    assert sum(world.now()[name] != BEFORE[name] for name in BEFORE) == changed
    seen: dict[str, str] = {}

    def wanted(present: Mapping[str, str]) -> tuple[Raise, ...]:
        seen.update(present)
        return tuple(world.wanted(present)) if moment == "raised" else ()

    with world.raised(wanted=wanted):
        assert {name: seen[name] for name in BEFORE} == {name: value for name, (value, _) in BEFORE.items()}
        assert world.values() == RAISED if moment == "raised" else world.is_as_before()
    assert world.is_as_before()


def test_a_runner_that_is_told_to_end_puts_them_back_first(azure: LocalAzure, world: World, root: Path) -> None:
    command = [sys.executable, "-m", "tests.scripts.raised_child", SERVER, str(world.ledger.folder), "sleep"]
    with subprocess.Popen(command, cwd=root, env={**os.environ, **azure.environment}, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "inside\n"
        assert world.values() == RAISED
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            child.send_signal(number)
        assert child.wait(timeout=30) == -signal.SIGINT
    assert world.is_as_before()


def test_any_verb_can_put_back_what_was_left(world: World) -> None:
    assert world.put_back_left() == () and not world.ledger.folder.exists()
    world.set("autovacuum", "off")
    what = {"name": "autovacuum", "value": "on", "source": DEFAULT, "raised": "off", "asked": True}
    world.ledger.keep_under_way(f"{SERVER}.parameters", {"server": SERVER, "parameters": [what]})
    assert world.put_back_left() == ("autovacuum",)
    assert world.is_as_before() and world.put_back_left() == ()


def test_a_write_that_is_still_under_way_is_written_over(azure: LocalAzure, world: World) -> None:
    fault(azure, "slow", "max_wal_size", seconds=1.0)
    with pytest.raises(Failure) as caught, world.raised(seconds=0.4):
        raise AssertionError("the block is never reached")
    assert caught.value.code is BUSY
    assert world.now() == BEFORE and set(world.note()) == {"max_wal_size"}
    assert any("could not be put back: max_wal_size (was 12288, raised to 32768)" in line for line in world.told)
    assert world.put_back_left() == ("max_wal_size",)
    time.sleep(1.0)
    assert world.is_as_before()
