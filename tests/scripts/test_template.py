"""`agentmem template`: JSON and nothing else on stdout, a file, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.domain.problem import Invalid
from scripts.edges.exits import CONFIGURATION, GOOD, USAGE, Failure
from scripts.template import run


def _agentmem(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    # Neither login nor home: nothing of anybody's is needed.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "HOME": "/nowhere"}
    command = [sys.executable, "-m", "scripts.cli", "template", *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_stdout_is_the_template_and_nothing_else(root: Path) -> None:
    done = _agentmem("--stack", "dev", root=root)
    assert (done.returncode, done.stderr) == (GOOD, "")
    made = json.loads(done.stdout)
    assert made["$schema"].endswith("/deploymentTemplate.json#")
    assert made["metadata"]["stack"] == "dev"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--stack", "nope"), "'nope' is not an environment\nhint: one of dev, test, staging, uat, prod\n"),
        (("dev",), "hint: agentmem --help"),
        (("--stack", "dev", "--format", "yaml"), "hint: agentmem --help"),
    ],
)
def test_what_it_does_not_know_is_a_line_and_a_hint(root: Path, arguments: tuple[str, ...], says: str) -> None:
    done = _agentmem(*arguments, root=root)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr.endswith(says if says.endswith("\n") else f"{says}\n")


def test_a_file_is_written_and_told(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "made" / "prod.json"
    assert run("prod", root, output=output) == GOOD
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{output}: 28 resources of prod; 9 registrations have no form in a template, see leftOut\n"
    assert len(json.loads(output.read_text(encoding="utf-8"))["resources"]) == 28


def test_a_file_that_cannot_be_written_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be written: Is a directory") as raised:
        run("dev", root, output=tmp_path)
    assert raised.value.code == USAGE


def test_a_stack_file_with_problems_has_no_template(root: Path, tmp_path: Path) -> None:
    text = (root / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text(text.replace("retention_days: 7", "retention_days: 99"), encoding="utf-8")
    shutil.copy(root / "Pulumi.yaml", tmp_path)
    with pytest.raises(Invalid, match=r"Pulumi\.dev\.yaml:\d+"):
        run("dev", tmp_path, output=None)
    done = _agentmem("--stack", "dev", "--folder", str(tmp_path), root=root)
    assert (done.returncode, done.stdout) == (CONFIGURATION, "")
    (tmp_path / "Pulumi.dev.yaml").unlink()
    assert _agentmem("--stack", "dev", "--folder", str(tmp_path), root=root).returncode == CONFIGURATION
