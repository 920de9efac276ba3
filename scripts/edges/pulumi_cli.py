"""The Pulumi command line as a child process: which one, and the stacks of a file backend made ready.

A passphrase reaches it in a file that only the owner reads, a secret on its standard input; neither is ever an argument.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scripts.edges.exits import BAD, Failure

# A command against a file backend takes half a second; a minute is a machine in trouble.
_SECONDS = 60.0


def found(environment: Mapping[str, str]) -> str | None:
    """The path of the `pulumi` that a child with this environment would run, or None."""
    return shutil.which("pulumi", path=environment.get("PATH"))


def init_stack(pulumi: str, environment: Mapping[str, str], project: Path, stack: str) -> None:
    """Make `stack` in the backend unless it is there; the engine writes its salt into the stack file below `project`. Raises Failure."""
    done = _run(pulumi, environment, project, "stack", "init", stack, "--no-select", "--secrets-provider", "passphrase")
    if done.returncode and "already exists" not in done.stderr:
        raise _failure("stack init", done)


def set_secret(pulumi: str, environment: Mapping[str, str], project: Path, stack: str, key: str, value: str) -> None:
    """Encrypt `value` into the stack file below `project`. Raises Failure."""
    done = _run(pulumi, environment, project, "config", "set", "--secret", key, "--stack", stack, told=value)
    if done.returncode:
        raise _failure("config set", done)


def _run(pulumi: str, environment: Mapping[str, str], folder: Path, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    command = [pulumi, *arguments, "--non-interactive", "--color", "never"]
    try:
        return subprocess.run(
            command, cwd=folder, env=dict(environment), input=told, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failure(BAD, f"pulumi {arguments[0]} did not end within {_SECONDS:.0f} s") from None


def _failure(what: str, done: subprocess.CompletedProcess[str]) -> Failure:
    said = done.stderr.strip().removeprefix("error: ") or f"exit code {done.returncode}"
    return Failure(BAD, f"pulumi {what} failed: {said}", hint="--fresh begins anew, without what earlier runs left")
