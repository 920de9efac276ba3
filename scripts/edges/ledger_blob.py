"""The ledger in Azure Blob Storage: its lines and its head in one blob, so that no process can die between the two.

The blob is what `copies.jsonl` and `copies.head` of a ledger on disk are one behind the other. Who appends writes the whole anew on the
condition that nobody else did since it was read; a lease keeps two commands from one server.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from infra.domain.ledger import Broken, Ledger, Record, parse, seal
from scripts.edges.blob_errors import PATIENCE_SECONDS, Conflict, Missing, Patience, asked
from scripts.edges.blob_place import BlobPlace, connect, is_blob, parse as parse_place
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, Failure
from scripts.edges.ledger_file import LedgerFile

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobLeaseClient, ContainerClient

NAME = "copies.ledger"
# The longest lease that ends by itself: a killed command keeps others out for a minute at most. Renewed often enough to fail twice.
LEASE_SECONDS, RENEW_SECONDS = 60, 15.0


class AnyLedger(Protocol):
    """What a ledger can do, wherever it is. Every method raises Failure."""

    def read(self) -> Ledger:
        """What the ledger says; empty where there is none."""

    def append(self, records: Iterable[Record]) -> None:
        """Write the records behind what is there, all of them or none."""

    def alone_with(self, server: str) -> contextlib.AbstractContextManager[None]:
        """Keeps every other command from the server."""

    def under_way(self, server: str) -> dict[str, Any] | None:
        """What a command on this server that did not end left behind, or None."""

    def keep_under_way(self, server: str, what: Mapping[str, Any] | None) -> None:
        """Note what is under way on this server; None forgets it."""


def open_ledger(where: str) -> AnyLedger:
    """The ledger in this folder or this place of Blob Storage; asks nothing yet. Raises Failure (USAGE, CONFIGURATION)."""
    return LedgerBlob(parse_place(where)) if is_blob(where) else LedgerFile(Path(where))


class LedgerBlob:
    """The ledger of one place; `seconds` is how long a request that fails, or a blob that others write, is tried again."""

    def __init__(
        self,
        place: BlobPlace,
        client: ContainerClient | None = None,
        seconds: float = PATIENCE_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._place = place
        self._client = client or connect(place)
        self._seconds, self._patience = seconds, Patience(seconds)
        self._renew_seconds = renew_seconds

    def __str__(self) -> str:
        return f"{self._place}/{NAME}"

    def read(self) -> Ledger:
        """What the ledger says; empty where there is none. Raises Failure (REFUSED) if it was changed or cut."""
        return self._read()[0]

    def append(self, records: Iterable[Record]) -> None:
        """Write the records behind what is there, all of them or none. Raises Failure: REFUSED for a broken ledger, BUSY."""
        kept, end = tuple(records), time.monotonic() + self._seconds
        ledger, lines, etag = self._read()
        while True:
            text, head = seal(kept, ledger.head)
            try:
                return self._write(lines + text + head.encoded(), etag)
            except Conflict:
                if time.monotonic() > end:
                    raise Failure(BUSY, "others write it without end", where=str(self), hint="try again later") from None
            before = len(lines)
            time.sleep(random.uniform(0, 0.2))  # so that those who met do not meet again
            ledger, lines, etag = self._read()
            # The answer to our own write may have got lost, and the request have been sent again.
            if text and lines[before:].startswith(text):
                return None

    @contextlib.contextmanager
    def alone_with(self, server: str) -> Iterator[None]:
        """Keeps every other command of this place from the server. Raises Failure: BUSY if one is at work, or if the lock got lost."""
        lease, ended, lost = self._lease(server), threading.Event(), threading.Event()
        keeper = threading.Thread(target=self._keep, args=(lease, server, ended, lost), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()
            self._release(lease, server, lost)
        if lost.is_set():
            hint = "another command may have been at work too: look with agentmem snapshot list"
            raise Failure(BUSY, "the lock on this server got lost while the command was at work", where=server, hint=hint)

    def under_way(self, server: str) -> dict[str, Any] | None:
        """What a command on this server that did not end left behind, or None."""
        name = f"{server}.pending.json"
        try:
            found = json.loads(asked(self._where(name), lambda: self._blob(name).download_blob().readall(), self._patience))
        except Missing:
            return None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            hint = "look at the backups with agentmem snapshot list, then delete the blob"
            raise Failure(REFUSED, "is not readable", where=self._where(name), hint=hint)
        return found

    def keep_under_way(self, server: str, what: Mapping[str, Any] | None) -> None:
        """Note what is under way on this server, in Azure before this returns; None forgets it."""
        name = f"{server}.pending.json"
        blob = self._blob(name)
        if what is not None:
            text = json.dumps(what, indent=1, sort_keys=True).encode() + b"\n"
            asked(self._where(name), lambda: blob.upload_blob(text, overwrite=True), self._patience)
            return
        with contextlib.suppress(Missing):
            asked(self._where(name), blob.delete_blob, self._patience)

    def _read(self) -> tuple[Ledger, bytes, str | None]:
        """The ledger, the bytes of its lines, and the state of the blob; None where there is none."""
        try:
            text, etag = asked(str(self), self._download, self._patience)
        except Missing:
            return Ledger(), b"", None
        except Conflict:  # written between two pieces of it
            return self._read()
        lines, head = _apart(text)
        try:
            return parse(lines, head), lines, etag
        except Broken as broken:
            hint = "it was changed or cut since it was written: bring it back from a version of the blob, or move it away"
            where = f"{self}:{broken.line}" if broken.line else str(self)
            raise Failure(REFUSED, broken.why if broken.line else f"its head {broken.why}", where=where, hint=hint) from broken

    def _download(self) -> tuple[bytes, str]:
        found = self._blob(NAME).download_blob()
        return found.readall(), found.properties.etag

    def _write(self, text: bytes, etag: str | None) -> None:
        """Write the whole blob if it still is in that state. Raises Conflict."""
        from azure.core import MatchConditions

        same = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {"match_condition": MatchConditions.IfMissing}
        asked(str(self), lambda: self._blob(NAME).upload_blob(text, overwrite=True, **same), self._patience)

    def _lease(self, server: str) -> BlobLeaseClient:
        name = f"{server}.lock"
        blob = self._blob(name)
        with contextlib.suppress(Conflict):
            asked(self._where(name), lambda: blob.upload_blob(b"", overwrite=False), self._patience)
        try:
            return asked(self._where(name), lambda: blob.acquire_lease(LEASE_SECONDS), self._patience)
        except Failure as failure:
            if failure.code is not BUSY:
                raise
            hint = "wait until it has ended; the lock of a killed one ends within a minute"
            raise Failure(BUSY, "another agentmem snapshot is at work on this server", where=server, hint=hint) from failure

    def _keep(self, lease: BlobLeaseClient, server: str, ended: threading.Event, lost: threading.Event) -> None:
        """Renew the lease until the block has ended. One that somebody else has, or that could not be renewed in its time, is lost."""
        renewed = time.monotonic()
        while not ended.wait(self._renew_seconds):
            now = time.monotonic()
            try:
                asked(self._where(f"{server}.lock"), lease.renew, Patience(0))
                renewed = now
            except Failure as failure:
                if failure.code is not UNREACHABLE or now >= renewed + LEASE_SECONDS:
                    lost.set()
                    return

    def _release(self, lease: BlobLeaseClient, server: str, lost: threading.Event) -> None:
        """Give the lease back. If Azure cannot be reached, it ends by itself within a minute."""
        try:
            asked(self._where(f"{server}.lock"), lease.release, Patience(0))
        except Failure as failure:
            if failure.code is not UNREACHABLE:
                lost.set()

    def _blob(self, name: str) -> BlobClient:
        return self._client.get_blob_client(self._place.path(name))

    def _where(self, name: str) -> str:
        return f"{self._place}/{name}"


def _apart(text: bytes) -> tuple[bytes, bytes]:
    """The lines and the head of a blob, which ends with the head."""
    at = text.rfind(b"\n", 0, -1) + 1
    return text[:at], text[at:]
