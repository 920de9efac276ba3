"""Portable copies in Azure Blob Storage: each a folder of blobs that is a copy only once its manifest is there.

Files go first and the manifest last, which one writer can do; a deletion takes the manifest first.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from infra.domain.manifest import FILE, Manifest
from infra.domain.retention import taken_at
from scripts.edges.blob_errors import PATIENCE_SECONDS, Conflict, Missing, Patience
from scripts.edges.blob_files import CopyBlobs, listed
from scripts.edges.blob_place import BLOCK_BYTES, BlobPlace, connect
from scripts.edges.copy_folder import (
    Incoming,
    Moved,
    OnBytes,
    accept,
    arriving,
    checked,
    finished,
    is_there,
    manifest_of,
    missing_from,
    refuse_size,
    total_bytes,
)
from scripts.edges.exits import BAD, BUSY, Failure
from scripts.edges.in_order import in_order

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

# Requests at once: with blocks of 4 MiB four fill a line of a gigabit at 100 ms, and hold 24 MiB in memory.
AT_ONCE = 4


class BlobStore:
    """The copies in one place. Every method raises Failure; `seconds` is how long a request that fails is repeated."""

    def __init__(self, place: BlobPlace, client: ContainerClient | None = None, seconds: float = PATIENCE_SECONDS) -> None:
        self._place = place
        self._client = client or connect(place)
        self._patience = Patience(seconds)

    def __str__(self) -> str:
        return str(self._place)

    def names(self, environment: str) -> tuple[str, ...]:
        """The complete copies of the environment, oldest first."""
        return tuple(name for name, files in self._found(environment).items() if FILE in files)

    def unfinished(self, environment: str) -> tuple[str, ...]:
        """Copies without a manifest, oldest first: under way, or a transfer or deletion that did not end."""
        return tuple(name for name, files in self._found(environment).items() if FILE not in files)

    def put(self, folder: Path, on_bytes: OnBytes) -> Moved:
        """Send a finished copy; what an earlier try sent is not sent again. Raises Failure: REFUSED if another copy has its name."""
        manifest, text = finished(folder)
        copy = self._copy(manifest.id)
        there = copy.listed()
        if FILE in there:
            _refuse_another(copy, text)
            return _nothing_moved(manifest, on_bytes)
        todo = [artifact for artifact in manifest.artifacts if not copy.is_sent(artifact, there.get(artifact.path))]
        on_bytes(total_bytes(manifest) - sum(artifact.size for artifact in todo))
        sent = 0
        with closing(in_order(copy.requests(folder, todo), AT_ONCE)) as answers:
            for each in answers:
                each.then()
                sent += each.size
                on_bytes(each.size)
        _seal(copy, manifest, text)
        return Moved(sent, total_bytes(manifest) - sent)

    def fetch(self, name: str, into: Path, on_bytes: OnBytes) -> Moved:
        """Bring the copy of this name into the folder `into`; an earlier try goes on. Raises Failure: BAD for a damaged copy."""
        copy = self._copy(name)
        try:
            text = copy.read(FILE)
        except Missing:
            raise Failure(BAD, "is not a complete copy", where=str(copy), hint="see which there are") from None
        manifest = manifest_of(text, name, str(copy))
        there = copy.listed()
        for artifact in manifest.artifacts:
            refuse_size(artifact, there[artifact.path].size if artifact.path in there else None, str(copy))
        if is_there(into / name, text):
            return _nothing_moved(manifest, on_bytes)
        with arriving(into, name, text, {artifact.path for artifact in manifest.artifacts}) as folder:
            return _receive(copy, manifest, folder, on_bytes)

    def delete(self, name: str) -> None:
        """Remove the copy, its manifest first, so that half a deletion is no copy; nothing if it is not there."""
        copy = self._copy(name)
        there = copy.listed()
        if FILE in there:
            copy.remove(FILE)
        for _ in in_order((partial(copy.remove, path) for path in there if path != FILE), AT_ONCE):
            pass

    def _found(self, environment: str) -> dict[str, set[str]]:
        """The files of each copy of the environment, oldest copy first."""
        found: dict[str, set[str]] = {}
        for each in listed(self._client, self._place.path(f"{environment}-"), str(self), self._patience):
            name, _, path = self._place.inside(each).partition("/")
            if path and taken_at(name, environment):
                found.setdefault(name, set()).add(path)
        return dict(sorted(found.items()))

    def _copy(self, name: str) -> CopyBlobs:
        return CopyBlobs(self._client, self._place, checked(name), self._patience)


def _seal(copy: CopyBlobs, manifest: Manifest, text: bytes) -> None:
    """Make the copy complete: every file is looked at once more, then the manifest is written, by one writer."""
    there = copy.listed()
    if FILE not in there and not all(copy.is_sent(each, there.get(each.path)) for each in manifest.artifacts):
        raise Failure(BUSY, "files of it were deleted meanwhile", where=str(copy), hint="run this again")
    try:
        copy.write_once(FILE, text)
    except Conflict:
        _refuse_another(copy, text)


def _refuse_another(copy: CopyBlobs, text: bytes) -> None:
    """Raises Conflict unless the manifest that is there is this one."""
    if copy.read(FILE) != text:
        raise copy.another()


def _nothing_moved(manifest: Manifest, on_bytes: OnBytes) -> Moved:
    on_bytes(total_bytes(manifest))
    return Moved(0, total_bytes(manifest))


def _receive(copy: CopyBlobs, manifest: Manifest, folder: Path, on_bytes: OnBytes) -> Moved:
    """Bring what is not in the folder yet: pieces of several files are under way at once, and written in order."""
    starts = [(artifact, missing_from(folder / artifact.path, artifact)) for artifact in manifest.artifacts]
    todo = [(artifact, start) for artifact, start in starts if start is not None]
    missing = sum(artifact.size - start for artifact, start in todo)
    on_bytes(total_bytes(manifest) - missing)
    ranges = ((artifact, at) for artifact, start in todo for at in range(start, artifact.size, BLOCK_BYTES))
    calls = (partial(copy.read_range, artifact.path, at, min(BLOCK_BYTES, artifact.size - at)) for artifact, at in ranges)
    with closing(in_order(calls, AT_ONCE)) as pieces:
        for artifact, start in todo:
            with Incoming(folder / artifact.path, start) as file:
                for _ in range(start, artifact.size, BLOCK_BYTES):
                    piece = next(pieces)
                    file.take(piece)
                    on_bytes(len(piece))
                accept(folder / artifact.path, artifact, file)
    return Moved(missing, total_bytes(manifest) - missing)
