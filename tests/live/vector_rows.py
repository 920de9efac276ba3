"""Clustered vectors in tables without a column called id, and indexes on them: what tests of living indexes stand on."""

from __future__ import annotations

from typing import Any

import psycopg

from infra.domain.environment import Environment, VectorSet
from scripts.edges import memories

ROWS, DIMENSIONS = 3000, 64
EMBEDDINGS = memories.make(ROWS, DIMENSIONS, seed=11).embeddings


def declare(prod: Environment) -> VectorSet:
    """The first vector set of production, for a small table of a framework."""
    return prod.vector_sets[0].model_copy(update={"table": "store_vectors", "column": "e", "dimensions": DIMENSIONS})


def fill(connection: psycopg.Connection[Any], table: str, column: str, rows: Any, *, key: bool = False, analyze: bool = True) -> None:
    from pgvector import Vector
    from pgvector.psycopg import register_vector

    register_vector(connection)
    keys = "prefix text, key text, field_name text" + (", PRIMARY KEY (prefix, key, field_name)" if key else "")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({keys}, {column})".encode())
    kind = column.split()[1].partition("(")[0]
    rows_in = "unnest(%b::vector[]) WITH ORDINALITY AS row (embedding, number)"
    insert = f"INSERT INTO {table} SELECT 'a', number::text, 'f', embedding::{kind} FROM {rows_in}"
    connection.execute(insert.encode(), ([None if row is None else Vector(row) for row in rows],))
    if analyze:
        connection.execute(f"ANALYZE {table}".encode())


def index(connection: psycopg.Connection[Any], expression: str, *, name: str = "near", table: str = "store_vectors") -> None:
    connection.execute(f"CREATE INDEX {name} ON {table} USING {expression}".encode())
