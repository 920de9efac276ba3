"""`agentmem local-azure`: runs a command on the local Azure, or keeps that up for commands in other terminals."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.edges import screen
from scripts.edges.exits import BAD, BUSY, GOOD, Failure

if TYPE_CHECKING:
    from scripts.local_azure.serve import LocalAzure, LocalAzureFailed

# What tells a command in another terminal how to join.
_SERVED = "served.json"
# Held for as long as somebody serves; the kernel gives it free however that one ends.
_SERVING = "serving.lock"
# A stand-in whose keeper was killed stops its servers, one after the other, each in well under a second.
_LEAVING_SECONDS = 10.0
# How long after a server appeared a command that joins may miss its address; asking is one line through a pipe.
_EVERY_SECONDS = 1.0


def run(command: Sequence[str], folder: Path, state: Path, *, fresh: bool) -> int:
    """Run `command` in the shadow of the project at `folder`, on the local Azure kept in `state`. Returns the command's exit code."""
    from scripts.edges import azure_cli, child
    from scripts.edges.shadow import Shadow

    shadow = Shadow(folder.absolute(), state.absolute())
    with _joined_or_started(state.absolute(), fresh) as azure:
        environment = shadow.environment(os.environ, azure)
        shadow.prepare(environment)
        azure_cli.write_profile(environment)
        azure_cli.write_word(shadow.words, environment)
        return child.run(command, environment, shadow.folder)


def serve(state: Path, *, fresh: bool, as_json: bool) -> int:
    """Keep the local Azure of `state` up until Ctrl-C or SIGTERM, and let commands in other terminals join it."""
    ended = threading.Event()
    with contextlib.ExitStack() as held, _started(state.absolute(), fresh) as azure:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        served = azure.state / _SERVED
        served.unlink(missing_ok=True)  # what a killed one left must be gone before the lock says that somebody serves
        try:
            fcntl.flock(held.enter_context(open(azure.state / _SERVING, "w", encoding="utf-8")), fcntl.LOCK_EX)
            _announce(azure, served)
            if as_json:
                doors = {"arm": azure.arm_endpoint, "provider": azure.provider_address}
                screen.document("local-azure-serve", {"state": str(azure.state), "pid": azure.pid, **doors})
            else:
                screen.say(f"local Azure · {azure.arm_endpoint} · state in {azure.state}")
                screen.talk("up until Ctrl-C; in another terminal: agentmem local-azure run -- pulumi up --stack prod")
            sys.stdout.flush()  # whoever started this behind a pipe waits for the line
            while not ended.wait(_EVERY_SECONDS):
                _announce(azure, served)
        finally:
            served.unlink(missing_ok=True)
    return GOOD


@contextlib.contextmanager
def _joined_or_started(state: Path, fresh: bool) -> Iterator[dict[str, str]]:
    """The environment that leads to the local Azure of `state`: to the one that is served, else to one for this command alone."""
    from scripts.local_azure.serve import LocalAzureFailed

    end = time.monotonic() + _LEAVING_SECONDS
    while True:
        # Asked first: starting one only to hear that the state is taken would double the time of a short command.
        if not fresh and _is_served(state) and (served := _served(state)):
            yield served["environment"]
            return
        try:
            azure = _start(state, fresh)
        except LocalAzureFailed as error:
            leaves = error.pid is not None and error.pid == _served(state).get("pid") and not fresh
            if not leaves or time.monotonic() > end:
                raise _failure(error, state, fresh) from None
            time.sleep(_LEAVING_SECONDS / 50)
        else:
            break
    try:
        yield azure.environment
    finally:
        azure.stop()


def _start(state: Path, fresh: bool) -> LocalAzure:
    from scripts.local_azure.serve import LocalAzure

    azure = LocalAzure(state, fresh=fresh)
    azure.start()
    return azure


@contextlib.contextmanager
def _started(state: Path, fresh: bool) -> Iterator[LocalAzure]:
    from scripts.local_azure.serve import LocalAzure, LocalAzureFailed

    try:
        with LocalAzure(state, fresh=fresh) as azure:
            yield azure
    except LocalAzureFailed as error:
        raise _failure(error, state, fresh) from None


def _failure(error: LocalAzureFailed, state: Path, fresh: bool) -> Failure:
    if error.pid is None:
        return Failure(BAD, f"the local Azure failed: {error}", hint=error.hint or f"its log is in {state}")
    hint = "end that first: --fresh would empty what it serves" if fresh else "wait for it, or take another --state"
    return Failure(BUSY, f"{state} is used by process {error.pid}", hint=hint)


def _announce(azure: LocalAzure, path: Path) -> None:
    """Where the doors and the servers are now, for the owner's eyes only: the environment is what lets a command in."""
    text = json.dumps({"pid": azure.pid, "environment": azure.environment})
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8") == text:
            return
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)


def _is_served(state: Path) -> bool:
    """Whether somebody serves the state, and the stand-in that they keep lives."""
    from scripts.local_azure.serve import LOCK_FILE

    return _is_held(state / _SERVING) and _is_held(state / LOCK_FILE)


def _is_held(lock: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), open(lock, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _served(state: Path) -> dict[str, Any]:
    with contextlib.suppress(FileNotFoundError):
        found: dict[str, Any] = json.loads((state / _SERVED).read_text(encoding="utf-8"))
        return found
    return {}
