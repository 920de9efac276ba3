"""Judges indexes by recall, swaps their names, and drops those that were replaced: the steps of an index's evolution on a live server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from infra.domain.catalogue import APPLICATION_SCHEMA, Proof, proof_of
from infra.domain.environment import VectorSet
from infra.domain.evolution import comment
from infra.domain.steps import Evolution, JudgeIndex, RejectIndex, RetireIndex, SwapIndex
from scripts.edges import postgres, vector_tables
from scripts.edges.exits import BAD, BUSY, Failure

# 50 rows give a standard error of recall@10 of about 0.01 at 0.95: neighbours of one query go missing together, so it is not smaller.
_QUERIES = 50
# While another index is hidden nobody can use its table, so it is hidden for a few searches of some milliseconds each.
_SEARCHES_WHILE_HIDDEN = 5
# Whoever waits for the table's lock makes everybody wait behind him: not longer than this, and not at once again.
_LOCK_MILLISECONDS, _LOCK_TRIES, _LOCK_PAUSE_SECONDS = "200", 25, 0.2
# The index that is declared, one of an application and one half of a replacement; more on one column is a mistake.
_HIDDEN_MOST = 4
_SCHEMA = sql.Identifier(APPLICATION_SCHEMA)


def carry_out(connection: psycopg.Connection[Any], action: Evolution, settings: Mapping[str, str]) -> None:
    """Carry out one action; `settings` are what searches are set to. Raises Failure, psycopg.Error."""
    match action:
        case JudgeIndex(name=name, vector_set=vector_set, built=built, estimated=estimated):
            recall, rows = measure(connection, vector_set, name, settings)
            write_down(connection, name, Proof(recall=recall, rows=rows, built=built, estimated=estimated))
        case SwapIndex():
            swap(connection, action)
        case RetireIndex(name=name):
            retire(connection, name)
        case RejectIndex(name=name, current=current, proof=proof):
            write_down(connection, current, proof)
            retire(connection, name)


def swap(connection: psycopg.Connection[Any], action: SwapIndex) -> None:
    """Change names in one transaction. Renaming an index locks neither reads nor writes of its table."""
    with connection.transaction():
        if action.aside is not None:
            connection.execute(postgres.statement("rename_index", schema=_SCHEMA, **_renaming(action.name, action.aside)))
        connection.execute(postgres.statement("rename_index", schema=_SCHEMA, **_renaming(action.new, action.name)))


def retire(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop an index, valid or not, while everybody works on."""
    connection.execute(postgres.statement("drop_index", schema=_SCHEMA, index=sql.Identifier(name)))


def write_down(connection: psycopg.Connection[Any], name: str, proof: Proof) -> None:
    """Write a proof into an index's comment, and leave what others have written there."""
    row = connection.execute(postgres.statement("read_index_comment"), {"schema": APPLICATION_SCHEMA, "index": name}).fetchone()
    lines = (row[0] or "").splitlines() if row else []
    text = "\n".join([*(line for line in lines if proof_of(line) is None), comment(proof)])
    connection.execute(postgres.statement("comment_on_index", schema=_SCHEMA, index=sql.Identifier(name), comment=sql.Literal(text)))


def measure(connection: psycopg.Connection[Any], vector_set: VectorSet, name: str, settings: Mapping[str, str]) -> tuple[float | None, int]:
    """Recall@10 of the index `name` and the number of rows with a vector; recall is None where there are none.

    Exact answers are found first and without any lock. Where the planner would take another index for the same search, that one is hidden
    from it: dropped in a transaction that is rolled back, some milliseconds at a time. Raises Failure where that lock cannot be had.
    """
    from pgvector.psycopg import register_vector

    register_vector(connection)
    place = {"schema": _SCHEMA, "table": sql.Identifier(vector_set.table), "column": sql.Identifier(vector_set.column)}
    counted = connection.execute(postgres.statement("count_vectors", **place)).fetchone()
    sampled = postgres.statement("sample_stored_vectors", **place, rows=sql.Literal(_QUERIES))
    queries = [row[0].to_numpy() for row in connection.execute(sampled)]
    rows = int(counted[0]) if counted else 0
    if not queries:
        return None, rows
    statement = vector_tables.nearest(vector_set)
    exact = [vector_tables.answers(connection, statement, query, {"enable_indexscan": "off"})[0] for query in queries]
    hidden, hits = _in_the_way(connection, statement, queries[0], name, settings), 0
    size = _SEARCHES_WHILE_HIDDEN if hidden else len(queries)
    for start in range(0, len(queries), size):
        with _without(connection, hidden):
            for query, truth in zip(queries[start : start + size], exact[start : start + size], strict=True):
                near, _ = vector_tables.answers(connection, statement, query, {"enable_seqscan": "off", **settings})
                hits += vector_tables.found(near, truth)
    return round(min(1.0, hits / sum(len(truth) for truth in exact)), 4), rows


def _in_the_way(
    connection: psycopg.Connection[Any], statement: sql.Composed, query: Any, name: str, settings: Mapping[str, str]
) -> tuple[str, ...]:
    """The indexes that the planner prefers to this one; raises Failure when it does not take this one in the end."""
    hidden: tuple[str, ...] = ()
    for _ in range(_HIDDEN_MOST):
        with _without(connection, hidden):
            used = vector_tables.served_by(connection, statement, query, settings)
        if used == name:
            return hidden
        if used is None:
            break
        hidden = (*hidden, used)
    raise Failure(BAD, f"{name} is valid, but a search for the nearest does not use it", hint="agentmem indexes status tells why")


@contextmanager
def _without(connection: psycopg.Connection[Any], hidden: tuple[str, ...]) -> Iterator[None]:
    """Until the block ends the planner does not know the hidden indexes. Raises Failure where their table stays in use."""
    if not hidden:
        yield
        return
    with connection.transaction(force_rollback=True):
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_MILLISECONDS,))
        for name in hidden:
            _hide(connection, name)
        yield


def _hide(connection: psycopg.Connection[Any], name: str) -> None:
    for _ in range(_LOCK_TRIES):
        try:
            with connection.transaction():
                connection.execute(postgres.statement("hide_index", schema=_SCHEMA, index=sql.Identifier(name)))
            return
        except psycopg.errors.LockNotAvailable:
            time.sleep(_LOCK_PAUSE_SECONDS)
    raise Failure(
        BUSY, f"{name} is in use all the time, so no search can be shown to do without it", hint="end long transactions, try again"
    )


def _renaming(index: str, name: str) -> dict[str, sql.Composable]:
    return {"index": sql.Identifier(index), "name": sql.Identifier(name)}
