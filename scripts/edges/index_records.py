"""Writes down in the database what a vector index was built on, so that its health can be judged later.

record(connection, action.vector_set, built)   # after each build; a build is never undone because it could not be written down
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from infra.domain.catalogue import APPLICATION_SCHEMA
from infra.domain.environment import VectorSet
from scripts.edges import postgres

if TYPE_CHECKING:
    from scripts.edges.index_builds import Built

TABLE = "agent_memory.index_builds"


def record(connection: psycopg.Connection[Any], vector_set: VectorSet, built: Built) -> bool:
    """Write down a finished build; False where this login may not, or the index is gone already. The session is in autocommit."""
    values = {
        "schema": APPLICATION_SCHEMA, "index": built.name, "table": vector_set.table, "column": vector_set.column, "kind": built.kind,
        "rows": built.rows, "memory": built.given_kib, "workers": built.workers, "spilled": built.spilled, "size": built.size_bytes,
    }  # fmt: skip
    try:
        with connection.transaction():
            _create(connection)
            return connection.execute(postgres.statement("record_index_build"), values).fetchone() is not None
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
        return False


@dataclass(frozen=True)
class Record:
    """What is written down about the build of an index: rows, days since, and the pgvector that built it."""

    rows: int
    days: float
    vector_version: str | None


def read(connection: psycopg.Connection[Any], tables: Sequence[str]) -> dict[int, Record]:
    """The records of the indexes of some tables, by the indexes' oid; none where nothing was recorded, or this login may not read it."""
    try:
        with connection.transaction():
            if not _there(connection):
                return {}
            rows = connection.execute(postgres.statement("read_index_builds"), {"tables": list(tables)}).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return {}
    return {oid: Record(built_on, days, version) for oid, built_on, days, version in rows}


def _create(connection: psycopg.Connection[Any]) -> None:
    if not _there(connection):
        connection.execute(postgres.statement("create_own_schema"))
        connection.execute(postgres.statement("create_index_builds"))


def _there(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(postgres.statement("read_own_table"), {"table": TABLE}).fetchone()
    return bool(row and row[0])
