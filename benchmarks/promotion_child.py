"""Our transfer as a process of its own, so that its memory is its own: told on stdin what to do, tells on stdout each moment it reaches.

First line in: places, room and wishes as JSON. It then says that it is ready, and begins with the second line in.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from scripts.edges import origin, transfer
from scripts.edges.index_builds import Room
from scripts.edges.phases import Phases
from scripts.edges.transfer_target import Target

# Several sessions tell at once, and print writes the end of a line by itself.
_telling = threading.Lock()


def main() -> None:
    """One transfer from start to end."""
    told = json.loads(sys.stdin.readline())
    say("ready")
    sys.stdin.readline()
    wishes = transfer.Wishes(told["jobs"], Room(*told["room"]), bridge=told["bridge"])
    target = Target(connector(told["target"]))
    try:
        target.lock()
        with origin.live(connector(told["source"])) as source:
            transfer.choose_algorithm(source, target)
            transfer.Transfer(source, target, wishes, Phases(quiet=True), transfer.Watching(on_moment=say)).run()
    finally:
        target.close()
    say("ended", peak_mb=peak_megabytes())


def connector(place: dict[str, str]) -> Callable[[], Any]:
    """Sessions of a database, by what the environment of a PostgreSQL program would say."""
    names = {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user", "PGPASSWORD": "password"}
    parameters: Any = {names[name]: value for name, value in place.items()}
    return lambda: psycopg.connect(**parameters, autocommit=True)


def say(moment: str, **facts: float) -> None:
    """One line of JSON; the clock is the same in all processes of a machine."""
    line = json.dumps({"moment": moment, "at": time.monotonic(), **facts})
    with _telling:
        print(line, flush=True)


def peak_megabytes() -> float:
    """The most memory that was ever resident, of this process alone: getrusage would also count the parent that it was forked from."""
    with open("/proc/self/status", encoding="ascii") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    return kib * 1024 / 1e6


if __name__ == "__main__":
    main()
