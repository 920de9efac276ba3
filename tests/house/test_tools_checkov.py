"""`make tools` and Checkov: the pinned version is installed once, with hashes, and an install that broke off is begun anew."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.test_tools import PYTHON, Machine


class WithCheckov(Machine):
    """A machine whose stand-in for Python installs a Checkov."""

    def checkov(self, *, fails: str = "") -> tuple[int, str, list[str]]:
        """The exit code, what was said, and what Python was asked for."""
        self.calls.write_text("", encoding="utf-8")
        self.has("a-python", PYTHON.replace('/az"', '/checkov"').format(calls=self.calls, fails=fails))
        python = self.clone / ".tools" / "checkov" / "bin" / "python"
        if python.exists():
            shutil.copy(self.bin / "a-python", python)
        command: list[str | Path] = [self.clone / "tools" / "checkov" / "install.sh", self.bin / "a-python"]
        environment = {"PATH": str(self.bin), "HOME": str(self.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stderr, [call for call in self.calls.read_text(encoding="utf-8").splitlines() if call != "-c "]


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> WithCheckov:
    return WithCheckov(tmp_path, root)


def test_checkov_is_installed_once_with_hashes_beside_the_azure_cli(machine: WithCheckov) -> None:
    code, said, calls = machine.checkov()
    assert code == 0, said
    assert calls[0] == f"-m venv {machine.clone}/.tools/checkov"
    assert f"--no-deps --require-hashes --only-binary :all: --requirement {machine.clone}/tools/checkov/requirements.txt" in calls[1]
    assert subprocess.run([machine.clone / ".tools" / "bin" / "checkov"], capture_output=True, text=True, check=True).stdout == "ours\n"
    code, said, calls = machine.checkov()
    assert (code, calls) == (0, []), said


def test_one_on_path_is_not_asked_because_the_findings_depend_on_the_version(machine: WithCheckov) -> None:
    machine.has("checkov", "#!/bin/sh\necho 99.0.0\n")
    code, _, calls = machine.checkov()
    assert (code, len(calls)) == (0, 2)
    assert os.path.lexists(machine.clone / ".tools" / "bin" / "checkov")


def test_an_install_that_broke_off_or_has_other_pins_is_begun_anew(machine: WithCheckov) -> None:
    code, said, _ = machine.checkov(fails="yes")
    assert code == 1
    assert "\nhint: look at what pip says above and run make tools again\n" in said
    assert len(machine.checkov()[2]) == 2
    with (machine.clone / "tools" / "checkov" / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("another==1\n")
    assert len(machine.checkov()[2]) == 2
