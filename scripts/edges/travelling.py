"""Reads the shapes of a database's tables, and puts a Selection of the travel plan into SQL.

A read is `SELECT {columns} FROM ONLY {table} {where}`, with the table under its own name, in a session that `table_digests.settle`
and, where a column is hashed, `keep_salt` have prepared. What is selected has each column's own name and type.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from infra.domain.table_names import TableName
from infra.domain.travel_filters import Filter, NoneOf, OneOf, OutsideCircle, RefersTo, Rows
from infra.domain.travel_plan import Selection, Sent
from infra.domain.travel_rules import Mask, Way
from infra.domain.travel_shapes import ColumnShape, ForeignKey, Operator, TableShape
from scripts.edges.postgres import statement, told

# Where a session keeps the salt. It is no literal in the statement, for statements are kept: by pg_stat_statements, by the server's log.
_SALT_SETTING = "agentmem.salt"
# Below this a salt could be found by trying: 128 bits are 22 characters of base64.
_SHORTEST_SALT = 22
_EVERY_ROW = sql.SQL("")
# All that an operator's name can be made of; it is the one name that cannot be quoted.
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
# Fails where nobody has kept a salt, for nothing is no uuid: a hash without a salt would be a list of names to try.
_SALT = "(SELECT pg_catalog.current_setting({})::pg_catalog.uuid::pg_catalog.text)"
_HASH = "pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to({} OPERATOR(pg_catalog.||) {}::pg_catalog.text, 'UTF8')), 'hex')"
_LINK = "SELECT child.tableoid, child.ctid, parent.tableoid, parent.ctid FROM {} AS child JOIN {} AS parent ON {}"
# The rows that stay in a circle of tables: those that fail by themselves, then whatever refers to one that stays.
_CIRCLE = """(WITH RECURSIVE link (child_table, child_row, parent_table, parent_row) AS MATERIALIZED ({links}),
stays (in_table, in_row) AS (({first}) UNION SELECT link.child_table, link.child_row FROM stays
JOIN link ON link.parent_table OPERATOR(pg_catalog.=) stays.in_table AND link.parent_row OPERATOR(pg_catalog.=) stays.in_row)
SELECT in_table, in_row FROM stays)"""
_SAME_ROW = "{stays}.in_table OPERATOR(pg_catalog.=) {row}.tableoid AND {stays}.in_row OPERATOR(pg_catalog.=) {row}.ctid"


@dataclass(frozen=True)
class Misfit:
    """A value of the rules that its column cannot hold: what asked for it, and what the server says of it."""

    column: ColumnShape
    asked_by: Mask | OneOf | NoneOf
    value: str
    says: str


def shapes(session: Any) -> tuple[TableShape, ...]:
    """The shape of every table of the database, partitioned ones included. Raises Failure."""
    with told("reading the tables"):
        return tuple(_shape(document) for (document,) in session.execute(statement("read_travel_shapes")))


def keep_salt(session: Any, salt: str) -> None:
    """Give the session the salt of its hashes; a secret of one run, the same in all of its sessions. Raises ValueError for a short one."""
    if len(salt) < _SHORTEST_SALT:
        raise ValueError(f"a salt of less than {_SHORTEST_SALT} characters could be found by trying")
    kept = uuid.UUID(bytes=hashlib.sha256(salt.encode()).digest()[:16])
    with told("keeping the salt"):
        session.execute("SELECT set_config(%s, %s, false)", (_SALT_SETTING, str(kept)))


def try_out(session: Any, selections: Iterable[Selection]) -> None:
    """Let the server judge every read without a row of it. Raises Failure."""
    for selection in selections:
        with told(str(selection.table)):
            _try(session, selection.table, columns(selection), where(selection))


def misfits(session: Any, selection: Selection) -> Iterator[Misfit]:
    """The constants and ids that are none of their column's type; what follows from other tables is told of those."""
    for sent in selection.columns:
        if sent.mask is not None and sent.mask.way is Way.SET and (says := _refused(session, selection.table, _sent(sent), _EVERY_ROW)):
            yield Misfit(sent.column, sent.mask, str(sent.mask.value), says)
    for condition in selection.filter:
        if isinstance(condition, OneOf | NoneOf):
            yield from _misfits_among(session, selection.table, condition)


def _misfits_among(session: Any, table: TableName, condition: OneOf | NoneOf) -> Iterator[Misfit]:
    """Those of its values: halves that are good are not looked into, for thousands may have been erased."""
    says = _refused(session, table, sql.SQL("1"), sql.SQL("WHERE {}").format(_failing(condition, identifier(table))))
    if says and len(condition.values) == 1:
        yield Misfit(condition.column, condition, condition.values[0], says)
    elif says:
        half = len(condition.values) // 2
        for values in (condition.values[:half], condition.values[half:]):
            yield from _misfits_among(session, table, replace(condition, values=values))


def identifier(table: TableName) -> sql.Identifier:
    """The quoted name of a table."""
    return sql.Identifier(table.schema, table.name)


def columns(selection: Selection) -> sql.Composed:
    """What is selected: every column that COPY writes, in the table's order, as it is or masked."""
    return sql.SQL(", ").join(map(_sent, selection.columns))


def where(selection: Selection) -> sql.Composed:
    """`WHERE ...`, or nothing where all rows travel."""
    if not selection.filter:
        return sql.Composed([])
    reasons = _Composer().reasons(selection.filter, identifier(selection.table))
    return sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(reason.absent for reason in reasons))


def _try(session: Any, table: TableName, chosen: sql.Composable, rows: sql.Composable) -> None:
    session.execute(sql.SQL("SELECT {} FROM ONLY {} {} LIMIT 0").format(chosen, identifier(table), rows))


def _refused(session: Any, table: TableName, chosen: sql.Composable, rows: sql.Composable) -> str:
    """What the server says of a value in such a read; empty if it takes it."""
    try:
        with session.transaction():
            _try(session, table, chosen, rows)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        return error.diag.message_primary or str(error)
    return ""


def _sent(sent: Sent) -> sql.Composable:
    name = sql.Identifier(sent.column.name)
    if sent.mask is None:
        return name
    value: sql.Composable = sql.SQL("NULL")
    if sent.mask.way is Way.SET:
        value = sql.Literal(sent.mask.value)
    elif sent.mask.way is Way.HASH:
        value = sql.SQL(_HASH).format(sql.SQL(_SALT).format(sql.Literal(_SALT_SETTING)), name)
    # The type is as the server itself wrote it, quoted where it must be.
    return sql.SQL("CAST({} AS {}) AS {}").format(value, sql.SQL(sent.column.type), name)


@dataclass(frozen=True)
class _Reason:
    """One reason for a row to stay: a condition, on the row itself or on rows of other tables that are joined to it.

    Each is asked alone, so that the server can answer it by joining whole tables: a filter inside a filter it would try row by row.
    """

    condition: sql.Composed
    tables: tuple[sql.Composed, ...] = ()

    @property
    def absent(self) -> sql.Composed:
        """That the reason does not hold."""
        if not self.tables:
            return sql.SQL("({}) IS NOT TRUE").format(self.condition)
        return sql.SQL("NOT EXISTS (SELECT FROM {} WHERE {})").format(sql.SQL(", ").join(self.tables), self.condition)


class _Composer:
    """Finds the reasons of one statement; every table in them gets a name of its own, so that none hides another."""

    def __init__(self) -> None:
        self._names = (sql.Identifier(f"t{number}") for number in itertools.count(1))

    def reasons(self, conditions: Filter, row: sql.Identifier) -> Iterator[_Reason]:
        """Every reason for the row that `row` names to stay; those in the row itself are one."""
        own = [_failing(each, row) for each in conditions if isinstance(each, OneOf | NoneOf)]
        if own:
            yield _Reason(sql.SQL("({})").format(sql.SQL(" OR ").join(own)))
        for condition in conditions:
            if isinstance(condition, RefersTo):
                yield from self._referring(condition, row)
            elif isinstance(condition, OutsideCircle):
                stays = next(self._names)
                table = sql.SQL("{} AS {}").format(self._circle(condition), stays)
                yield _Reason(sql.SQL(_SAME_ROW).format(stays=stays, row=row), (table,))

    def _referring(self, condition: RefersTo, row: sql.Identifier) -> Iterator[_Reason]:
        """Every reason of the row that is referred to, which is found by the foreign key; NULL finds none."""
        there = next(self._names)
        table, found = sql.SQL("{} AS {}").format(_from(condition.rows), there), _equal(condition.key, there, row)
        for reason in self.reasons(condition.rows.filter, there):
            yield _Reason(sql.SQL("{} AND {}").format(found, reason.condition), (table, *reason.tables))

    def _circle(self, circle: OutsideCircle) -> sql.Composed:
        child, parent = sql.Identifier("child"), sql.Identifier("parent")
        links = (sql.SQL(_LINK).format(_from(link.child), _from(link.parent), _equal(link.key, parent, child)) for link in circle.links)
        first = (each for member in circle.members for each in self._first(member))
        return sql.SQL(_CIRCLE).format(links=sql.SQL(" UNION ALL ").join(links), first=sql.SQL(" UNION ALL ").join(first))

    def _first(self, member: Rows) -> Iterator[sql.Composed]:
        """The rows of a table that fail by themselves, once for each reason."""
        here = next(self._names)
        for reason in self.reasons(member.filter, here):
            tables = sql.SQL(", ").join((sql.SQL("{} AS {}").format(_from(member), here), *reason.tables))
            yield sql.SQL("SELECT {here}.tableoid, {here}.ctid FROM {tables} WHERE {condition}").format(
                here=here, tables=tables, condition=reason.condition
            )


def _failing(condition: OneOf | NoneOf, row: sql.Identifier) -> sql.Composed:
    """That the column holds none of the values, or one of them. The server reads these as of the column's type: no type is said."""
    quoted = ('"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"')) for value in condition.values)
    among = sql.SQL("{}.{} {} ANY ({})").format(
        row, sql.Identifier(condition.column.name), _operator(condition.column.equality), sql.Literal("{" + ",".join(quoted) + "}")
    )
    return sql.SQL("({}) IS NOT TRUE").format(among) if isinstance(condition, OneOf) else among


def _equal(key: ForeignKey, there: sql.Identifier, here: sql.Identifier) -> sql.Composed:
    """The comparison that the foreign key itself makes."""
    pairs = zip(key.table_columns, key.operators, key.columns, strict=True)
    return sql.SQL(" AND ").join(
        sql.SQL("{}.{} {} {}.{}").format(there, sql.Identifier(theirs), _operator(operator), here, sql.Identifier(ours))
        for theirs, operator, ours in pairs
    )


def _from(rows: Rows) -> sql.Composed:
    """A table as a foreign key sees it: without what inherits from it, but with its partitions."""
    return sql.SQL("{}" if rows.everywhere else "ONLY {}").format(identifier(rows.table))


def _operator(operator: Operator) -> sql.Composed:
    if not _OPERATOR.fullmatch(operator.name):
        raise ValueError(f"{operator.name!r} is no operator")
    return sql.SQL("OPERATOR({}.{})").format(sql.Identifier(operator.schema), sql.SQL(operator.name))


def _shape(document: dict[str, Any]) -> TableShape:
    kept = {name: document[name] for name in ("schema", "name", "partitioned", "is_partition")}
    return TableShape(
        **kept,
        parents=tuple(TableName(*parent) for parent in document["parents"]),
        columns=tuple(ColumnShape(**{**column, "equality": _operator_of(*column["equality"])}) for column in document["columns"]),
        foreign_keys=tuple(_foreign_key(each["table"], each["pairs"]) for each in document["foreign_keys"]),
    )


def _operator_of(schema: str, name: str) -> Operator:
    return Operator(schema=schema, name=name)


def _foreign_key(table: list[str], pairs: list[list[str]]) -> ForeignKey:
    ours, theirs, schemas, names = zip(*pairs, strict=True)
    operators = tuple(map(_operator_of, schemas, names))
    return ForeignKey(columns=ours, table=TableName(*table), table_columns=theirs, operators=operators)
