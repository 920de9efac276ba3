"""Ways in which the engine itself is not ready: the passphrase, the stack, its own version, or a `pulumi` that is something else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engine.conftest import Terminal
from tests.engine.installation import ROOT, Engine

OLD = "v3.243.9"


@pytest.fixture(scope="module")
def prepared(served: Terminal) -> Terminal:
    """A terminal whose stacks are made."""
    assert served.run("true").returncode == 0
    return served


def preview(terminal: Terminal, *given: str) -> subprocess.CompletedProcess[str]:
    """A preview of dev with other variables than the shadow gives."""
    told = ("env", "-u", "PULUMI_CONFIG_PASSPHRASE_FILE", *given)
    return terminal.run(*told, "pulumi", "preview", "--stack", "dev", "--non-interactive", "--color", "never")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("PULUMI_CONFIG_PASSPHRASE=not-this-one",), "incorrect passphrase"),
        ((), "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"),
    ],
    ids=["wrong", "missing"],
)
def test_without_the_passphrase_nothing_begins(prepared: Terminal, given: tuple[str, ...], words: str) -> None:
    done = preview(prepared, *given)
    assert done.returncode not in (0, 70)
    assert words in done.stderr
    assert "memory-server" not in done.stdout, "nothing is planned"


def test_a_stack_that_was_never_initialised_is_told_by_its_name(prepared: Terminal) -> None:
    done = prepared.pulumi("preview", "--stack", "qa")
    assert done.returncode not in (0, 70)
    assert "no stack named 'qa' found" in done.stderr


def test_a_stack_without_a_file_is_told_what_its_file_must_hold(prepared: Terminal) -> None:
    """Whoever initialises a sixth stack gets every missing key at once, and no server."""
    made = prepared.run("sh", "-c", "pulumi stack init qa --non-interactive && pulumi preview --stack qa --non-interactive --color never")
    assert made.returncode not in (0, 70)
    said = made.stdout + made.stderr
    assert "environment is missing (C2)" in said and "server is missing (C2)" in said
    assert "Traceback" not in said and "memory-server" not in said
    prepared.run("pulumi", "stack", "rm", "qa", "--yes", "--non-interactive")


@pytest.fixture(scope="module")
def old_engine(pulumi: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine as it would be in an older version: the same binary, with the older number in it."""
    folder = tmp_path_factory.mktemp("old")
    binary = pulumi.command.resolve().read_bytes()
    number = f"v{pulumi.version}".encode()
    if number not in binary or len(number) != len(OLD):
        pytest.skip(f"the number {pulumi.version} cannot be replaced in this engine")
    (folder / "pulumi").write_bytes(binary.replace(number, OLD.encode()))
    (folder / "pulumi").chmod(0o755)
    for host in pulumi.command.resolve().parent.glob("pulumi-*"):
        shutil.copy(host, folder)
    return folder


def test_an_engine_that_is_too_old_is_told_which_it_must_be(prepared: Terminal, old_engine: Path) -> None:
    terminal = Terminal(prepared.state, os.pathsep.join((str(old_engine), prepared.path)), prepared.project)
    assert terminal.run("pulumi", "version").stdout.strip() == OLD
    done = terminal.pulumi("preview", "--stack", "dev")
    said = done.stdout + done.stderr
    assert done.returncode not in (0, 70), said
    assert ">=3.244.0" in said and OLD.removeprefix("v") in said
    assert "Traceback" not in said and "memory-server" not in said


def test_a_pulumi_that_is_something_else_is_told_as_what_it_is(tmp_path: Path) -> None:
    other = tmp_path / "pulumi"
    other.write_text("#!/bin/sh\necho a game about plumbers\nexit 3\n")
    other.chmod(0o755)
    fresh = Terminal(tmp_path / "state", os.pathsep.join((str(tmp_path), "/usr/bin", "/bin")), ROOT)
    done = fresh.pulumi("preview", "--stack", "dev")
    assert done.returncode not in (0, 70)
    assert done.stderr == f"{other} says no version, it is not Pulumi\nhint: the true one must come first on PATH\n"
