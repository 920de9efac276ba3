"""`agentmem preview` on states and clones that cannot be trusted: a clear failure or an honest "unknown", never "nothing changes"."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.edges.exits import BAD, USAGE, Failure
from scripts.preview import Sources, run
from tests.infra.plans import SERVER, plan_of
from tests.scripts.bad_previews import CIPHERTEXT, CLEAR, OPEN, SEALED, SIGNATURE, THING, Judge, digest, everywhere, state, urn_of


@pytest.fixture
def judge(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> Judge:
    return Judge(tmp_path, root, capsys)


@pytest.mark.parametrize("version", [None, 0, 1, 2, 5, "3", "x" * 4000])
def test_a_state_of_another_version_is_refused(judge: Judge, version: object) -> None:
    document = {"version": version, "deployment": {"resources": []}}
    judge.refuses(document, "this state has version .{1,20}, and this program reads 3 and 4", "state")


@pytest.mark.parametrize("version", [3, 4])
def test_the_versions_that_it_reads_say_the_same(judge: Judge, version: int) -> None:
    resources = [json.loads(json.dumps({"custom": True, **item.as_json()})) for item in plan_of("dev").registrations]
    next(item for item in resources if item["name"] == SERVER)["inputs"]["backup"]["backupRetentionDays"] = 35
    _, told = judge({"version": version, "deployment": {"resources": resources, "features": ["anything"]}}, "state")
    assert [(change["class"], change["property"]) for change in told["changes"]] == [("data-loss", "backup.backupRetentionDays")]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"version": 3, "checkpoint": {"stack": "organization/agent-memory/dev", "latest": {"resources": []}}}, "this is a checkpoint"),
        ({"version": 3, "deployment": {"pending_operations": [{"type": "creating"}]}}, "an update has not ended"),
        ({"version": 3, "deployment": {"resources": {"a": 1}}}, "are no list"),
        ({"version": 3, "deployment": {"resources": [state(THING, "x", [1])]}}, "the inputs of a resource of this state are no object"),
        ({"version": 3, "deployment": {"resources": [{"type": THING}]}}, "has no URN"),
        ({"version": 3, "deployment": "sealed"}, "it has no deployment"),
        (digest(), "it has no deployment"),
        ({"version": 3, "deployment": {"resources": [{"urn": urn_of(THING, "x", "prod")}]}}, "is of agent-memory/prod"),
    ],
    ids=range(8),
)
def test_a_state_that_says_too_little_is_refused(judge: Judge, document: Any, says: str) -> None:
    judge.refuses(document, says, "state")


def test_an_empty_state_is_not_the_same_as_no_changes(judge: Judge) -> None:
    _, told = judge({"version": 3, "deployment": {"manifest": {}}}, "state")
    assert {change["operation"] for change in told["changes"]} == {"create"}
    assert len(told["changes"]) == plan_of("dev").count


def test_a_secret_in_every_field_of_a_state_is_in_no_report(judge: Judge) -> None:
    resources = [json.loads(json.dumps({"custom": True, **item.as_json()})) for item in plan_of("dev").registrations]
    for item in resources:
        item["inputs"] = {**everywhere(item.get("inputs", {}), SEALED), "outputs": OPEN}
    _, told = judge({"version": 3, "deployment": {"resources": resources}}, "state")
    assert told["changes"]
    assert not [mark for mark in (CIPHERTEXT, CLEAR, SIGNATURE) if mark in json.dumps(told)]


def _git(folder: Path, *arguments: str) -> str:
    own = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *own, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def shallow(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A clone with one commit of two; the program is there, what it does is not asked."""
    origin, clone = tmp_path_factory.mktemp("origin"), tmp_path_factory.mktemp("clone")
    _git(origin, "init", "-q", "-b", "main")
    for number in (1, 2):
        (origin / "Pulumi.dev.yaml").write_text(f"# {number}\n{(root / 'Pulumi.dev.yaml').read_text(encoding='utf-8')}", encoding="utf-8")
        _git(origin, "add", "-A")
        _git(origin, "commit", "-q", "-m", str(number))
    _git(origin, "branch", "other", "HEAD~1")
    _git(clone, "clone", "-q", "--depth", "1", f"file://{origin}", ".")
    return clone


@pytest.mark.parametrize("revision", ["main~1", "HEAD^", "other", "origin/other"])
def test_what_a_shallow_clone_does_not_have_is_named_with_the_way_out(shallow: Path, revision: str) -> None:
    with pytest.raises(Failure, match="a shallow one: nothing can be compared") as raised:
        run(["dev"], shallow, Sources(against=revision), form="json", output=None)
    assert raised.value.code == BAD
    assert "fetch-depth: 0" in raised.value.hint


def test_a_directory_and_a_file_that_nobody_may_read_are_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read: Is a directory") as raised:
        run(["dev"], root, Sources(state=tmp_path), form="json", output=None)
    assert raised.value.code == USAGE
