"""Embeds a table's texts anew, under another model and into another column: in batches, killed at any moment and resumed.

A batch is one transaction: its vectors and the key that it came to are both there or neither. The new model is recorded before the first
of its vectors is written, and no vector that is there is ever written over, so a column never holds vectors of two models.
"""

from __future__ import annotations

import math
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from infra.domain.catalogue import APPLICATION_SCHEMA
from infra.domain.environment import VectorSet
from infra.domain.steps import RecordModel
from scripts.edges import database_steps, postgres
from scripts.edges.exits import BAD, BUSY, REFUSED, USAGE, Failure

Embed = Callable[[list[str]], Sequence[Sequence[float]]]
# The second of our locks: a column is filled by one process at a time, for hours perhaps, while post-provision may run.
LOCK = {**database_steps.LOCK, "number": 2}
# Adding a column waits for every transaction on its table, and everybody else waits behind it: not longer than this.
_LOCK_MILLISECONDS = "2000"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be embedded anew: the declared set of the new model, the column that serves until now, the column of the texts."""

    vector_set: VectorSet
    from_column: str
    text: str
    batch: int


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A re-embedding as it stands. `key` are the columns of the primary key with their types, `after` where it has come to."""

    key: tuple[tuple[str, str], ...]
    after: list[str] | None
    rows_done: int
    cut_over: bool


def function(name: str, folder: str) -> Embed:
    """The application's embedding function `module:function`, looked for in `folder` too. Raises Failure."""
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise Failure(USAGE, f"{name} is not module:function", hint="a function that takes a list of texts and returns their embeddings")
    sys.path.insert(0, folder)
    try:
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise Failure(USAGE, f"{name} cannot be imported: {error}", hint="run it where the application's modules are") from None
    finally:
        sys.path.remove(folder)
    if not callable(found):
        raise Failure(USAGE, f"{name} is no function")
    chosen: Embed = found
    return chosen


def lock(connection: psycopg.Connection[Any]) -> None:
    """Take the lock of re-embedding for the life of this session; raises Failure."""
    row = connection.execute(postgres.statement("try_lock"), LOCK).fetchone()
    if row is None or not row[0]:
        raise Failure(BUSY, "another re-embedding is at work in this database", hint="wait for it, or end its session")


def key_of(connection: psycopg.Connection[Any], job: Job) -> tuple[tuple[str, str], ...]:
    """The primary key that rows are walked by, and the proof that all columns are there; changes nothing. Raises Failure."""
    place = {"schema": APPLICATION_SCHEMA, "table": job.vector_set.table}
    key = tuple((str(name), str(kind)) for name, kind in connection.execute(postgres.statement("read_key"), place))
    if not key:
        raise Failure(REFUSED, f"{job.vector_set.table} has no primary key, or does not exist", hint="rows are walked by their key")
    for column in (job.from_column, job.text):
        if connection.execute(postgres.statement("read_column_type"), {**place, "column": column}).fetchone() is None:
            raise Failure(USAGE, f"{job.vector_set.table} has no column {column}", hint="--vector-set TABLE.COLUMN, --text COLUMN")
    _refuse_other_column(connection, job, place)
    return key


def _refuse_other_column(connection: psycopg.Connection[Any], job: Job, place: dict[str, str]) -> None:
    """The new column must be as declared, or not be there."""
    vector_set = job.vector_set
    found = connection.execute(postgres.statement("read_column_type"), {**place, "column": vector_set.column}).fetchone()
    fits = (("vector", vector_set.dimensions), (vector_set.type, vector_set.dimensions))
    if found is not None and tuple(found) not in fits:
        says = f"{vector_set.table}.{vector_set.column} is {found[0]}({found[1]}), declared is {vector_set.type}({vector_set.dimensions})"
        raise Failure(REFUSED, says, hint="another name for the new column, in the stack file and in --to-column")


def begin(connection: psycopg.Connection[Any], job: Job) -> Begun:
    """Add the column and record its model, in one transaction, or find both; raises Failure where vectors of two models would meet."""
    key, vector_set = key_of(connection, job), job.vector_set
    place = {"schema": APPLICATION_SCHEMA, "table": vector_set.table, "column": vector_set.column}
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_MILLISECONDS,))
        connection.execute(postgres.statement("create_reembeddings"))
        recorded = [row[0] for row in connection.execute(postgres.statement("read_provenance"))]
        known = any((row["table"], row["column"]) == (vector_set.table, vector_set.column) for row in recorded)
        if connection.execute(postgres.statement("read_column_type"), place).fetchone() is None:
            parts = {"type": sql.Identifier(vector_set.type), "dimensions": sql.Literal(vector_set.dimensions)}
            connection.execute(postgres.statement("add_vector_column", **_place(job), **parts))
        elif not known and _one(connection, postgres.statement("count_filled", **_place(job))):
            says = f"{vector_set.table}.{vector_set.column} holds vectors already, and nobody wrote down which model made them"
            raise Failure(REFUSED, says, hint="another column, or empty this one first")
        database_steps.carry_out(connection, RecordModel(vector_set=vector_set))
        begun = connection.execute(postgres.statement("begin_reembedding"), _values(job)).fetchone()
        if begun is None:
            says = f"{vector_set.table}.{vector_set.column} was begun from another column or for another model"
            raise Failure(REFUSED, says, hint="agent_memory.reembeddings says which")
    return Begun(key=key, after=begun[0], rows_done=begun[1], cut_over=begun[2])


def fill(connection: psycopg.Connection[Any], job: Job, begun: Begun, embed: Embed, tell: Callable[[int], None]) -> int:
    """Embed every text that has no vector yet, in batches by primary key; `tell` gets the rows of each. Returns how many it were.

    Rows that came or changed meanwhile are found by walking again from the first key, until a walk finds nothing more to do.
    """
    total, walked, after = 0, 0, begun.after
    from_the_first = after is None
    while True:
        rows = connection.execute(_unembedded(job, begun, after), _after_values(after)).fetchall()
        if rows:
            keys, texts = [list(row[:-1]) for row in rows], [row[-1] for row in rows]
            vectors = _checked(embed, texts, keys, job.vector_set)
            after = keys[-1]
            with connection.transaction():
                written = _write(connection, job, begun, keys, texts, vectors)
                _note(connection, job, after, written)
            walked, total = walked + written, total + written
            tell(written)
        elif from_the_first and walked == 0:
            return total
        else:
            _note(connection, job, None, 0)
            after, walked, from_the_first = None, 0, True


def left(connection: psycopg.Connection[Any], job: Job) -> tuple[int, int]:
    """Rows that have a vector of the old model and none of the new one, and how many of them have no text."""
    parts = {"text": sql.Identifier(job.text), "from_column": sql.Identifier(job.from_column)}
    row = connection.execute(postgres.statement("count_unembedded", **_place(job), **parts)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def note_filled(connection: psycopg.Connection[Any], job: Job) -> None:
    """Write down that every row has its vector: post-provision may build the index, too."""
    connection.execute(postgres.statement("note_filled"), _values(job))


def cut_over(connection: psycopg.Connection[Any], job: Job) -> int:
    """Make the new column the one that serves, unless rows are missing there; returns how many are."""
    with connection.transaction():
        missing, _ = left(connection, job)
        if missing == 0:
            connection.execute(postgres.statement("cut_over"), _values(job))
    return missing


def _checked(embed: Embed, texts: list[str], keys: list[list[str]], vector_set: VectorSet) -> list[str]:
    """The vectors as pgvector reads them; raises Failure naming the first row whose vector cannot be stored or searched."""
    try:
        vectors = list(embed(texts))
    except Exception as error:
        says = f"the embedding function failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise Failure(BAD, says.rstrip(": "), hint="run it again: it goes on with the batch that failed") from None
    if len(vectors) != len(texts):
        raise Failure(BAD, f"the embedding function returned {len(vectors)} embeddings for {len(texts)} texts")
    written = []
    for key, vector in zip(keys, vectors, strict=True):
        values = [float(value) for value in vector]
        if fault := _fault(values, vector_set):
            raise Failure(BAD, f"the embedding of row ({', '.join(key)}) {fault}", hint="nothing of its batch was written")
        written.append("[" + ",".join(repr(value) for value in values) + "]")
    return written


def _fault(values: list[float], vector_set: VectorSet) -> str | None:
    if len(values) != vector_set.dimensions:
        return f"has {len(values)} dimensions, declared are {vector_set.dimensions}"
    if not all(math.isfinite(value) for value in values):
        return "holds a value that is not finite"
    if vector_set.distance == "cosine" and not any(values):
        return "is all zeros, which no cosine index can hold"
    return None


def _unembedded(job: Job, begun: Begun, after: list[str] | None) -> sql.Composed:
    names = [sql.Identifier(name) for name, _ in begun.key]
    beyond = sql.SQL("({}) > ({})").format(sql.SQL(", ").join(names), sql.SQL(", ").join(_typed(begun)))
    return postgres.statement(
        "read_unembedded",
        **_place(job),
        text=sql.Identifier(job.text),
        key=sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in names),
        after=beyond if after is not None else sql.SQL("true"),
        order=sql.SQL(", ").join(names),
        rows=sql.Literal(job.batch),
    )


def _typed(begun: Begun) -> list[sql.Composable]:
    """A placeholder for each part of the key; type names come from the server itself, quoted where they must be."""
    return [sql.SQL("{}::{}").format(sql.Placeholder(f"key_{place}"), sql.SQL(kind)) for place, (_, kind) in enumerate(begun.key)]


def _after_values(after: list[str] | None) -> dict[str, str] | None:
    return None if after is None else {f"key_{place}": value for place, value in enumerate(after)}


def _write(connection: psycopg.Connection[Any], job: Job, begun: Begun, keys: list[list[str]], texts: list[str], vectors: list[str]) -> int:
    columns = [sql.Identifier(f"key_{place}") for place in range(len(begun.key))]
    same = [
        sql.SQL("memory.{} = given.{}::{}").format(sql.Identifier(name), column, sql.SQL(kind))
        for column, (name, kind) in zip(columns, begun.key, strict=True)
    ]
    arrays = [sql.SQL("%s::text[]")] * (len(columns) + 2)
    statement = postgres.statement(
        "fill_vectors",
        **_place(job),
        text=sql.Identifier(job.text),
        type=sql.Identifier(job.vector_set.type),
        arrays=sql.SQL(", ").join(arrays),
        names=sql.SQL(", ").join(columns),
        same=sql.SQL(" AND ").join(same),
    )
    parts = [list(part) for part in zip(*keys, strict=True)]
    return connection.execute(statement, [*parts, texts, vectors]).rowcount


def _note(connection: psycopg.Connection[Any], job: Job, after: list[str] | None, rows: int) -> None:
    connection.execute(postgres.statement("note_reembedded"), {**_values(job), "after": after, "rows": rows})


def _place(job: Job) -> dict[str, sql.Composable]:
    names = {"schema": APPLICATION_SCHEMA, "table": job.vector_set.table, "column": job.vector_set.column}
    return {name: sql.Identifier(value) for name, value in names.items()}


def _values(job: Job) -> dict[str, str]:
    vector_set = job.vector_set
    place = {"table": vector_set.table, "column": vector_set.column, "from_column": job.from_column}
    return {**place, "model": vector_set.model.name, "version": vector_set.model.version}


def _one(connection: psycopg.Connection[Any], statement: sql.Composed) -> Any:
    row = connection.execute(statement).fetchone()
    return row[0] if row else None
