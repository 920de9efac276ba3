"""A folder of portable copies on this machine: what lies there, and how a copy comes into it whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.domain.manifest import FILE, Artifact, Manifest, Refused, parse
from infra.domain.retention import taken_at
from scripts.edges.exits import BAD, BUSY, REFUSED, UNREACHABLE, USAGE, Failure
from scripts.edges.ledger_file import settle

# Hears of bytes, in the thread of whoever called.
OnBytes = Callable[[int], None]
PIECE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Moved:
    """What a transfer did: bytes that went over, and bytes of the copy that were there already."""

    sent_bytes: int
    kept_bytes: int


class FolderStore:
    """Copies in a folder. Every method raises Failure."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def names(self, environment: str) -> tuple[str, ...]:
        """The complete copies of the environment, oldest first."""
        return tuple(name for name in self._called(environment) if (self._folder / name / FILE).is_file())

    def unfinished(self, environment: str) -> tuple[str, ...]:
        """What is called like a copy of the environment and has no manifest, oldest first: a deletion that did not end."""
        return tuple(name for name in self._called(environment) if not (self._folder / name / FILE).is_file())

    def put(self, folder: Path, on_bytes: OnBytes) -> Moved:
        """Bring a finished copy here; one that lies here already stays as it is."""
        manifest, text = finished(folder)
        return _carry(folder, self._folder, manifest, text, on_bytes)

    def fetch(self, name: str, into: Path, on_bytes: OnBytes) -> Moved:
        """Bring the copy of this name from here into the folder `into`."""
        manifest, text = finished(self._folder / checked(name))
        return _carry(self._folder / name, into, manifest, text, on_bytes)

    def delete(self, name: str) -> None:
        """Remove the copy, its manifest first, so that half a deletion is no copy; nothing if it is not there."""
        folder = self._folder / checked(name)
        try:
            (folder / FILE).unlink(missing_ok=True)
            if folder.exists():
                settle(folder)
                shutil.rmtree(folder)
                settle(self._folder)
        except OSError as error:
            raise Failure(UNREACHABLE, f"cannot be deleted: {error.strerror or error}", where=str(folder), hint="see whose it is") from None

    def _called(self, environment: str) -> list[str]:
        try:
            return sorted(each.name for each in self._folder.iterdir() if taken_at(each.name, environment) and each.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Failure(UNREACHABLE, f"cannot be read: {error.strerror}", where=str(self._folder), hint="name another --to") from None


def checked(name: str) -> str:
    """The name if a copy may be called so, for it becomes part of a path. Raises Failure (USAGE)."""
    if taken_at(name) is None:
        raise Failure(USAGE, f"{name!r} is no name of a copy", hint="agentmem dump calls them ENVIRONMENT-YYYYmmddTHHMMSSZ")
    return name


def finished(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest of a complete copy, and its bytes; its files have their sizes. Raises Failure."""
    try:
        text = (folder / FILE).read_bytes()
    except OSError as error:
        hint = "name a folder of agentmem dump that has ended"
        raise Failure(USAGE, f"holds no readable {FILE}: {error.strerror}", where=str(folder), hint=hint) from None
    manifest = manifest_of(text, folder.name, str(folder))
    for artifact in manifest.artifacts:
        path = folder / artifact.path
        size = path.stat().st_size if path.is_file() else None
        refuse_size(artifact, size, str(folder))
    return manifest, text


def refuse_size(artifact: Artifact, size: int | None, where: str) -> None:
    """Raises Failure (BAD) unless a file of the copy is there (else `size` is None) and has the bytes that its manifest says."""
    if size != artifact.size:
        says = "is missing" if size is None else f"has {size} bytes"
        raise Failure(BAD, f"{artifact.path} {says}, the manifest says {artifact.size}", where=where, hint="this copy cannot be relied on")


def manifest_of(text: bytes, name: str, where: str) -> Manifest:
    """The manifest in these bytes, which must be that of the copy `name`. Raises Failure."""
    try:
        manifest = parse(text)
    except Refused as error:
        raise Failure(BAD, f"{FILE}: {error}", where=where, hint="this copy cannot be relied on") from None
    if manifest.id != checked(name):
        raise Failure(BAD, f"{FILE} is that of {manifest.id}", where=where, hint="a copy keeps the name that it was given")
    return manifest


def total_bytes(manifest: Manifest) -> int:
    """The bytes of all files of a copy but its manifest: what a progress bar counts up to."""
    return sum(artifact.size for artifact in manifest.artifacts)


def is_there(folder: Path, text: bytes) -> bool:
    """Whether this very copy lies in the folder. Raises Failure (REFUSED) if another one does."""
    if not folder.exists():
        return False
    if (folder / FILE).is_file() and (folder / FILE).read_bytes() == text:
        return True
    raise Failure(REFUSED, "is there already, and is not this copy", where=str(folder), hint="name another folder")


@contextlib.contextmanager
def arriving(into: Path, name: str, text: bytes, paths: set[str]) -> Iterator[Path]:
    """A folder for a copy that comes; it has its name once the block has ended and the manifest `text` is on the disk.

    What an earlier try left in it stays for this one. Raises Failure: BUSY if another process fills it, REFUSED for files not in `paths`.
    """
    # Not NAME.partial: a dump takes that for its own that did not end, and would go on in it.
    partial = into / f"{name}.arriving.partial"
    try:
        into.mkdir(parents=True, exist_ok=True)
        (partial / "data").mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.chmod(0o700)
        with _alone_in(partial):
            more = {str(each.relative_to(partial)) for each in partial.rglob("*") if not each.is_dir()} - paths - {FILE}
            if more:
                raise Failure(REFUSED, f"holds {min(more)}, which is not of this copy", where=str(partial), hint="delete the folder")
            yield partial
            with Incoming(partial / FILE, 0) as file:
                file.take(text)
                file.ended()
            settle(partial / "data")
            settle(partial)
            os.rename(partial, into / name)
            settle(into)
    except OSError as error:
        hint = "free some space there, name another folder, or see whose it is"
        raise Failure(UNREACHABLE, f"cannot be written: {error.strerror or error}", where=str(partial), hint=hint) from error


class Incoming:
    """A file that comes in pieces, 0600: what it has already up to `start` counts, and its digest is known at the end."""

    def __init__(self, path: Path, start: int) -> None:
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
        self._digest = hashlib.sha256()
        left = start
        while left and (piece := self._file.read(min(left, PIECE_BYTES))):
            self._digest.update(piece)
            left -= len(piece)
        self._file.truncate(start)
        self._file.seek(start)

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, piece: bytes) -> None:
        """Write the next piece."""
        self._file.write(piece)
        self._digest.update(piece)

    def ended(self) -> str:
        """The SHA-256 of the whole file in hexadecimal, once it is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._digest.hexdigest()


def missing_from(path: Path, artifact: Artifact) -> int | None:
    """The byte from which on this file has still to come; None if it is here, and its digest is right."""
    if not path.exists():
        return 0
    size = path.stat().st_size
    if size != artifact.size:
        return size if size < artifact.size else 0
    with path.open("rb") as file:
        return None if hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256 else 0


def accept(path: Path, artifact: Artifact, file: Incoming) -> None:
    """End a file that came. Raises Failure (BAD) if it is not what the manifest says; then nothing of it stays."""
    if file.ended() != artifact.sha256:
        path.unlink()
        hint = "run this again; if it comes again, the copy there is damaged"
        raise Failure(BAD, "did not come as the manifest says: its SHA-256 differs", where=artifact.path, hint=hint)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(BUSY, "another process fills this folder", where=str(folder), hint="wait until it has ended") from None
        yield
    finally:
        os.close(descriptor)


def _carry(source: Path, into: Path, manifest: Manifest, text: bytes, on_bytes: OnBytes) -> Moved:
    """Copy a complete copy from one folder of this machine into another."""
    if is_there(into / manifest.id, text):
        on_bytes(total_bytes(manifest))
        return Moved(0, total_bytes(manifest))
    kept = 0
    with arriving(into, manifest.id, text, {artifact.path for artifact in manifest.artifacts}) as partial:
        for artifact in manifest.artifacts:
            start = missing_from(partial / artifact.path, artifact)
            kept += artifact.size if start is None else start
            on_bytes(artifact.size if start is None else start)
            if start is not None:
                _carry_file(source / artifact.path, partial / artifact.path, artifact, start, on_bytes)
    return Moved(total_bytes(manifest) - kept, kept)


def _carry_file(source: Path, target: Path, artifact: Artifact, start: int, on_bytes: OnBytes) -> None:
    with source.open("rb") as there, Incoming(target, start) as file:
        there.seek(start)
        while piece := there.read(PIECE_BYTES):
            file.take(piece)
            on_bytes(len(piece))
        accept(target, artifact, file)
