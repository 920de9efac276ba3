"""Rules on backups, recovery targets and locks: what trips them and what does not."""

from __future__ import annotations

import pytest

from infra.domain.problem import Severity
from tests.builders import REPLICA
from tests.domain.rules.judged import Case, found, holds, passes

WARN = Severity.WARN
_DAYS, _GEO = "backup.retention_days", "backup.geo_redundant"
_OVERRIDE = {"change": "backup.retention_days", "until": "2026-12-01", "reason": "moved"}

CASES = {
    "refuses_more_than_35_days": Case("R5", _DAYS, "is 45, Azure keeps 7 to 35 days", {_DAYS: 45}),
    "refuses_fewer_than_7_days": Case("R5", _DAYS, "is 6, Azure keeps 7 to 35 days", {_DAYS: 6}),
    "refuses_geo_backup_without_a_pair": Case("R7", _GEO, "has no paired region", {"location": "polandcentral"}),
    "refuses_a_target_that_is_not_promised": Case(
        "R19", "recovery.corruption", "is not promised", {"recovery.corruption": {"rpo_minutes": 5, "rto_minutes": 15}}
    ),
    "refuses_a_target_that_is_impossible": Case(
        "R19", "recovery.region", "is impossible", {"recovery.region": {"rpo_minutes": 5, "rto_minutes": 15}}
    ),
    "notes_a_target_that_is_accepted": Case("R19", "recovery.corruption", 'accepted: "drilled weekly"', {}, Severity.NOTE),
    "warns_of_an_unprotected_prod": Case("W8", "guard.protect", "delete or replace", {"guard.protect": False}, WARN),
    "warns_of_a_uat_without_a_lock": Case("W8", "guard.lock", "in uat", {"environment": "uat", "guard.lock": False}, WARN),
    "says_that_a_private_replica_is_not_built": Case(
        "P1",
        "replica",
        "does not build it yet with network.mode private",
        {**REPLICA, "network.mode": "private", "network.address_space": "10.0.0.0/16", "network.subnet": "10.0.0.0/28"},
    ),
    "says_that_an_encrypted_replica_is_not_built": Case(
        "P1",
        "replica",
        "customer-managed key",
        {**REPLICA, "access.customer_managed_key": {"key": "k", "identity": "i", "backup_key": None, "backup_identity": None}},
    ),
    "refuses_an_exception_without_an_end": Case(
        "P3", "guard.overrides[0].until", "would never end", {"guard.overrides": [{**_OVERRIDE, "until": "soon"}]}
    ),
    "refuses_an_exception_for_nothing_known": Case(
        "P3", "guard.overrides[0].change", "no change that can be allowed", {"guard.overrides": [{**_OVERRIDE, "change": "delete"}]}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_protection_rule(name: str) -> None:
    holds(CASES[name])


@pytest.mark.parametrize("days", [7, 35])
def test_takes_the_ends_of_the_range(days: int) -> None:
    passes("R5", {_DAYS: days})


def test_says_what_keeps_copies_longer() -> None:
    (problem,) = found({_DAYS: 45}, "R5", _DAYS)
    assert problem.hint == "portable copies keep longer: backup.portable_copies.monthly"


def test_takes_a_region_without_a_pair_without_geo_backup() -> None:
    passes("R7", {"location": "polandcentral", _GEO: False})


def test_leaves_dev_unlocked() -> None:
    passes("W8", {"environment": "dev", "guard.protect": False, "guard.lock": False})


def test_takes_a_dated_exception() -> None:
    passes("P3", {"guard.overrides": [_OVERRIDE]})


def test_takes_a_public_replica() -> None:
    passes("P1", REPLICA)
