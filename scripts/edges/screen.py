"""What a person sees: data on stdout, talk and progress on stderr, nothing told by colour alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def say(text: str = "") -> None:
    """One line of data, on stdout."""
    sys.stdout.write(f"{text}\n")


def talk(text: str) -> None:
    """One line of talk, on stderr."""
    sys.stderr.write(f"{text}\n")


def document(verb: str, content: dict[str, Any], version: int = 1) -> None:
    """The one JSON document of a verb, on stdout."""
    say(as_document(verb, content, version))


def as_document(verb: str, content: dict[str, Any], version: int = 1) -> str:
    """The text of the one JSON document of a verb."""
    return json.dumps({"schema": f"agentmem/{verb}/{version}", **content}, indent=2, ensure_ascii=False, default=str)


def table(rows: Iterable[Sequence[str]], *, gap: int = 2) -> Iterator[str]:
    """Lines of a table whose columns are as wide as their widest cell; the last column runs free."""
    listed = [list(row) for row in rows]
    columns = max((len(row) for row in listed), default=0)
    widths = [max((len(row[column]) for row in listed if column < len(row) - 1), default=0) for column in range(columns)]
    for row in listed:
        cells = [cell.ljust(widths[column]) if column < len(row) - 1 else cell for column, cell in enumerate(row)]
        yield (" " * gap).join(cells).rstrip()


def console() -> Console:
    """The console that progress is drawn on."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def progress(*, quiet: bool = False) -> Progress:
    """A progress display on stderr: bar, count, time left. Shown only where a person looks."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    target = console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=target, transient=True, disable=quiet or not target.is_terminal)


def bytes_progress(*, quiet: bool = False) -> Progress:
    """As `progress`, for bytes: how many, how fast, time left."""
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    target = console()
    told = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*told, console=target, transient=True, disable=quiet or not target.is_terminal)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()

    @property
    def seconds(self) -> float:
        """Seconds, to the millisecond."""
        return round(self._clock() - self._start, 3)
