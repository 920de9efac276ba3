"""The drift of a database: every step that is still to be done has a class, and the worst decides, environment by environment."""

from __future__ import annotations

import pytest

from infra.domain.changes import database_drift
from infra.domain.changes.change import Danger
from infra.domain.steps import (
    Configure,
    CreateExtension,
    CreateProvenance,
    CreateRole,
    DropIndex,
    Grant,
    Status,
    Step,
    UpdateExtension,
)

DONE = Step(key="extension vector", status=Status.DONE, says="vector 0.8.5")
WAIT = Step(key="index a", status=Status.WAIT, says="waits for the table a")
CASES = {
    "extension": (Step(key="extension vector", status=Status.DO, says="x", action=CreateExtension(name="vector")), Danger.OUTAGE),
    "older": (Step(key="extension vector", status=Status.DO, says="x", action=UpdateExtension(name="vector")), Danger.HARMLESS),
    "role": (Step(key="role app_rw", status=Status.DO, says="x", action=CreateRole(name="app_rw")), Danger.OUTAGE),
    "role, not ours to make": (Step(key="role app_rw", status=Status.REFUSE, says="x"), Danger.OUTAGE),
    "role that logs in": (Step(key="role app_rw", status=Status.NOTE, says="x"), Danger.WEAKER_SECURITY),
    "grants": (
        Step(key="grants app_ro", status=Status.DO, says="x", action=Grant(role="app_ro", writes=False, tables=("a",), sequences=())),
        Danger.OUTAGE,
    ),
    "setting": (
        Step(key="setting hnsw.ef_search of all", status=Status.DO, says="x", action=Configure(role=None, name="a", value="1")),
        Danger.SLOWER,
    ),
    "setting, not ours to set": (Step(key="setting hnsw.ef_search of all", status=Status.NOTE, says="x"), Danger.SLOWER),
    "provenance": (Step(key="provenance", status=Status.DO, says="x", action=CreateProvenance()), Danger.WEAKER_RECOVERY),
    "index": (Step(key="index a", status=Status.DO, says="x", action=DropIndex(name="a")), Danger.SLOWER),
    "undeclared": (Step(key="extension hstore", status=Status.NOTE, says="x"), Danger.HARMLESS),
    "something refused": (Step(key="vectors a", status=Status.REFUSE, says="x"), Danger.UNKNOWN),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_drift_has_its_class(case: str) -> None:
    step, danger = CASES[case]
    report = database_drift.report("prod", "prod.example.org", [DONE, step, WAIT])
    assert [each.change.danger for each in report.stacks[0].changes] == [danger]
    assert report.stops == (danger is not Danger.HARMLESS)


@pytest.mark.parametrize(("case", "stops"), [("extension", True), ("role that logs in", True), ("setting", False), ("provenance", False)])
def test_dev_lets_pass_what_nobody_misses(case: str, stops: bool) -> None:
    assert database_drift.report("dev", "x", [CASES[case][0]]).stops is stops


def test_an_onlookers_own_later_tables_are_no_drift() -> None:
    later = Step(key="grants app_ro", status=Status.DO, says="x", action=Grant(role="app_ro", writes=False, tables=(), sequences=()))
    assert database_drift.report("prod", "x", [later], onlooker=True).worst is None
    assert database_drift.report("prod", "x", [later]).worst is Danger.OUTAGE
    assert database_drift.report("prod", "x", [CASES["grants"][0]], onlooker=True).worst is Danger.OUTAGE


def test_the_worst_comes_first() -> None:
    report = database_drift.report("prod", "x", [step for step, _ in CASES.values()])
    ranks = [each.change.danger.rank for each in report.stacks[0].changes]
    assert ranks == sorted(ranks)
    assert report.worst is Danger.UNKNOWN


def test_what_is_done_or_waits_is_no_drift() -> None:
    report = database_drift.report("prod", "x", [DONE, WAIT])
    assert (report.worst, report.stops) == (None, False)
