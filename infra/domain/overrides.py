"""Exceptions from the guards: which changes somebody may allow by name, until when, and what that makes of a refusal."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import replace

from infra.domain.environment import Override
from infra.domain.problem import Problem, Severity

# The keys of the contract whose refused change can be allowed. A key of R1 is not among them, and R1 is never lifted:
# a new server beside the old one needs no exception, the end of the old one needs more than a line in a file.
CHANGES = (
    "backup.retention_days",
    "backup.geo_redundant",
    "backup.long_term",
    "access.customer_managed_key",
    "access.administrator",
    "network.mode",
    "network.subnet",
    "storage.size_gib",
    "storage.kind",
    "server.version",
    "replica",
    "database.extensions",
    "availability.mode",
)
NEVER_LIFTED = "R1"


def lift(problems: Iterable[Problem], overrides: Iterable[Override], today: datetime.date) -> tuple[Problem, ...]:
    """The same problems, with each refusal that an exception of today covers turned into a warning that gives the reason.

    The day named in `until` is the last on which an exception holds. A refusal without one says how to write it; an
    exception that is over or has no readable end lifts nothing.
    """
    declared = tuple(overrides)
    return tuple(_lifted(problem, declared, today) for problem in problems)


def _lifted(problem: Problem, overrides: tuple[Override, ...], today: datetime.date) -> Problem:
    if problem.severity is not Severity.REFUSE or problem.rule == NEVER_LIFTED or problem.key not in CHANGES:
        return problem
    named = [override for override in overrides if override.change == problem.key]
    valid = next((override for override in named if holds(override, today)), None)
    if valid is not None:
        says = f'{problem.message}; allowed until {valid.until}: "{valid.reason}"'
        return replace(problem, message=says, severity=Severity.WARN, hint="")
    over = f"; the exception ended on {named[-1].until}" if named else ""
    way = f'or for a while, in guard.overrides: {{change: {problem.key}, until: "YYYY-MM-DD", reason: …}}'
    return replace(problem, message=problem.message + over, hint=f"{problem.hint}; {way}")


def holds(override: Override, today: datetime.date) -> bool:
    """Whether the exception is still good on `today`; one without a readable date never is (rule P3 refuses it)."""
    try:
        return today <= datetime.date.fromisoformat(override.until)
    except ValueError:
        return False
