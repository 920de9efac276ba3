"""A password goes in and never comes out: not in an answer, not in a plan, not in an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.domain.environment import STACKS
from scripts.edges.exits import BAD, CONFIGURATION, GOOD, UNREACHABLE, USAGE
from tests.house.sources import files

PLANTED = "Planted-2f9c-Never-to-be-seen"
# Nothing listens on the port of discard; a refused connection comes at once.
NOBODY = "host=127.0.0.1 port=9 dbname=zep user=cogadmin"


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its exit code, and everything that it said."""

    code: int
    output: str


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    """A copy of the project's stack files, in which prod has the planted password as the ciphertext of its secret."""
    for name in ("Pulumi.yaml", *(f"Pulumi.{stack}.yaml" for stack in STACKS)):
        shutil.copy(root / name, tmp_path)
    with (tmp_path / "Pulumi.prod.yaml").open("a", encoding="utf-8") as file:
        file.write(f"  agent-memory:administrator_password: {{secure: {PLANTED}}}\n")
    return tmp_path


def _run(arguments: list[str], folder: Path, root: Path) -> Ended:
    """Run `agentmem` with the password in every place where one may lie, and with tracebacks on."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "AGENTMEM_FOLDER": str(folder),
        "AGENTMEM_TRACEBACK": "1",
        "PGPASSWORD": PLANTED,
        "PULUMI_CONFIG_PASSPHRASE": PLANTED,
        "AZURE_CLIENT_SECRET": PLANTED,
    }
    command = [sys.executable, "-m", "scripts.cli", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return Ended(done.returncode, done.stdout + done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--stack", "prod"],
        ["check", "--stack", "prod", "--json"],
        ["check", "--all"],
        ["explain", "--stack", "prod"],
        ["explain", "--stack", "prod", "--json"],
        ["preview", "--stack", "prod"],
        ["preview", "--stack", "prod", "--json"],
        ["rehearse", "--stack", "prod", "--dry-run", "--engine", "capture"],  # the engine has tests of its own, and wants the program
    ],
    ids=" ".join,
)
def test_no_command_shows_the_password(arguments: list[str], folder: Path, root: Path) -> None:
    ended = _run(arguments, folder, root)
    assert ended.code == GOOD, ended.output
    assert PLANTED not in ended.output


@pytest.mark.parametrize("verb", ["check", "explain", "preview"])
def test_a_password_in_clear_is_refused_without_showing_it(verb: str, folder: Path, root: Path) -> None:
    path = folder / "Pulumi.prod.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(f"{{secure: {PLANTED}}}", PLANTED), encoding="utf-8")
    ended = _run([verb, "--stack", "prod"], folder, root)
    assert ended.code == CONFIGURATION, ended.output
    assert "administrator_password" in ended.output
    assert PLANTED not in ended.output


def test_a_server_that_does_not_answer_learns_and_tells_nothing(folder: Path, root: Path) -> None:
    ended = _run(["post-provision", "--stack", "dev", "--dsn", NOBODY], folder, root)
    assert ended.code == UNREACHABLE, ended.output
    assert PLANTED not in ended.output


def test_a_password_in_a_dsn_is_refused_without_showing_it(folder: Path, root: Path) -> None:
    ended = _run(["post-provision", "--stack", "dev", "--dsn", f"{NOBODY} password={PLANTED}"], folder, root)
    assert ended.code in {BAD, USAGE, CONFIGURATION}, ended.output
    assert PLANTED not in ended.output


def test_the_made_up_password_of_a_preview_is_in_no_stored_plan() -> None:
    from scripts.edges.capture import MARKER

    golden = [path for path in files() if "golden" in path.parts]
    assert golden, "there are no golden plans"
    assert not [path.name for path in golden if MARKER in path.read_text(encoding="utf-8")]


def test_no_shipped_stack_file_has_a_password(root: Path) -> None:
    assert not [stack for stack in STACKS if "administrator_password" in (root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")]
