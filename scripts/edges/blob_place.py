"""A place in Azure Blob Storage as a person names it, `https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX`, and the client for it.

Who we are comes from what DefaultAzureCredential finds, or from AZURE_STORAGE_CONNECTION_STRING if that is set. A key or a token goes
only to Azure's own hosts or to an emulator on this machine, and never into an output.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scripts.edges.exits import CONFIGURATION, USAGE, Failure
from scripts.edges.loopback import is_loopback

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
# Azure's three clouds, and the accounts whose name is in a DNS zone of their own.
_AZURE = re.compile(
    r"[a-z0-9]{3,24}\.(blob\.core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)|z[0-9]{1,2}\.blob\.storage\.azure\.net)"
)
# 3 to 63 characters; every hyphen between two others (Microsoft Learn, "Naming and referencing containers").
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
_SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9._-]+")
# A block is what is held in memory at once: as the SDK's own.
BLOCK_BYTES = 4 * 1024 * 1024
# Without an answer for so long a request is given up and sent again. Azure's own limit for a block of 4 MiB is above this.
CONNECT_SECONDS, READ_SECONDS = 10, 60


@dataclass(frozen=True)
class BlobPlace:
    """A container, and the folder in it (without slashes at its ends; "" is the container itself)."""

    account_url: str
    container: str
    prefix: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.account_url, self.container, self.prefix)))

    def path(self, *parts: str) -> str:
        """The name of a blob below this place."""
        return "/".join(filter(None, (self.prefix, *parts)))

    def inside(self, blob: str) -> str:
        """The path of a blob below this place."""
        return blob.removeprefix(f"{self.prefix}/") if self.prefix else blob


def is_blob(where: str) -> bool:
    """Whether this names something in Blob Storage, not a folder."""
    return "://" in where


def parse(where: str) -> BlobPlace:
    """The place. Raises Failure (USAGE); what follows a question mark may be a signature and is not repeated."""
    bare, _, query = where.partition("?")
    if query or "#" in bare or "@" in bare:
        shown = re.split(r"[#@]", bare)[0] if "@" not in bare else "--to"
        raise _refused(shown, "has more than an address", f"give only the address; a signature belongs into {CONNECTION_STRING}")
    parts = urlsplit(bare)
    segments = parts.path.strip("/").split("/")
    if is_loopback(parts.hostname or "") and parts.scheme in ("http", "https"):
        account, segments = f"/{segments[0]}", segments[1:]
    elif parts.scheme == "https" and _AZURE.fullmatch(parts.netloc):
        account = ""
    else:
        raise _refused(bare, "is no address of Blob Storage", "https://ACCOUNT.blob.core.windows.net/CONTAINER/FOLDER, or a folder here")
    if not segments or not _CONTAINER.fullmatch(segments[0]):
        raise _refused(bare, "names no container", "https://ACCOUNT.blob.core.windows.net/CONTAINER/FOLDER")
    wrong = [each for each in segments[1:] if not _SEGMENT.fullmatch(each)]
    if wrong:
        raise _refused(bare, f"{wrong[0]!r} is no name of a folder", "letters, digits, points, hyphens and underscores are taken")
    return BlobPlace(f"{parts.scheme}://{parts.netloc}{account}", segments[0], "/".join(segments[1:]))


def connect(place: BlobPlace) -> ContainerClient:
    """A client for the container; asks nothing yet. Raises Failure (CONFIGURATION)."""
    # What is tried again, and for how long, is decided in blob_errors.py alone.
    options: dict[str, Any] = {
        "retry_total": 0,
        "max_single_get_size": BLOCK_BYTES,
        "max_chunk_get_size": BLOCK_BYTES,
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
    }
    text = os.environ.get(CONNECTION_STRING, "")
    if text:
        return _from(text, place, options).get_container_client(place.container)
    if place.account_url.startswith("http:"):
        raise Failure(
            CONFIGURATION, f"{CONNECTION_STRING} is not set", where=str(place), hint="without TLS only the key of an emulator is used"
        )
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import BlobServiceClient

    return BlobServiceClient(place.account_url, credential=DefaultAzureCredential(), **options).get_container_client(place.container)


def _from(text: str, place: BlobPlace, options: dict[str, Any]) -> Any:
    """A client with the key of the connection string. Raises Failure unless it is for the account of the place."""
    from azure.storage.blob import BlobServiceClient

    try:
        client = BlobServiceClient.from_connection_string(text, **options)
    except ValueError:  # its text may repeat the key
        client = None
    if client is None:
        raise Failure(
            CONFIGURATION, f"{CONNECTION_STRING} is not a connection string", hint="copy it anew, or unset it to log in with Azure"
        )
    own = client.url.partition("?")[0].rstrip("/")
    if own != place.account_url:
        hint = f"set it to that of {place.account_url}, or unset it to log in with Azure"
        raise Failure(CONFIGURATION, f"{CONNECTION_STRING} is for {own}", where=str(place), hint=hint)
    return client


def _refused(where: str, fact: str, hint: str) -> Failure:
    return Failure(USAGE, fact, where=where, hint=hint)
