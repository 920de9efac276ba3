"""A real PostgreSQL to measure on: settings as the measured baselines had them, filled with seeded embeddings, and its CPU time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from infra.domain.environment import VectorSet
from scripts.edges import memories, vector_tables
from scripts.local_azure.postgres import Binaries, Cluster

# As the baselines were measured; everything else is the server's default, maintenance_work_mem 64 MB and two workers above all. Servers of
# the local Azure archive their WAL and do not wait for the disk; these are to be measured.
_SETTINGS = {"max_wal_size": "2GB", "checkpoint_timeout": "30min", "fsync": "on", "archive_mode": "off"}
_SHARED_BUFFERS = "2GB"
_SEED = 20240101
_DATABASE = "zep"
_ADMINISTRATOR, _PASSWORD = "cogadmin", "Aa1-only-for-measuring"


@contextmanager
def server(name: str = "zepmem-measured") -> Iterator[Cluster]:
    """A server for as long as the block runs, with a database `zep` that has pgvector."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster.create(Path(folder), name, Binaries.install())
        try:
            with cluster.connect() as session:
                session.execute(f"ALTER SYSTEM SET shared_buffers = '{_SHARED_BUFFERS}'")
                for setting, value in _SETTINGS.items():
                    session.execute(f"ALTER SYSTEM SET {setting} = '{value}'".encode())
            cluster.restart()
            cluster.apply({"azure.extensions": "vector"})
            cluster.create_administrator(_ADMINISTRATOR, _PASSWORD)
            new_database(cluster)
            yield cluster
        finally:
            cluster.destroy()


def new_database(cluster: Cluster) -> None:
    """The database `zep` with pgvector and nothing else; whatever was in it is gone."""
    cluster.drop_database(_DATABASE)
    cluster.create_database(_DATABASE)
    with open_on(cluster) as session:
        session.execute("CREATE EXTENSION vector")


def environment(cluster: Cluster) -> dict[str, str]:
    """Where the database is and who logs in, as the programs of PostgreSQL read it."""
    place = {"PGHOST": str(cluster.socket.parent), "PGPORT": "5432", "PGDATABASE": _DATABASE}
    return {**place, "PGUSER": _ADMINISTRATOR, "PGPASSWORD": _PASSWORD}


def open_on(cluster: Cluster) -> psycopg.Connection[Any]:
    """A session of the administrator, each statement its own transaction."""
    where = f"host={cluster.socket.parent} port=5432 dbname={_DATABASE} user={_ADMINISTRATOR}"
    return psycopg.connect(where, password=_PASSWORD, autocommit=True)


def fill(cluster: Cluster, vector_set: VectorSet, rows: int) -> Any:
    """Make the set's table with so many clustered rows; returns the embeddings, an array of shape (rows, dimensions)."""
    made = memories.make(rows, vector_set.dimensions, seed=_SEED)
    with open_on(cluster) as session:
        vector_tables.create_tables(session, [vector_set])
        vector_tables.load(session, vector_set, made, lambda count: None)
    settle(cluster)
    return made.embeddings


def settle(cluster: Cluster) -> None:
    """Write out what was changed, so that the next build does not pay for it."""
    with cluster.connect(_DATABASE) as session:
        session.execute("CHECKPOINT")


def cpu_seconds(cluster: Cluster, work: Callable[[], object]) -> float:
    """User and system seconds of all processes of the server while `work` ran; sessions that it opens must be closed when it returns."""
    before = _cpu(cluster)
    work()
    return _cpu(cluster) - before


def _cpu(cluster: Cluster) -> float:
    """What the postmaster's living children have used, and what it has inherited of those that ended."""
    assert cluster.pid is not None
    postmaster = psutil.Process(cluster.pid)
    own = postmaster.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in postmaster.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total
