"""Time on the wire: the clock that the model runs by, and the four spellings of a moment that Azure uses side by side."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock. A test gives its own, so that an operation of sixteen minutes takes none."""

    def now(self) -> datetime:
        """This moment in UTC."""
        return datetime.now(UTC)

    def sleep_until(self, due: datetime) -> None:
        """Returns when that moment has come; at once for one that lies behind."""
        time.sleep(max(0.0, (due - self.now()).total_seconds()))


def operation_time(moment: datetime) -> str:
    """`startTime` of an operation: milliseconds, zeros at the end dropped, "2026-05-19T08:40:47.83Z" (wire/server.md 1)."""
    fraction = f"{moment.microsecond // 1000:03d}".rstrip("0")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + "Z"


def created_time(moment: datetime) -> str:
    """`systemData.createdAt`: always seven decimals and Z (wire/backup.md 1)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def offset_time(moment: datetime) -> str:
    """`earliestRestoreDate` and `completedTime`: up to seven decimals, zeros dropped, offset instead of Z (wire/backup.md 1)."""
    fraction = f"{moment.microsecond:06d}".rstrip("0")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + "+00:00"


def ticks(moment: datetime) -> int:
    """.NET ticks (100 ns since year 1), which Azure puts into the names of automatic backups."""
    since = moment - datetime(1, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10_000_000 + since.microseconds * 10


def stored(moment: datetime) -> str:
    """A moment as the model keeps it, to the microsecond."""
    return moment.isoformat()


def moment(text: str) -> datetime:
    """The moment that `stored` wrote."""
    return datetime.fromisoformat(text)
