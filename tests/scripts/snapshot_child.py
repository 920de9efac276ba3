"""A process of its own that takes a snapshot and kills itself, without any chance to clean up, where it is told to."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from scripts.edges import stack_file
from scripts.snapshot.create import create


def main(stack: str, server: str, folder: str, moment: str) -> int:
    """Kill this process when `moment` comes: noted, asked, kept, complete, written; `never` lets it finish."""

    def watch(now: str) -> None:
        if now == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    environment = stack_file.read(stack, Path(__file__).resolve().parents[2])
    environment = environment.model_copy(update={"server": environment.server.model_copy(update={"name": server})})
    return create(environment, reason="before 0042", folder=Path(folder), as_json=True, watch=watch)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
