"""Writes a portable copy of a database: schema by pg_dump, rows as compressed COPY, all under one exported snapshot.

The folder is called NAME.partial until everything in it is written, on the disk and read back. A journal in it says which tables are
done: the next dump of the same environment takes over those that are still the same, and leaves no second folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard

from infra.domain.manifest import FILE, Artifact, Manifest, Table, encode
from infra.domain.retention import taken_at
from scripts.edges import vector_facts
from scripts.edges.dump_files import LOCK, faults_of, sha256
from scripts.edges.exits import BUG, BUSY, UNREACHABLE, Failure
from scripts.edges.ledger_file import settle
from scripts.edges.origin import Item, LiveOrigin, Reader, live
from scripts.edges.side_by_side_tables import in_sessions

Told = Callable[[Item, int], None]
JOURNAL = "journal.jsonl"
# Zstandard's own default: vectors hardly shrink at any level, text does at this one.
_LEVEL = 3


def write(connect: Callable[[], Any], target: Path, environment: str, created_at: str, on_bytes: Told, jobs: int = 1) -> Manifest:
    """Write a copy into the new folder `target`; it stands there whole or not at all. Raises Failure.

    `on_bytes` hears of raw bytes as they come, in the thread of one of `jobs` sessions; of a table taken over, all at once.
    """
    partial = target.with_name(f"{target.name}.partial")
    with live(connect) as origin:
        try:
            with _held(partial, environment) as known:
                manifest = _fill(origin, partial, target.name, environment, created_at, on_bytes, jobs, known)
                wrong = faults_of(partial, manifest, besides=frozenset({JOURNAL, LOCK}))
                if wrong:
                    (partial / JOURNAL).unlink(missing_ok=True)  # nothing of it is to be taken over
                    raise Failure(BUG, f"the dump does not read back: {wrong[0]}", where=str(partial))
                _put(partial / FILE, encode(manifest))
                (partial / JOURNAL).unlink(missing_ok=True)
                os.rename(partial, target)
                (target / LOCK).unlink()  # until here nobody else may take the folder over
                settle(target.parent)
        except OSError as error:
            raise _unwritable(partial, error) from None
    return manifest


@contextmanager
def _held(partial: Path, environment: str) -> Iterator[dict[tuple[str, str], tuple[Artifact, Table]]]:
    """The folder to write into, alone, and what an earlier dump finished in it. One in which nothing is finished does not stay behind."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    ends = partial.parent.glob("*.partial")
    left = sorted(each for each in ends if taken_at(each.name.removesuffix(".partial"), environment) is not None)
    descriptor = next((found for each in reversed(left) if (found := _taken_over(each, partial)) is not None), None)
    if descriptor is None:
        try:
            partial.mkdir(mode=0o700)
        except FileExistsError:
            raise Failure(BUSY, "another dump writes here", where=str(partial), hint="wait until it has ended") from None
        (partial / "data").mkdir(mode=0o700)
        descriptor = _locked(partial)
    try:
        yield _journal(partial)
    except BaseException:
        if not (partial / JOURNAL).exists():
            shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        os.close(descriptor)


def _taken_over(left: Path, partial: Path) -> int | None:
    """The lock of a folder that an earlier dump left, under its new name; None if that dump is still at work."""
    try:
        descriptor = _locked(left)
    except (BlockingIOError, FileNotFoundError):  # at work, or gone just now
        return None
    try:
        os.rename(left, partial)
    except FileNotFoundError:
        os.close(descriptor)
        return None
    (partial / FILE).unlink(missing_ok=True)  # all of it was written, but for its name
    (partial / "data").mkdir(mode=0o700, exist_ok=True)
    return descriptor


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _journal(folder: Path) -> dict[tuple[str, str], tuple[Artifact, Table]]:
    """The tables that are written down as finished and whose files are as they were; a last line without an end was never finished."""
    found: dict[tuple[str, str], tuple[Artifact, Table]] = {}
    path = folder / JOURNAL
    _end_line(path)
    for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else ():
        with contextlib.suppress(ValueError):
            content = json.loads(line)
            artifact = Artifact.model_validate_json(json.dumps(content["artifact"]))
            table = Table.model_validate_json(json.dumps(content["table"]))
            file = folder / artifact.path
            if file.is_file() and file.stat().st_size == artifact.size and sha256(file) == artifact.sha256:
                found[table.schema_name, table.name] = artifact, table
    return found


def _fill(
    origin: LiveOrigin,
    folder: Path,
    name: str,
    environment: str,
    created_at: str,
    on_bytes: Told,
    jobs: int,
    known: dict[tuple[str, str], tuple[Artifact, Table]],
) -> Manifest:
    files = [_script(folder, "pre-data", origin.schema.before), _script(folder, "post-data", origin.schema.after)]
    files.append(_script(folder, "vector-indexes", origin.schema.index_script))
    free = _free_paths({artifact.path for artifact, _ in known.values()})
    paths = {item.key: known[item.key][0].path if item.key in known else next(free) for item in origin.items}
    for stray in set((folder / "data").iterdir()) - {folder / path for path in paths.values()}:
        stray.unlink()

    def work(reader: Reader, item: Item) -> tuple[Artifact, Table]:
        artifact, table = known.get(item.key, (None, None))
        now = reader.digest(item) if table else None
        if artifact and table and now and (table.columns, table.rows, table.digest) == (now.columns, now.rows, now.digest):
            on_bytes(item, item.size)
            return artifact, table
        written = _rows(reader, item, folder, paths[item.key], on_bytes)
        digested = (now or reader.digest(item)).model_copy(update={"path": written.path})
        _extend(folder / JOURNAL, {"artifact": written.model_dump(mode="json"), "table": digested.model_dump(mode="json")})
        return written, digested

    done = in_sessions(origin.reader, origin.items, work, jobs)
    return Manifest(
        id=name, created_at=created_at, environment=environment, source=origin.source, extensions=origin.extensions,
        artifacts=(*files, *(artifact for artifact, _ in done)), tables=tuple(table for _, table in done), sequences=origin.sequences,
        vector_columns=vector_facts.columns(origin.session), vector_indexes=origin.schema.vector_indexes, models=origin.models,
        queries=vector_facts.queries(origin.session),
    )  # fmt: skip


def _free_paths(taken: set[str]) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        path = f"data/{number:04d}.copy.zst"
        if path not in taken:
            yield path


def _rows(reader: Reader, item: Item, folder: Path, path: str, on_bytes: Told) -> Artifact:
    descriptor = os.open(folder / path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        with compressor.stream_writer(file, closefd=False) as out, reader.rows(item) as pieces:
            for piece in pieces:
                out.write(piece)
                on_bytes(item, len(piece))
        file.flush()
        os.fsync(descriptor)
    return _artifact(folder, path, item.format)


def _script(folder: Path, section: str, text: bytes) -> Artifact:
    (folder / f"{section}.sql").unlink(missing_ok=True)
    _put(folder / f"{section}.sql", text)
    return _artifact(folder, f"{section}.sql", "sql")


def _artifact(folder: Path, path: str, form: Any) -> Artifact:
    file = folder / path
    return Artifact(path=path, size=file.stat().st_size, sha256=sha256(file), format=form, compression="none" if form == "sql" else "zstd")


def _extend(path: Path, line: dict[str, Any]) -> None:
    """One line more, in one write, on the disk before this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end_line(path: Path) -> None:
    """A line that was cut off gets its end, or the next one would be lost with it."""
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")


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
