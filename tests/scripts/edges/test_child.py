"""Somebody's command as a child: its exit code is ours, and a signal to us ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.edges import child
from scripts.edges.exits import USAGE, Failure

RUN = """
import sys
from pathlib import Path
from scripts.edges.child import run
sys.exit(run(sys.argv[1:], {"PATH": "/usr/bin:/bin"}, Path()))
"""


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 37", 37), ("kill -TERM $$", 128 + signal.SIGTERM)])
def test_the_exit_code_is_the_commands(script: str, code: int, tmp_path: Path) -> None:
    assert child.run(["sh", "-c", script], {"PATH": os.defpath}, tmp_path) == code


def test_a_program_that_nobody_may_run_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    with pytest.raises(Failure) as failure:
        child.run([str(tmp_path / "tool")], {"PATH": os.defpath}, tmp_path)
    assert failure.value.code == USAGE
    assert failure.value.fact == f"{tmp_path / 'tool'} cannot be run"


def test_a_missing_pulumi_has_a_hint_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="pulumi is no command here") as failure:
        child.run(["pulumi"], {"PATH": str(tmp_path)}, tmp_path)
    assert "make tools" in failure.value.hint


def test_the_end_is_passed_on_to_the_command(root: Path) -> None:
    script = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen([sys.executable, "-c", RUN, "sh", "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        time.sleep(0.2)  # the command may be ready before we listen for signals
        parent.send_signal(signal.SIGTERM)
        assert parent.stdout.readline() == "told\n"
        assert parent.wait(10) == 5
