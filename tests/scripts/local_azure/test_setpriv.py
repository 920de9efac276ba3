"""What starts through setpriv: another user without a fork, so that no library's handler runs in the child, and an end with its starter."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scripts.local_azure.setpriv import held

WITHOUT_SETPRIV = pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv on this machine: another user is given by a fork")
ROOT = Path(__file__).resolve().parents[3]
# What root starts servers as; anybody else starts them as what they are.
ACCOUNT = pwd.getpwnam("nobody") if os.getuid() == 0 else None
# A handler in the child, as gRPC has one, which ends whatever was forked: glibc calls it before anything else.
WITH_A_FORK_HANDLER = """
    import ctypes, os, pwd, subprocess
    from scripts.local_azure.setpriv import held
    c = ctypes.CDLL(None)
    c.__register_atfork(None, None, c.abort, None)
    account = pwd.getpwnam("nobody") if os.getuid() == 0 else None
    print(subprocess.run(**held(["true"], at_our_end="KILL", account=account), start_new_session=True).returncode)
"""
IDENTITY = ["sh", "-c", "id -u; id -g; id -G"]


def said(command: list[str], path: str) -> list[str]:
    """What a command prints that is started as the account, with setpriv or without it as `path` has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        start = held(command, account=ACCOUNT)
    assert ("setpriv" in str(start["args"])) == bool(path and ACCOUNT)
    return subprocess.run(**start, capture_output=True, text=True, check=True, cwd="/").stdout.split()


@WITHOUT_SETPRIV
@pytest.mark.skipif(sys.platform != "linux", reason="the handler is registered as glibc does it")
def test_no_handler_of_a_library_runs_in_the_child() -> None:
    starter = [sys.executable, "-c", textwrap.dedent(WITH_A_FORK_HANDLER)]
    assert subprocess.run(starter, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split() == ["0"]


@WITHOUT_SETPRIV
def test_it_is_the_account_and_in_no_group_of_ours_with_setpriv_and_without() -> None:
    wanted = [str(ACCOUNT.pw_uid), *[str(ACCOUNT.pw_gid)] * 2] if ACCOUNT else said(IDENTITY, "")
    assert said(IDENTITY, os.environ["PATH"]) == wanted
    assert said(["/bin/sh", *IDENTITY[1:]], "") == wanted


def test_a_command_that_needs_neither_is_started_as_it_is() -> None:
    assert held(["true"]) == {"args": ["true"]}
