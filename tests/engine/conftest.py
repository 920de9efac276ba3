"""The real Pulumi engine on the local Azure, as a person runs it: `agentmem local-azure run -- pulumi ...`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.installation import HOST, LANGUAGE_HOST, ROOT, WARM_PYTHON, Engine, engine
from tests.engine.language_host import WARM


@dataclass
class Terminal:
    """A terminal of somebody who works on the local Azure kept in `state`, in the project at `project`."""

    state: Path
    path: str
    project: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        """`agentmem local-azure run -- COMMAND`, with what it said and its exit code."""
        return self.agentmem("run", "--", *command, timeout=timeout)

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same for a Pulumi command that must not ask."""
        return self.run("pulumi", *arguments, "--non-interactive", "--color", "never")

    def agentmem(self, verb: str, *arguments: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        command = self.command(verb, *arguments)
        where = {"env": self.variables, "cwd": self.project}
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **where)

    def command(self, verb: str, *arguments: str) -> list[str]:
        """The command line of a verb of `agentmem local-azure`."""
        return [sys.executable, "-m", "scripts.cli", "local-azure", verb, "--state", str(self.state), *arguments]

    @property
    def variables(self) -> dict[str, str]:
        return {**os.environ, "PATH": self.path, "PYTHONPATH": str(ROOT), **self.environment}

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[str]]:
        """`agentmem local-azure serve` in another terminal, up until the block ends."""
        child = subprocess.Popen(self.command("serve"), env=self.variables, cwd=self.project, stdout=subprocess.PIPE, text=True)
        with child:
            assert child.stdout is not None
            assert child.stdout.readline().startswith("local Azure")
            try:
                yield child
            finally:
                child.send_signal(signal.SIGINT)


@pytest.fixture(scope="session")
def pulumi() -> Engine:
    """The engine; without one these tests are left out."""
    found = engine()
    if found is None:
        pytest.skip("no Pulumi 3.244 or newer on PATH, and none built: make tools")
    return found


@pytest.fixture(scope="session")
def path_with_pulumi(pulumi: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """PATH with the engine, and with the stand-in of its language host only where it has none."""
    path = [str(pulumi.command.parent), os.environ["PATH"]]
    if not pulumi.has_host:
        path.insert(0, str(stand_in(tmp_path_factory.mktemp("language-host"))))
    return os.pathsep.join(path)


def stand_in(folder: Path) -> Path:
    """The folder with our language host in it, which is taken where it comes first on PATH."""
    (folder / HOST).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(LANGUAGE_HOST))} "$@"\n')
    (folder / HOST).chmod(0o755)
    return folder


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[None]:
    """A Python with Pulumi loaded, for every program that the stand-in of the language host runs: half the time of each."""
    if engine() is None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="agentmem-") as folder, pytest.MonkeyPatch.context() as patch:  # short: the path of a socket
        place = Path(folder, "warm")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "-u", str(WARM_PYTHON), str(place)]
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as python:
            assert python.stdout is not None and python.stdin is not None
            assert python.stdout.readline() == b"warm\n"
            patch.setenv(WARM, f"{sys.executable}={place}")
            yield
            python.stdin.close()


@pytest.fixture(scope="module")
def terminal(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal with a local Azure of its own, empty at first."""
    return Terminal(tmp_path_factory.mktemp("state"), path_with_pulumi)


@pytest.fixture(scope="module")
def served(terminal: Terminal) -> Iterator[Terminal]:
    """The same, with the local Azure kept up by another terminal: commands need not start it each time."""
    with terminal.serving():
        yield terminal
