"""Each change of the corpus is told with its danger and its guilty property, from every source that can show it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from infra.domain.changes import engine, steps
from infra.domain.changes.change import Change, Operation, worst
from infra.domain.changes.classify import classify
from infra.domain.registrations import Plan, Registration
from tests.domain.changes.corpus import CASES, Case, old

OLD = old()


def _told(changes: tuple[Change, ...], case: Case) -> Change:
    found = [change for change in changes if change.name == case.resource]
    assert found, f"nothing is told of {case.resource}: {[(change.name, change.danger) for change in changes]}"
    return found[0]


def _state(plan: Plan) -> dict[str, Any]:
    """The plan as `pulumi stack export` holds it: numbers as floating ones, and what only the provider writes."""
    resources = []
    for item in plan.registrations:
        inputs = {**json.loads(json.dumps(dict(item.inputs)), parse_int=float), "azureApiVersion": "2025-08-01", "__defaults": []}
        resources.append({"urn": item.urn, "type": item.type, "custom": item.custom, "inputs": inputs, "protect": item.protect})
    return {"version": 3, "deployment": {"resources": resources}}


def _preview(before: Plan, after: Plan) -> dict[str, Any]:
    """The same as `pulumi preview --json` tells it, a replacement in its three steps."""
    told = []
    for step in steps.of_plans(before, after):
        op = {Operation.REPLACE: "replace"}.get(step.operation, str(step.operation))
        states = {
            key: {"urn": step.urn, "type": step.type, "custom": True, "inputs": dict(given)}
            for key, given in (("oldState", step.old), ("newState", step.new))
            if given is not None
        }
        each: dict[str, Any] = {"urn": step.urn, "op": op, **states, "replaceReasons": list(step.replaces)}
        told += [{**each, "op": name} for name in ("create-replacement", "replace", "delete-replaced")] if op == "replace" else [each]
    return {"steps": told, "changeSummary": {}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_two_plans_tell_it(case: Case) -> None:
    told = _told(classify(steps.of_plans(OLD, case.new)), case)
    assert (told.danger, told.path) == (case.danger, case.path), told.why
    assert told.why


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_source_says_the_same(case: Case) -> None:
    by_plans = classify(steps.of_plans(OLD, case.new))
    by_engine = classify(engine.steps_of_preview(_preview(OLD, case.new), "agent-memory", "prod"))
    by_state = classify(steps.of_plans(engine.plan_of_state(_state(OLD), "agent-memory", "prod"), case.new))
    heads = [[(each.urn, each.danger, each.path) for each in found] for found in (by_plans, by_engine, by_state)]
    assert heads[0] == heads[1] == heads[2]


def test_nothing_changes_between_a_plan_and_itself() -> None:
    assert classify(steps.of_plans(OLD, OLD)) == ()
    assert classify(steps.of_plans(engine.plan_of_state(_state(OLD), "agent-memory", "prod"), OLD)) == ()


def test_the_corpus_is_large_enough_and_knows_every_danger() -> None:
    assert len(CASES) >= 60
    assert {case.danger for case in CASES} >= {*type(CASES[0].danger)} - {CASES[0].danger.SLOWER}


def test_the_worst_comes_first() -> None:
    document = json.loads(OLD.to_json())
    for name in ("another location", "a tag", "a static parameter", "no standby"):
        next(case for case in CASES if case.name == name).edit(document)
    told = classify(steps.of_plans(OLD, Plan.from_json(json.dumps(document))))
    assert told[0].danger == worst(told) == "data-loss"
    assert [change.danger.rank for change in told] == sorted(change.danger.rank for change in told)


def test_a_replaced_server_is_the_loudest_thing_even_where_it_is_the_only_one() -> None:
    told = classify(steps.of_plans(OLD, next(case for case in CASES if case.name == "another location").new))
    assert told[0].why.startswith(
        "the server and all of its backups would be deleted and made anew, empty; Pulumi refuses while it is protected"
    )


def test_a_failover_is_told_as_a_fact_and_other_drift_as_somebodys_change() -> None:
    server = next(item for item in OLD.resources if item.name == "memory-server-postgresql")
    drifted = copy.deepcopy(dict(server.inputs))
    drifted["availabilityZone"] = "2"
    drifted["backup"] = {**drifted["backup"], "backupRetentionDays": 7}
    step = {"urn": server.urn, "op": "refresh", **{
        key: {"urn": server.urn, "type": server.type, "custom": True, "outputs": given}
        for key, given in (("oldState", dict(server.inputs)), ("newState", drifted))
    }}  # fmt: skip
    told = classify(engine.steps_of_preview({"steps": [step], "changeSummary": {}}, "agent-memory", "prod"))
    assert [(change.danger, change.path) for change in told] == [
        ("data-loss", "backup.backupRetentionDays"),
        ("harmless", "availabilityZone"),
    ]
    assert "a failover has happened, nothing is to be done" in told[1].why
    assert told[0].why.startswith("somebody changed it outside of Pulumi (35 to 7)")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "no list of steps"),
        ({"steps": []}, "cut short"),
        ({"steps": [{"op": "create"}], "changeSummary": {}}, "names no resource"),
        ({"steps": [{"op": "same", "urn": "urn:pulumi:prod::other::a:b:C::d"}], "changeSummary": {}}, "not of agent-memory/prod"),
        ({"steps": [{"op": "same", "urn": "nonsense"}], "changeSummary": {}}, "not of agent-memory/prod"),
    ],
)
def test_a_preview_that_cannot_be_read_is_never_no_changes(document: object, says: str) -> None:
    with pytest.raises(engine.NotReadable, match=says):
        engine.steps_of_preview(document, "agent-memory", "prod")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "no deployment"),
        ({"version": 9, "deployment": {}}, "version 9"),
        ({"version": 3, "deployment": {"resources": [{}]}}, "has no URN"),
        ({"version": 3, "deployment": {"resources": [{"urn": "urn:pulumi:dev::agent-memory::a:b:C::d"}]}}, "not of agent-memory/prod"),
    ],
)
def test_a_state_that_cannot_be_read_is_never_no_changes(document: object, says: str) -> None:
    with pytest.raises(engine.NotReadable, match=says):
        engine.plan_of_state(document, "agent-memory", "prod")


def test_an_operation_of_a_later_engine_is_told_as_unknown() -> None:
    urn = OLD.resources[0].urn
    told = classify(engine.steps_of_preview({"steps": [{"op": "teleport", "urn": urn}], "changeSummary": {}}, "agent-memory", "prod"))
    assert [change.danger for change in told] == ["unknown"]
    assert "teleport" in told[0].why


def test_no_secret_of_the_engine_comes_through() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "c2VjcmV0", "plaintext": '"hunter2"'}
    resource = {"urn": OLD.resources[0].urn, "custom": True, "inputs": {"a": [secret], "b": secret}}
    plan = engine.plan_of_state({"version": 3, "deployment": {"resources": [resource]}}, "agent-memory", "prod")
    assert plan.registrations[0].inputs == {"a": ["[secret]"], "b": "[secret]"}


def test_what_is_kept_on_delete_is_forgotten_and_not_lost() -> None:
    server = next(item for item in OLD.resources if item.name == "memory-server-postgresql")
    kept = Registration(**{**vars(server), "retain_on_delete": True})
    told = classify([steps.of_pair(kept, None)])
    assert [(change.operation, change.danger) for change in told] == [("forget", "harmless")]


def test_ten_thousand_resources_are_classified_in_a_moment() -> None:
    kinds = [item for item in OLD.resources if item.name.startswith("memory-parameters")]
    many = [Registration(**{**vars(kinds[at % len(kinds)]), "urn": f"{kinds[0].urn}-{at}"}) for at in range(10_000)]
    changed = [Registration(**{**vars(item), "inputs": {**item.inputs, "value": "17"}}) for item in many]
    told = classify(steps.of_plans(Plan(stack="prod", registrations=tuple(many)), Plan(stack="prod", registrations=tuple(changed))))
    assert len(told) == 10_000
