"""Signals that tell a command to end while it has something to put back: each ends it in order, and two at once end it once."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

# Ctrl-C pressed twice in haste, or a runner that sends SIGINT and SIGTERM together, means to end once. An interruption that meets
# the first steps of the way back would undo them; one that comes later than this means a way back that hangs.
SAME_SECONDS = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP all raise KeyboardInterrupt in the block, and none does within SAME_SECONDS of another."""
    heard = -SAME_SECONDS

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        now = time.monotonic()
        if now - heard >= SAME_SECONDS:
            heard = now
            raise KeyboardInterrupt

    if not _may_turn_signals():
        yield
        return
    with _turned(end):
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """No signal ends the block but one that ends the process."""
    if not _may_turn_signals():
        yield
        return
    with _turned(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _turned(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _may_turn_signals() -> bool:
    """Signals arrive in the main thread, and only there they can be turned."""
    return threading.current_thread() is threading.main_thread()
