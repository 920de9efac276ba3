"""A place for portable copies as `--to` and `--from` name it: a folder of this machine, or one in Azure Blob Storage."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from scripts.edges.blob_place import is_blob, parse
from scripts.edges.copy_folder import FolderStore, Moved, OnBytes


class CopyStore(Protocol):
    """What a place of copies can do; as text it is the place. Every method raises Failure."""

    def names(self, environment: str) -> tuple[str, ...]:
        """The complete copies of the environment, oldest first."""

    def unfinished(self, environment: str) -> tuple[str, ...]:
        """What a transfer or a deletion that did not end left, oldest first; or what is under way."""

    def put(self, folder: Path, on_bytes: OnBytes) -> Moved:
        """Bring a finished copy here; goes on where an earlier try ended. Raises Failure: REFUSED if another copy has its name."""

    def fetch(self, name: str, into: Path, on_bytes: OnBytes) -> Moved:
        """Bring a copy into a folder of this machine; goes on where an earlier try ended."""

    def delete(self, name: str) -> None:
        """Remove a copy, its manifest first; nothing if it is not there."""


def open_store(where: str) -> CopyStore:
    """The place of this name; asks nothing yet. Raises Failure (USAGE, CONFIGURATION)."""
    if not is_blob(where):
        return FolderStore(Path(where))
    from scripts.edges.blob_store import BlobStore

    return BlobStore(parse(where))
