"""Exceptions from the guards: what one lifts, until when, and what none lifts."""

from __future__ import annotations

import datetime

import pytest

from infra.domain.environment import Override
from infra.domain.overrides import lift
from infra.domain.problem import Problem, Severity
from infra.domain.rules.rule import refuse, warn

LAST_DAY = datetime.date(2026, 12, 1)
REFUSED = refuse("R5", "backup.retention_days", "falls from 35 to 14", hint="retention_days: 35")


def lifted(problem: Problem, today: datetime.date = LAST_DAY, change: str = "backup.retention_days", until: str = "2026-12-01") -> Problem:
    (found,) = lift([problem], [Override(change=change, until=until, reason="moved to copies")], today)
    return found


def test_named_change_becomes_a_warning_with_its_reason() -> None:
    found = lifted(REFUSED)
    assert found.severity is Severity.WARN
    assert found.message == 'backup.retention_days falls from 35 to 14; allowed until 2026-12-01: "moved to copies"'


def test_exception_is_over_on_the_day_after() -> None:
    found = lifted(REFUSED, LAST_DAY + datetime.timedelta(days=1))
    assert found.severity is Severity.REFUSE
    assert "the exception ended on 2026-12-01" in found.message


def test_exception_for_something_else_lifts_nothing() -> None:
    found = lifted(REFUSED, change="storage.size_gib")
    assert (found.severity, found.message) == (Severity.REFUSE, REFUSED.message)


def test_refusal_says_how_an_exception_is_written() -> None:
    (found,) = lift([REFUSED], [], LAST_DAY)
    assert found.hint.startswith("retention_days: 35; or for a while, in guard.overrides: {change: backup.retention_days,")


def test_exception_without_a_readable_end_lifts_nothing() -> None:
    assert lifted(REFUSED, until="soon").severity is Severity.REFUSE


@pytest.mark.parametrize("key", ["memory-server", "location", "backup.retention_days"])
def test_end_of_a_server_is_never_lifted(key: str) -> None:
    end = refuse("R1", key, "would be deleted")
    assert lifted(end, change=key) == end


def test_warning_stays_as_it_was() -> None:
    told = warn("W3", "backup.retention_days", "is told")
    assert lifted(told) == told
