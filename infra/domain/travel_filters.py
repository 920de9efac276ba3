"""Which rows of a table travel, as a tree of conditions that all must hold.

A row travels if it belongs to a tenant to keep and to nobody erased, and if every row that it refers to by a foreign key travels;
a reference that is NULL refers to nothing. What a table refers to is followed to the end. Tables that refer to each other in a circle,
or to themselves, have no end to begin at: there the rows that stay are gathered, first those that fail by themselves, then those
that refer to one that stays, until none is added. So a reply to a message that stays, stays, and its replies as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain

from infra.domain.table_names import TableName
from infra.domain.travel_shapes import ColumnShape, ForeignKey, Shapes, TableShape


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """The column holds one of these values; NULL is none of them."""

    column: ColumnShape
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NoneOf:
    """The column holds none of these values; NULL is none of them."""

    column: ColumnShape
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a table that meet a filter. `everywhere`: it is partitioned, and its rows are in its partitions."""

    table: TableName
    everywhere: bool
    filter: Filter


@dataclass(frozen=True, kw_only=True)
class RefersTo:
    """The row refers to one of these rows, or to nothing."""

    key: ForeignKey
    rows: Rows


@dataclass(frozen=True, kw_only=True)
class Link:
    """A foreign key inside a circle: from rows of one table to rows of another, whatever their filters."""

    child: Rows
    key: ForeignKey
    parent: Rows


@dataclass(frozen=True, kw_only=True)
class OutsideCircle:
    """The row is none of those that stay, in a circle of tables: `members` with what each asks by itself, and what links them."""

    members: tuple[Rows, ...]
    links: tuple[Link, ...]


Condition = OneOf | NoneOf | RefersTo | OutsideCircle
# All must hold; an empty one lets every row travel.
Filter = tuple[Condition, ...]


class Filters:
    """The filter of every table, from what each asks by itself (`own`, by the name of the whole table)."""

    def __init__(self, shapes: Shapes, own: Mapping[TableName, Filter]) -> None:
        self._shapes, self._own = shapes, own
        self._keys = {shape.table: self._followed(shape) for shape in shapes.all if shapes.whole(shape) is shape}
        self._below = {table: self.reach(table) for table in self._keys}
        self.of = cache(self._of)

    def of_table(self, shape: TableShape) -> Filter:
        """The filter of a table; a partition has that of the whole."""
        found: Filter = self.of(self._shapes.whole(shape).table)
        return found

    def reach(self, table: TableName) -> frozenset[TableName]:
        """Every whole table that `table` refers to, directly or through others."""
        found: set[TableName] = set()
        ahead = [table]
        while ahead:
            new = {self._target(key) for key in self._keys.get(ahead.pop(), ())} - found
            found |= new
            ahead.extend(new)
        return frozenset(found)

    def _of(self, table: TableName) -> Filter:
        circle = self._circle(table)
        if circle and self._asks(table):
            return (self._outside(circle),)  # whose members say again what each asks by itself
        return self._by_itself(table)

    def _by_itself(self, table: TableName) -> Filter:
        """What the table asks but for its references inside its circle."""
        return (*self._own.get(table, ()), *self._references(table, self._circle(table)))

    def _references(self, table: TableName, circle: frozenset[TableName]) -> Iterable[RefersTo]:
        for key in self._keys[table]:
            target = self._target(key)
            if target not in circle and self._asks(target):
                yield RefersTo(key=key, rows=self._rows(key.table, self.of(target)))

    def _outside(self, circle: frozenset[TableName]) -> OutsideCircle:
        members = sorted(circle)
        links = (
            Link(child=self._rows(member, ()), key=key, parent=self._rows(key.table, ()))
            for member in members
            for key in self._keys[member]
            if self._target(key) in circle
        )
        return OutsideCircle(members=tuple(self._rows(member, self._by_itself(member)) for member in members), links=tuple(links))

    def _rows(self, table: TableName, filter_: Filter) -> Rows:
        shape = self._shapes.find(table)
        return Rows(table=table, everywhere=shape is not None and shape.partitioned, filter=filter_)

    def _asks(self, table: TableName) -> bool:
        """Whether any row of the table may have to stay."""
        return any(self._own.get(each) for each in chain((table,), self._below.get(table, ())))

    def _circle(self, table: TableName) -> frozenset[TableName]:
        """The tables that refer to each other with this one among them; empty if it is in no circle."""
        below = self._below.get(table, frozenset())
        return frozenset(each for each in below if table in self._below[each]) if table in below else frozenset()

    def _target(self, key: ForeignKey) -> TableName:
        shape = self._shapes.find(key.table)
        return key.table if shape is None else self._shapes.whole(shape).table

    def _followed(self, shape: TableShape) -> tuple[ForeignKey, ...]:
        """The foreign keys to tables that are known: an extension's own tables travel with the extension."""
        return tuple(key for key in shape.foreign_keys if self._shapes.find(key.table))
