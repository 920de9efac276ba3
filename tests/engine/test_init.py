"""`agentmem init` with the real engine and a backend of its own: three steps, finished by a second run, nothing of it ever shown."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.edges import stack_file
from tests.engine.installation import ROOT, Engine

FILE, KEY = "Pulumi.dev.yaml", "agent-memory:administrator_password"


class Project:
    """Somebody's own copy of the project, with a backend in a folder."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder = folder
        for file in ROOT.glob("Pulumi*.yaml"):
            shutil.copy(file, folder)
        (folder / "infra").symlink_to(ROOT / "infra")
        (folder / "backend").mkdir()
        own = {
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "made-up",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "ARM_", "AZURE_"))}
        self.environment = {**kept, **own, "PATH": path, "PYTHONPATH": str(ROOT), "PULUMI_SKIP_UPDATE_CHECK": "true"}

    def init(self, *arguments: str, stack: str = "dev", **environment: str) -> subprocess.CompletedProcess[str]:
        """`agentmem init --stack dev`, with nobody at the keyboard."""
        command = [sys.executable, "-m", "scripts.cli", "init", "--stack", stack, *arguments]
        where = {"cwd": self.folder, "env": {**self.environment, **environment}, "timeout": 60}
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **where)

    def pulumi(self, *arguments: str) -> str:
        command = ["pulumi", *arguments, "--non-interactive"]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True, timeout=60).stdout

    @property
    def text(self) -> str:
        return (self.folder / FILE).read_text(encoding="utf-8")


@pytest.fixture
def project(path_with_pulumi: str, tmp_path: Path) -> Project:
    return Project(tmp_path, path_with_pulumi)


def test_makes_stack_name_and_password_and_a_second_run_finds_nothing_to_do(project: Project) -> None:
    shipped = project.text
    first = project.init("--name", "memory-of-ours", "--secrets-provider", "passphrase")
    assert first.returncode == 0, first.stderr
    assert "dev is ready for up: 3 of 3 steps done" in first.stdout
    after = project.text
    assert stack_file.read("dev", project.folder).server.name == "memory-of-ours"
    # The layout is a person's: but for the name, every line that was there still is.
    assert after.startswith(shipped.replace("zepmem-dev", "memory-of-ours"))
    password = project.pulumi("config", "get", KEY, "--stack", "dev").strip()
    assert len(password) == 24
    assert password not in after + first.stdout + first.stderr
    again = project.init()
    assert again.returncode == 0, again.stderr
    assert "was ready for up, nothing was to be done" in again.stdout
    assert project.text == after


def test_a_run_that_was_broken_off_is_finished_by_the_next_one(project: Project) -> None:
    """The stack is there, the password is not: as after a kill between the two."""
    project.pulumi("stack", "init", "dev", "--no-select", "--secrets-provider", "passphrase")
    finished = project.init("--name", "memory-of-ours")
    assert finished.returncode == 0, finished.stderr
    assert "2 of 3 steps done" in finished.stdout
    assert stack_file.load("dev", project.folder).password_is_set


def test_a_password_that_is_set_is_never_changed(project: Project) -> None:
    project.init("--secrets-provider", "passphrase")
    before = project.pulumi("config", "get", KEY, "--stack", "dev")
    project.init("--name", "another-name-of-ours")
    assert project.pulumi("config", "get", KEY, "--stack", "dev") == before


def test_dry_run_changes_nothing(project: Project) -> None:
    before = project.text
    done = project.init("--name", "memory-of-ours", "--dry-run", "--json")
    told = json.loads(done.stdout)
    assert [step["changed"] for step in told["steps"]] == [True, True, True]
    assert project.text == before
    assert "dev" not in project.pulumi("stack", "ls")


@pytest.mark.parametrize("name", ["BAD_name", "a", "-x-", "x" * 64, "with space"])
def test_a_name_that_azure_does_not_take_is_refused_before_anything_is_made(name: str, project: Project) -> None:
    before = project.text
    refused = project.init(f"--name={name}")
    assert refused.returncode == 2
    assert f"{name} is no server name" in refused.stderr
    assert project.text == before
    assert "dev" not in project.pulumi("stack", "ls")


def test_without_a_passphrase_the_stack_is_not_made_and_the_hint_says_why(project: Project) -> None:
    del project.environment["PULUMI_CONFIG_PASSPHRASE"]
    refused = project.init("--secrets-provider", "passphrase")
    assert refused.returncode == 5
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" in refused.stderr
    assert "secure:" not in project.text


def test_without_an_engine_nothing_is_touched(project: Project, tmp_path: Path) -> None:
    before = project.text
    refused = project.init("--name", "memory-of-ours", PATH=str(tmp_path / "home"))
    assert refused.returncode == 3
    assert "no pulumi on PATH" in refused.stderr
    assert project.text == before


# Stands before the real engine: at one of its commands it kills whoever called it, before or after that command has done its work.
DEADLY = """#!/bin/sh
if [ "$1 $2" != "{command}" ]; then exec "{pulumi}" "$@"; fi
if [ {moment} = after ]; then "{pulumi}" "$@"; fi
kill -9 $PPID
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("command", ["stack init", "config set"])
def test_killed_at_any_step_the_next_run_finishes_it(project: Project, pulumi: Engine, tmp_path: Path, command: str, moment: str) -> None:
    deadly = tmp_path / "deadly"
    deadly.mkdir()
    (deadly / "pulumi").write_text(DEADLY.format(command=command, moment=moment, pulumi=pulumi.command), encoding="utf-8")
    (deadly / "pulumi").chmod(0o755)
    shipped = project.text
    killed = project.init("--name", "memory-of-ours", PATH=f"{deadly}{os.pathsep}{project.environment['PATH']}")
    assert killed.returncode == -signal.SIGKILL
    had = project.pulumi("config", "get", KEY, "--stack", "dev") if "secure:" in project.text else None
    finished = project.init()
    assert finished.returncode == 0, finished.stderr
    assert stack_file.load("dev", project.folder).password_is_set
    has = project.pulumi("config", "get", KEY, "--stack", "dev")
    assert len(has.strip()) == 24
    assert had in (None, has)
    assert project.text.startswith(shipped.replace("zepmem-dev", "memory-of-ours")), "lines and comments are as they were"
    assert not list(project.folder.glob(".Pulumi*")), "nothing is left behind"
    assert "nothing was to be done" in project.init().stdout


def test_what_somebody_edits_after_a_kill_stays(project: Project) -> None:
    stale = project.folder / f".{FILE}.layout"
    stale.write_text(project.text, encoding="utf-8")
    (project.folder / FILE).write_text(project.text.replace("session_days: ", "session_days: 1"), encoding="utf-8")
    edited = project.text
    assert project.init("--name", "memory-of-ours").returncode == 0
    assert project.text.startswith(edited.replace("zepmem-dev", "memory-of-ours"))
    assert not stale.exists()


def test_the_password_is_in_no_argument(project: Project, pulumi: Engine, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    listening = tmp_path / "listening"
    listening.mkdir()
    (listening / "pulumi").write_text(
        f'#!/bin/sh\necho "$@" >> "{heard}"\nenv >> "{heard}"\nexec "{pulumi.command}" "$@"\n', encoding="utf-8"
    )
    (listening / "pulumi").chmod(0o755)
    assert project.init(PATH=f"{listening}{os.pathsep}{project.environment['PATH']}").returncode == 0
    told = heard.read_text(encoding="utf-8")
    assert "config set --secret" in told
    assert project.pulumi("config", "get", KEY, "--stack", "dev").strip() not in told
