"""Blob Storage without a key: what DefaultAzureCredential finds is a token, over TLS, and the real Azurite reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from scripts.edges.blob_place import CONNECTION_STRING
from scripts.edges.copy_store import open_store
from scripts.edges.exits import REFUSED, UNREACHABLE, Failure
from scripts.edges.ledger_blob import open_ledger
from scripts.local_azure.identity_door import IdentityDoor
from scripts.local_azure.tokens import TokenOffice
from tests.blob.children import record
from tests.blob.conftest import ACCOUNT, Azurite, running
from tests.blob.made_up import NAME, copy

TENANT = "00000000-0000-4000-8000-00000000a9e1"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def azurite(installed: Path, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """One that speaks TLS and takes tokens."""
    folder, certificate = tmp_path_factory.mktemp("azurite"), authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    with running(installed, folder, "--oauth", "basic", "--cert", str(folder / "server.pem"), "--key", str(folder / "server.key")) as found:
        yield found


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityDoor]:
    """A managed identity, and nobody else: not the person who runs the tests."""
    door = IdentityDoor(TokenOffice(TENANT))
    door.start()
    monkeypatch.delenv(CONNECTION_STRING, raising=False)
    for name, value in (("IDENTITY_ENDPOINT", door.url), ("IDENTITY_HEADER", door.header)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    yield door
    door.close()


@pytest.fixture
def where(azurite: Azurite, authority: trustme.CA, door: IdentityDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a container that is there already."""
    from azure.core.exceptions import ResourceExistsError
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import BlobServiceClient

    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    url = f"https://127.0.0.1:{azurite.port}/{ACCOUNT}"
    with DefaultAzureCredential() as credential, BlobServiceClient(url, credential=credential) as client:
        try:
            client.create_container("copies")
        except ResourceExistsError:
            return f"{url}/copies/again"
    return f"{url}/copies/uat"


def test_a_managed_identity_sends_and_lists_copies_and_writes_the_ledger(where: str, tmp_path: Path) -> None:
    store = open_store(where)
    store.put(copy(tmp_path), lambda size: None)
    assert store.names("uat") == (NAME,)
    open_ledger(where).append([record("first")])
    assert len(open_ledger(where).read().records) == 1


def test_who_has_no_token_is_told_so(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "another")
    with pytest.raises(Failure, match="Azure does not know who we are") as caught:
        open_store(where).names("uat")
    assert caught.value.code is REFUSED


def test_a_certificate_of_nobody_we_trust_is_not_talked_to(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "another.pem"))
    with pytest.raises(Failure, match="cannot be reached") as caught:
        open_store(where).names("uat")
    assert caught.value.code is UNREACHABLE
