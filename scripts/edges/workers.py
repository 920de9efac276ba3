"""A thread that keeps what its work has raised, and that the main thread can wait for and still hear a Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Worker:
    """One piece of work in a thread of its own.

    Whoever waits for it waits for an event and not for the thread: in Python 3.11 a Ctrl-C in `Thread.join` makes a thread that still
    runs look as if it had ended, so that the next `join` returns at once.
    """

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ends_within(self, seconds: float | None) -> bool:
        """Wait so long, for None as long as it takes; whether it is over. One that was never begun is."""
        return self._thread.ident is None or self._over.wait(seconds)

    def wait(self) -> None:
        """Until it is over. Raises what the work has raised."""
        self.ends_within(None)
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error
        finally:
            self._over.set()
