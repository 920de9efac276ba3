"""Stored rows to ask with, and their exact neighbours: what a recall measurement takes for the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.domain import recall
from infra.domain.catalogue import APPLICATION_SCHEMA
from infra.domain.recall import NEIGHBOURS, Excluded
from scripts.edges import postgres
from scripts.edges.recall_search import VectorIndex

if TYPE_CHECKING:
    import psycopg
    from pgvector import Vector

Settings = Mapping[str, object]
# So many pages for each row that is wanted, so that few of them come from one page, where rows were written together.
_PAGES_PER_ROW = 2
# A sample that is too small, as of a table with few vectors, is taken again from so many times the pages.
_MORE_PAGES = 8


@dataclass(frozen=True)
class Question:
    """A stored row to ask with: its address, its vector, and its distance to itself in the index's own terms."""

    address: str
    vector: Vector
    own_distance: float


def sample(connection: psycopg.Connection[Any], index: VectorIndex, queries: int, seed: int) -> list[Question]:
    """Rows from pages all over the table, more pages until there are enough rows; all of them in the end."""
    from psycopg import sql

    place = {"schema": APPLICATION_SCHEMA, "table": index.vector_set.table}
    row = connection.execute(postgres.statement("read_table_pages"), place).fetchone()
    wanted = queries * _PAGES_PER_ROW
    picked = sql.Identifier("picked", "embedding")
    parts = {
        **index.parts,
        "rows": sql.Literal(queries),
        "seed": sql.Literal(seed),
        "own_distance": index.order(picked, picked),
        "searchable": sql.SQL("vector_norm({}::vector) > 0").format(picked) if index.vector_set.distance == "cosine" else sql.SQL("true"),
    }
    while True:
        share = 100.0 if not row or not row[0] else min(100.0, 100.0 * wanted / row[0])
        found = connection.execute(postgres.statement("sample_stored_rows", **parts, share=sql.Literal(share))).fetchall()
        if len(found) >= queries or share >= 100.0:
            return [Question(*each) for each in found]
        wanted *= _MORE_PAGES


def exact(
    connection: psycopg.Connection[Any], index: VectorIndex, questions: Sequence[Question], near: Sequence[Sequence[float]]
) -> list[list[float]]:
    """The exact distances of each question's nearest, by one pass; questions that the index had too few answers to are asked one by one."""
    bounds = {number: recall.bound(found[-1]) for number, found in enumerate(near) if len(found) == NEIGHBOURS}
    truth: dict[int, list[float]] = {number: [] for number in bounds}
    asked = list(bounds)
    if asked:
        values = {"questions": [questions[number].vector for number in asked], "bounds": [bounds[number] for number in asked]}
        # The heap of a table of vectors looks tiny, and workers are given by its size. Results come row by row.
        pace = {"jit": "off", "min_parallel_table_scan_size": "0", "statement_timeout": "0"}
        statement = postgres.statement("measure_all_distances", **index.parts)
        with with_settings(connection, pace), connection.cursor() as cursor:
            for place, distance, rows in cursor.stream(statement, values):
                nearest = truth[asked[place - 1]]
                nearest.extend([distance] * min(rows, NEIGHBOURS - len(nearest)))
    alone = postgres.statement("search_exactly", **index.parts)
    with with_settings(connection, {"enable_indexscan": "off", "statement_timeout": "0"}):
        for number, question in enumerate(questions):
            if len(truth.get(number, ())) < NEIGHBOURS:
                rows = connection.execute(alone, {"query": question.vector}, prepare=False).fetchall()
                truth[number] = [row[0] for row in rows]
    return [truth[number] for number in range(len(questions))]


def count_excluded(connection: psycopg.Connection[Any], index: VectorIndex) -> Excluded:
    """Every row of the table is counted: those of length zero are told by their vectors alone."""
    rows, nulls, zeros = connection.execute(postgres.statement("count_searchable", **index.parts)).fetchone() or (0, 0, 0)
    return Excluded(rows=rows, without_vector=nulls, of_length_zero=zeros if index.vector_set.distance == "cosine" else 0)


@contextmanager
def with_settings(connection: psycopg.Connection[Any], settings: Settings) -> Iterator[None]:
    """Settings for the block alone."""
    with connection.transaction(force_rollback=True):
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, str(value)))
        yield
