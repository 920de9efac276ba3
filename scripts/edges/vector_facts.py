"""What a manifest says about the vectors of a database: indexes, models, lengths and dimensions, and exact answers to a few queries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import sql

from infra.domain import catalogue
from infra.domain.manifest import Model, Query, VectorColumn, VectorIndex
from scripts.edges.postgres import statement

# Enough to see that the operators work, few enough for a big table: each query reads the whole of it.
QUERIES, NEIGHBOURS = 3, 10
_OPERATORS: dict[str, Any] = {"cosine_ops": "<=>", "l2_ops": "<->", "ip_ops": "<#>", "l1_ops": "<+>"}
_PROVENANCE = "agent_memory.vector_sets"


def indexes(session: Any) -> tuple[tuple[int, VectorIndex], ...]:
    """The vector indexes that stand alone, each with its oid, largest first; those that are not valid are told as such."""
    return tuple((row[0], _index(row[1:])) for row in session.execute(statement("read_ann_indexes")))


def extension_room(session: Any) -> str | None:
    """The schema that pgvector lives in, None where it is not."""
    query = "SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
    row = session.execute(query).fetchone()
    return row[0] if row else None


def models(session: Any) -> tuple[Model, ...]:
    """What the provenance says, empty where there is none."""
    row = session.execute(statement("read_own_table"), {"table": _PROVENANCE}).fetchone()
    return tuple(Model(**each) for (each,) in session.execute(statement("read_provenance"))) if row and row[0] else ()


def columns(session: Any) -> tuple[VectorColumn, ...]:
    """What the vectors of every column are like; reads all of them."""
    return tuple(place.described(session) for place, _, _ in _places(session))


def queries(session: Any) -> tuple[Query, ...]:
    """Exact answers for every column of vectors whose table has a primary key; each query reads the whole of it."""
    return tuple(query for place, key, operator in _places(session) if key for query in place.queries(session, key, operator))


def answered(session: Any, queries: Iterable[Query]) -> tuple[Query, ...]:
    """The same queries with this database's answers; one whose row is not there has none."""
    room = extension_room(session) or "public"
    found = []
    for query in queries:
        place = _Place(query.table_schema, query.table, query.column, "", room)
        found.append(query.model_copy(update={"distances": place.nearest(session, query.key, query.operator)}))
    return tuple(found)


def _places(session: Any) -> list[tuple[_Place, list[str] | None, Any]]:
    """The columns of vectors, each with its table's key and the operator of its index."""
    if extension_room(session) is None:
        return []
    rows = session.execute(statement("read_vector_columns")).fetchall()
    return [(_Place(*where), key, _operator(operator_class)) for *where, operator_class, key in rows]


class _Place:
    """A column of vectors, in SQL."""

    def __init__(self, schema: str, table: str, column: str, kind: Any, room: str) -> None:
        self._named = {"table_schema": schema, "table": table, "column": column}
        self._kind = kind
        norm = sql.SQL("{}.l2_norm({})" if kind == "halfvec" else "{}.vector_norm({}::{}.vector)")
        norm_of = norm.format(sql.Identifier(room), sql.Identifier(column), *([] if kind == "halfvec" else [sql.Identifier(room)]))
        self._parts: dict[str, sql.Composable] = {
            "table": sql.Identifier(schema, table), "column": sql.Identifier(column), "room": sql.Identifier(room), "norm": norm_of,
        }  # fmt: skip

    def described(self, session: Any) -> VectorColumn:
        """Counts, dimensions and lengths."""
        dimensions, rows, nulls, zeros, *lengths = session.execute(statement("describe_vectors", **self._parts)).fetchone()
        shortest, mean, longest = lengths
        return VectorColumn(
            **self._named, type=self._kind, dimensions=dimensions, rows=rows, nulls=nulls, zeros=zeros, shortest=shortest, mean=mean,
            longest=longest,
        )  # fmt: skip

    def queries(self, session: Any, key: list[str], operator: Any) -> list[Query]:
        """A few stored rows with the exact distances of their nearest."""
        keys = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in key)
        rows = session.execute(statement("sample_keys", **self._parts, keys=keys, limit=sql.Literal(QUERIES))).fetchall()
        named = [dict(zip(key, row, strict=True)) for row in rows]
        return [Query(**self._named, key=each, operator=operator, distances=self.nearest(session, each, operator)) for each in named]

    def nearest(self, session: Any, key: dict[str, str], operator: str) -> tuple[float, ...]:
        """The exact distances of the rows nearest to a stored one, ascending."""
        equal = [sql.SQL("{}::text = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in key.items()]
        parts = {**self._parts, "operator": sql.SQL(operator), "key": sql.SQL(" AND ").join(equal), "limit": sql.Literal(NEIGHBOURS)}
        session.execute("SELECT set_config('enable_indexscan', 'off', false)")
        return tuple(row[0] for row in session.execute(statement("exact_distances", **parts)))


def _index(row: tuple[Any, ...]) -> VectorIndex:
    schema, name, table_schema, table, method, operator_class, expression, definition, partial, valid, options, typmod, size = row
    column, cast = catalogue.expression(expression)
    stored = operator_class.partition("_")[0]
    settings = {key: int(value) for key, value in catalogue.pairs(options).items() if value.isdigit()}
    return VectorIndex(
        schema_name=schema, name=name, table_schema=table_schema, table=table, column=column, stored=stored,
        dimensions=cast[1] if cast else max(0, typmod), method=method, operator_class=operator_class, options=settings, partial=partial,
        valid=valid, size=size, definition=definition,
    )  # fmt: skip


def _operator(operator_class: str | None) -> Any:
    """The operator that an index of this class answers; cosine where there is no index, as embeddings are mostly compared."""
    return next((operator for end, operator in _OPERATORS.items() if (operator_class or "cosine_ops").endswith(end)), "<=>")
