"""Patience with Azure Resource Manager: busy and throttled answers are asked again, with jitter, until a deadline.

The SDK itself repeats what was throttled three times and never repeats a 409.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from scripts.edges.arm import BUSY_CODES, classified
from scripts.edges.exits import BUSY, Failure

if TYPE_CHECKING:
    from azure.core.polling import LROPoller

T = TypeVar("T")
# A lock goes away when somebody lifts it, not by waiting.
WAITED_FOR = BUSY_CODES - {"ScopeLocked"}
# The shortest operation in the recordings ends within 15 s and the longest waits are polled once a minute.
FIRST_SECONDS, MOST_SECONDS = 1.0, 60.0


@dataclass
class Deadline:
    """A moment until which something may take; `seconds` from now."""

    seconds: float
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Seconds that are left, not below zero."""
        return max(0.0, self._end - time.monotonic())


def code_of(error: BaseException | None) -> str:
    """Azure's own code of an error, "" where it gave none."""
    return str(getattr(getattr(error, "error", None), "code", None) or "")


def patiently(call: Callable[[], T], where: str, deadline: Deadline, waits: Callable[[str], None] = lambda reason: None) -> T:
    """What `call` returns, asked again while the server is busy or requests are throttled. Raises Failure, BUSY past the deadline.

    `waits` hears why before each wait.
    """
    pause = FIRST_SECONDS
    while True:
        try:
            with classified(where):
                return call()
        except Failure as failure:
            wait = _wait(failure.__cause__, pause)
            if wait is None:
                raise
            if wait >= deadline.left:
                hint = f"still so after {deadline.seconds:.0f} s; try again later"
                raise Failure(BUSY, failure.fact, where=where, hint=hint) from failure.__cause__
            waits(failure.fact)
        time.sleep(wait)
        pause = min(2 * pause, MOST_SECONDS)


def finish(poller: LROPoller[T], where: str, deadline: Deadline) -> T:
    """The result of an operation that has really ended. Raises Failure, BUSY if it has not within the deadline.

    `result(timeout)` of a poller that is not done returns half an answer as if it were one, so `done` is asked first.
    """
    with classified(where):
        poller.wait(deadline.left)
        if not poller.done():
            hint = "Azure goes on with it; run this again to go on waiting"
            raise Failure(BUSY, f"not finished within {deadline.seconds:.0f} s", where=where, hint=hint)
        return poller.result()


def _wait(error: BaseException | None, pause: float) -> float | None:
    """Seconds to wait before the next try; None for what waiting does not mend. What Azure asks for is honoured."""
    told = asked_to_wait(error)
    if getattr(error, "status_code", None) == 429:
        return told if told is not None else _jittered(pause)
    return max(told or 0.0, _jittered(pause)) if code_of(error) in WAITED_FOR else None


def asked_to_wait(error: Any) -> float | None:
    """Seconds that Azure asks to wait, None where it says nothing."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    for name, unit in (("retry-after-ms", 1000.0), ("Retry-After", 1.0)):
        try:
            return float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
    return None


def _jittered(pause: float) -> float:
    """Half of it to all of it, so that those who were refused together do not come back together."""
    return pause * random.uniform(0.5, 1.0)
