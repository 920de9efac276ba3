"""Tables of memories in PostgreSQL: made as an application would make them, filled in binary, searched both ways."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from infra.domain import vectors
from infra.domain.environment import VectorSet

if TYPE_CHECKING:
    import numpy as np
    import psycopg
    from numpy.typing import NDArray
    from psycopg import sql

    from scripts.edges.memories import Memories

# recall@10 is what the floor of a vector set is declared for.
NEIGHBOURS = 10
# Distances of two ways of computing the same thing differ in the last bits of a float32, more after a cast to half.
_TIE = 1e-4
# A row the load reports at; a thousand rows are a few megabytes.
_REPORT_EVERY = 1000


@dataclass(frozen=True)
class Search:
    """How the searches of one vector set went. Latencies are medians in milliseconds; `served_by` is the index, or None."""

    vector_set: str
    recall_at_10: float
    floor: float
    indexed_ms: float
    exact_ms: float
    served_by: str | None
    queries: int

    @property
    def good(self) -> bool:
        """Whether an index answered and its recall reaches the floor."""
        return self.served_by is not None and self.recall_at_10 >= self.floor


def create_tables(connection: psycopg.Connection[Any], vector_sets: Sequence[VectorSet]) -> None:
    """One table for each declared one, the way an application keeps memories: text key, session, time, text, vectors."""
    from psycopg import sql

    columns: dict[str, list[sql.Composed]] = {}
    for vector_set in vector_sets:
        column = sql.SQL("{} vector({})").format(sql.Identifier(vector_set.column), sql.Literal(vector_set.dimensions))
        columns.setdefault(vector_set.table, []).append(column)
    for table, embeddings in columns.items():
        statement = sql.SQL(
            "CREATE TABLE {} (id text PRIMARY KEY, session_id text,"
            " created_at timestamptz NOT NULL DEFAULT now(), content text NOT NULL, {})"
        )
        connection.execute(statement.format(sql.Identifier(table), sql.SQL(", ").join(embeddings)))


def load(connection: psycopg.Connection[Any], vector_set: VectorSet, memories: Memories, progress: Callable[[int], None]) -> None:
    """COPY the memories in, binary, in one transaction; `progress` receives the number of rows sent."""
    from pgvector import Vector
    from pgvector.psycopg import register_vector
    from psycopg import sql

    register_vector(connection)
    names = [sql.Identifier(name) for name in ("id", "content", vector_set.column)]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(vector_set.table), sql.SQL(", ").join(names))
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["text", "text", "vector"])
        for row, (key, text, embedding) in enumerate(zip(memories.ids, memories.texts, memories.embeddings, strict=True), 1):
            copy.write_row((key, text, Vector(embedding)))
            if row % _REPORT_EVERY == 0:
                progress(_REPORT_EVERY)
        progress(len(memories) % _REPORT_EVERY)
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(vector_set.table)))


def search(
    connection: psycopg.Connection[Any], vector_set: VectorSet, queries: NDArray[np.float32], settings: Mapping[str, object]
) -> Search:
    """Answer each query exactly and through the index, and compare; `settings` are the index's search settings.

    A neighbour counts as found when it is as near as the exact k-th: ties may come in any order.
    """
    from pgvector.psycopg import register_vector

    register_vector(connection)
    statement = nearest(vector_set)
    wanted = hits = 0
    exact_ms, indexed_ms = [], []
    index = served_by(connection, statement, queries[0], settings)
    for query in queries:
        exact, milliseconds = answers(connection, statement, query, {"enable_indexscan": "off"})
        exact_ms.append(milliseconds)
        near, milliseconds = answers(connection, statement, query, {"enable_seqscan": "off", **settings})
        indexed_ms.append(milliseconds)
        wanted += len(exact)
        hits += found(near, exact)
    recall = min(1.0, hits / wanted) if wanted else 0.0
    name = f"{vector_set.table}.{vector_set.column}"
    return Search(
        name, round(recall, 4), vector_set.recall_floor, round(median(indexed_ms), 2), round(median(exact_ms), 2), index, len(queries)
    )


def found(near: Sequence[float], exact: Sequence[float]) -> int:
    """How many neighbours, by their distances, are as near as the exact k-th: ties may come in any order."""
    return sum(1 for distance in near if distance <= exact[-1] + _TIE) if exact else 0


def nearest(vector_set: VectorSet) -> sql.Composed:
    """The query that an application writes: the same cast and operator as the index, ascending, with a limit."""
    from psycopg import sql

    operator = sql.SQL(vectors.operator(vector_set.distance))
    column = sql.Identifier(vector_set.column)
    if vector_set.type == "halfvec":
        cast = sql.SQL("::halfvec({})").format(sql.Literal(vector_set.dimensions))
        order = sql.SQL("{}{} {} %(query)s{}").format(column, cast, operator, cast)
    else:
        order = sql.SQL("{} {} %(query)s").format(column, operator)
    statement = sql.SQL("SELECT {} AS distance FROM {} ORDER BY {} LIMIT {}")
    return statement.format(order, sql.Identifier(vector_set.table), order, sql.Literal(NEIGHBOURS))


def answers(
    connection: psycopg.Connection[Any], statement: sql.Composed, query: Any, settings: Mapping[str, object]
) -> tuple[list[float], float]:
    """The distances of the nearest neighbours, and the milliseconds that the query took."""
    from pgvector import Vector

    with connection.transaction(force_rollback=True):
        _set(connection, settings)
        started = time.perf_counter()
        rows = connection.execute(statement, {"query": Vector(query)}).fetchall()
        return [row[0] for row in rows], (time.perf_counter() - started) * 1000


def served_by(connection: psycopg.Connection[Any], statement: sql.Composed, query: Any, settings: Mapping[str, object]) -> str | None:
    """The index that the planner chooses; without this a recall of 1.0 may mean that no index was asked."""
    from pgvector import Vector
    from psycopg import sql

    with connection.transaction(force_rollback=True):
        _set(connection, {"enable_seqscan": "off", **settings})
        plan = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + statement, {"query": Vector(query)}).fetchone()
    node = plan[0][0]["Plan"] if plan else {}
    while node:
        if "Index Name" in node:
            return str(node["Index Name"])
        node = next(iter(node.get("Plans", ())), {})
    return None


def _set(connection: psycopg.Connection[Any], settings: Mapping[str, object]) -> None:
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, str(value)))
