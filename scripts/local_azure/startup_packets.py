"""The first bytes of a PostgreSQL connection: what a client opens with, and how a server refuses it (protocol 3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
LONGEST = 10_000
"""Bytes that PostgreSQL takes in a startup packet; a longer one is not PostgreSQL's protocol."""
NO_ENTRY = "28000"
"""invalid_authorization_specification: the code of a missing pg_hba.conf entry."""
NOT_NOW = "57P03"
"""cannot_connect_now: the server is starting or ending."""


class Malformed(Exception):
    """Not PostgreSQL's protocol 3."""


class Kind(Enum):
    """What a client may open with."""

    SSL = "ssl"
    GSS = "gss"
    CANCEL = "cancel"
    STARTUP = "startup"


@dataclass(frozen=True)
class Opening:
    """One whole packet: `raw` as it came; `user` and `database` of a STARTUP, empty otherwise."""

    kind: Kind
    raw: bytes
    user: str = ""
    database: str = ""


_KINDS = {SSL_REQUEST: Kind.SSL, GSS_REQUEST: Kind.GSS, CANCEL_REQUEST: Kind.CANCEL}


def read(received: bytes | bytearray) -> Opening | None:
    """The first packet of what came so far; None while it is not whole. Raises Malformed."""
    if len(received) < 8:
        return None
    length, code = struct.unpack_from("!II", received)
    kind = _KINDS.get(code) or (Kind.STARTUP if code >> 16 == 3 else None)
    if kind is None or not 8 <= length <= LONGEST:
        raise Malformed
    if len(received) < length:
        return None
    raw = bytes(received[:length])
    if kind is not Kind.STARTUP:
        return Opening(kind, raw)
    fields = raw[8:].decode("utf-8", "replace").split("\0")
    told = dict(zip(fields[::2], fields[1::2], strict=False))
    user = told.get("user", "")
    return Opening(kind, raw, user, told.get("database") or user)


def refusal(code: str, message: str) -> bytes:
    """An ErrorResponse that ends the connection, as PostgreSQL sends it before authentication."""
    fields = "".join(f"{kind}{value}\0" for kind, value in (("S", "FATAL"), ("V", "FATAL"), ("C", code), ("M", message)))
    body = fields.encode() + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


def no_entry(address: str, opening: Opening, encrypted: bool) -> bytes:
    """PostgreSQL's refusal of an address, user, database and encryption that no line of pg_hba.conf lets in."""
    how = "SSL encryption" if encrypted else "no encryption"
    return refusal(NO_ENTRY, f'no pg_hba.conf entry for host "{address}", user "{opening.user}", database "{opening.database}", {how}')
