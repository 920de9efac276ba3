"""The progress of rows on their way: bytes, speed and time left on stderr, or an event a table as a line of JSON."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from scripts.edges import screen
from scripts.edges.index_builds import Progress
from scripts.edges.origin import Item
from scripts.edges.transfer import Watching

# Often enough for a program that waits, seldom enough for a log.
_EVENT_SECONDS = 1.0


@contextmanager
def watching(items: Sequence[Item], events: bool) -> Iterator[Watching]:
    """Who hears of a transfer, for as long as the block runs."""
    if events:
        yield _Events(items).watching
        return
    with screen.bytes_progress() as bar:
        # what COPY sends is not what lies on a disk: the bar is an estimate until a table is full
        rows = bar.add_task("rows", total=sum(item.size for item in items) or 1)
        builds: dict[str, Any] = {}

        def on_build(name: str, progress: Progress) -> None:
            if name not in builds:
                builds[name] = bar.add_task(name, total=None)
            bar.update(builds[name], description=f"{name}: {progress.phase}", completed=progress.done, total=progress.total)

        yield Watching(on_bytes=lambda item, size: bar.update(rows, advance=size, description=item.title), on_build=on_build)


class _Events:
    """One line of JSON on stderr a second at most, and one for each moment."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._total = sum(item.size for item in items)
        self._done = 0
        self._told = 0.0
        self._lock = threading.Lock()
        self.watching = Watching(on_bytes=self._bytes, on_build=self._build, on_moment=lambda moment: _line({"event": moment}))

    def _bytes(self, item: Item, size: int) -> None:
        with self._lock:
            self._done += size
            if time.monotonic() - self._told < _EVENT_SECONDS:
                return
            self._told = time.monotonic()
            _line({"event": "bytes", "table": item.title, "bytes": self._done, "estimated": self._total})

    def _build(self, name: str, progress: Progress) -> None:
        if time.monotonic() - self._told >= _EVENT_SECONDS:
            self._told = time.monotonic()
            _line({"event": "build", "index": name, "phase": progress.phase, "done": progress.done, "total": progress.total})


def _line(content: dict[str, Any]) -> None:
    sys.stderr.write(json.dumps(content) + "\n")
