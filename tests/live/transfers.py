"""How tests bring one database into another: a source of everything that is hard to copy, one transfer, and what must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scripts.edges.exits import Exit, Failure
from scripts.edges.index_builds import Room
from scripts.edges.origin import live
from scripts.edges.phases import Phases
from scripts.edges.table_digests import digests
from scripts.edges.transfer import Result, Transfer, Watching, Wishes, choose_algorithm
from scripts.edges.transfer_target import Target
from scripts.local_azure.postgres import Cluster
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.hard_to_copy import SCHEMA, connect

Connect = Callable[[], Any]
# So small that the larger tables of the source come in pieces.
PIECE_BYTES = 1 << 16
# Memories enough that building their index takes a moment, and what post-provision keeps of builds: the target writes there too.
MEMORIES = """
CREATE TABLE memories (id integer PRIMARY KEY, embedding vector(96));
INSERT INTO memories SELECT n, ARRAY(SELECT sin(n * d) FROM generate_series(1, 96) AS d)::vector FROM generate_series(1, 900) AS n;
CREATE INDEX memories_index ON memories USING hnsw (embedding vector_cosine_ops);
CREATE SCHEMA agent_memory;
CREATE TABLE agent_memory.index_builds (
  index_oid oid PRIMARY KEY, index_name text NOT NULL, table_name text NOT NULL, column_name text NOT NULL, kind text NOT NULL,
  rows bigint NOT NULL, memory_kib bigint NOT NULL, workers integer NOT NULL, spilled boolean NOT NULL, size_bytes bigint NOT NULL,
  vector_version text, built_at timestamptz NOT NULL DEFAULT now());
"""
_INDEXES = """SELECT json_agg(pg_get_indexdef(indexrelid) || ' ' || (indisvalid AND indisready))::text
FROM (SELECT * FROM pg_index ORDER BY indexrelid::regclass::text) AS i WHERE indrelid::regclass::text !~ '^pg_'"""
_CONSTRAINTS = """SELECT json_agg(c ORDER BY c)::text FROM (SELECT conrelid::regclass || pg_get_constraintdef(oid) || convalidated AS c
FROM pg_constraint WHERE connamespace = 'public'::regnamespace) AS found"""
_SETTINGS = """SELECT coalesce(json_agg(setconfig)::text, '') FROM pg_db_role_setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"""


END_OURS = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'agentmem'"""


@contextmanager
def source_of(cluster: Cluster) -> Iterator[Database]:
    """A database that is worth a transfer."""
    with new_database(cluster) as made:
        with made.session() as session:
            session.execute((SCHEMA + MEMORIES).encode())
        yield made


@pytest.fixture(scope="module")
def whole(cluster: Cluster) -> Iterator[Database]:
    """A source that no test changes."""
    with source_of(cluster) as made:
        yield made


@pytest.fixture
def source(cluster: Cluster) -> Iterator[Database]:
    """A source of the test's own."""
    with source_of(cluster) as made:
        yield made


@pytest.fixture
def target(cluster: Cluster) -> Iterator[Database]:
    """Where it goes."""
    with new_database(cluster) as made:
        yield made


def transfer(source: Connect, target: Connect, watching: Watching | None = None, **wishes: Any) -> Result:
    """One transfer as `agentmem promote` does it. Raises Failure."""
    room = Room(allowed_kib=65_536, workers=1, server_kib=65_536)
    with live(source) as origin:
        place = Target(target)
        try:
            place.lock()
            choose_algorithm(origin, place)
            wished = Wishes(**{"jobs": 2, "room": room, "piece_bytes": PIECE_BYTES, **wishes})
            return Transfer(origin, place, wished, Phases(quiet=True), watching or Watching()).run()
        finally:
            place.close()


def brought(source: Database, target: Database, watching: Watching | None = None, **wishes: Any) -> Result:
    """One transfer between two databases of the tests."""
    return transfer(lambda: connect(source), lambda: connect(target), watching, **wishes)


def at(moment: str, act: Callable[[], object]) -> Watching:
    """Somebody who acts when a moment comes for the first time; `bytes` is within the first table."""
    done: list[str] = []

    def heard(now: str) -> None:
        if now == moment and not done:
            done.append(now)
            act()

    return Watching(on_bytes=lambda item, size: heard("bytes"), on_moment=heard)


def contents(database: Database) -> dict[str, tuple[int, str]]:
    """Rows and digest of every table; what a server notes of its own builds is its own."""
    found = digests(lambda: connect(database))
    return {f"{each.schema_name}.{each.name}": (each.rows, each.digest) for each in found if each.name != "index_builds"}


def shape(database: Database) -> list[Any]:
    """Every index with its validity, every constraint, and what is set for the database."""
    return [database.value(query) for query in (_INDEXES, _CONSTRAINTS, _SETTINGS)]


def looks(database: Database) -> tuple[Any, ...]:
    """All that two databases have in common when one came from the other."""
    return contents(database), shape(database)


def assert_whole(source: Database | tuple[Any, ...], target: Database) -> None:
    """Equal, nothing invalid, nothing left of the way. A source that nobody changes may be looked at once, beforehand."""
    assert looks(target) == (source if isinstance(source, tuple) else looks(source))
    assert target.value("SELECT count(*) FROM pg_class WHERE relname ~ '_bridge$' OR relname ~ '_ccnew'") == 0
    assert target.value("SELECT to_regnamespace('agent_memory_transfer')::text") is None


class Stop(Exception):
    """Somebody ends the transfer, from within."""


def stop() -> None:
    """End it here."""
    raise Stop


def ended(source: Database, target: Database, moment: str, act: Callable[[], object] = stop, **wishes: Any) -> None:
    """A transfer that does not get further than a moment."""
    with pytest.raises(Stop):
        brought(source, target, at(moment, act), **wishes)


def refused(code: Exit, words: str, source: Database, target: Database, watching: Watching | None = None, **wishes: Any) -> Failure:
    """The Failure that a transfer ends with, which never shows a password."""
    with pytest.raises(Failure, match=words or None) as failure:
        brought(source, target, watching, **wishes)
    assert failure.value.code is code, failure.value
    assert PASSWORD not in str(failure.value)
    return failure.value


def execute(database: Database, *statements: str) -> None:
    """Somebody's own SQL, with the rights of the administrator."""
    with database.session() as session:
        for statement in statements:
            session.execute(statement.encode())
