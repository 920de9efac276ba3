"""A piece of work in a thread of its own while another goes on: both must succeed, and it does not outlive the other's failure for long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scripts.edges.workers import Worker

# What was told to stop cancels its statement and cleans up, which a server that listens does at once.
_PATIENCE_SECONDS = 10.0


class Unwanted(Exception):
    """Nobody waits for this work any more."""


@contextmanager
def alongside(work: Callable[[Callable[[], None]], None]) -> Iterator[Callable[[], None]]:
    """`work` goes on while the block runs. The block is given a function that waits for it, and raises what the work has raised.

    The work is given one that it calls now and then: it raises Unwanted once the block has failed.
    """
    failed = threading.Event()

    def go_on() -> None:
        if failed.is_set():
            raise Unwanted

    worker = Worker("alongside", lambda: work(go_on))
    try:
        worker.start()
        yield worker.wait
        worker.wait()
    except BaseException:
        failed.set()
        worker.ends_within(_PATIENCE_SECONDS)
        raise
