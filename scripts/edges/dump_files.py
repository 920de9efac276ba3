"""The files of a portable copy, read without a server: digests, decompression, and binary COPY walked to its trailer."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from infra.domain.manifest import FILE, Artifact, Manifest, Refused, parse
from scripts.edges.exits import USAGE, Failure

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
# Empty; a dump that is killed at its very last step leaves it in a copy that is whole.
LOCK = "lock"
_PIECE = 1 << 20


class _Broken(Exception):
    """A file of data that does not end as it should."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a copy. Raises Refused, and Failure (USAGE) where there is no copy."""
    if folder.name.endswith(".partial"):
        raise Failure(USAGE, "is a dump that did not end", where=str(folder), hint="delete it, and run agentmem dump again")
    try:
        return parse((folder / FILE).read_bytes())
    except OSError as error:
        raise Failure(
            USAGE, f"holds no readable {FILE}: {error.strerror}", where=str(folder), hint="name a folder of agentmem dump"
        ) from None


def faults(folder: Path) -> list[str]:
    """Everything that is wrong with a copy, each as `file: fact`; empty if it is whole. Raises Failure where there is no copy."""
    try:
        manifest = read_manifest(folder)
    except Refused as error:
        return [f"{FILE}: {error}"]
    return faults_of(folder, manifest)


def faults_of(folder: Path, manifest: Manifest, *, besides: frozenset[str] = frozenset()) -> list[str]:
    """Everything in which the files of a folder differ from their manifest; files `besides` are no fault."""
    rows = {table.path: table.rows for table in manifest.tables}
    columns = {table.path: len(table.columns) for table in manifest.tables}
    found = []
    for artifact in manifest.artifacts:
        try:
            says = _fault(folder / artifact.path, artifact, rows.get(artifact.path, 0), columns.get(artifact.path, 0))
        except OSError as error:
            says = f"cannot be read: {error.strerror}"
        if says:
            found.append(f"{artifact.path}: {says}")
    known = {FILE, *besides, *(artifact.path for artifact in manifest.artifacts)}
    if (folder / LOCK).is_file() and not (folder / LOCK).stat().st_size:
        known.add(LOCK)
    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
    return [*found, *(f"{path}: is not in the manifest" for path in there if path not in known)]


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fault(path: Path, artifact: Artifact, rows: int, columns: int) -> str:
    size = path.stat().st_size
    if size != artifact.size:
        return f"has {size} bytes, the manifest says {artifact.size}"
    if sha256(path) != artifact.sha256:
        return "is not as it was written: its SHA-256 differs"
    if artifact.format == "sql":
        return ""
    try:
        walked = count_rows(path, columns) if artifact.format == "copy-binary" else count_lines(path)
    except (_Broken, zstandard.ZstdError) as error:
        return f"cannot be decoded: {error}"
    return "" if walked == rows else f"holds {walked} rows, the manifest says {rows}"


def count_rows(path: Path, columns: int) -> int:
    """The rows of a file of compressed binary COPY, each with `columns` fields. Raises what zstandard raises, or _Broken."""
    with path.open("rb") as file, cast(BinaryIO, io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), _PIECE)) as data:
        if _take(data, len(SIGNATURE)) != SIGNATURE:
            raise _Broken("it does not begin as binary COPY does")
        _skip(data, struct.unpack("!iI", _take(data, 8))[1])
        rows = 0
        while (fields := struct.unpack("!h", _take(data, 2))[0]) != -1:
            if fields != columns:
                raise _Broken(f"row {rows + 1} has {fields} fields, the manifest says {columns}")
            for _ in range(fields):
                _skip(data, max(0, struct.unpack("!i", _take(data, 4))[0]))
            rows += 1
        if data.read(1):
            raise _Broken("something follows its end")
        return rows


def count_lines(path: Path) -> int:
    """The rows of a file of compressed text COPY: a line break within a value is written as two characters."""
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in zstandard.ZstdDecompressor().read_to_iter(file))


def _take(data: BinaryIO, size: int) -> bytes:
    found = data.read(size)
    if len(found) != size:
        raise _Broken("it ends too early")
    return found


def _skip(data: BinaryIO, size: int) -> None:
    """Past a value, in pieces: one may have a gigabyte."""
    while size:
        size -= len(_take(data, min(size, _PIECE)))
