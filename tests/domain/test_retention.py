"""Retention of portable copies: what stays for each week and month, and what is never touched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from infra.domain.environment import PortableCopies
from infra.domain.retention import abandoned, copy_name, going, taken_at

# Whole seconds, for a name has no more; years around the turns of ISO weeks and years.
MOMENTS = st.datetimes(datetime(2019, 12, 1), datetime(2028, 2, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC))
NAMES = st.lists(MOMENTS, max_size=60).map(lambda times: [copy_name("uat", at) for at in times])
KEEPS = st.builds(lambda weekly, monthly: PortableCopies(weekly=weekly, monthly=monthly), st.integers(0, 14), st.integers(0, 14))
SHIPPED = PortableCopies(weekly=13, monthly=12)


def time_of(name: str) -> datetime:
    at = taken_at(name)
    assert at is not None
    return at


def daily(days: int, last: datetime = datetime(2026, 11, 21, 3, tzinfo=UTC)) -> list[str]:
    """A copy of every day, oldest first."""
    return [copy_name("uat", last - timedelta(days=day)) for day in reversed(range(days))]


def test_of_two_years_of_daily_copies_thirteen_weeks_and_twelve_months_stay() -> None:
    copies = daily(730)
    gone = going(copies, "uat", SHIPPED)
    stay = [name for name in copies if name not in gone]
    ends_of_months = [f"uat-{day}T030000Z" for day in ("20251231", "20260131", "20260228", "20260331", "20260430", "20260531", "20260630")]
    more = [f"uat-{day}T030000Z" for day in ("20260731", "20260831", "20260930", "20261031")]
    sundays = [copy_name("uat", datetime(2026, 8, 30, 3, tzinfo=UTC) + timedelta(weeks=week)) for week in range(12)]
    assert stay == sorted({*ends_of_months, *more, *sundays, "uat-20261121T030000Z"})
    assert list(gone) == sorted(gone)


def test_a_week_goes_over_the_turn_of_the_year() -> None:
    """2025-12-29 to 2026-01-04 is one ISO week, though its days lie in two years."""
    copies = [f"uat-{day}T030000Z" for day in ("20251222", "20251230", "20260103", "20260104", "20260105")]
    assert going(copies, "uat", PortableCopies(weekly=3, monthly=0)) == ("uat-20251230T030000Z", "uat-20260103T030000Z")


def test_weeks_without_a_copy_do_not_count() -> None:
    copies = ["uat-20200106T000000Z", "uat-20230601T000000Z", "uat-20261121T000000Z"]
    assert going(copies, "uat", PortableCopies(weekly=3, monthly=0)) == ()
    assert going(copies, "uat", PortableCopies(weekly=2, monthly=0)) == ("uat-20200106T000000Z",)


def test_the_newest_stays_even_where_nothing_is_to_be_kept() -> None:
    assert going(daily(3), "uat", PortableCopies(weekly=0, monthly=0)) == tuple(daily(3)[:2])


@pytest.mark.parametrize(
    "name",
    ["prod-20200101T000000Z", "uat-20261341T000000Z", "uat-20200101T000000Z.partial", "uat-20200101", "ledger", "uat-2-20200101T000000Z"],
)
def test_what_is_not_called_as_a_copy_of_this_environment_is_left_alone(name: str) -> None:
    assert name not in going([name, *daily(400)], "uat", PortableCopies(weekly=1, monthly=0))
    assert taken_at(name, "uat") is None


def test_a_name_is_in_utc() -> None:
    at = datetime.fromisoformat("2026-11-21T01:30:00+02:00")
    assert copy_name("uat", at) == "uat-20261120T233000Z"
    assert taken_at("uat-20261120T233000Z") == at


def test_an_unfinished_copy_goes_once_one_that_is_a_week_younger_is_complete() -> None:
    complete = ["uat-20261121T000000Z"]
    unfinished = ["uat-20261114T000001Z", "uat-20261114T000000Z", "uat-20261120T000000Z", "uat-20261122T000000Z", "prod-20200101T000000Z"]
    assert abandoned(unfinished, complete, "uat") == ("uat-20261114T000000Z",)
    assert abandoned(unfinished, [], "uat") == ()


# A loaded machine is no fault of a rule.
@settings(max_examples=100, deadline=None)
@given(NAMES, KEEPS)
def test_each_of_the_last_weeks_and_months_keeps_its_newest_copy_and_nothing_more(names: Sequence[str], keep: PortableCopies) -> None:
    """Held against a count from the newest backwards, which is another way to say the rule."""
    weeks: list[tuple[int, int]] = []
    months: list[tuple[int, int]] = []
    stay: set[str] = set()
    for name in sorted(set(names), key=time_of, reverse=True):
        at = time_of(name)
        week, month = at.isocalendar()[:2], (at.year, at.month)
        is_newest = [week not in weeks and len(weeks) < keep.weekly, month not in months and len(months) < keep.monthly, not stay]
        weeks += [week] if week not in weeks else []
        months += [month] if month not in months else []
        if any(is_newest):
            stay.add(name)
    gone = going(names, "uat", keep)
    assert set(gone) == set(names) - stay
    assert list(gone) == sorted(set(gone), key=time_of)


@settings(max_examples=100, deadline=None)
@given(NAMES, KEEPS)
def test_a_second_time_nothing_more_goes(names: Sequence[str], keep: PortableCopies) -> None:
    left = set(names) - set(going(names, "uat", keep))
    assert going(left, "uat", keep) == ()


@settings(max_examples=100, deadline=None)
@given(NAMES, KEEPS, MOMENTS)
def test_what_went_yesterday_would_have_gone_today(names: Sequence[str], keep: PortableCopies, at: datetime) -> None:
    """A copy that is newer than all lets nothing come back: what may go, may go for ever."""
    newest = max([at, *map(time_of, names)]) + timedelta(seconds=1)
    assert set(going(names, "uat", keep)) <= set(going([*names, copy_name("uat", newest)], "uat", keep))


@settings(max_examples=100, deadline=None)
@given(NAMES, KEEPS)
def test_as_many_stay_as_the_contract_says_at_most(names: Sequence[str], keep: PortableCopies) -> None:
    left = set(names) - set(going(names, "uat", keep))
    assert len(left) <= max(1, keep.weekly + keep.monthly)
    assert bool(left) == bool(names)
