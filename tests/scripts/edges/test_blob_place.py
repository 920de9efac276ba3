"""How a place in Blob Storage is named: what is taken, what is refused, and that no secret comes back in a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.edges.blob_place import BlobPlace, parse
from scripts.edges.blob_store import BlobStore
from scripts.edges.copy_folder import FolderStore
from scripts.edges.copy_store import open_store
from scripts.edges.exits import USAGE, Failure

AZURE = "https://zepmem.blob.core.windows.net"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{AZURE}/copies", BlobPlace(AZURE, "copies")),
        (f"{AZURE}/copies/", BlobPlace(AZURE, "copies")),
        (f"{AZURE}/copies/uat/monthly", BlobPlace(AZURE, "copies", "uat/monthly")),
        ("https://zepmem.blob.core.usgovcloudapi.net/c-1", BlobPlace("https://zepmem.blob.core.usgovcloudapi.net", "c-1")),
        ("https://zepmem.z12.blob.storage.azure.net/copies", BlobPlace("https://zepmem.z12.blob.storage.azure.net", "copies")),
        ("http://127.0.0.1:10000/devstore/copies/a", BlobPlace("http://127.0.0.1:10000/devstore", "copies", "a")),
        ("http://localhost:10000/devstore/copies", BlobPlace("http://localhost:10000/devstore", "copies")),
    ],
)
def test_an_address_names_account_container_and_folder(text: str, place: BlobPlace) -> None:
    assert parse(text) == place
    assert parse(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        "http://zepmem.blob.core.windows.net/copies",
        "https://zepmem.blob.core.windows.net.example.org/copies",
        "https://example.org/copies",
        "https://zepmem.blob.core.windows.net:444/copies",
        "http://10.0.0.4:10000/devstore/copies",
        "s3://zepmem/copies",
        f"{AZURE}",
        f"{AZURE}/Copies",
        f"{AZURE}/a--b",
        f"{AZURE}/copies/../other",
        f"{AZURE}/copies//other",
        f"{AZURE}/copies/a%2fb",
        "http://127.0.0.1:10000/devstore",
    ],
)
def test_any_other_address_is_refused_before_anybody_is_asked(text: str) -> None:
    with pytest.raises(Failure) as caught:
        open_store(text)
    assert caught.value.code is USAGE
    assert caught.value.hint


@pytest.mark.parametrize("text", [f"{AZURE}/copies?sv=1&sig=Planted", "https://user:Planted@zepmem.blob.core.windows.net/copies"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Failure, match="has more than an address") as caught:
        open_store(text)
    assert "Planted" not in str(caught.value)


def test_a_place_is_a_folder_unless_it_is_an_address(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path)), FolderStore)
    assert isinstance(open_store(f"{AZURE}/copies"), BlobStore)
    assert str(open_store(f"{AZURE}/copies/uat/")) == f"{AZURE}/copies/uat"
