"""Where a promotion is measured: a filled source, a target that is emptied before each run, and what both are asked and proved by."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks import servers
from infra.domain import vectors
from infra.domain.environment import Hnsw, VectorSet
from infra.domain.manifest import FAST_ALGORITHM
from infra.domain.steps import BuildIndex
from scripts.edges import index_builds, memories, stack_file, table_digests, vector_tables
from scripts.edges.index_builds import Room
from scripts.local_azure.postgres import Cluster

_ROOT = Path(__file__).resolve().parents[1]
_SEED = 20240102
# Enough that the recall of one run is within two hundredths of what 200 questions give.
_QUESTIONS = 40
_TEXT_BYTES = 240
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
# Rows as applications keep them: a session's facts as jsonb, and memories of a few hundred bytes beside their vector.
_SESSIONS = """CREATE TABLE sessions (id bigint GENERATED ALWAYS AS IDENTITY, session_id uuid NOT NULL, user_id text NOT NULL,
created_at timestamptz NOT NULL, metadata jsonb NOT NULL)"""
_MEMORIES = """CREATE TABLE {} (id uuid NOT NULL, session_id uuid NOT NULL, created_at timestamptz NOT NULL, model text NOT NULL,
content text NOT NULL, embedding vector({}) NOT NULL)"""
_FILL_SESSIONS = """INSERT INTO sessions (session_id, user_id, created_at, metadata)
SELECT md5(n::text)::uuid, 'user-' || n %% 997, timestamptz '2025-01-01Z' + n * interval '31 s',
  jsonb_build_object('agent', 'agent-' || n %% 7, 'turns', n %% 40, 'tags', jsonb_build_array('t' || n %% 11, 't' || n %% 13),
    'summary', repeat(md5((n * 7)::text), 8))
FROM generate_series(0, %s) AS n"""
_KEYS = (
    "ALTER TABLE sessions ADD PRIMARY KEY (id), ADD UNIQUE (session_id)",
    "CREATE INDEX sessions_user_idx ON sessions (user_id)",
)
_MEMORY_KEYS = (
    "ALTER TABLE {} ADD PRIMARY KEY (id), ADD FOREIGN KEY (session_id) REFERENCES sessions (session_id)",
    "CREATE INDEX ON {} (session_id, created_at)",
)


@dataclass(frozen=True)
class Part:
    """A table of memories: its vectors' dimensions, as what its index stores them, how many rows."""

    table: str
    dimensions: int
    stored: str
    rows: int

    @property
    def vector_set(self) -> VectorSet:
        """The part as the product declares it."""
        shipped = stack_file.read("prod", _ROOT).vector_sets[0]
        index = Hnsw(kind="hnsw", m=16, ef_construction=64)
        named = {"table": self.table, "column": "embedding", "dimensions": self.dimensions, "type": self.stored}
        return shipped.model_copy(update={**named, "distance": "cosine", "index": index, "index_if_memory_is_short": None})

    @property
    def index(self) -> BuildIndex:
        """Its HNSW index."""
        vector_set = self.vector_set
        return BuildIndex(vector_set=vector_set, index=vector_set.index, name=vectors.index_name(vector_set), cast=self.stored != "vector")


@dataclass(frozen=True)
class Questions:
    """What is asked of a part's index: the search, its questions, and the exact distances that the source gave."""

    statement: sql.Composed
    asked: tuple[Any, ...]
    exact: tuple[list[float], ...]


@dataclass(frozen=True)
class Ground:
    """Two servers; `questions` by table, and `digests` of the source's tables."""

    source: Cluster
    target: Cluster
    parts: tuple[Part, ...]
    room: Room
    questions: dict[str, Questions]
    digests: dict[str, tuple[int, str]]

    def empty(self) -> None:
        """A new database in the target, and nothing left to write on either side."""
        servers.new_database(self.target)
        servers.settle(self.source)
        servers.settle(self.target)
        os.sync()  # what a file system has just been given back it can use only after this

    def prove(self, who: str) -> None:
        """Every table of the target has the source's rows. Ends the measuring otherwise."""
        found = _digests(self.target)
        if found != self.digests:
            raise SystemExit(f"{who}: the target is not the source's equal: {found}, and there {self.digests}")

    @property
    def memory_kib(self) -> int:
        """What the largest of the builds needs, as a careful operator sets it once for all of them."""
        needed = (vectors.graph_bytes(part.rows, part.dimensions, part.stored, 16) for part in self.parts)
        # A build that was given just the mean has spilled; the builder leaves as much.
        return max(self.room.server_kib, int(max(needed) / 1024 * 1.02))


@contextmanager
def prepared(parts: tuple[Part, ...], sessions: int, room: Room) -> Iterator[Ground]:
    """Two servers for as long as the block runs, the first one filled and indexed."""
    with servers.server("zepmem-source") as source, servers.server("zepmem-target") as target:
        with servers.open_on(source) as session:
            make_tables(session, parts)
            session.execute(_FILL_SESSIONS, (sessions - 1,))
            asked = {part.table: _fill(session, part, sessions) for part in parts}
            _finish(source, session, parts, room)
            questions = {part.table: _asked(session, part, asked[part.table]) for part in parts}
        yield Ground(source, target, parts, room, questions, _digests(source))


def make_tables(session: psycopg.Connection[Any], parts: tuple[Part, ...]) -> None:
    """The tables, without keys and indexes."""
    session.execute(_SESSIONS)
    for part in parts:
        session.execute(sql.SQL(_MEMORIES).format(sql.Identifier(part.table), sql.Literal(part.dimensions)))


def _fill(session: psycopg.Connection[Any], part: Part, sessions: int) -> Any:
    """Seeded rows; returns vectors of the same kind that are in none of them."""
    from pgvector import Vector
    from pgvector.psycopg import register_vector

    register_vector(session)
    made = memories.make(part.rows + _QUESTIONS, part.dimensions, seed=_SEED)
    into = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.Identifier(part.table))
    with session.transaction(), session.cursor() as cursor, cursor.copy(into) as copy:
        copy.set_types(["uuid", "uuid", "timestamptz", "text", "text", "vector"])
        for number in range(part.rows):
            text = f"{made.texts[number]}, as row {number:07d}. ".ljust(_TEXT_BYTES, "m")
            when = _FIRST + timedelta(seconds=7 * number)
            key, session_id = _uuid(f"{part.table} {number}"), _uuid(str(number % sessions))
            copy.write_row((key, session_id, when, "text-embedding-3", text, Vector(made.embeddings[number])))
    return made.embeddings[part.rows :].copy()


def _uuid(text: str) -> uuid.UUID:
    """What md5(text)::uuid is in SQL."""
    return uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


def _finish(source: Cluster, session: psycopg.Connection[Any], parts: tuple[Part, ...], room: Room) -> None:
    for statement in _KEYS:
        session.execute(statement.encode())
    for part in parts:
        for statement in _MEMORY_KEYS:
            session.execute(sql.SQL(statement).format(sql.Identifier(part.table)))
        index_builds.build(session, lambda: servers.open_on(source), part.index, room, lambda progress: None, live=False)
    # The builder's notes about the source's own builds are no rows of an application, and no peer would have them.
    session.execute("DROP SCHEMA IF EXISTS agent_memory CASCADE")
    session.execute("ANALYZE")


def _asked(session: psycopg.Connection[Any], part: Part, asked: Any) -> Questions:
    statement = vector_tables.nearest(part.vector_set)
    pace = {"enable_indexscan": "off", "min_parallel_table_scan_size": "0"}
    exact = tuple(vector_tables.answers(session, statement, query, pace)[0] for query in asked)
    return Questions(statement, tuple(asked), exact)


def _digests(cluster: Cluster) -> dict[str, tuple[int, str]]:
    with servers.open_on(cluster) as session:
        table_digests.settle(session)
        found = [table_digests.digest(session, table, algorithm=FAST_ALGORITHM) for table in table_digests.tables(session)]
        # Our builder notes its builds in a schema of its own; the peers do not.
        return {table.name: (table.rows, table.digest) for table in found if table.schema_name == "public"}
