"""One local Azure for the tests of its doors, started as the product starts it: a child process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.doctor import doctor
from scripts.edges.exits import GOOD
from scripts.local_azure.serve import LocalAzure
from tests.scripts.ready_machine import LOGGED_IN, SALT, SECRET, STACK, Install, Run


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A running stand-in with nothing in it."""
    state: Path = tmp_path_factory.mktemp("azure")
    with LocalAzure(state) as running:
        yield running


@pytest.fixture
def at_azure(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    """The stand-in, with this process's environment pointing to it."""
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    return azure


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Where a ledger is written: nothing is there yet."""
    return tmp_path / "ledger"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a `pulumi` on a PATH that holds nothing else; a shell's own words are all that it needs."""
    place = tmp_path / "bin"
    place.mkdir()

    def put(version: str = "echo v3.259.0", whoami: str = LOGGED_IN) -> None:
        path = place / "pulumi"
        path.write_text(f'#!/bin/sh\ncase "$1" in\nversion) {version};;\nwhoami) {whoami};;\nesac\n', encoding="utf-8")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", str(place))
    return put


@pytest.fixture
def ready(at_azure: LocalAzure, install: Install, root: Path, tmp_path: Path) -> Path:
    """A folder, a machine and a subscription to which nothing is lacking."""
    install()
    text = (root / f"Pulumi.{STACK}.yaml").read_text(encoding="utf-8")
    (tmp_path / f"Pulumi.{STACK}.yaml").write_text(SALT + text + SECRET, encoding="utf-8")
    return tmp_path


@pytest.fixture
def seen(ready: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the doctor, which must end with this exit code; the rows by name."""

    def run(code: int) -> dict[str, dict[str, Any]]:
        assert doctor(STACK, ready, as_json=True) == code
        told = json.loads(capsys.readouterr().out)
        assert told["ok"] is (code == GOOD)
        return {row["name"]: row for row in told["rows"]}

    return run
