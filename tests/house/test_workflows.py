"""The workflows of GitHub and Azure Pipelines: least rights, nothing movable, no verb that does not exist, and two linters that agree."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.shell_calls import Called, Makefile, called, faults, scripts, verb
from tests.house.sources import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = tuple(sorted(FOLDER.glob("*.yml")))
PIPELINES = tuple(sorted((ROOT / "docs" / "azure-pipelines").glob("*.yml")))
ALL = (*WORKFLOWS, *PIPELINES)
MAKEFILE = Makefile((ROOT / "Makefile").read_text(encoding="utf-8"))
STEPS = {"preview.yml", "apply.yml", "drift.yml", "snapshot.yml", "dump.yml", "drill.yml"}
SCHEDULED = {"drift.yml", "dump.yml", "drill.yml"}
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


def _called(path: Path, name: str) -> list[Called]:
    return [call for script in scripts(_load(path)) for call in called(script, name)]


@pytest.mark.parametrize("path", ALL, ids=_id)
def test_every_verb_and_every_option_exists(path: Path) -> None:
    for call in _called(path, "agentmem"):
        assert not faults(call), call


@pytest.mark.parametrize("path", ALL, ids=_id)
def test_every_target_of_make_exists_and_reads_what_it_is_given(path: Path) -> None:
    for call in _called(path, "make"):
        assert not MAKEFILE.faults(call.words), call


def test_every_verb_and_every_option_of_a_target_exists() -> None:
    recipes = [call for script in MAKEFILE.scripts() for call in called(script, "agentmem")]
    assert {call.words[0] for call in recipes} >= {"rehearse", "init", "up", "preview", "reviewed", "drift", "indexes", "dump", "verify"}
    for call in recipes:
        assert not faults(call), call


def test_the_fence_sees_the_commands() -> None:
    """What finds nothing would find no mistake either."""
    calls = {call.words[0] for path in WORKFLOWS for call in _called(path, "agentmem")}
    assert calls == {"preview", "comment", "reviewed", "snapshot", "gate", "up", "inside"}
    assert all(_called(path, "agentmem") or _called(path, "make") for path in ALL)
    assert "make dump" in {" ".join((call.name, call.words[0])) for call in _called(FOLDER / "dump.yml", "make")}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("agentmem dump --stack prod --to here --prune", set()),
        ("agentmem dump --stack prod", {"--to"}),
        (".venv/bin/agentmem verify there --restores", {"--restores"}),
        ("agentmem local-azure run -- agentmem up --stack prod --yess", {"--yess"}),
        ("make drill STACK=prod TO=there LEDGER=there", set()),
        ("make drill STACK=prod", {"TO"}),
        ('make dump TO="$TO" REASON="why"', {"REASON"}),
        ("make drift STACK=prod", set()),
        ("make dril STACK=prod", {"dril", "STACK"}),
    ],
)
def test_the_fence_sees_a_mistake(line: str, wrong: set[str]) -> None:
    name = "make" if line.startswith("make") else "agentmem"
    (call,) = called(line, name)
    assert (MAKEFILE.faults(call.words) if name == "make" else faults(call)) == wrong


def test_the_fence_sees_a_verb_that_does_not_exist() -> None:
    with pytest.raises(KeyError):
        verb(("drill", "run"))


def test_there_is_a_workflow_for_each_step() -> None:
    assert {path.name for path in WORKFLOWS} == {"test.yml", *STEPS}
    assert {path.name for path in PIPELINES} == STEPS


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
    assert not [script for script in scripts(_load(path)) if "${{" in script]


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
    assert bool(schedules) == (path.name in SCHEDULED)
    for each in schedules:
        fields = each["cron"].split()
        assert len(fields) == len(FIELDS)
        for field, (least, most) in zip(fields, FIELDS, strict=True):
            assert field == "*" or least <= int(field) <= most, each


@pytest.mark.parametrize("folder", [FOLDER, ROOT / "docs" / "azure-pipelines"], ids=lambda folder: folder.name)
def test_what_was_dumped_is_drilled_a_day_later(folder: Path) -> None:
    def when(name: str) -> tuple[int, ...]:
        document = _load(folder / name)
        (schedule,) = document.get("schedules") or document[True]["schedule"]
        minute, hour, _, _, weekday = schedule["cron"].split()
        return int(weekday), int(hour), int(minute)

    dump, drill = when("dump.yml"), when("drill.yml")
    assert drill == ((dump[0] + 1) % 7, *dump[1:])


def test_who_dumps_and_who_drills_log_in_as_different_ones_without_a_right_on_a_subscription() -> None:
    dump, drill = JOBS["dump.yml:dump"], JOBS["drill.yml:drill"]
    assert (dump["environment"], drill["environment"]) == ("${{ matrix.stack }}-copies", "${{ matrix.stack }}-drill")
    for job in (dump, drill):
        (login,) = [step["with"] for step in job["steps"] if str(step.get("uses", "")).startswith(LOGIN)]
        assert login["allow-no-subscriptions"] is True and "subscription-id" not in login
        assert job["concurrency"]["cancel-in-progress"] is False
    assert "AGENTMEM_USER" not in str(drill)


def test_a_runner_has_the_client_of_every_server_that_is_declared() -> None:
    stacks = [_load(path)["config"]["agent-memory:server"]["version"] for path in ROOT.glob("Pulumi.*.yaml")]
    for path in (FOLDER / "dump.yml", ROOT / "docs" / "azure-pipelines" / "dump.yml"):
        assert [int(found) for found in re.findall(r"postgresql-client-(\d+)", path.read_text(encoding="utf-8"))] == [max(stacks)]


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
