"""`agentmem preview` against a commit, an exported state and a preview of the engine: what it says, its exit code, and bad input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.domain.changes.comment import MARKER, MOST_CHARACTERS
from infra.domain.environment import STACKS
from infra.domain.registrations import Plan
from scripts.edges import capture, side_by_side, stack_file
from scripts.edges.exits import BAD, CONFIGURATION, GOOD, USAGE, Failure
from scripts.preview import Sources, plan_of, run

Told = tuple[int, dict[str, Any]]
Against = Callable[..., Told]
_AUTHOR = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")


def _git(folder: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *_AUTHOR, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def _edit(path: Path, *edits: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """This project's program and stack files with commits: `empty` has none of them, `older` other tags, `broken` a program that fails."""
    folder: Path = tmp_path_factory.mktemp("repository")
    _git(folder, "init", "-q", "-b", "main")
    (folder / "README.md").write_text("nothing yet", encoding="utf-8")
    _commit(folder, "empty")
    leave = shutil.ignore_patterns("__pycache__", "local_azure")
    for name in ("infra", "scripts"):
        shutil.copytree(root / name, folder / name, ignore=leave)
    for name in ("Pulumi.yaml", *(f"Pulumi.{stack}.yaml" for stack in STACKS if stack != "uat")):
        shutil.copy(root / name, folder)
    _commit(folder, "good")
    _edit(folder / "infra" / "domain" / "names.py", ("def tags(", "def _tags("))
    with (folder / "infra" / "domain" / "names.py").open("a", encoding="utf-8") as file:
        file.write('\n\ndef tags(environment: Environment) -> dict[str, str]:\n    return {**_tags(environment), "made": "long ago"}\n')
    _commit(folder, "older")
    (folder / "infra" / "__main__.py").write_text("raise RuntimeError('this program is broken')\n", encoding="utf-8")
    _commit(folder, "broken")
    _git(folder, "checkout", "-q", "good")
    return folder


def _commit(folder: Path, tag: str) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", tag)
    _git(folder, "tag", tag)


@pytest.fixture
def tree(repository: Path, root: Path) -> Path:
    """The repository at its good commit, with nothing changed."""
    _git(repository, "checkout", "-q", "-f", "good")
    _git(repository, "clean", "-q", "-f", "-d")
    return repository


@pytest.fixture
def against(tree: Path, capsys: pytest.CaptureFixture[str]) -> Against:
    """Compares stacks of the tree with a revision; the exit code and the JSON document."""

    def compare(revision: str, *stacks: str, folder: Path = tree) -> Told:
        code = run(stacks, folder, Sources(against=revision), form="json", output=None)
        return code, json.loads(capsys.readouterr().out)

    return compare


def test_all_stacks_in_one_report_with_what_changes_and_what_does_not(tree: Path, root: Path, against: Against) -> None:
    _edit(tree / "Pulumi.prod.yaml", ("session_days: 90", "session_days: 30"), ("retention_days: 35", "retention_days: 7"))
    _edit(tree / "Pulumi.dev.yaml", ("slow_query_seconds: 5", "slow_query_seconds: 1"))
    shutil.copy(root / "Pulumi.uat.yaml", tree)
    (tree / "Pulumi.test.yaml").unlink()
    code, told = against("good", *STACKS)
    stacks = told["environments"]
    assert code == BAD
    assert told["worst"] == "data-loss"
    assert {name: stack["worst"] for name, stack in stacks.items()} == {
        "dev": "harmless", "test": "unknown", "staging": None, "uat": stacks["uat"]["worst"], "prod": "data-loss"
    }  # fmt: skip
    lost = {change["property"] for change in stacks["prod"]["changes"] if change["class"] == "data-loss"}
    assert lost == {"backup.backupRetentionDays", "memory.session_days"}
    assert [rule["rule"] for rule in stacks["prod"]["rules"]] == ["R5"]
    assert "Pulumi.test.yaml is gone" in stacks["test"]["changes"][0]["why"]
    assert stacks["uat"]["notes"] == ["Pulumi.uat.yaml is new: the base commit does not have it"]
    assert {change["operation"] for change in stacks["uat"]["changes"]} == {"create"}
    assert stacks["staging"]["recovery_delta"]["region"]["change"] == "same"
    assert stacks["uat"]["recovery_delta"]["region"]["change"] == "unknown"


def test_the_base_is_captured_with_its_own_code(against: Against) -> None:
    code, told = against("older", "dev")
    tagged = [change for change in told["changes"] if change["property"] == "tags.made"]
    assert code == GOOD
    assert {(change["class"], change["old"], change["new"]) for change in tagged} == {("harmless", "long ago", None)}
    assert told["compared"].startswith("older (")


def test_a_base_whose_program_fails_is_unknown_with_what_it_said(against: Against) -> None:
    code, told = against("broken", "dev")
    assert code == CONFIGURATION
    assert told["worst"] == "unknown"
    assert "in the base commit: the program fails: RuntimeError: this program is broken" in told["failed"]


def test_a_stack_file_that_is_refused_still_tells_what_the_contract_loses(tree: Path, against: Against) -> None:
    same_zone = ("mode: ZoneRedundant, standby_zone: 2", "mode: SameZone, standby_zone: 2")
    _edit(tree / "Pulumi.prod.yaml", ("session_days: 90", "session_days: 30"), same_zone)
    code, told = against("good", "prod")
    assert code == CONFIGURATION
    assert "in this commit: Pulumi.prod.yaml:" in told["failed"]
    assert "memory.session_days" in [change["property"] for change in told["changes"]]
    assert told["recovery_delta"]["zone"]["change"] == "weaker"


def test_the_command_writes_the_comment_and_the_page(tree: Path, tmp_path: Path, root: Path) -> None:
    _edit(tree / "Pulumi.dev.yaml", ("slow_query_seconds: 5", "slow_query_seconds: 1"))
    environment = {**os.environ, "PYTHONPATH": str(root), "AZURE_CLIENT_SECRET": "never-seen"}
    for form in ("markdown", "html"):
        output = tmp_path / "made" / f"comment.{form}"
        command = [sys.executable, "-m", "scripts.cli", "preview", "--stack", "dev", "--against", "good", "--format", form,
                   "--output", str(output), "--folder", str(tree)]  # fmt: skip
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stdout) == (GOOD, ""), done.stderr
        text = output.read_text(encoding="utf-8")
        assert "log_min_duration_statement takes effect at once" in text.replace("&#95;", "_")
        assert text.startswith(MARKER if form == "markdown" else "<!doctype html>")
        assert form == "markdown" or "http" not in text.replace("http-equiv", "")


def test_children_see_no_credentials(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "never-seen")
    _edit(tree / "Pulumi.dev.yaml", ("westeurope", "westeurope"))
    spy = "import os\nraise RuntimeError(sorted(name for name in os.environ if 'AZURE' in name or 'PASS' in name))\n"
    (tree / "infra" / "__main__.py").write_text(spy, encoding="utf-8")
    before, _ = side_by_side.capture_both(tree, tree, ["dev"])
    assert before["dev"].problems == ("the program fails: RuntimeError: []",)


@pytest.mark.parametrize(
    ("revision", "code", "says"),
    [
        ("nowhere", USAGE, "nowhere is no commit of this repository"),
        ("--output=x", USAGE, "--output=x is no commit of this repository"),
        ("empty", BAD, "has no stack files here, so nothing can be compared"),
    ],
)
def test_a_base_that_cannot_be_compared_is_named(
    tree: Path, capsys: pytest.CaptureFixture[str], revision: str, code: int, says: str
) -> None:
    with pytest.raises(Failure, match=says) as raised:
        run(["prod"], tree, Sources(against=revision), form="markdown", output=None)
    assert raised.value.code == code
    written = capsys.readouterr().out
    assert written.startswith(MARKER)
    assert "this preview failed for prod" in written


def test_a_shallow_clone_is_named_as_the_cause(repository: Path, tmp_path: Path) -> None:
    _git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "broken", f"file://{repository}", "shallow")
    first = _git(repository, "rev-parse", "good")
    with pytest.raises(Failure, match="a shallow one") as raised:
        run(["prod"], tmp_path / "shallow", Sources(against=first), form="json", output=None)
    assert "git fetch --depth=1" in raised.value.hint


def test_a_folder_in_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="is in no git repository"):
        run(["prod"], tmp_path, Sources(against="main"), form="json", output=None)


@pytest.fixture(scope="module")
def dev(root: Path) -> Plan:
    """What the program asks for in dev."""
    return plan_of(stack_file.load("dev", root), capture.Mode.RESOLVED)


def _state(plan: Plan, version: int = 3) -> dict[str, Any]:
    resources = [json.loads(json.dumps(item.as_json())) for item in plan.registrations]
    return {"version": version, "deployment": {"resources": [{"custom": True, **item} for item in resources]}}


def _judge(kind: str, document: Any, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    path = tmp_path / "given.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    source: dict[str, Any] = {kind: path}
    code = run(["dev"], root, Sources(**source), form="json", output=None)
    return code, json.loads(capsys.readouterr().out)


def test_a_state_is_compared_with_what_the_program_asks_for(
    dev: Plan, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = _state(dev)
    code, told = _judge("state", state, tmp_path, root, capsys)
    assert (code, told["worst"], told["verdict"]) == (GOOD, None, "nothing changes")
    server = next(item for item in state["deployment"]["resources"] if item["name"] == "memory-server-postgresql")
    server["inputs"]["backup"]["backupRetentionDays"] = 35
    code, told = _judge("state", state, tmp_path, root, capsys)
    assert (code, told["worst"]) == (BAD, "data-loss")
    assert [change["property"] for change in told["changes"]] == ["backup.backupRetentionDays"]


def _step(number: int, op: str = "create", type_: str = "a:b:Thing", project: str = "agent-memory") -> dict[str, Any]:
    urn = f"urn:pulumi:dev::{project}::{type_}::thing-{number}"
    return {"urn": urn, "op": op, "newState": {"urn": urn, "type": type_, "custom": True, "inputs": {"x": number}}}


def test_an_unknown_operation_and_an_unknown_type_are_unknown(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [_step(1, "teleport"), {**_step(2, "delete"), "oldState": _step(2)["newState"], "newState": None}]
    _, told = _judge("engine_preview", {"steps": steps, "changeSummary": {}}, tmp_path, root, capsys)
    assert [change["class"] for change in told["changes"]] == ["unknown", "unknown"]
    assert "teleport" in told["changes"][0]["why"]
    assert len(told["unknown"]) == 2


def test_ten_thousand_resources_become_one_comment_that_fits(tmp_path: Path, root: Path) -> None:
    path, output = tmp_path / "huge.json", tmp_path / "comment.md"
    steps = [_step(number) for number in range(10_000)]
    path.write_text(json.dumps({"steps": steps, "changeSummary": {"create": 10_000}}), encoding="utf-8")
    assert run(["dev"], root, Sources(engine_preview=path), form="markdown", output=output) == GOOD
    text = output.read_text(encoding="utf-8")
    assert len(text) <= MOST_CHARACTERS
    assert "10000 harmless" in text


@pytest.mark.parametrize(
    ("kind", "document", "says"),
    [
        ("engine_preview", '{"steps": [{"op": "upd', "is no JSON document: was it cut short"),
        ("engine_preview", {"steps": [_step(1)]}, "was cut short: it has no changeSummary"),
        ("engine_preview", {"steps": [_step(1, project="another")], "changeSummary": {}}, "is of another/dev, not of agent-memory/dev"),
        ("engine_preview", [1, 2], "this is no document of `pulumi preview --json`"),
        ("state", {"version": 9, "deployment": {}}, "this state has version 9"),
        ("state", {"version": 3}, "this is no document of `pulumi stack export`"),
    ],
)
def test_a_document_that_cannot_be_judged_is_never_no_changes(
    kind: str, document: Any, says: str, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Failure, match=says) as raised:
        _judge(kind, document, tmp_path, root, capsys)
    assert raised.value.code == BAD
    written = json.loads(capsys.readouterr().out)
    assert (written["worst"], written["stops"]) == ("unknown", True)
    assert written["failed"]


@pytest.mark.parametrize(
    ("stacks", "sources", "form", "says"),
    [
        (["prod"], Sources(), "markdown", "there is nothing to compare with"),
        (["dev", "prod"], Sources(), "text", "there is nothing to compare with"),
        (["prod"], Sources(against="main", state=Path("x")), "text", "one thing to compare with"),
        (["dev", "prod"], Sources(state=Path("x")), "text", "a state or a preview is of one stack"),
        (["prod"], Sources(state=Path("nowhere.json")), "text", "nowhere.json cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_refused(stacks: list[str], sources: Sources, form: str, says: str, root: Path) -> None:
    with pytest.raises(Failure, match=says) as raised:
        run(stacks, root, sources, form=form, output=None)
    assert raised.value.code == USAGE
