"""What stands in the way of an index build, looked at before it begins: a locked table, a small disk, a transaction that never ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from infra.domain import vectors
from infra.domain.azure import storage
from infra.domain.catalogue import APPLICATION_SCHEMA
from infra.domain.environment import Environment, Hnsw, VectorSet
from infra.domain.steps import BuildIndex
from scripts.edges import postgres
from scripts.edges.exits import BUSY, REFUSED, Failure

# An index is written twice: into its file, and into the write-ahead log, which is not free again before the next checkpoint.
_WRITTEN = 2
# Longer than any statement that an application should lock a table for; after that a person wants to know who it is.
_LOCK_MILLISECONDS = "5000"


@dataclass(frozen=True)
class Obstacles:
    """What a build meets. `used_bytes` of the disk; `waits_for` is the oldest open transaction in words, None where there is none."""

    used_bytes: int
    waits_for: str | None


def look(connection: psycopg.Connection[Any]) -> Obstacles:
    """Ask the server, in one round trip."""
    row = connection.execute(postgres.statement("read_build_obstacles")).fetchone()
    assert row is not None, "the statement always answers with a row"
    used, pid, seconds, application = row
    whose = f" ({application})" if application else ""
    waits = f"process {pid}{whose} has been in a transaction for {seconds // 60} min; the build ends after it" if pid else None
    return Obstacles(int(used), waits)


def count(connection: psycopg.Connection[Any], vector_set: VectorSet) -> int:
    """Rows with a vector. Raises Failure that names the process which keeps the whole table locked."""
    place = {"schema": sql.Identifier(APPLICATION_SCHEMA), "table": sql.Identifier(vector_set.table)}
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_MILLISECONDS,))
            row = connection.execute(postgres.statement("count_vectors", **place, column=sql.Identifier(vector_set.column))).fetchone()
    except psycopg.errors.LockNotAvailable:
        raise _locked(connection, vector_set.table) from None
    return int(row[0]) if row else 0


def _locked(connection: psycopg.Connection[Any], table: str) -> Failure:
    row = connection.execute(postgres.statement("read_table_lock_holder"), {"schema": APPLICATION_SCHEMA, "table": table}).fetchone()
    pid, user, application = row or (None, "", "")
    who = f"process {pid} of {user}{f' ({application})' if application else ''}" if pid else "somebody who has just gone"
    return Failure(BUSY, f"{table} is locked by {who}", hint="wait until it ends, or end it; then run this again")


def disk_bytes(environment: Environment) -> int | None:
    """How much of the disk may be used before the server turns read-only; None where the disk grows by itself."""
    if environment.storage.autogrow:
        return None
    return int((environment.storage.size_gib << 30) * storage.read_only_percent(environment.storage.size_gib) / 100)


def refuse_full_disk(action: BuildIndex, rows: int, found: Obstacles, disk: int | None) -> None:
    """Raises Failure when the index and its write-ahead log would fill the disk, on which the server turns read-only."""
    if disk is None:
        return
    index, vector_set = action.index, action.vector_set
    if isinstance(index, Hnsw):
        size = vectors.index_bytes(rows, vector_set.dimensions, vector_set.type, index.m)
    else:
        size = vectors.ivfflat_index_bytes(rows, vector_set.dimensions, vector_set.type, index.lists)
    if found.used_bytes + _WRITTEN * size > disk:
        taken = f"{found.used_bytes >> 20} of {disk >> 20} usable MB are taken"
        says = f"{action.name} needs {size >> 20} MB and as much write-ahead log; {taken}"
        raise Failure(REFUSED, says, hint="storage.autogrow: true, or a larger storage.size_gib; past this mark the server is read-only")
