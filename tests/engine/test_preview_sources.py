"""The same change seen by the real engine and by two captures: the same class, property, old and new value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from infra.domain.changes import engine
from infra.domain.changes.change import Change, Danger, Step
from infra.domain.changes.classify import classify
from infra.domain.changes.steps import of_plans
from infra.domain.registrations import Plan
from scripts import preview
from scripts.edges import capture, stack_file
from scripts.local_azure.serve import LocalAzure
from tests.engine.own_azure import Desk, said
from tests.engine.own_project import copied, edit

STACK = "staging"
# A server that has everything which the changes take away again.
BEFORE = {
    "sku: Standard_B1ms": "sku: Standard_D4s_v3", "retention_days: 7": "retention_days: 21",
    "mode: Disabled, standby_zone: null": "mode: SameZone, standby_zone: 1",
    "extensions: [vector, pg_stat_statements]": "extensions: [vector, pg_stat_statements, pg_trgm]",
    "parameters: {}": "parameters: {max_connections: 300}", "monthly_cost_ceiling_eur: 60": "monthly_cost_ceiling_eur: null",
    # Otherwise the engine's preview ends where the program's own guard refuses it.
    "overrides: []": 'overrides: [{change: backup.retention_days, until: "2999-12-31", reason: a test}]',
}  # fmt: skip
# By what is looked for: the lines of the stack file, and the danger and the property or parameter that both must tell.
CHANGES: dict[str, tuple[Mapping[str, str], Danger, str]] = {
    "sku": ({"sku: Standard_D4s_v3": "sku: Standard_D2s_v3"}, Danger.OUTAGE, "sku.name"),
    "retention": ({"retention_days: 21": "retention_days: 14"}, Danger.DATA_LOSS, "backup.backupRetentionDays"),
    "availability": (
        {"mode: SameZone, standby_zone: 1": "mode: Disabled, standby_zone: null"}, Danger.WEAKER_RECOVERY, "highAvailability.mode"
    ),
    "extension": ({"pg_stat_statements, pg_trgm]": "pg_stat_statements]"}, Danger.OUTAGE, "azure.extensions"),
    "parameter": ({"max_connections: 300": "max_connections: 250"}, Danger.RESTART, "max_connections"),
}  # fmt: skip
ELSEWHERE = {"azure-native:location: westeurope": "azure-native:location: northeurope"}


@pytest.fixture(scope="module")
def desk(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Somebody whose staging is up."""
    project = copied(tmp_path_factory.mktemp("project"))
    edit(project, STACK, BEFORE)
    with LocalAzure(tmp_path_factory.mktemp("state")) as azure:
        desk = Desk(project, azure, path_with_pulumi, (STACK,))
        made = desk.up(STACK)
        assert made.returncode == 0, said(made)
        yield desk


@pytest.fixture(scope="module")
def before(desk: Desk) -> Plan:
    """What the program asked for."""
    return captured(desk)


@pytest.fixture(scope="module")
def all_at_once(desk: Desk, before: Plan) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Every change that leaves the server where it is, as the engine and as the captures see it."""
    return both(desk, before, {old: new for lines, _, _ in CHANGES.values() for old, new in lines.items()})


def captured(desk: Desk) -> Plan:
    return preview.plan_of(stack_file.load(STACK, desk.project), capture.Mode.RESOLVED)


def both(desk: Desk, before: Plan, lines: Mapping[str, str]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """The changes by the engine's preview, and those by two captures."""
    with desk.changed(STACK, lines):
        done = desk.pulumi("preview", STACK, "--json")
        by_captures = of_plans(before, captured(desk))
    assert done.returncode == 0, said(done)
    by_engine = engine.steps_of_preview(json.loads(done.stdout), capture.PROJECT, STACK)
    return classify(known(by_engine)), classify(by_captures)


def known(steps: Iterable[Step]) -> list[Step]:
    """What both can see: a capture has no components and no providers."""
    return [step for step in steps if step.type.startswith("azure-native:")]


def told(changes: Iterable[Change], name: str = "") -> set[tuple[Any, ...]]:
    """What must be the same of each change."""
    shown = (each for each in changes if name in each.name)
    return {(each.name, each.operation, each.danger, each.path, json.dumps(each.old), json.dumps(each.new), each.why) for each in shown}


def test_the_engine_and_the_captures_see_the_same_changes(all_at_once: tuple[tuple[Change, ...], tuple[Change, ...]]) -> None:
    by_engine, by_captures = all_at_once
    assert told(by_engine) == told(by_captures)


@pytest.mark.parametrize("name", CHANGES)
def test_each_is_seen_for_what_it_is(name: str, all_at_once: tuple[tuple[Change, ...], tuple[Change, ...]]) -> None:
    _, danger, what = CHANGES[name]
    for source in all_at_once:
        assert (danger, what) in {(each.danger, each.path if each.path != "value" else each.name.rpartition("-")[2]) for each in source}


def test_a_server_that_is_replaced_is_the_worst_for_both(desk: Desk, before: Plan) -> None:
    by_engine, by_captures = both(desk, before, ELSEWHERE)
    (of_engine,), (of_captures,) = told(by_engine, "memory-server-postgresql"), told(by_captures, "memory-server-postgresql")
    assert of_engine == of_captures
    assert of_engine[2:6] == (Danger.DATA_LOSS, "location", '"westeurope"', '"northeurope"')
    assert by_engine[0].danger is by_captures[0].danger is Danger.DATA_LOSS
