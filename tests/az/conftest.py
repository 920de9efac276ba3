"""The real Azure CLI on the local Azure, in the environment that `agentmem local-azure run` gives to a command."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts.edges import azure_cli
from scripts.edges.capture import PROJECT, capture, configuration_of
from scripts.edges.shadow import Shadow
from scripts.local_azure.serve import LocalAzure
from tests.az.installation import ROOT, az
from tests.infra.plans import values_of


@dataclass
class Done:
    """What a command said, and its exit code."""

    code: int
    out: str
    said: str

    @property
    def errors(self) -> list[str]:
        """The lines of az's errors; warnings and hints are left out."""
        return [line.removeprefix("ERROR: ") for line in self.said.splitlines() if line.startswith("ERROR: ")]


@dataclass
class AzureCli:
    """Somebody's az on the local Azure; `seconds` keeps how long each command took."""

    command: Path
    environment: dict[str, str]
    folder: Path
    seconds: list[tuple[float, str]] = field(default_factory=list)

    def run(self, *arguments: str) -> Done:
        """The command line as a person types it."""
        started = time.monotonic()
        done = subprocess.run(
            [self.command, *arguments], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        self.seconds.append((time.monotonic() - started, " ".join(arguments[:4])))
        return Done(done.returncode, done.stdout, done.stderr)

    def server(self, verb: str, *arguments: str) -> Done:
        """`az postgres flexible-server VERB`; a verb may have two words."""
        return self.run("postgres", "flexible-server", *verb.split(), *arguments)

    def answer(self, verb: str, *arguments: str) -> Any:
        """What such a command that succeeds answers, read from its JSON."""
        done = self.server(verb, *arguments)
        assert done.code == 0, done.said
        return json.loads(done.out or "null")


@dataclass
class Outside:
    """The person's proxy, which leads to everything that is not on this machine: it notes who asks, and lets nobody through."""

    proxy: str
    asked: list[str]


@pytest.fixture(scope="session")
def installed() -> Path:
    """The az of these tests; without one they are left out."""
    found = az()
    if found is None:
        pytest.skip("no Azure CLI 2.86 or newer on PATH, and none installed: make tools")
    return found


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    """It listens for as long as the module's tests run."""
    asked: list[str] = []

    def note() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(300).decode(errors="replace").splitlines()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=note, daemon=True).start()
        yield Outside(f"http://127.0.0.1:{listener.getsockname()[1]}", asked)


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure with what the program declares for dev and uat."""
    with LocalAzure(tmp_path_factory.mktemp("state")) as azure:
        for stack in ("dev", "uat"):
            subscription = azure.environment["ARM_SUBSCRIPTION_ID"]
            capture(PROJECT, stack, configuration_of(values_of(stack)), provider=azure.provider_stub(), subscription=subscription)
        yield azure


@pytest.fixture(scope="module")
def cli(installed: Path, azure: LocalAzure, outside: Outside) -> Iterator[AzureCli]:
    """The word az as a local run has it, for somebody who has a proxy."""
    shadow = Shadow(ROOT, azure.state)
    path = f"{installed.parent}{os.pathsep}{os.environ['PATH']}"
    environment = shadow.environment(
        {**os.environ, "PATH": path, "HTTPS_PROXY": outside.proxy, "HTTP_PROXY": outside.proxy}, azure.environment
    )
    azure_cli.write_profile(environment)
    azure_cli.write_word(shadow.words, environment)
    cli = AzureCli(shadow.words / "az", environment, azure.state)
    yield cli
    for seconds, command in sorted(cli.seconds, reverse=True):
        print(f"{seconds:5.1f} s  az {command}")
