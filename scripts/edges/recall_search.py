"""The searches that a recall measurement compares: one through a given index, and exact ones on the stored vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from infra.domain import vectors
from infra.domain.catalogue import APPLICATION_SCHEMA, expression, pairs
from infra.domain.environment import VectorSet
from infra.domain.evolution import DEFAULTS
from infra.domain.recall import NEIGHBOURS, Shape
from scripts.edges import postgres

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

_BITS = re.compile(r'^\(*binary_quantize\("?(?P<column>[^"()]+?)"?\)\)?::bit\((?P<dimensions>\d+)\)\)*$')


@dataclass(frozen=True, kw_only=True)
class VectorIndex:
    """An index on a set's column as found. `stored` is vector, halfvec or bit; `cast` when that is not the column's own type."""

    name: str
    vector_set: VectorSet
    method: str
    stored: str
    cast: bool
    column_type: str
    usable: bool
    options: Mapping[str, int]

    @property
    def shape(self) -> Shape:
        """What the index is, for judging."""
        return Shape(method=self.method, stored=self.stored, dimensions=self.vector_set.dimensions, options=self.options)

    @cached_property
    def parts(self) -> dict[str, sql.Composable]:
        """The names and types that every statement about the set is put together from."""
        from psycopg import sql

        kind = sql.SQL("{}({})").format(sql.Identifier(self.column_type), sql.Literal(self.vector_set.dimensions))
        nonzero = sql.SQL("vector_norm({}::vector) > 0") if self.vector_set.distance == "cosine" else sql.SQL("true")
        return {
            "schema": sql.Identifier(APPLICATION_SCHEMA),
            "table": sql.Identifier(self.vector_set.table),
            "column": sql.Identifier(self.vector_set.column),
            "operator": sql.SQL(vectors.operator(self.vector_set.distance)),
            "dimensions": sql.Literal(self.vector_set.dimensions),
            "kind": kind,
            "searchable": nonzero.format(sql.Identifier(self.vector_set.column)),
            "limit": sql.Literal(NEIGHBOURS),
        }

    def search(self, candidates: int, limit: int = NEIGHBOURS) -> sql.Composed:
        """The search that this index serves: an application's own; bits need many candidates and are ordered again."""
        from psycopg import sql

        asked = sql.SQL("%(query)s::{}").format(self.parts["kind"])
        distance = sql.SQL("{} {} {}").format(self.parts["column"], self.parts["operator"], asked)
        told = {**self.parts, "distance": distance, "order": self.order(self.parts["column"], asked), "limit": sql.Literal(limit)}
        if self.stored == "bit" and limit > 1:
            return postgres.statement("search_nearest_by_bits", **told, candidates=sql.Literal(max(candidates, limit)))
        return postgres.statement("search_nearest", **told)

    def order(self, left: sql.Composable, right: sql.Composable) -> sql.Composed:
        """The distance in the index's own terms, written just as its expression is."""
        from psycopg import sql

        if self.stored == "bit":
            bits = sql.SQL("binary_quantize({})::bit({})")
            return sql.SQL(" <~> ").join(bits.format(side, self.parts["dimensions"]) for side in (left, right))
        cast = sql.SQL("::{}({})").format(sql.Identifier(self.stored), self.parts["dimensions"]) if self.cast else sql.SQL("")
        return sql.SQL("{}{} {} {}{}").format(left, cast, self.parts["operator"], right, cast)


def find(connection: psycopg.Connection[Any], vector_set: VectorSet) -> list[VectorIndex]:
    """The indexes on a set's column that a search by its distance may use, those of the declared form first, bits last."""
    place = {"schema": APPLICATION_SCHEMA, "table": vector_set.table, "column": vector_set.column}
    rows = connection.execute(postgres.statement("read_vector_indexes"), place).fetchall()
    found = [index for row in rows if (index := _index(vector_set, row)) is not None]
    return sorted(found, key=lambda index: (index.stored == "bit", not index.usable, index.stored != vector_set.type, index.name))


def _index(vector_set: VectorSet, row: tuple[Any, ...]) -> VectorIndex | None:
    """The index of a row, None where it serves another search, only some rows, or another column."""
    name, method, operator_class, text, partial, usable, options, column_type = row
    column, cast = expression(text)
    if bits := _BITS.match(text):
        column, cast = bits["column"], ("bit", int(bits["dimensions"]))
    stored = cast[0] if cast else column_type
    wanted = "bit_hamming_ops" if stored == "bit" else vectors.operator_class(stored, vector_set.distance)
    if column != vector_set.column or operator_class != wanted or partial or (cast and cast[1] != vector_set.dimensions):
        return None
    given = {key: int(value) for key, value in pairs(options).items() if value.isdigit()}
    return VectorIndex(
        name=name, vector_set=vector_set, method=method, stored=stored, cast=cast is not None, column_type=column_type, usable=usable,
        options={**DEFAULTS[method], **given},
    )  # fmt: skip
