"""What the workflows dump and drill run, with an agentmem that does as it is told: what they pass on, what they say, when they are red."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from infra.domain import retention
from tests.house.sources import ROOT

NOW = datetime(2026, 11, 23, 2, 37, tzinfo=UTC)
# Stands for agentmem: prints what it is told to, and ends as it is told to.
AGENTMEM = """#!/bin/sh
echo "$*" >calls
cat said
exit {code}
"""


@pytest.fixture(scope="module")
def report() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drill_report", ROOT / "tools" / "drill" / "report.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _document(age: timedelta = timedelta(days=1), now: datetime = NOW, **changes: Any) -> dict[str, Any]:
    phases = [{"name": "data", "seconds": 1.26, "verdict": "ok", "evidence": "2 tables, 80 rows"}]
    found = {
        "copy": retention.copy_name("prod", now - age),
        "whole": True,
        "faults": [],
        "restored": True,
        "phases": phases,
        "verdict": "ok",
    }
    return {**found, **changes}


def test_a_young_copy_that_restores_is_good(report: ModuleType) -> None:
    document = _document()
    assert report.judged(document, NOW) == ()
    text = report.told(document, (), NOW)
    assert text.startswith("## ✅ the newest copy restores\n")
    assert "<code>prod-20261122T023700Z</code>, taken 24.0 hours before this drill" in text
    assert "| data | 1.3 | ok | 2 tables, 80 rows |" in text


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (_document(faults=["public.facts has other content"], verdict="bad"), "public.facts has other content"),
        (_document(restored=False), "the copy was not restored"),
        (_document(verdict="bad"), "the copy was not restored"),
        (_document(copy="mine"), "the copy's name does not tell when it was taken"),
        (_document(timedelta(days=8)), "the newest copy is 8.0 days old, and one is due every 7 days: see the runs of dump"),
    ],
)
def test_whatever_is_wrong_is_told(report: ModuleType, document: dict[str, Any], says: str) -> None:
    wrong = report.judged(document, NOW)
    assert wrong == (says,)
    assert report.told(document, wrong, NOW).startswith("## ⛔ the newest copy is not to be relied on\n")


def test_what_comes_from_a_database_is_no_markup(report: ModuleType) -> None:
    nasty = 'public.<img src="x"> | [a](javascript:b)\n# @all'
    document = _document(faults=[nasty], verdict="bad", phases=[{"name": "proof", "seconds": 1, "verdict": "failed", "evidence": nasty}])
    text = report.told(document, report.judged(document, NOW), NOW)
    assert not any(each in text for each in ("<img", "[a]", "\n# ", "@all"))
    assert text.count("\n| proof | ") == 1


@pytest.mark.parametrize("cut", ["", '{"copy": "prod-'])
def test_a_drill_that_broke_off_is_not_good(report: ModuleType, tmp_path: Path, cut: str) -> None:
    (tmp_path / "drill.json").write_text(cut, encoding="utf-8")
    assert report.main(tmp_path / "drill.json", tmp_path / "drill.md") == 1
    assert "the drill broke off before it could judge" in (tmp_path / "drill.md").read_text(encoding="utf-8")


class Clone:
    """A folder with our Makefile and tools, and an agentmem that says and ends as it is told."""

    def __init__(self, folder: Path, said: str, code: int) -> None:
        self.folder = folder
        (folder / ".venv" / "bin").mkdir(parents=True)
        for name, text in (("agentmem", AGENTMEM.format(code=code)), ("python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')):
            (folder / ".venv" / "bin" / name).write_text(text, encoding="utf-8")
            (folder / ".venv" / "bin" / name).chmod(0o755)
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "tools").symlink_to(ROOT / "tools")
        (folder / "said").write_text(said, encoding="utf-8")

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        command = ["make", "--old-file=.venv/.runtime", *arguments]
        environment = {**outside, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=30, check=False)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(("code", "prune", "asked"), [(0, "", ""), (0, "PRUNE=1", " --prune"), (5, "", "")])
def test_make_dump_asks_for_what_was_said_and_ends_as_the_verb(tmp_path: Path, code: int, prune: str, asked: str) -> None:
    clone = Clone(tmp_path, "there/dev-20261122T023700Z: 2 tables\n", code)
    done = clone.make("dump", "STACK=dev", "TO=there", "LEDGER=book", *prune.split())
    assert (done.returncode == 0) == (code == 0)
    assert clone.read("calls").split() == f"dump --stack dev --to there{asked} --ledger book".split()
    assert done.stdout == clone.read("build/dump/dev.txt") == "there/dev-20261122T023700Z: 2 tables\n"


@pytest.mark.parametrize(
    ("document", "code", "good"),
    [
        (json.dumps(_document(now=datetime.now(UTC))), 0, True),
        (json.dumps(_document(timedelta(days=8), now=datetime.now(UTC))), 0, False),
        (json.dumps(_document(now=datetime.now(UTC))), 5, False),
        ("", 4, False),
    ],
    ids=["good", "old", "the verb failed", "broke off"],
)
def test_make_drill_is_red_unless_everything_is_good(tmp_path: Path, document: str, code: int, good: bool) -> None:
    clone = Clone(tmp_path, document, code)
    done = clone.make("drill", "STACK=prod", "TO=there")
    assert (done.returncode == 0) == good
    assert clone.read("calls").split() == ["verify", "there", "--stack", "prod", "--restore", "--json"]
    assert done.stdout == clone.read("build/drill/prod.md")
    assert clone.read("build/drill/prod.json") == document


def ran(clone: Clone, workflow: str, **variables: str) -> tuple[int, str]:
    """The exit code of a workflow's last script, run as GitHub does, and what it wrote into the summary."""
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text(encoding="utf-8"))["jobs"].values()
    script = [step["run"] for step in job["steps"] if "run" in step][-1].replace("make ", "make --old-file=.venv/.runtime ")
    (clone.folder / "script").write_text(script, encoding="utf-8")
    (clone.folder / "summary").write_text("", encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "STACK": "prod", "GITHUB_STEP_SUMMARY": "summary", **variables}
    command = ["bash", "--noprofile", "--norc", "-e", "script"]
    done = subprocess.run(command, cwd=clone.folder, env=environment, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, clone.read("summary") + (done.stderr if "set AGENTMEM" in done.stderr else "")


def test_the_summary_of_a_dump_has_its_last_line(tmp_path: Path) -> None:
    clone = Clone(tmp_path, "there/prod-1: 2 tables\ndeleted, as the contract keeps no more: prod-0\n", 0)
    assert ran(clone, "dump", TO="there", LEDGER="book") == (0, "prod: deleted, as the contract keeps no more: prod-0\n")
    assert clone.read("calls").split() == ["dump", "--stack", "prod", "--to", "there", "--prune", "--ledger", "book"]


def test_a_dump_that_fails_is_red_and_says_so(tmp_path: Path) -> None:
    code, summary = ran(Clone(tmp_path, "", 4), "dump", TO="there", LEDGER="book")
    assert code != 0 and summary == "prod: ⛔ there is no new copy: the log says why. \n"


@pytest.mark.parametrize(("age", "green"), [(1, True), (8, False)])
def test_the_summary_of_a_drill_is_its_report(tmp_path: Path, age: int, green: bool) -> None:
    clone = Clone(tmp_path, json.dumps(_document(timedelta(days=age), now=datetime.now(UTC))), 0)
    code, summary = ran(clone, "drill", TO="there", LEDGER="book")
    assert (code == 0) == green
    assert summary == clone.read("build/drill/prod.md") and ("✅" in summary) == green
    assert clone.read("calls").split() == ["verify", "there", "--stack", "prod", "--restore", "--json", "--ledger", "book"]


@pytest.mark.parametrize("workflow", ["dump", "drill"])
@pytest.mark.parametrize("missing", ["TO", "LEDGER"])
def test_without_its_variables_a_workflow_is_red(tmp_path: Path, workflow: str, missing: str) -> None:
    """A ledger that nobody named would be one of the runner, and gone with it."""
    clone = Clone(tmp_path, "", 0)
    code, says = ran(clone, workflow, **{"TO": "there", "LEDGER": "book", missing: ""})
    assert code != 0 and "set AGENTMEM_" in says
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("target", ["dump", "drill"])
def test_without_a_place_nothing_is_begun(tmp_path: Path, target: str) -> None:
    clone = Clone(tmp_path, "", 0)
    done = clone.make(target)
    assert done.returncode != 0 and "say where the copies lie: make " + target in done.stderr
    assert not (tmp_path / "calls").exists()
