"""A short build on the server: how fast it inserts vectors into a graph. Everything happens in one transaction that is rolled back."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

from infra.domain import index_advice, vectors
from infra.domain.catalogue import APPLICATION_SCHEMA
from infra.domain.environment import VectorSet
from infra.domain.index_advice import Rate, Shape
from scripts.edges import memories, postgres

# From about so many rows on the time of an insert grows with the logarithm of the rows; before, the processor's caches flatter it
# (1536 dimensions: 0.35 ms at 1,000 rows, 0.7 at 8,000, 0.8 to 0.9 from 20,000 to 100,000). It takes 2 to 7 seconds.
ROWS = 10_000
# Fewer rows than this tell nothing.
LEAST_ROWS = 1_000
# Predictions from a sample of ROWS rows were within this share in eight of ten shapes.
ERROR = 0.25
# Pages are sampled, and pages hold unequal numbers of rows: twice as many as needed are asked for.
_SPARE = 2.0
_SEED = 20240101


def rows_of(connection: psycopg.Connection[Any], vector_set: VectorSet) -> int | None:
    """About how many rows the set's table holds; None without the table, or while nobody has counted."""
    place = {"schema": APPLICATION_SCHEMA, "table": vector_set.table, "column": vector_set.column}
    row = connection.execute(postgres.statement("read_rows_estimate"), place).fetchone()
    return int(row[0]) if row is not None and row[0] > 0 else None


def calibrate(connection: psycopg.Connection[Any], vector_set: VectorSet, shape: Shape) -> Rate:
    """The rate of this server for a set of this shape, from its stored rows, or from made-up ones where there are too few."""
    with postgres.told("building a sample"), connection.transaction(force_rollback=True):
        rows = _stored(connection, vector_set) or _made(connection, shape)
        sample = Shape(**{**vars(shape), "rows": rows})
        need = index_advice.graph_need(sample, shape.column, 0)
        connection.execute(postgres.statement("prepare_sample_build"), {"memory": f"{(need >> 10) + 1024}kB"})
        began = time.perf_counter()
        connection.execute(postgres.statement("create_sample_index", **_index(shape)))
        return index_advice.normal(time.perf_counter() - began, rows, sample, shape.column, ERROR)


def _index(shape: Shape) -> dict[str, sql.Composable]:
    return {
        "operator_class": sql.Identifier(vectors.operator_class(shape.column, shape.distance)),
        "m": sql.Literal(shape.m),
        "ef_construction": sql.Literal(shape.ef_construction),
    }


def _stored(connection: psycopg.Connection[Any], vector_set: VectorSet) -> int:
    """Copies stored rows into the sample; how many, 0 where the table is missing or holds too few."""
    rows = rows_of(connection, vector_set)
    if rows is None or rows < LEAST_ROWS:
        return 0
    share = min(100.0, 100.0 * ROWS * _SPARE / rows)
    names = {
        "schema": sql.Identifier(APPLICATION_SCHEMA),
        "table": sql.Identifier(vector_set.table),
        "column": sql.Identifier(vector_set.column),
    }
    connection.execute(
        postgres.statement("sample_vectors", **names, rows=sql.Literal(ROWS), share=sql.Literal(share), seed=sql.Literal(_SEED))
    )
    row = connection.execute("SELECT count(*) FROM agentmem_sample").fetchone()
    if row is not None and row[0] >= LEAST_ROWS:
        return int(row[0])
    connection.execute("DROP TABLE agentmem_sample")
    return 0


def _made(connection: psycopg.Connection[Any], shape: Shape) -> int:
    from pgvector import HalfVector, Vector
    from pgvector.psycopg import register_vector

    register_vector(connection)
    kind = sql.SQL("{}({})").format(sql.Identifier(shape.column), sql.Literal(shape.dimensions))
    connection.execute(postgres.statement("create_sample_table", kind=kind))
    value = HalfVector if shape.column == "halfvec" else Vector
    made = memories.make(ROWS, shape.dimensions, seed=_SEED)
    with connection.cursor() as cursor, cursor.copy("COPY agentmem_sample FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([shape.column])
        for embedding in made.embeddings:
            copy.write_row((value(embedding),))
    return ROWS
