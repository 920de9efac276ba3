"""The ledger on disk: a folder with the lines, their head, and what is under way for each server. Readable by its owner alone.

`copies.jsonl` is written before `copies.head`, each to the disk and under a lock, so that a process that dies in between leaves a
ledger that is whole: see infra/domain/ledger.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.domain.ledger import EMPTY, Broken, Ledger, Record, parse, seal
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, Failure

# Where the ledger of a project is, from the project's folder.
FOLDER = ".agentmem"
LINES, HEAD, LOCK = "copies.jsonl", "copies.head", "copies.lock"


class LedgerFile:
    """The ledger of one folder; the folder is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> Ledger:
        """What the ledger says; empty where there is none. Raises Failure (REFUSED) if it was changed or cut."""
        if not self.folder.is_dir():
            return Ledger()
        with self._locked(fcntl.LOCK_SH):
            return self._read()

    def append(self, records: Iterable[Record]) -> None:
        """Write the records behind what is there, all of them or none. Raises Failure: REFUSED for a broken ledger."""
        with self._locked(fcntl.LOCK_EX):
            found = self._read()
            text, head = seal(records, found.head)
            if not (self.folder / HEAD).exists():
                replace(self.folder / HEAD, EMPTY.encoded())
            _extend(self.folder / LINES, found.size, text)
            replace(self.folder / HEAD, head.encoded())

    @contextlib.contextmanager
    def alone_with(self, server: str) -> Iterator[None]:
        """Keeps every other command of this folder from the server. Raises Failure (BUSY) if one is at work."""
        with self._opened(f"{server}.lock") as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failure(
                    BUSY, "another agentmem snapshot is at work on this server", where=server, hint="wait until it has ended"
                ) from None
            yield

    def under_way(self, server: str) -> dict[str, Any] | None:
        """What a command on this server that did not end left behind, or None."""
        try:
            found = json.loads((self.folder / f"{server}.pending.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            hint = "look at the backups with agentmem snapshot list, then delete the file"
            raise Failure(REFUSED, "is not readable", where=str(self.folder / f"{server}.pending.json"), hint=hint)
        return found

    def keep_under_way(self, server: str, what: Mapping[str, Any] | None) -> None:
        """Note what is under way on this server, on the disk before this returns; None forgets it."""
        path = self.folder / f"{server}.pending.json"
        if what is None:
            path.unlink(missing_ok=True)
        else:
            self._make()
            replace(path, json.dumps(what, indent=1, sort_keys=True).encode() + b"\n")

    def _read(self) -> Ledger:
        head = _bytes(self.folder / HEAD)
        lines = _bytes(self.folder / LINES)
        if not head and not lines:
            return Ledger()
        try:
            return parse(lines, head)
        except Broken as broken:
            name = LINES if broken.line else HEAD
            hint = "it was changed or cut since it was written: bring both files back from a copy of yours, or move the folder away"
            where = f"{self.folder / name}:{broken.line}" if broken.line else str(self.folder / name)
            raise Failure(REFUSED, f"{broken.why}", where=where, hint=hint) from broken

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with self._opened(LOCK) as descriptor:
            fcntl.flock(descriptor, how)
            yield

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        self._make()
        try:
            descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def replace(path: Path, content: bytes) -> None:
    """The file with this content, all of it or as it was before; 0600, and on the disk before this returns."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        settle(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _extend(path: Path, size: int, text: bytes) -> None:
    """Write `text` at `size`; what lies behind it was never finished. A write that fails leaves the file as it was."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, size)
            written = 0
            while written < len(text):
                written += os.pwrite(descriptor, text[written:], size + written)
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)
        settle(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def settle(folder: Path) -> None:
    """A new name is on the disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _unwritable(path: Path, error: OSError) -> Failure:
    hint = "free some space there, name another folder with --ledger, or see whose it is"
    return Failure(UNREACHABLE, f"cannot be written: {error.strerror or error}", where=str(path), hint=hint)
