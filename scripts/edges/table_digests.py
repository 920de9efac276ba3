"""The tables of a database as a portable copy sees them, and the order-free digest of each under the session's snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from infra.domain.manifest import Table
from scripts.edges.postgres import statement

# What text forms depend on is fixed; `row_security = off` makes a hidden row an error instead of a missing one.
_SETTINGS = (
    ("search_path", "pg_catalog"), ("datestyle", "ISO, YMD"), ("intervalstyle", "postgres"), ("timezone", "UTC"),
    ("extra_float_digits", "3"), ("bytea_output", "hex"), ("row_security", "off"), ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Found:
    """A table with rows: `size` in bytes on the server's disk, `columns` those that COPY writes, `row` what is digested."""

    schema: str
    name: str
    size: int
    columns: tuple[str, ...]
    row: sql.Composable

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted name."""
        return sql.Identifier(self.schema, self.name)


def settle(session: Any) -> None:
    """Fix the settings that digests depend on."""
    for name, value in _SETTINGS:
        session.execute("SELECT set_config(%s, %s, false)", (name, value))


def tables(session: Any) -> tuple[Found, ...]:
    """The tables with rows of their own, largest first."""
    found = session.execute(statement("read_dump_tables")).fetchall()
    return tuple(_found(session, *row) for row in found)


def digest(session: Any, table: Found, path: str = "") -> Table:
    """Rows and digest of a table; `path` is the file that holds it."""
    rows, value = session.execute(statement("digest_table", table=table.identifier, row=table.row)).fetchone()
    return Table(schema_name=table.schema, name=table.name, path=path, columns=table.columns, rows=rows, digest=value)


def digests(connect: Callable[[], Any]) -> tuple[Table, ...]:
    """Rows and digest of every table of a database, under one snapshot."""
    with connect() as session:
        settle(session)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = tuple(digest(session, table) for table in tables(session))
        session.execute("COMMIT")
        return found


def _found(session: Any, oid: int, schema: str, name: str, size: int) -> Found:
    columns = session.execute(statement("read_dump_columns"), (oid,)).fetchall()
    sends = [_sent(column, room, function) for column, _, room, function in columns]
    written = tuple(column for column, stored, _, _ in columns if stored)
    return Found(schema=schema, name=name, size=size, columns=written, row=sql.SQL("ROW({})").format(sql.SQL(", ").join(sends)))


def _sent(column: str, room: str | None, function: str | None) -> sql.Composed:
    """A column as bytes that hold no OID: by the send function of its type, else by its text."""
    if room is None or function is None:
        return sql.SQL("textsend({}::text)").format(sql.Identifier(column))
    return sql.SQL("{}({})").format(sql.Identifier(room, function), sql.Identifier(column))
