"""Long-term retention: which weekly copies a Backup vault keeps, for how long, and how a policy of Azure Backup says it.

Azure makes one full copy of the whole server a week; the first of a month and of a year may be kept longer. Sources: pages on backup of
flexible servers, its policies and its support matrix of 2025-05-15, and the policy template of the Azure CLI.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.domain.environment import LongTerm

# A copy is kept for 7 days to 10 years.
LEAST_DAYS, MOST_YEARS = 7, 10
# 10 years of 365.25 days hold this many weeks.
MOST_WEEKS, MOST_MONTHS = 521, 120
# A larger server is not backed up: each attempt fails. The page says TB of a server, and of disk or of data it does not say.
MOST_GIB = 1024
# The name of a vault: 2 to 50 letters, digits and hyphens (from memory: the pages that were read do not say it).
MOST_NAME_LETTERS = 50
# Kept after a deletion, without a charge; also the least that Azure takes.
SOFT_DELETE_DAYS = 14
# Every Sunday at 02:30 UTC: the day on which a cut of the schedule costs the fewest people. Azure counts on from this first one.
SCHEDULE = "R/2024-01-07T02:30:00+00:00/P1W"
# What the units of a duration such as P12W are in days; months and years as the calendar has them on average, for comparing only.
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
_DURATION = re.compile(r"P(\d+)([DWMY])")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Copies with one tag: `marker` is Azure's word for which of the weekly ones get it, None for all others.

    Of several tags the one with the lowest `priority` holds. `duration` is ISO 8601, P12W for twelve weeks.
    """

    tag: str
    marker: str | None
    duration: str
    priority: int


def kept(declared: LongTerm) -> tuple[Kept, ...]:
    """What is kept for how long: the weekly copies, then months and years where they are declared."""
    # Priorities are those of the Azure CLI: yearly before monthly before the rest.
    found = [Kept(tag="Default", marker=None, duration=f"P{declared.weekly}W", priority=99)]
    if declared.monthly:
        found.append(Kept(tag="Monthly", marker="FirstOfMonth", duration=f"P{declared.monthly}M", priority=15))
    if declared.yearly:
        found.append(Kept(tag="Yearly", marker="FirstOfYear", duration=f"P{declared.yearly}Y", priority=10))
    return tuple(found)


def days_of(duration: object) -> float | None:
    """The days of a duration, about; None for one that is written otherwise."""
    found = _DURATION.fullmatch(str(duration))
    return None if found is None else int(found[1]) * _DAYS[found[2]]


def told_by(policy: Mapping[str, Any] | None) -> Mapping[str, str]:
    """The duration of each tag in the body of a policy (`properties` as the provider takes them); {} where it has none."""
    rules = ((policy or {}).get("properties") or {}).get("policyRules") or ()
    return {
        str(rule["name"]): str(cycle["deleteAfter"]["duration"])
        for rule in rules
        if isinstance(rule, Mapping)
        for cycle in rule.get("lifecycles") or ()
    }


def shorter(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """The tags whose copies are kept for less time than before, each with both durations: `Monthly P60M to P12M`."""
    found = []
    for tag, before in old.items():
        # Without its tag a copy is one of the others.
        after = new.get(tag, new.get("Default", ""))
        first, then = days_of(before), days_of(after)
        if first is None or then is None or then < first:
            found.append(f"{tag} {before} to {after or 'nothing'}")
    return tuple(found)
