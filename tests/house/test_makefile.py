"""An install that was killed is repaired by the next one, a finished one is left alone, and an old Python is told so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# Stands for Python: says yes to the question for its version, and makes an environment whose Python is itself.
PYTHON = """#!/bin/sh
echo "$@" >> "{calls}"
case "$*" in
"-m venv --clear .venv") rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*"{fails_at}"*) exit 1 ;;
esac
"""
NEVER = "no such argument"


class Clone:
    """A clone with a Makefile, under a path with a space, and a Python that only takes notes."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.calls = folder, folder / "calls"
        folder.mkdir()
        for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-policy.txt", "requirements-dev.txt"):
            shutil.copy(root / name, folder)

    def install(self, *, fails_at: str = NEVER) -> tuple[int, list[str]]:
        """The exit code of an install, and what Python was called with."""
        python = self.folder / "a python"
        for path in (python, self.folder / ".venv" / "bin" / "python"):
            if path.parent.exists():
                path.write_text(PYTHON.format(calls=self.calls, fails_at=fails_at), encoding="utf-8")
                path.chmod(0o755)
        self.calls.write_text("", encoding="utf-8")
        done = self.make(".venv/.runtime", f"PYTHON={python}")
        return done.returncode, self.calls.read_text(encoding="utf-8").splitlines()

    def change_requirements(self) -> None:
        """As a pull does: the file is newer than what was installed from it."""
        later = (self.folder / ".venv" / ".runtime").stat().st_mtime + 5
        os.utime(self.folder / "requirements.txt", (later, later))

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run make as a person would, not as a part of the make that may have started this test."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(["make", *arguments], cwd=self.folder, env=outside, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def clone(tmp_path: Path, root: Path) -> Clone:
    return Clone(tmp_path / "a clone", root)


def _began_anew(calls: list[str]) -> bool:
    return "-m venv --clear .venv" in calls


def test_a_fresh_install_has_hashes_and_no_surprises(clone: Clone) -> None:
    code, calls = clone.install()
    installs = [call for call in calls if " install " in call]
    assert code == 0
    assert _began_anew(calls)
    assert "--no-deps --require-hashes --only-binary :all: --requirement requirements.txt" in installs[0]
    assert installs[1].endswith("--no-deps --no-build-isolation --no-index --editable .")


def test_a_finished_install_is_left_alone(clone: Clone) -> None:
    clone.install()
    assert clone.install() == (0, [])


def test_changed_requirements_are_installed_into_what_is_there(clone: Clone) -> None:
    clone.install()
    clone.change_requirements()
    code, calls = clone.install()
    assert (code, _began_anew(calls)) == (0, False)
    assert [call for call in calls if "--requirement requirements.txt" in call]


@pytest.mark.parametrize("step", ["--requirement requirements.txt", "--editable ."])
def test_an_install_that_broke_off_begins_anew(clone: Clone, step: str) -> None:
    broken, _ = clone.install(fails_at=step)
    code, calls = clone.install()
    assert broken != 0
    assert (code, _began_anew(calls)) == (0, True)


def test_an_upgrade_that_broke_off_begins_anew(clone: Clone) -> None:
    clone.install()
    clone.change_requirements()
    broken, _ = clone.install(fails_at="--requirement requirements.txt")
    code, calls = clone.install()
    assert broken != 0
    assert (code, _began_anew(calls)) == (0, True)


def test_a_python_that_is_too_old_is_told_so(clone: Clone) -> None:
    done = clone.make("rehearse", "PYTHON=false")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer; false is older or does not run\nhint: " in done.stderr


def test_make_alone_lists_every_target(clone: Clone) -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", (clone.folder / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)[0].split()
    assert re.findall(r"^  make ([a-z-]+) ", clone.make().stdout, flags=re.MULTILINE) == targets
