"""The real Azurite on this machine, kept in memory, and a wire to it that counts requests and can be cut."""

from __future__ import annotations

import base64
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from scripts.edges.blob_place import CONNECTION_STRING
from tests.blob.children import STARTED, kill
from tests.blob.wire import Wire

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT, CONTAINER = "zepmemcopies", "copies"


@dataclass(frozen=True)
class Azurite:
    """A running Azurite: its port on 127.0.0.1, and the key of its one account."""

    port: int
    key: str


@cache
def azurite_command() -> Path | None:
    """The Azurite that `make tools` installed: what it refuses depends on its version, so no other is taken."""
    found = ROOT / ".tools" / "bin" / "azurite-blob"
    return found if found.exists() else None


@pytest.fixture(autouse=True)
def no_child_left_behind() -> Iterator[None]:
    """Processes that a test began end with it, also where it failed."""
    yield
    while STARTED:
        kill(STARTED.pop())


@pytest.fixture(scope="session")
def installed() -> Path:
    """The Azurite of these tests; without one they are left out."""
    command = azurite_command()
    if command is None:
        pytest.skip("no Azurite is installed: make tools")
    return command


@pytest.fixture(scope="session")
def azurite(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """One for all tests that have the key of the account."""
    with running(installed, tmp_path_factory.mktemp("azurite")) as found:
        yield found


@contextmanager
def running(command: Path, folder: Path, *more: str) -> Iterator[Azurite]:
    """An Azurite with one account and a key made up for it, up until the block ends; then it is ended by its own id."""
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    # The SDK speaks a newer version of the API than any Azurite knows; and it would tell the world that it was used.
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--disableProductStyleUrl", "--silent", *more]
    child = subprocess.Popen(
        [command, "--blobHost", "127.0.0.1", "--blobPort", "0", *options], env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    with child:
        try:
            told = (re.search(r"listens on https?://127\.0\.0\.1:(\d+)", line) for line in child.stdout)
            port = next((int(found[1]) for found in told if found), None)
            assert port is not None, "Azurite ended before it listened"
            yield Azurite(port, key)
        finally:
            child.terminate()
            child.stdout.read()  # it has a last word, and somebody has to hear it


@pytest.fixture
def wire(azurite: Azurite) -> Iterator[Wire]:
    """A wire of the test's own."""
    with Wire(azurite.port) as wire:
        yield wire


@pytest.fixture
def account(azurite: Azurite, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the account at the end of the wire; who asks has its key in the environment."""
    url = f"http://127.0.0.1:{wire.port}/{ACCOUNT}"
    monkeypatch.setenv(CONNECTION_STRING, connection_string(url, azurite.key))
    return url


@pytest.fixture
def where(account: str, wire: Wire) -> Iterator[str]:
    """A place in a container of the test's own."""
    from azure.storage.blob import BlobServiceClient

    name = f"{CONTAINER}-{secrets.token_hex(6)}"
    client = BlobServiceClient.from_connection_string(os.environ[CONNECTION_STRING])
    with client, client.create_container(name):
        wire.asked.clear()
        yield f"{account}/{name}/portable"


def connection_string(url: str, key: str) -> str:
    """What AZURE_STORAGE_CONNECTION_STRING holds for this account."""
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={url};"
