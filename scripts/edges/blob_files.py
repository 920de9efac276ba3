"""The files of one portable copy in Blob Storage: sent and received in blocks, never overwritten.

What is there under a name is either the very file or somebody else's. Blocks are named after their content, so that neither a second
writer nor an earlier try can put a wrong one into a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.domain.manifest import Artifact
from scripts.edges.blob_errors import Conflict, Missing, Patience, asked
from scripts.edges.blob_place import BLOCK_BYTES, BlobPlace
from scripts.edges.exits import BAD, BUSY, REFUSED, Failure

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

# Azure takes 50,000 blocks a blob (Microsoft Learn, "Scalability targets for Blob storage"): files from 195 GiB on have larger ones.
MOST_BLOCKS = 50_000
_MIB = 1024 * 1024
_DIGEST = "sha256"
# How an account with a hierarchical namespace marks what is only a folder.
_FOLDER = "hdi_isfolder"
Blobs = dict[str, "BlobProperties"]


@dataclass(frozen=True)
class Sent:
    """What one request sent in bytes, and what is to be done once it and all before it have arrived."""

    size: int
    then: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class CopyBlobs:
    """The blobs of the copy `name`. Every method raises Failure."""

    client: ContainerClient
    place: BlobPlace
    name: str
    patience: Patience

    def __str__(self) -> str:
        return f"{self.place}/{self.name}"

    def listed(self) -> Blobs:
        """What is there, by its path in the copy."""
        start = f"{self.place.path(self.name)}/"
        return {path.removeprefix(start): blob for path, blob in listed(self.client, start, str(self), self.patience).items()}

    def read(self, path: str) -> bytes:
        """A small blob. Raises Missing."""
        return self._ask(path, lambda blob: blob.download_blob().readall())

    def read_range(self, path: str, at: int, size: int) -> bytes:
        """These bytes of a blob; fewer where it ends before."""
        return self._ask(path, lambda blob: blob.download_blob(at, size).readall())

    def remove(self, path: str) -> None:
        """Delete a blob; nothing if it is not there."""
        try:
            self._ask(path, lambda blob: blob.delete_blob(delete_snapshots="include"))
        except Missing:
            return

    def write_once(self, path: str, content: bytes) -> None:
        """Write a small blob that is not there yet. Raises Conflict if it is: perhaps by our own try, whose answer got lost."""
        keep = _properties(hashlib.sha256(content).hexdigest(), _md5(content).digest())
        self._ask(path, lambda blob: blob.upload_blob(content, overwrite=False, **keep))

    def is_sent(self, artifact: Artifact, blob: BlobProperties | None) -> bool:
        """Whether this very file is there. Raises Conflict if another one is."""
        if blob is None:
            return False
        if blob.size == artifact.size and (blob.metadata or {}).get(_DIGEST) == artifact.sha256:
            return True
        raise self.another()

    def another(self) -> Conflict:
        """What is said where another copy of this name is in the way."""
        return Conflict(REFUSED, "somebody else wrote another copy of this name", where=str(self), hint="dump again: that has a new name")

    def requests(self, folder: Path, todo: Sequence[Artifact]) -> Iterator[Callable[[], Sent]]:
        """The requests that send these files of a folder, in order; each is read once. Raises Failure if one is not as it was written."""
        for artifact in todo:
            size = block_bytes(artifact.size)
            count = max(1, -(-artifact.size // size))
            staged = self._staged(artifact.path) if count > 1 else {}
            whole, md5, blocks = hashlib.sha256(), _md5(), []
            with (folder / artifact.path).open("rb") as file:
                for number in range(count):
                    piece = file.read(size)
                    whole.update(piece)
                    md5.update(piece)
                    blocks.append(block_id(number, piece))
                    is_last = number == count - 1
                    if is_last and (whole.hexdigest() != artifact.sha256 or file.read(1)):
                        raise Failure(BAD, "is not as it was written: its SHA-256 differs", where=str(folder / artifact.path))
                    if count == 1:
                        yield partial(self._put, artifact, piece)
                        continue
                    then = partial(self._commit, artifact, blocks, md5.digest()) if is_last else _nothing
                    there = staged.get(blocks[-1]) == len(piece)
                    yield partial(Sent, 0, then) if there else partial(self._stage, artifact, blocks[-1], piece, then)

    def _put(self, artifact: Artifact, content: bytes) -> Sent:
        """A file of one block, in one request."""
        self._once(artifact, lambda: self.write_once(artifact.path, content))
        return Sent(len(content))

    def _stage(self, artifact: Artifact, block: str, piece: bytes, then: Callable[[], None]) -> Sent:
        # The digest of each block goes with it, so that Azure refuses one that was damaged on its way.
        self._ask(artifact.path, lambda blob: blob.stage_block(block, piece, len(piece), validate_content=True))
        return Sent(len(piece), then)

    def _commit(self, artifact: Artifact, blocks: list[str], md5: bytes) -> None:
        from azure.core import MatchConditions
        from azure.storage.blob import BlobBlock

        keep, only_new = _properties(artifact.sha256, md5), MatchConditions.IfMissing
        listed = [BlobBlock(block_id=each) for each in blocks]
        self._once(
            artifact, lambda: self._ask(artifact.path, lambda blob: blob.commit_block_list(listed, match_condition=only_new, **keep))
        )

    def _once(self, artifact: Artifact, write: Callable[[], object]) -> None:
        """Write a file that must not be there yet, or be this very one: an answer may have got lost, and the request come again."""
        try:
            write()
        except Conflict:
            try:
                self.is_sent(artifact, self._ask(artifact.path, lambda blob: blob.get_blob_properties()))
            except Missing:
                says = "blocks of it were thrown away meanwhile"
                raise Failure(BUSY, says, where=f"{self}/{artifact.path}", hint="run this again: it goes on where it ended") from None

    def _staged(self, path: str) -> dict[str, int]:
        """The blocks that an earlier try left, with their sizes in bytes."""
        try:
            return {str(each.id): each.size for each in self._ask(path, lambda blob: blob.get_block_list("uncommitted"))[1]}
        except Missing:
            return {}

    def _ask(self, path: str, call: Callable[[BlobClient], Any]) -> Any:
        blob = self.client.get_blob_client(self.place.path(self.name, path))
        return asked(f"{self}/{path}", lambda: call(blob), self.patience)


def listed(client: ContainerClient, start: str, where: str, patience: Patience) -> Blobs:
    """The blobs whose names begin so, by name; what is only a folder is none."""
    found = asked(where, lambda: list(client.list_blobs(name_starts_with=start, include=["metadata"])), patience)
    return {str(each.name): each for each in found if _FOLDER not in (each.metadata or {})}


def block_bytes(size: int) -> int:
    """How large the blocks of a file of `size` bytes are, in whole MiB."""
    return max(BLOCK_BYTES, -(-size // (MOST_BLOCKS * _MIB)) * _MIB)


def block_id(number: int, piece: bytes) -> str:
    """A block's name: its place and its content. All have one length, as Azure asks."""
    return f"{number:05d}-{hashlib.sha256(piece).hexdigest()[:32]}"


def _nothing() -> None:
    """After a block in the middle of a file nothing is to be done."""


def _md5(content: bytes = b"") -> Any:
    """For those who download a file by other means: they check it by themselves."""
    return hashlib.md5(content, usedforsecurity=False)


def _properties(sha256: str, md5: bytes) -> dict[str, Any]:
    from azure.storage.blob import ContentSettings

    return {"metadata": {_DIGEST: sha256}, "content_settings": ContentSettings(content_md5=bytearray(md5))}
