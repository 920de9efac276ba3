"""The tables of a database as a portable copy sees them, and the order-free digest of each under the session's snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from infra.domain.manifest import ALGORITHM, FAST_ALGORITHM, Table
from scripts.edges.postgres import statement

# What text forms depend on is fixed; `row_security = off` makes a hidden row an error instead of a missing one. The heap of a table of
# vectors looks tiny, and the workers of a scan are given by its size: the last three give them all the same.
_SETTINGS = (
    ("search_path", "pg_catalog"), ("client_encoding", "UTF8"), ("datestyle", "ISO, YMD"), ("intervalstyle", "postgres"),
    ("timezone", "UTC"),
    ("extra_float_digits", "3"), ("bytea_output", "hex"), ("row_security", "off"), ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"), ("min_parallel_table_scan_size", "0"), ("parallel_setup_cost", "0"),
    ("parallel_tuple_cost", "0"),
)  # fmt: skip
# Longer than what an application locks a table for; a dump or transfer that waits on sees nothing, and nobody learns whom it waits for.
LOCK_SECONDS = 30
_STATEMENTS = {ALGORITHM: "digest_table", FAST_ALGORITHM: "digest_table_fast"}


@dataclass(frozen=True, kw_only=True)
class Found:
    """A table with rows: `size` in bytes on the server's disk, `pages` those of the rows themselves, without what lies beside them.

    `columns` are those that COPY writes, `sent` the bytes of every column.

    `textual`: binary COPY would hold a number that means something else on another server.
    """

    schema: str
    name: str
    size: int
    pages: int
    columns: tuple[str, ...]
    sent: tuple[tuple[str, sql.Composed], ...]
    textual: bool

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted name."""
        return sql.Identifier(self.schema, self.name)

    @property
    def format(self) -> str:
        """How its rows are written, as an artifact says it."""
        return "copy-text" if self.textual else "copy-binary"

    def row(self, columns: tuple[str, ...] | None = None) -> sql.Composed:
        """What is digested: all columns, or those named, in the table's order."""
        sent = [each for name, each in self.sent if columns is None or name in columns]
        return sql.SQL("ROW({})").format(sql.SQL(", ").join(sent))


def settle(session: Any) -> None:
    """Fix the settings that digests depend on; no statement waits for a lock longer than LOCK_SECONDS."""
    wanted = dict(_SETTINGS, lock_timeout=f"{LOCK_SECONDS}s")
    session.execute(statement("set_for_session"), {"names": [*wanted], "values": [*wanted.values()]})


def tables(session: Any) -> tuple[Found, ...]:
    """The tables with rows of their own, largest first."""
    found = session.execute(statement("read_dump_tables")).fetchall()
    columns: dict[int, list[Any]] = defaultdict(list)
    for oid, *column in session.execute(statement("read_dump_columns"), ([row[0] for row in found],)).fetchall():
        columns[oid].append(column)
    return tuple(_found(columns[oid], *row) for oid, *row in found)


def digest(session: Any, table: Found, path: str = "", *, algorithm: str = ALGORITHM, rows: sql.Composable | None = None) -> Table:
    """Rows and digest of a table; `path` is the file that holds it. `rows` reads others than all of them, without generated columns."""
    parts = {"table": rows or sql.SQL("ONLY {}").format(table.identifier), "row": table.row(table.columns if rows else None)}
    count, value = session.execute(statement(_STATEMENTS[algorithm], **parts)).fetchone()
    return Table(
        schema_name=table.schema, name=table.name, path=path, columns=table.columns, rows=count, digest=value, digest_algo=algorithm
    )


def digests(connect: Callable[[], Any]) -> tuple[Table, ...]:
    """Rows and digest of every table of a database, under one snapshot."""
    with connect() as session:
        settle(session)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = tuple(digest(session, table) for table in tables(session))
        session.execute("COMMIT")
        return found


def _found(columns: list[Any], schema: str, name: str, size: int, pages: int) -> Found:
    sent = tuple((column, _sent(column, room, function)) for column, _, room, function, _ in columns)
    written = tuple(column for column, stored, _, _, _ in columns if stored)
    textual = any(numbered for _, stored, _, _, numbered in columns if stored)
    return Found(schema=schema, name=name, size=size, pages=pages, columns=written, sent=sent, textual=textual)


def _sent(column: str, room: str | None, function: str | None) -> sql.Composed:
    """A column as bytes that hold no OID: by the send function of its type, else by its text."""
    if room is None or function is None:
        return sql.SQL("textsend({}::text)").format(sql.Identifier(column))
    return sql.SQL("{}({})").format(sql.Identifier(room, function), sql.Identifier(column))
