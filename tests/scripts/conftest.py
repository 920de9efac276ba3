"""One local Azure for the tests of its doors, started as the product starts it: a child process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local_azure.serve import LocalAzure


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
