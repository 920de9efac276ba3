"""A program in a warm Python is the program that it would be in a new one: the same surroundings, and the same end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Terminal, stand_in
from tests.engine.language_host import WARM
from tests.engine.own_project import copied
from tests.waiting import until

# Says what surrounds it, and stays until it is ended if it shall.
PROGRAM = """
import json, os, pathlib, sys, time
facts = {
    "path": sys.path, "folder": os.getcwd(), "arguments": sys.argv, "environment": dict(os.environ), "writes": sys.dont_write_bytecode,
    "told": sys.stdin.read(), "ours": [name for name in sys.modules if name.partition(".")[0] in ("infra", "scripts", "tests")],
    "number": os.getpid(), "warm": "pulumi_azure_native.network.virtual_network" in sys.modules,
}
draft = pathlib.Path(os.environ["FACTS"] + ".new")
draft.write_text(json.dumps(facts))
draft.rename(os.environ["FACTS"])
print("said by the program")
time.sleep(float(os.environ.get("STAYS", 0)))
"""


@pytest.fixture(scope="module")
def terminal(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Somebody with a program of their own, and with the stand-in of the language host whatever their Pulumi has."""
    project = copied(tmp_path_factory.mktemp("project"), "dev")
    (project / "infra").unlink()
    (project / "infra").mkdir()
    (project / "infra" / "__main__.py").write_text(PROGRAM)
    path = f"{stand_in(tmp_path_factory.mktemp('host'))}{os.pathsep}{path_with_pulumi}"
    return Terminal(tmp_path_factory.mktemp("state"), path, project)


@pytest.fixture
def facts(tmp_path: Path, served: Terminal, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program writes."""
    monkeypatch.setitem(served.environment, "FACTS", str(tmp_path / "facts"))
    return tmp_path / "facts"


def surroundings(served: Terminal, facts: Path) -> dict[str, Any]:
    """What the program found in a preview by somebody who has one variable less than the tests have."""
    done = served.run("env", "-u", "PYTEST_VERSION", "pulumi", "preview", "--stack", "dev", "--non-interactive")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "said by the program" in done.stdout + done.stderr
    found: dict[str, Any] = json.loads(facts.read_text())
    return found


def test_it_finds_what_it_would_find_in_a_new_python(served: Terminal, facts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warm = surroundings(served, facts)
    assert warm.pop("ours") == [], "nothing of ours is loaded before"
    assert "PYTEST_VERSION" in os.environ and "PYTEST_VERSION" not in warm["environment"]
    monkeypatch.delenv(WARM)
    cold = surroundings(served, facts)
    assert (warm.pop("warm"), cold.pop("warm")) == (True, False)
    assert warm["environment"].pop(WARM) and warm.pop("number") != cold.pop("number")
    for found in (warm, cold):
        changing = [name for name in found["environment"] if name.startswith(("PULUMI_", "IDENTITY_", "PYTEST_"))]
        found["environment"] = {name: value for name, value in found["environment"].items() if name not in changing}
    assert warm == {name: value for name, value in cold.items() if name != "ours"}


def test_it_ends_with_the_engine_that_asked_for_it(served: Terminal, facts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(served.environment, "STAYS", "60")
    command = served.command("run", "--", "pulumi", "preview", "--stack", "dev", "--non-interactive")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen(command, env=served.variables, cwd=served.project, **quiet) as child:
        until(facts.exists, 30)
        os.killpg(child.pid, signal.SIGKILL)
    number = json.loads(facts.read_text())["number"]
    until(lambda: not _lives(number), 30)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
