"""A process of its own that transfers or dumps in forks of itself, each of which is killed where it was told to be.

One line of JSON in, the exit code of the fork out: the modules are loaded once for all of them. It ends when its standard input closes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import zstandard

from scripts.edges import dumping, index_builds, postgres
from scripts.edges.exits import Failure
from scripts.edges.transfer import Watching
from tests.live.transfers import transfer

__all__ = ["zstandard"]  # loaded before the forks, which all need it


class _Killer:
    """Who hears of everything, and ends the process by SIGKILL when a moment comes for the `turn`th time."""

    def __init__(self, moment: str, turn: int) -> None:
        self._moment, self._turn, self._heard = moment, turn, Counter[str]()
        self.watching = Watching(
            on_bytes=lambda item, size: self.hear("bytes"),
            on_build=lambda name, progress: self.hear(f"build {name}"),
            on_moment=self.hear,
        )

    def hear(self, moment: str) -> None:
        """A moment has come."""
        self._heard[moment] += 1
        if moment == self._moment and self._heard[moment] == self._turn:
            os.kill(os.getpid(), signal.SIGKILL)


def _work(order: dict[str, Any]) -> int:
    """What one fork does, if it is let."""
    index_builds._PAUSE_SECONDS = 0.01  # a build of few rows takes less than the pause between two looks at it
    killer = _Killer(order.get("moment", ""), order.get("turn", 1))
    source = lambda: postgres.connect(order["source"], password=os.environ["PGPASSWORD"])  # noqa: E731
    try:
        if "folder" in order:
            to = Path(order["folder"])
            dumping.write(source, to, "dev", "2026-01-01T00:00:00+00:00", lambda item, size: killer.hear("bytes"), 2)
        else:
            target = lambda: postgres.connect(order["target"], password=os.environ["PGPASSWORD"])  # noqa: E731
            transfer(source, target, killer.watching, bridge=order.get("bridge", False))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def main() -> None:
    """Serve one order after the other."""
    for line in sys.stdin:
        order = json.loads(line)
        fork = os.fork()
        if not fork:
            os._exit(_work(order))
        if (seconds := order.get("seconds")) is not None:
            time.sleep(seconds)
            os.kill(fork, signal.SIGKILL)  # one that has ended is still there until somebody waits for it
        print(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
