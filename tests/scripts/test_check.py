"""`agentmem check` as a person and as a program see it: lines, JSON, exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.domain.environment import STACKS
from scripts.check import check
from scripts.edges.exits import CONFIGURATION, GOOD

Edit = Callable[..., Path]


@pytest.fixture
def edited(root: Path, tmp_path: Path) -> Edit:
    """A copy of the shipped files; each edit replaces a text in one of them, which must be there."""
    for stack in STACKS:
        shutil.copy(root / f"Pulumi.{stack}.yaml", tmp_path)

    def edit(stack: str, *edits: tuple[str, str]) -> Path:
        path = tmp_path / f"Pulumi.{stack}.yaml"
        text = path.read_text(encoding="utf-8")
        for old, new in edits:
            assert old in text
            text = text.replace(old, new, 1)
        path.write_text(text, encoding="utf-8")
        return tmp_path

    return edit


def _line(folder: Path, stack: str, text: str) -> int:
    lines = (folder / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def _json(stacks: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = check(stacks, folder, True)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


def test_the_shipped_environments_are_fit_to_deploy(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(list(STACKS), root, False) == GOOD
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == list(STACKS)
    assert lines[1].split() == ["contract", *["ok"] * 5]
    assert lines[2].split()[:6] == ["rules", *["ok"] * 5]
    assert lines[2].endswith("25 of 30 judged here, 5 need the server")
    assert lines[3].split("  ")[0] == "recovery"
    assert lines[-1] == "5 environments are fit to deploy"


def test_what_was_accepted_is_said_each_time(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(["prod"], root, False)
    out = capsys.readouterr().out
    assert 'accepted: "Azure promises no time for point-in-time restore; the weekly drill measures it"' in out
    assert out.splitlines()[-1] == "prod is fit to deploy"


def test_everything_wrong_is_told_at_once_with_file_and_line(edited: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edited(
        "prod", ("retention_days: 35", "retention_days: 45"), ("    sku: Standard", "    skuu: Standard"), ("lists: 100}", "lists: 0}")
    )
    assert check(["prod"], folder, False) == CONFIGURATION
    lines = capsys.readouterr().out.splitlines()
    days = _line(folder, "prod", "retention_days")
    assert lines[:4] == [
        f"Pulumi.prod.yaml:{_line(folder, 'prod', 'skuu')}: server.skuu is not a key of the contract (C1)",
        "hint: did you mean server.sku?",
        f"Pulumi.prod.yaml:{days}: backup.retention_days is 45, Azure keeps 7 to 35 days (R5)",
        "hint: portable copies keep longer: backup.portable_copies.monthly",
    ]
    assert "vector_sets[0].index_if_memory_is_short.lists is 0" in lines[4]
    assert lines[-1] == "3 problems, nothing was registered"


def test_one_broken_file_does_not_hide_the_others(edited: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edited("uat", ("retention_days: 14", "retention_days: 45"))
    assert check(list(STACKS), folder, False) == CONFIGURATION
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:7] == ["rules", "ok", "ok", "ok", "1", "problem", "ok"]
    assert lines[-1] == "4 of 5 environments are fit to deploy; 1 problem, nothing was registered"


def test_a_file_that_cannot_be_parsed_is_not_judged(edited: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edited("prod", ("config:", "config: ["))
    code, document = _json(["prod"], folder, capsys)
    assert code == CONFIGURATION
    found = document["environments"]["prod"]
    assert [problem["rule"] for problem in found["problems"]] == ["C6"]
    assert found["rules"] == {"total": 30, "judged": 0, "need_the_server": 5}
    assert found["recovery"] == {}


def test_a_file_that_is_not_there_is_a_problem(edited: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edited("prod")
    (folder / "Pulumi.prod.yaml").unlink()
    assert check(["prod"], folder, False) == CONFIGURATION
    assert "no such stack file" in capsys.readouterr().out


def test_a_warning_is_shown_and_stops_nothing(edited: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edited("prod", ("lock: true", "lock: false"))
    assert check(["prod"], folder, False) == GOOD
    out = capsys.readouterr().out
    line = _line(folder, "prod", "lock: false")
    assert f"warning: Pulumi.prod.yaml:{line}: guard.lock is false in prod" in out
    assert out.splitlines()[-1] == "prod is fit to deploy, 1 warning"


def test_a_target_that_is_not_accepted_is_refused(edited: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edited("prod", (', accepted: "Azure promises no time for geo-restore; the quarterly drill measures it"', ""))
    assert check(["prod"], folder, False) == CONFIGURATION
    out = capsys.readouterr().out
    assert "recovery.region asks for RPO 60 min and RTO 240 min, which is not promised" in out
    assert "accepted:" in out


def test_a_program_sees_the_same_facts(edited: Edit, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edited("prod", ("retention_days: 35", "retention_days: 45"))
    code, document = _json(["prod"], folder, capsys)
    assert (code, document["schema"]) == (CONFIGURATION, "agentmem/check/1")
    prod = document["environments"]["prod"]
    (problem,) = prod["problems"]
    assert problem == {
        "file": "Pulumi.prod.yaml",
        "line": _line(folder, "prod", "retention_days"),
        "key": "backup.retention_days",
        "found": 45,
        "rule": "R5",
        "severity": "refuse",
        "message": "backup.retention_days is 45, Azure keeps 7 to 35 days",
        "hint": "portable copies keep longer: backup.portable_copies.monthly",
    }
    assert prod["ok"] is False
    assert prod["recovery"]["node"]["verdict"] == "met"
    assert prod["recovery"]["region"] == {
        "declared": {"rpo_minutes": 60, "rto_minutes": 240},
        "possible": {"rpo_minutes": 60, "rto_minutes": None, "promised": False, "by": "geo-restore"},
        "verdict": "not promised",
        "why": "back within 4 h: geo-restore loses up to 60 min, and Azure promises no time for it",
        "accepted": "Azure promises no time for geo-restore; the quarterly drill measures it",
    }
    assert all(note["severity"] == "note" for note in prod["notes"])


def test_json_of_all_environments_is_one_document(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = _json(list(STACKS), root, capsys)
    assert code == GOOD
    assert list(document["environments"]) == list(STACKS)
    assert all(one["ok"] and one["problems"] == [] for one in document["environments"].values())


def _run(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.cli", "check", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_ends_with_the_code_and_keeps_its_data_on_stdout(edited: Edit, root: Path) -> None:
    folder = edited("prod", ("retention_days: 35", "retention_days: 45"))
    done = _run("--stack", "prod", "--folder", str(folder), root=root)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.endswith("1 problem, nothing was registered\n")


@pytest.mark.parametrize("arguments", [[], ["--stack", "prod", "--all"], ["--stack", "production"]])
def test_the_command_wants_one_environment_or_all(arguments: list[str], root: Path) -> None:
    done = _run(*arguments, root=root)
    assert (done.returncode, done.stdout) == (2, "")
    assert "hint: " in done.stderr


def test_nothing_heavy_is_imported(root: Path) -> None:
    program = """
import sys
from pathlib import Path
from scripts.check import check
check(["prod"], Path("."), True)
sys.exit(any(name in sys.modules for name in ("pulumi", "azure", "psycopg", "numpy", "grpc")))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
