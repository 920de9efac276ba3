"""`agentmem up` with the real engine on the local Azure: every phase, a second run, what is refused and what it asks for."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.engine.conftest import Terminal

SERVER = "zepmem-prod"


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


# Somebody presses Ctrl-C as soon as the server of dev is there; its databases and parameters are not.
SOMEBODY_INTERRUPTS = """
import pathlib, signal, subprocess, sys, time
cloud = pathlib.Path(sys.argv[1])
child = subprocess.Popen(["agentmem", "up", "--stack", "dev", "--yes"])
while "flexibleservers/zepmem-dev" not in cloud.read_text().lower() and child.poll() is None:
    time.sleep(0.05)
child.send_signal(signal.SIGINT)
sys.exit(child.wait())
"""
# As another up of dev, on another machine, holds the stack.
SOMEBODY_ELSE = """
folder="${PULUMI_BACKEND_URL#file://}/.pulumi/locks/organization/agent-memory/dev"
mkdir -p "$folder"
echo '{"pid": 1, "username": "somebody", "hostname": "elsewhere", "timestamp": "2026-01-01T00:00:00Z"}' > "$folder/1.json"
agentmem up --stack dev --yes
code=$?
rm "$folder/1.json"
exit $code
"""


def test_a_stack_that_somebody_else_works_on_is_busy_and_not_touched(first: dict[str, Any], served: Terminal) -> None:
    refused = served.run("sh", "-c", SOMEBODY_ELSE)
    assert refused.returncode == 6, refused.stdout + refused.stderr
    assert "dev is locked by somebody@elsewhere (pid 1)" in refused.stderr
    assert "hint: wait for it; if it is gone: pulumi cancel --stack dev, then again" in refused.stderr
    assert "zepmem-dev" not in (served.state / "cloud.json").read_text(encoding="utf-8")


def test_an_up_that_was_broken_off_is_finished_by_the_next_one(first: dict[str, Any], served: Terminal) -> None:
    broken = served.run(sys.executable, "-c", SOMEBODY_INTERRUPTS, str(served.state / "cloud.json"))
    assert broken.returncode == 130, broken.stdout + broken.stderr
    assert "post-provision" not in broken.stdout
    finished = served.run("agentmem", "up", "--stack", "dev", "--yes", "--json")
    told = json.loads(finished.stdout)
    phases = {phase["name"]: phase for phase in told["phases"]}
    assert "same" in phases["up"]["evidence"], "what was made before is not made again"
    assert phases["server"]["evidence"].startswith("zepmem-dev ready")
    # The shipped dev is public and lets nobody in: that is the one thing left, and said.
    assert finished.returncode == 5, finished.stdout + finished.stderr
    assert [name for name, phase in phases.items() if phase["verdict"] != "ok"] == ["post-provision"]
    assert "network.firewall in the stack file, then agentmem up again" in told["reason"]


def test_a_private_server_that_is_not_reached_says_how_it_is(first: dict[str, Any], served: Terminal) -> None:
    """Its name leads nowhere from here, as it does from outside its network. All that Azure does is done."""
    nowhere = ("env", f"AGENTMEM_HOSTS={SERVER}.postgres.database.azure.com=127.0.0.2:1")
    by_hand = served.run(*nowhere, "agentmem", "post-provision", "--stack", "prod")
    assert by_hand.returncode == 4
    assert by_hand.stderr.splitlines() == [
        f"{SERVER} is private, and was not reached from here",
        "hint: run it inside the network, as a one-off container job: docs/guides/inside-the-network.md",
    ]
    whole = served.run(*nowhere, "agentmem", "up", "--stack", "prod", "--json")
    assert whole.returncode == 4
    told = json.loads(whole.stdout)
    assert [phase["verdict"] for phase in told["phases"]] == ["ok"] * 5 + ["failed"]
    assert "docs/guides/inside-the-network.md" in told["reason"]


def test_init_refuses_a_name_that_azure_has_given_away(first: dict[str, Any], served: Terminal) -> None:
    refused = served.run("agentmem", "init", "--stack", "uat", "--name", SERVER)
    assert refused.returncode == 5, refused.stdout + refused.stderr
    assert "taken" in refused.stderr
    assert "outlive a deleted server for days" in refused.stderr


def test_an_outage_in_production_waits_for_a_verified_copy(first: dict[str, Any], served: Terminal) -> None:
    larger = ("sku: Standard_D2s_v3", "sku: Standard_D4s_v3", "--yes", "--json")
    before = (served.state / "cloud.json").read_bytes()
    refused = _with_file(served, *larger)
    assert refused.returncode == 5, refused.stdout + refused.stderr
    assert "outage in prod: " in refused.stderr
    assert "hint: agentmem snapshot create --stack prod" in refused.stderr
    assert (served.state / "cloud.json").read_bytes() == before
    folder = str(served.state / "edited")
    copy = ("agentmem", "snapshot", "create", "--stack", "prod", "--reason", "a larger SKU")
    copied = served.agentmem("run", "--folder", folder, "--", *copy)
    assert copied.returncode == 0, copied.stdout + copied.stderr
    done = _with_file(served, *larger)
    assert done.returncode == 0, done.stdout + done.stderr
    gate = next(phase for phase in json.loads(done.stdout)["phases"] if phase["name"] == "gate")
    assert gate["verdict"] == "ok" and "h old" in gate["evidence"], gate
