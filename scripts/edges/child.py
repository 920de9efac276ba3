"""Runs somebody's command as a child: its input and output are ours, and so is its exit code."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from scripts.edges.exits import USAGE, Failure

# What a shell adds to the number of the signal that ended a command.
_BY_SIGNAL = 128


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
    """Run `command` in `folder` with exactly this environment. Returns its exit code; raises Failure for a command that is none."""
    try:
        child = subprocess.Popen(command, env=dict(environment), cwd=folder)
    except FileNotFoundError:
        hint = "install Pulumi, or `make tools` builds an engine" if command[0] == "pulumi" else "it is looked for along PATH"
        raise Failure(USAGE, f"{command[0]} is no command here", hint=hint) from None
    except PermissionError:
        raise Failure(USAGE, f"{command[0]} cannot be run", hint="is it a program, and may you execute it?") from None
    with _signals_of(child):
        code = child.wait()
    return code if code >= 0 else _BY_SIGNAL - code


@contextmanager
def _signals_of(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ctrl-C reaches the child from the terminal, and a second one would end Pulumi in bad order: nothing is passed on twice."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        before[number] = signal.signal(number, pass_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
