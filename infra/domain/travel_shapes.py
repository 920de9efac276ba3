"""The shape of a database's tables, as far as it decides which of their rows may travel and how they may be masked."""

from __future__ import annotations

from dataclasses import dataclass

from infra.domain.table_names import TableName


@dataclass(frozen=True, kw_only=True)
class Operator:
    """An operator by schema and name: a type of an extension brings its own, and the search path may not show it."""

    schema: str = "pg_catalog"
    name: str = "="


@dataclass(frozen=True, kw_only=True)
class ColumnShape:
    """A column. `type` is as the server writes it, its length included; `limit` is that length in characters, None without one.

    `is_text`: a hash can stand in it. `equality` tells two values of the type apart. `in_key`: part of a primary key, of a unique
    or exclusion constraint, or of a unique index, also inside an expression or the index's condition. `not_null` counts domains.
    """

    name: str
    type: str
    limit: int | None = None
    is_text: bool = False
    equality: Operator = Operator()
    not_null: bool = False
    generated: bool = False
    in_key: bool = False
    in_partition_key: bool = False


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """A foreign key; `operators` compare the other table's column (left) with this table's (right), one for each pair."""

    columns: tuple[str, ...]
    table: TableName
    table_columns: tuple[str, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True, kw_only=True)
class TableShape:
    """A table. `parents` are those it is a partition of or inherits from, the nearest; one that is `partitioned` has no rows itself.

    A partition has only the foreign keys of its own in `foreign_keys`; those of its parent hold for it too.
    """

    schema: str
    name: str
    columns: tuple[ColumnShape, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    parents: tuple[TableName, ...] = ()
    partitioned: bool = False
    is_partition: bool = False

    @property
    def table(self) -> TableName:
        """Schema and name in one."""
        return TableName(self.schema, self.name)

    def column(self, name: str) -> ColumnShape | None:
        """The column of this name, None if there is none."""
        return next((column for column in self.columns if column.name == name), None)


class Shapes:
    """All tables of a database, by name, and which of them stand for which."""

    def __init__(self, tables: tuple[TableShape, ...]) -> None:
        self._tables = {shape.table: shape for shape in tables}

    @property
    def all(self) -> tuple[TableShape, ...]:
        """Every table, partitioned ones included, in the order in which they came."""
        return tuple(self._tables.values())

    def find(self, table: TableName) -> TableShape | None:
        """The table of this name, None if there is none."""
        return self._tables.get(table)

    def whole(self, shape: TableShape) -> TableShape:
        """The partitioned table that a partition belongs to in the end; any other table itself."""
        while shape.is_partition and (above := self._tables.get(shape.parents[0])):
            shape = above
        return shape

    def lineage(self, shape: TableShape) -> tuple[TableShape, ...]:
        """The table itself, then everything it is a partition of or inherits from, nearest first."""
        found = [shape]
        for below in found:  # grows while it is walked: PostgreSQL admits no circle here
            above = (self._tables.get(parent) for parent in below.parents)
            found.extend(each for each in above if each is not None and each not in found)
        return tuple(found)
