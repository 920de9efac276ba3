"""Copies: which one fits a tier, how it is named, and which one lets a migration through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from infra.domain import copies
from infra.domain.copies import Copy, Form, Listed
from infra.domain.ledger import Kind, Record
from tests.builders import BURSTABLE, build_environment

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SERVER = "/subscriptions/s/resourceGroups/rg/providers/p/flexibleServers/zepmem-prod"
HOUR = timedelta(hours=1)


def copy(name: str, hours: float, verified: bool = True, **more: object) -> Copy:
    values = {"form": Form.ON_DEMAND, "stack": "prod", "server": SERVER, "completed": NOW - hours * HOUR, "reason": "r", **more}
    return Copy(name=name, verified=verified, **values)  # type: ignore[arg-type]


def line(kind: Kind, name: str, server: str = SERVER, **facts: str) -> Record:
    return Record(kind=kind, at=NOW, stack="prod", server=server, copy=name, facts=facts)


def test_prod_gets_an_on_demand_backup() -> None:
    assert copies.choice(build_environment()).form is Form.ON_DEMAND


def test_burstable_gets_a_logical_dump_and_says_why() -> None:
    found = copies.choice(build_environment(BURSTABLE))
    assert (found.form, found.why) == (Form.LOGICAL, "Azure has no on-demand backup on Burstable (Standard_B1ms)")


def test_premium_ssd_v2_gets_a_logical_dump() -> None:
    changes = {"storage.kind": "PremiumV2_LRS", "storage.iops": 3000, "storage.throughput_mb_per_second": 125}
    found = copies.choice(build_environment(changes))
    assert (found.form, found.why) == (Form.LOGICAL, "Azure has no on-demand backup with storage of kind PremiumV2_LRS")


@pytest.mark.parametrize(
    ("reason", "slug"),
    [("Before 0042: add facts", "before-0042-add-facts"), ("Ünïcode / x", "n-code-x"), ("!!!", "snapshot"), ("a" * 300, "a" * 60)],
)
def test_a_name_says_environment_reason_and_second(reason: str, slug: str) -> None:
    name = copies.copy_name("prod", reason, NOW + timedelta(seconds=7))
    assert name == f"prod-{slug}-20261121T120007Z"
    assert copies.is_ours("prod", name)
    assert not copies.is_ours("uat", name)


@pytest.mark.parametrize("name", ["by-hand", "backup_639105913328769574", "prod-20261121T120007Z"])
def test_what_others_made_is_not_ours(name: str) -> None:
    assert not copies.is_ours("prod", name)


@pytest.mark.parametrize(
    ("completed", "earliest", "says"),
    [
        (None, NOW - 9 * HOUR, "no completion time"),
        (NOW, None, "no earliestRestoreDate"),
        (NOW, NOW + HOUR, "before the restore window"),
        (NOW - 2 * HOUR, NOW - 9 * HOUR, "before it was asked for"),
        (NOW + HOUR, NOW - 9 * HOUR, "in the future"),
    ],
)
def test_a_backup_that_proves_nothing_is_told(completed: datetime | None, earliest: datetime | None, says: str) -> None:
    found = copies.in_window(completed, NOW - HOUR, earliest, NOW)
    assert not found.ok
    assert says in found.reason


def test_a_complete_backup_in_the_window_is_good() -> None:
    assert copies.in_window(NOW - HOUR / 2, NOW - HOUR, NOW - 9 * HOUR, NOW).ok


def test_the_ledger_tells_the_last_proof_of_each_copy_of_this_server() -> None:
    facts = {"form": "on-demand backup", "completed": NOW.isoformat(), "reason": "r"}
    found = copies.copies_of(
        [
            line(Kind.COPY, "a", **facts), line(Kind.PROOF, "a", verdict="ok", evidence="complete"),
            line(Kind.COPY, "b", **facts), line(Kind.PROOF, "b", verdict="ok", evidence="complete"),
            line(Kind.PROOF, "b", verdict="failed", evidence="gone"), line(Kind.REMOVED, "a"),
            line(Kind.COPY, "c", **facts), line(Kind.COPY, "d", SERVER + "-other", **facts),
        ],
        "prod", SERVER.upper(),
    )  # fmt: skip
    assert [(each.name, each.verified, each.removed, each.proof) for each in found] == [
        ("a", True, True, "complete"), ("b", False, False, "gone"), ("c", False, False, "never verified"),
    ]  # fmt: skip


def test_a_backup_that_azure_no_longer_has_as_it_was_proved_does_not_stand() -> None:
    kept, changed, gone, early = copy("kept", 1), copy("changed", 2), copy("gone", 3), copy("early", 30)
    dump = copy("dump", 40, form=Form.LOGICAL)
    listed = [
        Listed(name="kept", on_demand=True, completed=kept.completed), Listed(name="changed", on_demand=True, completed=NOW),
        Listed(name="early", on_demand=True, completed=early.completed),
    ]  # fmt: skip
    everything = (kept, changed, gone, early, dump)
    assert copies.still_there(everything, listed, NOW - 20 * HOUR, {"dump"}) == (kept, dump)
    assert copies.still_there(everything, listed, None, {"dump"}) == (dump,)
    assert copies.still_there(everything, listed, None) == ()


def test_the_newest_verified_copy_that_is_young_enough_is_admitted() -> None:
    found, verdict = copies.admitted([copy("old", 30), copy("new", 2), copy("older", 5), copy("unproved", 1, False)], 24, NOW)
    assert found is not None and found.name == "new"
    assert verdict.reason == "new (on-demand backup) is 2.0 h old, and 24 h is the limit"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([], "there is no verified copy"),
        ([copy("a", 24)], "the newest verified copy, a, is 24.0 h old, and 24 h is the limit"),
        ([copy("a", 1, False)], "there is no verified copy; a: never verified"),
        ([copy("a", 1, removed=True)], "there is no verified copy"),
        ([copy("a", -2)], "there is no verified copy; a: never verified"),
    ],
)
def test_what_is_old_unproved_removed_or_of_the_future_admits_nothing(found: list[Copy], says: str) -> None:
    accepted, verdict = copies.admitted(found, 24, NOW)
    assert accepted is None
    assert (verdict.ok, verdict.reason) == (False, says)


def ours(number: int) -> Listed:
    at = NOW - number * HOUR
    return Listed(name=copies.copy_name("prod", "x", at), on_demand=True, completed=at)


def test_the_oldest_of_ours_go_and_nobody_elses() -> None:
    foreign = Listed(name="by-hand", on_demand=True, completed=NOW - 99 * HOUR)
    automatic = Listed(name="backup_6391", on_demand=False, completed=NOW - 100 * HOUR)
    running = Listed(name=copies.copy_name("prod", "y", NOW), on_demand=True, completed=None)
    listed = [automatic, foreign, running, *(ours(number) for number in (3, 1, 2))]
    assert copies.to_prune("prod", listed, 2) == (ours(3), ours(2))
    assert copies.to_prune("prod", listed, 3) == (ours(3),)
    assert copies.to_prune("prod", listed, 4) == ()


def test_the_newest_copy_stays_whatever_is_asked() -> None:
    assert copies.to_prune("prod", [ours(1), ours(2)], 0) == (ours(2),)
    assert copies.to_prune("prod", [Listed(name="by-hand", on_demand=True, completed=NOW - 9 * HOUR), ours(1)], 1) == ()
