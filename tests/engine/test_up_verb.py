"""`agentmem up` with the real engine on the local Azure: every phase, a second run, what is refused and what it asks for."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.engine.conftest import Terminal


def _up(terminal: Terminal, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    done = terminal.run("agentmem", "up", "--stack", "prod", "--json", *arguments)
    return done, json.loads(done.stdout) if done.stdout.startswith("{") else {}


@pytest.fixture(scope="module")
def first(served: Terminal) -> dict[str, Any]:
    """The first up of prod, which makes everything and provisions the database of a server that was not there when it began."""
    done, told = _up(served, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    return told


def test_the_first_up_goes_through_every_phase(first: dict[str, Any]) -> None:
    assert [phase["name"] for phase in first["phases"]] == ["doctor", "check", "preview", "up", "server", "post-provision"]
    assert {phase["verdict"] for phase in first["phases"]} == {"ok"}
    assert "standby in zone 2 healthy" in first["phases"][4]["evidence"]
    assert first["phases"][5]["evidence"].startswith("vector 0.8")


def test_a_second_up_has_nothing_to_do(first: dict[str, Any], served: Terminal) -> None:
    before = (served.state / "cloud.json").read_bytes()
    done, told = _up(served)
    assert done.returncode == 0, done.stdout + done.stderr
    assert told["changes"] == []
    assert "nothing changes" in told["phases"][2]["evidence"]
    assert "nothing was to be done" in told["phases"][5]["evidence"]
    assert (served.state / "cloud.json").read_bytes() == before, "no management write at all"


def _with_file(terminal: Terminal, old: str, new: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same in a project whose stack file differs: a shadow of a copy."""
    folder = terminal.state / "edited"
    folder.mkdir(exist_ok=True)
    for file in terminal.project.glob("Pulumi*.yaml"):
        (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    if not (folder / "infra").exists():
        (folder / "infra").symlink_to(terminal.project / "infra")
    path = folder / "Pulumi.prod.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return terminal.agentmem("run", "--folder", str(folder), "--", "agentmem", "up", "--stack", "prod", *arguments)


def test_a_restart_is_agreed_to_first(first: dict[str, Any], served: Terminal) -> None:
    """Nobody is at the keyboard: without --yes the up ends before anything is done."""
    refused = _with_file(served, "parameters: {}", "parameters: {max_locks_per_transaction: '128'}")
    assert refused.returncode == 5, refused.stdout + refused.stderr
    assert "restart" in refused.stdout
    assert "hint: --yes goes on without asking" in refused.stderr
    before = (served.state / "cloud.json").read_bytes()
    shown = _with_file(served, "parameters: {}", "parameters: {max_locks_per_transaction: '128'}", "--dry-run")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "nothing was changed" in shown.stdout
    assert (served.state / "cloud.json").read_bytes() == before


def test_the_loss_of_backups_is_refused_whatever_is_agreed_to(first: dict[str, Any], served: Terminal) -> None:
    refused = _with_file(served, "retention_days: 35", "retention_days: 14", "--yes")
    assert refused.returncode != 0
    assert "falls from 35 to 14" in refused.stdout + refused.stderr


def test_what_the_doctor_finds_stops_it_before_the_preview(served: Terminal) -> None:
    refused = served.run("env", "-u", "ARM_SUBSCRIPTION_ID", "agentmem", "up", "--stack", "prod", "--yes")
    assert refused.returncode == 5
    assert "subscription: " in refused.stderr
    assert "preview" not in refused.stdout
