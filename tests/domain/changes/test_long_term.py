"""Long-term copies in a change: what ends them, what keeps them for less time, and what only sounds like it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from infra.domain.changes import report, steps
from infra.domain.changes.change import Change, Danger
from infra.domain.changes.classify import classify
from infra.domain.environment import LongTerm, Override
from infra.domain.registrations import Plan
from tests.builders import LONG_TERM
from tests.domain.changes.contracts import edited, shipped
from tests.infra.plans import plan_of

TODAY = datetime.date(2026, 11, 21)
VAULT, POLICY, INSTANCE = "memory-vault-vault", "memory-vault-policy", "memory-vault-instance"


def plan(**changes: object) -> Plan:
    """Production with a vault."""
    return plan_of("prod", {"backup.long_term": {**LONG_TERM, **changes}})


def told(new: Plan, old: Plan | None = None) -> dict[str, list[Change]]:
    """The changes by resource; nothing else of production changes with its vault."""
    found: dict[str, list[Change]] = {}
    for change in classify(steps.of_plans(old or plan(), new)):
        found.setdefault(change.name, []).append(change)
    return found


def test_without_the_declaration_the_copies_end() -> None:
    found = told(plan_of("prod"))
    assert {name: [each.danger for each in changes] for name, changes in found.items()} == {
        VAULT: [Danger.DATA_LOSS], INSTANCE: [Danger.DATA_LOSS], POLICY: [Danger.WEAKER_RECOVERY],
        "memory-vault-reader": [Danger.WEAKER_RECOVERY], "memory-vault-backup": [Danger.WEAKER_RECOVERY],
    }  # fmt: skip
    assert "no more long-term copies are made, and those that exist are deleted" in found[INSTANCE][0].why


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"monthly": 24}, "for less time (Monthly P60M to P24M)"),
        ({"weekly": 4, "yearly": 5}, "for less time (Default P12W to P4W, Yearly P10Y to P5Y)"),
        ({"yearly": 0}, "for less time (Yearly P10Y to P12W)"),
        ({"weekly": 52, "monthly": 24}, "for less time (Monthly P60M to P24M)"),
    ],
)
def test_copies_kept_for_less_time_are_weaker_recovery(changes: dict[str, object], says: str) -> None:
    found = told(plan(**changes))
    assert set(found) == {POLICY, INSTANCE}
    (policy,), (instance,) = found[POLICY], found[INSTANCE]
    assert (policy.danger, policy.path) == (Danger.WEAKER_RECOVERY, "backupPolicyName")
    assert says in policy.why
    assert (instance.danger, instance.path) == (Danger.HARMLESS, "properties.policyInfo.policyId")


def test_copies_kept_longer_cost_more() -> None:
    (policy,) = told(plan(weekly=26))[POLICY]
    assert policy.danger is Danger.COSTS_MORE


@pytest.mark.parametrize(("before", "after", "danger"), [(True, False, Danger.WEAKER_RECOVERY), (False, True, Danger.HARMLESS)])
def test_immutability_goes_and_comes(before: bool, after: bool, danger: Danger) -> None:
    (change,) = told(plan(immutable=after), plan(immutable=before))[VAULT]
    assert (change.danger, change.path) == (danger, "properties.securitySettings.immutabilitySettings.state")


def test_another_redundancy_is_refused_by_azure_once_there_is_a_copy() -> None:
    found = told(plan(redundancy="LocallyRedundant"))[VAULT]
    assert {each.path: each.danger for each in found} == {
        "properties.storageSettings[0].type": Danger.OUTAGE,
        "properties.featureSettings.crossRegionRestoreSettings.state": Danger.WEAKER_SECURITY,
    }


def _with_long_term(**changes: Any) -> Any:
    return edited(shipped(), "backup", long_term=LongTerm(**{**LONG_TERM, **changes}))


def test_production_stops_unless_somebody_allows_it_by_name() -> None:
    changes = [each for found in told(plan(monthly=24)).values() for each in found]
    stopped = report.of_stack("prod", changes, old=_with_long_term(), new=_with_long_term(monthly=24), today=TODAY)
    assert [each.change.name for each in stopped.changes if each.stops] == [POLICY]
    override = Override(change="backup.long_term", until="2026-12-31", reason="no law asks for more")
    new = edited(_with_long_term(monthly=24), "guard", overrides=(override,))
    allowed = report.of_stack("prod", changes, old=edited(_with_long_term(), "guard", overrides=(override,)), new=new, today=TODAY)
    assert not allowed.stops
    assert {each.allowed for each in allowed.changes if each.change.name == POLICY} == {"allowed until 2026-12-31: no law asks for more"}
