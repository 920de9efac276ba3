"""Calls that run a few at once and are answered in the order they were given, so that what is under way fits into memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_order(calls: Iterable[Callable[[], T]], at_once: int) -> Generator[T, None, None]:
    """What each call returns, in order; at most `at_once` run, and no more than one waits to be taken. Raises what a call raises.

    `calls` is drawn from as room comes free, in the caller's thread. After an error no further call begins.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for call in calls:
                waiting.append(pool.submit(call))
                if len(waiting) > at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
