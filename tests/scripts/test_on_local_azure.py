"""`agentmem local-azure`: one state serves one at a time, commands join what is served, and a killed one leaves nothing that misleads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts import on_local_azure
from scripts.local_azure.serve import LocalAzure

ARM = "import os; print(os.environ['AGENTMEM_ARM_ENDPOINT'])"


def command(verb: str, state: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "scripts.cli", "local-azure", verb, "--state", str(state), *arguments]


def run(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Without the folders that hold a Pulumi: making stacks is for the tests with an engine.
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    told = command("run", state, "--", *arguments)
    return subprocess.run(told, env=environment, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def serving(state: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """`serve` in another terminal, and the document that it prints."""
    with subprocess.Popen(command("serve", state, "--json"), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            lines = iter(child.stdout.readline, "}\n")
            yield child, json.loads("".join(lines) + "}")
        finally:
            child.kill()


def test_a_command_joins_what_is_served(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as (_, served):
        assert served["schema"] == "agentmem/local-azure-serve/1"
        joined = run(tmp_path, "python", "-c", ARM)
        assert (joined.returncode, joined.stdout.strip()) == (0, served["arm"]), joined.stderr
        monkeypatch.setattr(LocalAzure, "start", lambda self: pytest.fail("a second one is started, only to hear that the state is taken"))
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        assert on_local_azure.run(["true"], root, tmp_path, fresh=False) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_when_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as (child, _):
        child.send_signal(number)
        assert child.wait(30) == 0
    assert not (tmp_path / "served.json").exists()


def test_what_a_killed_one_left_misleads_nobody(tmp_path: Path) -> None:
    with serving(tmp_path) as (child, served):
        child.kill()
        child.wait()
    assert (tmp_path / "served.json").exists(), "or this test kills too softly"
    alone = run(tmp_path, "python", "-c", ARM)
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout.strip() != served["arm"], "the stand-in that it would join is on its way out"


def test_nobody_joins_a_stand_in_that_is_gone_while_its_keeper_stays(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, served):
        os.kill(served["pid"], signal.SIGKILL)
        alone = run(tmp_path, "python", "-c", ARM)
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout.strip() != served["arm"]


def test_a_command_does_not_join_another_that_will_end_before_it(tmp_path: Path) -> None:
    first = ["sh", "-c", "echo ready; read line"]
    with subprocess.Popen(command("run", tmp_path, "--", *first), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "ready\n"
        busy = run(tmp_path, "true")
        assert busy.returncode == 6
        assert busy.stderr.startswith(f"{tmp_path} is used by process ")
        assert busy.stderr.endswith("\nhint: wait for it, or take another --state\n")
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.wait(30) == 0
