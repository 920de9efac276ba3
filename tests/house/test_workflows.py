"""The workflows of GitHub and Azure Pipelines: least rights, nothing movable, no verb that does not exist, and two linters that agree."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from scripts.cli import app
from tests.house.sources import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = tuple(sorted(FOLDER.glob("*.yml")))
PIPELINES = tuple(sorted((ROOT / "docs" / "azure-pipelines").glob("*.yml")))
ALL = (*WORKFLOWS, *PIPELINES)
ROOT_COMMAND = typer.main.get_command(app)
# A job logs in at Azure, or it gets no token to do so.
LOGIN = "azure/login@"
# Of the five fields of a cron line: the least and the most.
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
_LINE = re.compile(r"^\s*(?:- )?uses: (\S+)(.*)$", re.MULTILINE)


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _load(path: Path) -> dict[Any, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def _jobs(path: Path) -> dict[str, dict[str, Any]]:
    return {f"{path.name}:{name}": job for name, job in _load(path)["jobs"].items()}


JOBS = {name: job for path in WORKFLOWS for name, job in _jobs(path).items()}


def _scripts(value: Any) -> Iterator[str]:
    """Every script of a workflow or a pipeline, at whatever depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("run", "bash", "script", "inlineScript") and isinstance(item, str):
                yield item
            else:
                yield from _scripts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _scripts(item)


@dataclass(frozen=True)
class Called:
    """A command of a script: its words after its name."""

    name: str
    words: tuple[str, ...]


def _called(path: Path, name: str) -> list[Called]:
    """The calls of `name` in the scripts of a file, wherever it lies, each up to what ends a command of a shell."""
    found = []
    for script in _scripts(_load(path)):
        for line in script.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split, words = True, []
            for word in (*lexer, ";"):
                if not set(word) <= set(";&|<>()"):
                    words.append(word)
                    continue
                at = [number for number, each in enumerate(words) if each.rpartition("/")[2] == name]
                found += [Called(name, tuple(words[at[0] + 1 :]))] if at else []
                words = []
    return found


def _verb(words: tuple[str, ...]) -> tuple[click.Command, tuple[str, ...]]:
    """The verb that the words name, at whatever depth, and what follows; raises KeyError for one that does not exist."""
    command: Any = ROOT_COMMAND
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("path", ALL, ids=_id)
def test_every_verb_and_every_option_exists(path: Path) -> None:
    for call in _called(path, "agentmem"):
        command, words = _verb(call.words)
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known, call
        required = {option for parameter in command.params if parameter.required for option in parameter.opts if option.startswith("--")}
        assert required <= set(words), call


@pytest.mark.parametrize("path", ALL, ids=_id)
def test_every_target_of_make_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    asked = {word for call in _called(path, "make") for word in call.words if "=" not in word and not word.startswith("-")}
    assert asked <= targets


def test_every_verb_of_a_target_exists() -> None:
    recipes = re.findall(r"\$\(BIN\)/agentmem ([a-z][a-z -]*)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert len(recipes) > 5
    for recipe in recipes:
        _verb(tuple(recipe.split()))


def test_the_fence_sees_the_commands() -> None:
    """What finds nothing would find no mistake either."""
    calls = {call.words[0] for path in WORKFLOWS for call in _called(path, "agentmem")}
    assert calls == {"preview", "comment", "reviewed", "snapshot", "gate", "up", "inside"}
    assert all(_called(path, "agentmem") or _called(path, "make") for path in ALL)
    with pytest.raises(KeyError):
        _verb(("drill", "run"))


def test_there_is_a_workflow_for_each_step() -> None:
    assert {path.name for path in WORKFLOWS} == {"test.yml", "preview.yml", "apply.yml", "drift.yml", "snapshot.yml"}
    assert {path.name for path in PIPELINES} == {"preview.yml", "apply.yml", "drift.yml", "snapshot.yml"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=_id)
def test_every_action_is_pinned_by_its_commit_and_says_its_version(path: Path) -> None:
    lines = _LINE.findall(path.read_text(encoding="utf-8"))
    assert lines
    for action, comment in lines:
        assert _PINNED.fullmatch(action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_an_action_has_one_commit_everywhere() -> None:
    pins = {line for path in WORKFLOWS for line in _LINE.findall(path.read_text(encoding="utf-8"))}
    assert len(pins) == len({action.partition("@")[0] for action, _ in pins})


@pytest.mark.parametrize("path", WORKFLOWS, ids=_id)
def test_a_workflow_begins_with_no_right_at_all(path: Path) -> None:
    assert _load(path)["permissions"] == {}


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_its_own_rights_and_an_end(name: str) -> None:
    job = JOBS[name]
    assert 0 < job["timeout-minutes"] <= 180
    assert job["permissions"].get("contents", "read") == "read"
    logs_in = any(str(step.get("uses", "")).startswith(LOGIN) for step in job["steps"])
    assert (job["permissions"].get("id-token") == "write") == logs_in
    assert ("environment" in job) == logs_in


@pytest.mark.parametrize("name", JOBS)
def test_no_checkout_leaves_its_token_behind(name: str) -> None:
    checkouts = [step for step in JOBS[name]["steps"] if str(step.get("uses", "")).startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", ALL, ids=_id)
def test_no_expression_is_pasted_into_a_script(path: Path) -> None:
    assert not [script for script in _scripts(_load(path)) if "${{" in script]


@pytest.mark.parametrize("path", WORKFLOWS, ids=_id)
def test_nothing_runs_twice_at_once(path: Path) -> None:
    document = _load(path)
    assert "concurrency" in document or all("concurrency" in job for job in document["jobs"].values())


def test_an_apply_is_never_cut_off() -> None:
    assert JOBS["apply.yml:apply"]["concurrency"] == {"group": "apply-${{ matrix.stack }}", "cancel-in-progress": False}


@pytest.mark.parametrize("path", WORKFLOWS, ids=_id)
def test_no_strangers_code_meets_a_right_to_write(path: Path) -> None:
    """YAML reads the key `on` as a truth value."""
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(_load(path)[True])
    assert "secrets." not in path.read_text(encoding="utf-8")


def test_who_judges_a_pull_request_cannot_write_and_who_writes_runs_the_code_of_the_base() -> None:
    judge, writer = JOBS["preview.yml:preview"], JOBS["preview.yml:comment"]
    assert judge["permissions"] == {"contents": "read"}
    assert writer["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert writer["steps"][0]["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "!cancelled()" in writer["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in writer["if"]


def test_nothing_is_applied_before_it_is_held_against_what_was_reviewed() -> None:
    steps = [step.get("name") or step.get("uses", "").partition("@")[0] for step in JOBS["apply.yml:apply"]["steps"]]
    assert steps.index("reviewed") < steps.index("azure/login") < steps.index("up")


@pytest.mark.parametrize("path", ALL, ids=_id)
def test_a_schedule_can_come_true(path: Path) -> None:
    document = _load(path)
    schedules = document.get("schedules") or (document.get(True) or {}).get("schedule") or []
    assert bool(schedules) == (path.name == "drift.yml")
    for each in schedules:
        fields = each["cron"].split()
        assert len(fields) == len(FIELDS)
        for field, (least, most) in zip(fields, FIELDS, strict=True):
            assert field == "*" or least <= int(field) <= most, each


@pytest.mark.parametrize("path", PIPELINES, ids=_id)
def test_a_pipeline_holds_no_password_and_its_preview_no_login(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "password" not in text.lower()
    assert ("azureSubscription" in text) == (path.name != "preview.yml")


def test_actionlint_finds_nothing() -> None:
    actionlint = shutil.which("actionlint", path=str(ROOT / ".tools" / "bin")) or shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("no actionlint: make tools builds one")
    done = subprocess.run([actionlint, "-no-color", *WORKFLOWS], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_zizmor_finds_nothing() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--no-progress", "--quiet", "--no-config", "--format", "plain", str(FOLDER)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
