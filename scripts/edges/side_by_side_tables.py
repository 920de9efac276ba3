"""Works on tables in several sessions at once, largest first; the first error ends all of them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from scripts.edges.workers import Worker

_S = TypeVar("_S")
_I = TypeVar("_I")
_T = TypeVar("_T")


def in_sessions(opened: Callable[[], AbstractContextManager[_S]], items: Sequence[_I], work: Callable[[_S, _I], _T], jobs: int) -> list[_T]:
    """What `work` gives for each item in one of `jobs` sessions, in the order of the items; the first are begun first.

    Raises what the first one that failed has raised, once all have ended.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(items)):
        waiting.put(number)
    done: dict[int, _T] = {}
    errors: list[BaseException] = []
    stopped = threading.Event()

    def run() -> None:
        try:
            with opened() as session:
                while not stopped.is_set():
                    number = waiting.get_nowait()
                    done[number] = work(session, items[number])
        except queue.Empty:
            return
        except BaseException as error:
            errors.append(error)
            stopped.set()

    workers = [Worker(f"tables {number}", run) for number in range(min(max(1, jobs), len(items)))]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait()
    except BaseException:
        stopped.set()
        raise
    if errors:
        raise errors[0]
    return [done[number] for number in range(len(items))]
