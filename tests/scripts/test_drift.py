"""`agentmem drift`: what it says of a database and how it exits, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from infra.domain.steps import Configure, CreateRole, Status, Step
from scripts.drift import drift
from scripts.edges.exits import BAD, GOOD

ROLE = Step(key="role app_rw", status=Status.DO, says="create app_rw, which cannot log in itself", action=CreateRole(name="app_rw"))
SETTING = Step(key="setting a of all", status=Status.DO, says="set a to 1 for all", action=Configure(role=None, name="a", value="1"))
SLOWER = "searches have not the reach that they were sized for"


def _told(capsys: pytest.CaptureFixture[str], stack: str, steps: Sequence[Step]) -> tuple[int, list[str]]:
    code = drift(stack, "zepmem.example.org/zep", steps, as_json=False)
    return code, capsys.readouterr().out.splitlines()


def test_a_database_as_declared_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert _told(capsys, "prod", []) == (GOOD, ["drift prod · zepmem.example.org/zep", "the database is as declared"])


def test_the_worst_comes_first_and_decides(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = _told(capsys, "dev", [SETTING, ROLE])
    assert code == BAD
    assert lines == [
        "drift dev · zepmem.example.org/zep",
        "  outage: role app_rw: create app_rw, which cannot log in itself: its members have lost what it gave them",
        f"  slower: setting a of all: set a to 1 for all: {SLOWER}",
        "outage is the worst of it, which this environment does not let pass; next: agentmem post-provision --stack dev",
    ]


def test_what_is_slower_passes_in_dev_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = _told(capsys, "dev", [SETTING])
    assert code == GOOD
    assert lines[-1] == "slower is the worst of it, which passes here; next: agentmem post-provision --stack dev"


def test_a_program_gets_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert drift("prod", "zepmem.example.org/zep", [SETTING], as_json=True) == BAD
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["worst"], document["stops"]) == ("agentmem/drift/1", "slower", True)
    assert [each["why"] for each in document["changes"]] == [f"set a to 1 for all: {SLOWER}"]
