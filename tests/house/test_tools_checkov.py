"""`make tools` and Checkov: the pinned version and no other, and an install that broke off is begun anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.house.test_tools import Machine


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Machine:
    return Machine(tmp_path, root)


def test_one_on_path_is_not_asked_because_the_findings_depend_on_the_version(machine: Machine) -> None:
    machine.has("checkov", "#!/bin/sh\necho 99.0.0\n")
    code, _, calls = machine.checkov()
    assert (code, len(calls)) == (0, 2)
    assert os.path.lexists(machine.clone / ".tools" / "bin" / "checkov")


def test_an_install_that_broke_off_or_has_other_pins_is_begun_anew(machine: Machine) -> None:
    code, said, _ = machine.checkov(fails="yes")
    assert code == 1
    assert "\nhint: look at what pip says above and run make tools again\n" in said
    assert len(machine.checkov()[2]) == 2
    with (machine.clone / "tools" / "checkov" / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("another==1\n")
    assert len(machine.checkov()[2]) == 2
