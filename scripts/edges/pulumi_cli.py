"""The Pulumi command line as a child process: which one, its previews and updates, the stacks of a file backend made ready.

A passphrase reaches it in a file that only the owner reads, a secret on its standard input; neither is ever an argument.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from scripts.edges.engine_events import Event, Step, Tale, steps_of
from scripts.edges.exits import BAD, Failure

# The first engine that hands every error of the provider to the program's hook; Pulumi.yaml asks for it too.
OLDEST = (3, 244, 0)
# What runs a program in Python for the engine: an installation brings it, an engine built from its modules has none.
LANGUAGE_HOST = "pulumi-language-python"
# A command against a file backend takes half a second; a minute is a machine in trouble.
_SECONDS = 60.0
# How long the engine may take to leave in good order once it is asked to: it waits for the steps that are under way.
PATIENCE = 600.0
# After the second request it goes at once, and after the third it was not asked.
_AT_ONCE = 5.0


def found(environment: Mapping[str, str]) -> str | None:
    """The path of the `pulumi` that a child with this environment would run, or None."""
    return shutil.which("pulumi", path=environment.get("PATH"))


def version(environment: Mapping[str, str]) -> tuple[int, int, int] | None:
    """The version of the `pulumi` that a child with this environment would run; None if there is none, or if it is not Pulumi."""
    pulumi = found(environment)
    if pulumi is None:
        return None
    # Without a home, so that no log of this question is left in the person's own.
    asked = {**environment, "PULUMI_HOME": os.devnull, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        told = _told_version(pulumi, os.stat(pulumi).st_mtime_ns, frozenset(asked.items()))
    except (OSError, subprocess.SubprocessError):
        return None
    answer = re.match(r"v?(\d+)\.(\d+)\.(\d+)", told)
    return (int(answer[1]), int(answer[2]), int(answer[3])) if answer else None


@functools.lru_cache(maxsize=8)
def _told_version(pulumi: str, changed_ns: int, environment: frozenset[tuple[str, str]]) -> str:
    """What it says, asked once as long as the command is the same: the answer takes a fifth of a second. Raises for one that fails."""
    return subprocess.run(
        [pulumi, "version"], env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=True
    ).stdout


@dataclass(frozen=True)
class Engine:
    """An engine that can be used: its version, and the PATH along which it and its language host are found."""

    version: str
    path: str


def choose(environment: Mapping[str, str], tools: Path) -> Engine | str:
    """The engine on PATH if it is good, else the one in `tools`, which `make tools` fills; if neither is, why not, in a few words."""
    path = environment.get("PATH", os.defpath)
    chosen = _judged({**environment, "PATH": path})
    if isinstance(chosen, str) and (tools / "pulumi").exists():
        built = _judged({**environment, "PATH": f"{tools}{os.pathsep}{path}"})
        return built if isinstance(built, Engine) else chosen
    return chosen


def _judged(environment: Mapping[str, str]) -> Engine | str:
    pulumi, number = found(environment), version(environment)
    if pulumi is None:
        return "no pulumi on PATH"
    if number is None:
        return f"{pulumi} says no version, it is not Pulumi"
    told = ".".join(map(str, number))
    if number < OLDEST:
        return f"pulumi {told} is older than {'.'.join(map(str, OLDEST))}"
    beside = any((folder / LANGUAGE_HOST).is_file() for folder in (Path(pulumi).parent, Path(pulumi).resolve().parent))
    if not beside and shutil.which(LANGUAGE_HOST, path=environment["PATH"]) is None:
        return f"pulumi {told} has no {LANGUAGE_HOST}"
    return Engine(told, environment["PATH"])


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


@dataclass(frozen=True)
class Planned:
    """What a preview would do: its steps, how many of each operation (components and the stack itself counted), and all that was said.

    `document` is as the engine wrote it: it may hold secrets, so it is read by infra.domain.changes.engine alone.
    """

    steps: tuple[Step, ...]
    changes: Mapping[str, int]
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


def preview(pulumi: str, environment: Mapping[str, str], project: Path, stack: str, *options: str) -> Planned:
    """`pulumi preview --json` of `stack`. Raises Failure with the engine's diagnostics."""
    with _running(pulumi, environment, project, "preview", "--stack", stack, "--json", *options) as child:
        said, code = child.lines.read(), child.process.wait()
        tale = Tale()
        with contextlib.suppress(json.JSONDecodeError):
            document = json.loads(said)
            if code == 0:
                return Planned(steps_of(document), document.get("changeSummary") or {}, document)
            tale.complain(document.get("diagnostics") or ())
        raise tale.failure("preview", child.errors())


def up(
    pulumi: str,
    environment: Mapping[str, str],
    project: Path,
    stack: str,
    on_event: Callable[[Event], None] | None = None,
    *options: str,
    patience: float = PATIENCE,
) -> Mapping[str, int]:
    """`pulumi up --yes --skip-preview` of `stack`, each step told to `on_event` as it begins and ends; how many of each operation.

    Raises Failure with the engine's diagnostics. Whatever interrupts this asks the engine to stop in good order, which finishes the
    steps under way, and after `patience` seconds or a second interruption to stop at once.
    """
    tale = Tale()
    arguments = ("up", "--stack", stack, "--yes", "--skip-preview", "--json", *options)
    with _running(pulumi, environment, project, *arguments, patience=patience) as child:
        for line in child.lines:
            event = tale.hear(line)
            if event is not None and on_event is not None:
                on_event(event)
        if child.process.wait():
            raise tale.failure("up", child.errors())
    return tale.changes


@dataclass(frozen=True)
class _Child:
    process: subprocess.Popen[str]
    lines: IO[str]
    said: IO[str]

    def errors(self) -> str:
        self.said.seek(0)
        return self.said.read()


@contextlib.contextmanager
def _running(pulumi: str, environment: Mapping[str, str], folder: Path, *arguments: str, patience: float = PATIENCE) -> Iterator[_Child]:
    """The engine at work. It has a session of its own: Ctrl-C reaches us alone, and we decide how it is asked to stop."""
    command = [pulumi, *arguments, "--non-interactive", "--color", "never"]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
            text=True, encoding="utf-8", start_new_session=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        try:
            yield _Child(process, process.stdout, said)
        except BaseException:
            _stop(process, patience)
            raise


def _stop(process: subprocess.Popen[str], patience: float) -> None:
    """Ask the engine to stop, then to stop at once, then end it. An interruption while we wait goes on to the next of these."""
    for number, seconds in ((signal.SIGINT, patience), (signal.SIGINT, _AT_ONCE)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.communicate(timeout=seconds)  # it may still have much to say, and would wait for a reader
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


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
