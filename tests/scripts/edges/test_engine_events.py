"""What the engine's lines are read into: steps for a progress bar, and one clear failure."""

from __future__ import annotations

import json

import pytest

from scripts.edges.engine_events import Tale, steps_of

STACK = "urn:pulumi:dev::agent-memory::pulumi:pulumi:Stack::agent-memory-dev"
SERVER = "urn:pulumi:dev::agent-memory::agent-memory:index:Server$azure-native:dbforpostgresql:Server::memory-server-postgresql"


def diagnostic(message: str, severity: str = "error", urn: str = "") -> str:
    return json.dumps({"sequence": 1, "diagnosticEvent": {"urn": urn, "message": f"{severity}: {message}\n", "severity": severity}})


def told(*lines: str, said: str = "") -> str:
    tale = Tale()
    for line in lines:
        assert tale.hear(line) is None
    return str(tale.failure("up", said))


@pytest.mark.parametrize(("event", "kind"), [("resourcePreEvent", "started"), ("resOutputsEvent", "done"), ("resOpFailedEvent", "failed")])
def test_an_event_about_a_resource_is_a_step(event: str, kind: str) -> None:
    heard = Tale().hear(json.dumps({"sequence": 7, event: {"metadata": {"op": "create", "urn": SERVER, "new": {"custom": True}}}}))
    assert heard is not None
    assert (heard.kind, heard.name) == (kind, "memory-server-postgresql")
    assert (heard.step.operation, heard.step.custom) == ("create", True)
    assert (heard.step.type, heard.step.kind) == ("azure-native:dbforpostgresql:Server", "Server")


def test_a_line_that_is_no_event_is_passed_over() -> None:
    assert [Tale().hear(line) for line in ("", "Updating (dev)", "[1]", '{"sequence": 1}', "{")] == [None] * 5


def test_a_failure_names_the_resource_and_not_that_the_update_failed() -> None:
    assert told(diagnostic("Code=Conflict", urn=SERVER), diagnostic("update failed")) == (
        "pulumi up failed: memory-server-postgresql: Code=Conflict"
    )


def test_what_the_program_says_keeps_its_hint_and_is_told_once() -> None:
    problem = "backup.retention_days is 3, Azure keeps 7 to 35 days (R5)\nhint: retention_days: 7"
    assert told(diagnostic(problem, urn=STACK), diagnostic(problem)) == f"pulumi up failed: {problem}"


def test_warnings_are_no_failure() -> None:
    assert told(diagnostic("using a host", "warning"), diagnostic("update failed")) == "pulumi up failed: update failed"


def test_an_engine_without_diagnostics_is_quoted_from_its_first_error() -> None:
    assert told(said="warning: old\nerror: no stack named 'prod' found\n") == "pulumi up failed: no stack named 'prod' found"
    assert told() == "pulumi up failed: it said nothing"


def test_the_end_of_an_update_counts_its_changes() -> None:
    tale = Tale()
    tale.hear(json.dumps({"summaryEvent": {"resourceChanges": {"create": 26}}}))
    assert tale.changes == {"create": 26}


def test_a_preview_has_its_steps_also_those_of_resources_that_go() -> None:
    listed = [{"op": "create", "urn": STACK, "newState": {"custom": False}}, {"op": "delete", "urn": SERVER, "oldState": {"custom": True}}]
    assert [(step.operation, step.custom) for step in steps_of({"steps": listed})] == [("create", False), ("delete", True)]
