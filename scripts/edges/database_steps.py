"""Reads the catalogue of a live database, and carries out the steps of a plan that take one transaction."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

from infra.domain import vectors
from infra.domain.catalogue import APPLICATION_SCHEMA, OWN_SCHEMA, PROVENANCE_TABLE, READ_WRITE, ROLES, Catalogue, catalogue_of
from infra.domain.environment import Environment
from infra.domain.steps import (
    Action,
    Configure,
    CreateExtension,
    CreateProvenance,
    CreateRole,
    DropIndex,
    Grant,
    RecordModel,
    UpdateExtension,
)
from scripts.edges import postgres
from scripts.edges.exits import BUSY, REFUSED, Failure

# Two numbers that nobody else uses by chance: "agme" in ASCII, and the first of our locks.
LOCK = {"kind": 0x61676D65, "number": 1}
# The session of a run that was killed a moment ago ends within this time, unless it is not dead.
_LOCK_SECONDS, _LOCK_PAUSE_SECONDS = 5.0, 0.2


def read_catalogue(connection: psycopg.Connection[Any], environment: Environment) -> Catalogue:
    """The database as it is: one statement, and one for each of our own tables once it exists."""
    sets = environment.vector_sets
    values = {
        "schema": APPLICATION_SCHEMA,
        "own_schema": OWN_SCHEMA,
        "own_table": PROVENANCE_TABLE,
        "tables": [vector_set.table for vector_set in sets],
        "columns": [vector_set.column for vector_set in sets],
        "index_names": [vectors.index_name(vector_set) for vector_set in sets],
        "roles": list(ROLES),
        "writer": READ_WRITE,
        "extensions": ["vector", *(name.lower() for name in environment.database.extensions)],
    }
    with postgres.told("reading the catalogue"):
        document = _one(connection.execute(postgres.statement("read_catalogue"), values))
        recorded = None
        if document["provenance"]:
            recorded = [row[0] for row in connection.execute(postgres.statement("read_provenance"))]
        filled = []
        if document["reembeddings"]:
            filled = [row[0] for row in connection.execute(postgres.statement("read_reembeddings"))]
    return catalogue_of(document, recorded, filled)


def lock(connection: psycopg.Connection[Any]) -> None:
    """Take the database's lock for the life of this session; raises Failure(BUSY) naming who holds it."""
    end = time.monotonic() + _LOCK_SECONDS
    with postgres.told("taking the lock of post-provision"):
        while not _one(connection.execute(postgres.statement("try_lock"), LOCK)):
            if time.monotonic() > end:
                holder = connection.execute(postgres.statement("read_lock_holder"), LOCK).fetchone()
                who = f"process {holder[0]} of {holder[1]} from {holder[2]}" if holder else "somebody who has just gone"
                raise Failure(BUSY, f"another post-provision is at work: {who}", hint="wait for it; what it builds is not built twice")
            time.sleep(_LOCK_PAUSE_SECONDS)


def carry_out(connection: psycopg.Connection[Any], action: Action) -> None:
    """Carry out one action, whole or not at all. Index builds are not among them: they cannot run in a transaction."""
    if isinstance(action, DropIndex):
        drop_index(connection, action.name)
        return
    with connection.transaction():
        for statement, values in _statements(connection, action):
            done = connection.execute(statement, values)
            if isinstance(action, RecordModel) and done.fetchone() is None:
                raise Failure(REFUSED, "another model was recorded in the meantime", hint="run it again to see which")


def drop_index(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop an invalid index without blocking anybody; nothing to do when there is none, or when its build has come good since."""
    found = connection.execute(postgres.statement("read_index"), {"schema": APPLICATION_SCHEMA, "index": name}).fetchone()
    if found is None or found[0]:
        return
    connection.execute(postgres.statement("drop_index", schema=_SCHEMA, index=sql.Identifier(name)))


_SCHEMA, _OWN = sql.Identifier(APPLICATION_SCHEMA), sql.Identifier(OWN_SCHEMA)
_Statements = list[tuple[sql.Composed, dict[str, Any] | None]]


def _statements(connection: psycopg.Connection[Any], action: Action) -> _Statements:
    match action:
        case CreateExtension(name=name):
            return [(postgres.statement("create_extension", name=sql.Identifier(name)), None)]
        case UpdateExtension(name=name):
            return [(postgres.statement("update_extension", name=sql.Identifier(name)), None)]
        case CreateProvenance():
            return [(postgres.statement("create_own_schema"), None), (postgres.statement("create_provenance"), None)]
        case RecordModel():
            return [(postgres.statement("record_model"), _recorded(action))]
        case CreateRole(name=name):
            return [(postgres.statement("create_role", role=sql.Identifier(name)), None)]
        case Grant():
            return _grants(action)
        case Configure():
            return [(postgres.statement("load_vector"), None), (_setting(connection, action), None)]
        case _:
            raise TypeError(f"{type(action).__name__} is not done in a transaction")


def _recorded(action: RecordModel) -> dict[str, Any]:
    vector_set = action.vector_set
    place = {"table": vector_set.table, "column": vector_set.column, "dimensions": vector_set.dimensions, "distance": vector_set.distance}
    return {**place, "model": vector_set.model.name, "version": vector_set.model.version}


def _grants(action: Grant) -> _Statements:
    role = sql.Identifier(action.role)
    privileges = sql.SQL("SELECT, INSERT, UPDATE, DELETE") if action.writes else sql.SQL("SELECT")
    later = {"schema": _SCHEMA, "privileges": privileges, "role": role}
    statements = [
        postgres.statement("grant_schemas", schema=_SCHEMA, own_schema=_OWN, role=role),
        postgres.statement("grant_provenance", own_schema=_OWN, own_table=sql.Identifier(PROVENANCE_TABLE), role=role),
        postgres.statement("grant_later_tables", **later),
    ]
    if action.tables:
        statements.append(postgres.statement("grant_tables", privileges=privileges, tables=_names(action.tables), role=role))
    if action.writes:
        statements.append(postgres.statement("grant_later_sequences", schema=_SCHEMA, role=role))
    if action.sequences:
        statements.append(postgres.statement("grant_sequences", sequences=_names(action.sequences), role=role))
    return [(statement, None) for statement in statements]


def _setting(connection: psycopg.Connection[Any], action: Configure) -> sql.Composed:
    family, _, name = action.name.partition(".")
    parts: dict[str, sql.Composable] = {
        "database": sql.Identifier(connection.info.dbname),
        "parameter": sql.SQL("{}.{}").format(sql.Identifier(family), sql.Identifier(name)),
        "value": sql.Literal(action.value),
    }
    if action.role is None:
        return postgres.statement("set_for_database", **parts)
    return postgres.statement("set_for_role", role=sql.Identifier(action.role), **parts)


def _names(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(APPLICATION_SCHEMA, name) for name in names)


def _one(cursor: psycopg.Cursor[Any]) -> Any:
    """The only value of the only row."""
    row = cursor.fetchone()
    assert row is not None
    return row[0]
