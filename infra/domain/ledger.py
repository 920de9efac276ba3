"""The ledger of copies and their proofs: append-only JSON lines, each with the digest of the one before and of itself.

A head beside the lines says how many there are and how the last one ends, so that lines cut off at the end are missed too. The digests
find what broke by itself; whoever can write both files can write a new history, so they are no signature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

SCHEMA = "agentmem/ledger/1"


class Kind(StrEnum):
    """What a line says: a copy was made, it was proved (or not), it was removed, a migration was let through on the strength of it.

    Or that an environment was filled from another one, and under which rules.
    """

    COPY = "copy"
    PROOF = "proof"
    REMOVED = "removed"
    GATE = "gate"
    PROMOTION = "promotion"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One line without its digests. `at` has a time zone; `facts` belong to the kind and are text, never a secret."""

    kind: Kind
    at: datetime
    stack: str
    server: str
    copy: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """How far a ledger goes: its number of lines, and the digest of the last (of nothing: of the schema's name)."""

    lines: int
    digest: str

    def encoded(self) -> bytes:
        """The head as its file holds it."""
        return _canonical({"schema": SCHEMA, "lines": self.lines, "digest": self.digest})


EMPTY = Head(0, hashlib.sha256(SCHEMA.encode()).hexdigest())


@dataclass(frozen=True)
class Ledger:
    """What a ledger says, where it ends, and how many bytes of it count: what follows them was never finished."""

    records: tuple[Record, ...] = ()
    head: Head = EMPTY
    size: int = 0


class Broken(Exception):
    """A ledger that is not as it was written. `line` counts from 1; 0 is the head."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}" if line else f"head: {why}")
        self.line = line
        self.why = why


def seal(records: Iterable[Record], head: Head) -> tuple[bytes, Head]:
    """The bytes that continue a ledger which ends at `head`, and where it ends with them."""
    text = b""
    for record in records:
        content = {
            "line": head.lines + 1,
            "previous": head.digest,
            "kind": record.kind.value,
            "at": record.at.astimezone(UTC).isoformat(),
            "stack": record.stack,
            "server": record.server,
            "copy": record.copy,
            "facts": dict(record.facts),
        }
        digest = hashlib.sha256(_canonical(content)).hexdigest()
        text += _canonical({**content, "digest": digest})
        head = Head(head.lines + 1, digest)
    return text, head


def parse(lines: bytes, head: bytes) -> Ledger:
    """The ledger, from the bytes of its two files. Raises Broken for anything that was changed or cut.

    Lines behind the head count if they are whole: the process died between writing them and moving the head. A last piece without an
    end behind the head does not, and is no fault: nobody was told that it was written.
    """
    known = parse_head(head)
    found: list[Record] = []
    at, size = EMPTY, 0
    for piece in _pieces(lines):
        if not piece.endswith(b"\n") and at.lines >= known.lines:
            break
        record, at = _opened(piece, at)
        if at.lines == known.lines and at.digest != known.digest:
            raise Broken(at.lines, "is not the line that the head ends with")
        found.append(record)
        size += len(piece)
    if at.lines < known.lines:
        raise Broken(at.lines + 1, f"is missing, the head counts {known.lines}")
    return Ledger(tuple(found), at, size)


def _pieces(lines: bytes) -> list[bytes]:
    *whole, rest = lines.split(b"\n")
    return [each + b"\n" for each in whole] + ([rest] if rest else [])


def parse_head(text: bytes) -> Head:
    """The head from its file. Raises Broken."""
    try:
        found = json.loads(text)
        head = Head(int(found["lines"]), str(found["digest"]))
    except (ValueError, TypeError, KeyError) as error:
        raise Broken(0, "is not readable") from error
    if head.encoded() != text or (head.lines == 0 and head != EMPTY):
        raise Broken(0, "is not as it was written")
    return head


def _opened(piece: bytes, after: Head) -> tuple[Record, Head]:
    """One line behind `after`. Raises Broken unless these very bytes are what `seal` would write there."""
    number = after.lines + 1
    try:
        found: dict[str, Any] = json.loads(piece)
        record = Record(
            kind=Kind(found["kind"]),
            at=datetime.fromisoformat(found["at"]),
            stack=found["stack"],
            server=found["server"],
            copy=found["copy"],
            facts=dict(found["facts"]),
        )
        written, head = seal([record], after)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Broken(number, "is not readable") from error
    if written != piece:
        raise Broken(number, "is not as it was written, or not in its place")
    return record, head


def _canonical(content: Mapping[str, Any]) -> bytes:
    """One way to write it, so that every changed bit shows."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
