"""Which portable copies stay: the newest of each of the last weeks and of each of the last months, as `backup.portable_copies` says.

A copy's name holds its environment and its time, so that nothing else has to be asked. What has another name is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime, timedelta

from infra.domain.environment import PortableCopies

_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"([a-z][a-z0-9-]*)-([0-9]{8}T[0-9]{6}Z)")
# An upload that did not end may still go on. Azure itself throws blocks away that nobody committed for a week.
ABANDONED = timedelta(days=7)


def copy_name(environment: str, at: datetime) -> str:
    """What a copy of that moment is called: the environment and the time in UTC, to the second."""
    return f"{environment}-{at.astimezone(UTC):{_TIME}}"


def taken_at(name: str, environment: str | None = None) -> datetime | None:
    """When the copy of this name was taken; None for what is not called as a copy of this environment, or of any, is."""
    found = _NAME.fullmatch(name)
    if found is None or environment not in (None, found[1]):
        return None
    try:
        return datetime.strptime(found[2], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def going(copies: Iterable[str], environment: str, keep: PortableCopies) -> tuple[str, ...]:
    """The copies that may go, oldest first.

    What stays: the newest copy of each of the last `keep.weekly` ISO weeks (in UTC) that have one, the newest of each of the last
    `keep.monthly` months that have one, and in any case the newest of all. No clock is asked: where no new copies come, none goes.
    """
    taken = _by_time(copies, environment)
    stays = {*_newest_of_each(taken, _week, keep.weekly), *_newest_of_each(taken, _month, keep.monthly), *list(taken)[-1:]}
    return tuple(name for at, name in taken.items() if at not in stays)


def abandoned(unfinished: Iterable[str], complete: Iterable[str], environment: str) -> tuple[str, ...]:
    """The unfinished copies that nobody will finish, oldest first: a copy that was taken a week later is complete."""
    done = _by_time(complete, environment)
    last = max(done, default=None)
    return tuple(name for at, name in _by_time(unfinished, environment).items() if last is not None and last - at >= ABANDONED)


def _by_time(names: Iterable[str], environment: str) -> dict[datetime, str]:
    """The copies of the environment, oldest first: a time has one name."""
    return dict(sorted((at, name) for name in names if (at := taken_at(name, environment)) is not None))


def _newest_of_each(times: Iterable[datetime], period: Callable[[datetime], Hashable], count: int) -> set[datetime]:
    """Of each of the last `count` periods that have a time the newest; `times` ascend."""
    newest = {period(at): at for at in times}
    return set(sorted(newest.values())[-count:]) if count else set()


def _week(at: datetime) -> tuple[int, int]:
    """The ISO week: its year is not always that of the day."""
    return at.isocalendar()[:2]


def _month(at: datetime) -> tuple[int, int]:
    return at.year, at.month
