"""`agentmem preview` on previews that cannot be trusted: a clear failure or an honest "unknown", never "nothing changes"."""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from infra.domain.changes import engine
from infra.domain.changes.change import Danger, Operation
from infra.domain.changes.classify import classify
from infra.domain.changes.comment import MOST_CHARACTERS
from infra.domain.changes.engine import NotReadable
from scripts.edges.exits import BAD
from scripts.preview import FORMS
from tests.infra.plans import SERVER
from tests.scripts.bad_previews import (
    CIPHERTEXT,
    CLEAR,
    OPEN,
    OUTPUT,
    SEALED,
    SECRET,
    SIGNATURE,
    THING,
    Judge,
    digest,
    everywhere,
    server,
    server_step,
    state,
    step,
    urn_of,
)  # fmt: skip


@pytest.fixture
def judge(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> Judge:
    return Judge(tmp_path, root, capsys)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (digest(changeSummary={"same": 3, "update": 2}), "cut short: it counts 2 times update and tells 0"),
        (digest(step("delete", state(THING, "x", {}), None), changeSummary={"delete": 2}), "counts 2 times delete and tells 1"),
        (digest(changeSummary=None), "cut short: it has no changeSummary"),
        (digest(changeSummary=[]), "cut short: it has no changeSummary"),
        (digest(diagnostics=[{"severity": "error", "message": CLEAR}]), "this preview failed: its diagnostics have an error"),
        (digest(maybeCorrupt=True), "may be corrupt"),
        (digest({"op": 7, "urn": urn_of(THING, "x")}), "names no resource or no operation"),
        (digest("same"), "names no resource or no operation"),
        ({"steps": {"0": 1}, "changeSummary": {}}, "it has no list of steps"),
        ({"version": 3, "deployment": {"resources": []}}, "it has no list of steps"),
        (b"Previewing update (dev):\n\n{}", "is no JSON document"),
        (b'{"type": 1}\n{"type": 2}\n', "is no JSON document"),
        (b"", "is no JSON document"),
        (b"\xff\xfe{\x00}\x00", "is no JSON document"),
        (b"[" * 200_000, "is no JSON document"),
        (digest(step("update", state(THING, "x", {}), {**state(THING, "x", {}), "urn": urn_of(THING, "x", "prod")})), "agent-memory/prod"),
    ],
    ids=range(16),
)
def test_a_preview_that_is_not_whole_is_refused(judge: Judge, document: Any, says: str) -> None:
    judge.refuses(document, says)


def test_a_preview_nested_too_deeply_is_refused(judge: Judge) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = {"x": [deep]}
    document = digest(step("update", state(THING, "x", deep), state(THING, "x", 1)))
    judge.refuses(document, "is nested too deeply|is no JSON document")


def test_a_byte_order_mark_of_powershell_is_no_obstacle(judge: Judge) -> None:
    document = digest(server_step(to={**server(), "backup": {"backupRetentionDays": 35, "geoRedundantBackup": "Disabled"}}))
    _, told = judge(b"\xef\xbb\xbf" + json.dumps(document).encode())
    assert [change["property"] for change in told["changes"]] == ["backup.backupRetentionDays"]


# What each major of the CLI writes of one replacement, and of one update: the older, the less.
OLDER: dict[str, dict[str, Any]] = {
    "v1 without any reason": {},
    "v2 with reasons": {"diffReasons": ["location"], "replaceReasons": ["location"]},
    "v3 with a detailed difference": {
        "diffReasons": ["location"], "replaceReasons": ["location"],
        "detailedDiff": {"location": {"kind": "update-replace", "inputDiff": True}},
    },
}  # fmt: skip


@pytest.mark.parametrize("version", OLDER)
@pytest.mark.parametrize("ops", [["replace"], ["create-replacement", "replace", "delete-replaced"]], ids=["one step", "three steps"])
def test_every_version_of_the_cli_tells_a_replaced_server(judge: Judge, version: str, ops: list[str]) -> None:
    steps = [server_step(op, to={**server(), "location": "northeurope"}, **OLDER[version]) for op in ops]
    code, told = judge(digest(*steps, changeSummary={"replace": 1}))
    assert (code, told["worst"]) == (BAD, "data-loss")
    assert {change["operation"] for change in told["changes"]} == {"replace"}


def test_an_update_that_shows_nothing_is_unknown(judge: Judge) -> None:
    _, told = judge(digest(server_step()))
    assert [change["class"] for change in told["changes"]] == ["unknown"]
    assert "shows nothing that differs" in told["changes"][0]["why"]


def test_an_update_of_what_only_the_provider_writes_is_none(judge: Judge) -> None:
    of = {**server(), "azureApiVersion": "2024-08-01"}
    _, told = judge(digest(server_step(of=of, diffReasons=["azureApiVersion"])))
    assert told["changes"] == []


ITS_PASSWORD: list[dict[str, Any]] = [
    {"diffReasons": ["administratorLoginPassword"]},
    {"detailedDiff": {"administratorLoginPassword": {"kind": "update"}}},
]


@pytest.mark.parametrize("difference", ITS_PASSWORD, ids=["v2", "v3"])
def test_a_new_password_is_told_although_both_read_the_same(judge: Judge, difference: dict[str, Any]) -> None:
    _, told = judge(digest(server_step(**difference)))
    assert [(change["property"], change["class"]) for change in told["changes"]] == [("administratorLoginPassword", "outage")]


def test_a_step_without_its_states_is_unknown(judge: Judge) -> None:
    bare = {"op": "update", "urn": urn_of("azure-native:dbforpostgresql:Server", SERVER)}
    _, told = judge(digest(bare))
    assert [change["class"] for change in told["changes"]] == ["unknown"]


@pytest.mark.parametrize("op", ["teleport", "", "UPDATE", "refresh-me"])
def test_an_unknown_operation_is_unknown_and_named(judge: Judge, op: str) -> None:
    _, told = judge(digest(server_step(op)))
    assert [change["class"] for change in told["changes"]] == ["unknown"]
    assert (op or "something") in told["changes"][0]["why"]


# Something new of a kind that nobody here knows takes nothing away; it is told all the same.
@pytest.mark.parametrize("op", ["create", "update", "delete", "replace", "read", "import"])
def test_an_unknown_type_is_unknown_where_it_was_there_before(judge: Judge, op: str) -> None:
    old, new = state("acme:index:Safe", "x", {"a": 1}), state("acme:index:Safe", "x", {"a": 2})
    _, told = judge(digest(step(op, None if op == "create" else old, None if op == "delete" else new)))
    assert {change["class"] for change in told["changes"]} == {"harmless" if op in ("create", "read", "import") else "unknown"}


@pytest.mark.parametrize("secret", [SEALED, OPEN, OUTPUT], ids=["ciphertext", "plaintext", "output"])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_in_every_field_is_in_no_form_of_the_report(judge: Judge, secret: Any, form: str) -> None:
    of, to = everywhere(server(), "was"), everywhere(server(), secret)
    other = state(THING, "x", everywhere(server(), secret), outputs=to)
    steps = [server_step(of=of, to=to), server_step("refresh", of=to, to=of), step("create", None, other), step("delete", other, None)]
    more = {"config": {"agent-memory:administrator_password": CLEAR}, "diagnostics": [{"severity": "warning", "message": CLEAR}]}
    judge(digest(*steps, **more), form=form)
    said = judge.said
    assert not [mark for mark in (CIPHERTEXT, CLEAR, SIGNATURE, SECRET) if mark in said]
    assert said.strip()


def test_a_key_with_signs_in_the_engines_paths_is_followed() -> None:
    old, new = {**server(), "tags": {"a-b": "[secret]"}}, {**server(), "tags": {"a-b": "[secret]"}}
    (found,) = engine.steps_of_preview(
        digest(server_step(of=old, to=new, detailedDiff={'tags["a-b"]': {"kind": "update"}})), "agent-memory", "dev"
    )
    assert found.hidden == ('tags["a-b"]',)
    with pytest.raises(NotReadable):
        engine.steps_of_preview([], "agent-memory", "dev")


def _updates(number: int) -> dict[str, Any]:
    steps = [step("update", state(THING, f"t-{each}", {"x": 1}), state(THING, f"t-{each}", {"x": 2})) for each in range(number)]
    return digest(*steps, changeSummary={"update": number})


def _classified(number: int) -> None:
    changes = classify(engine.steps_of_preview(_updates(number), "agent-memory", "dev"))
    assert len(changes) == number
    assert {(change.danger, change.operation) for change in changes} == {(Danger.UNKNOWN, Operation.UPDATE)}


def _lines(number: int) -> int:
    """How many lines of Python run: the same on every machine, whatever else it does."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return counted

    before = sys.gettrace()
    sys.settrace(counted)
    try:
        _classified(number)
    finally:
        sys.settrace(before)
    return count


def _peak(number: int) -> int:
    tracemalloc.start()
    try:
        _classified(number)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_thousand_resources_cost_a_constant_for_each(judge: Judge) -> None:
    """What the lines take is measured by `python -m benchmarks preview`."""
    assert _lines(10_000) < 11 * _lines(1_000)
    assert _peak(2_000) < 12 * _peak(200)
    judge(_updates(10_000), form="markdown")
    said = judge.said
    assert len(said) <= MOST_CHARACTERS
    assert "10000" in said.replace(",", "")
