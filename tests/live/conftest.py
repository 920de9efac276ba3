"""Real PostgreSQL for live tests: one cluster with Azure's roles and allow-list a worker, one new database a test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.domain.environment import Environment
from scripts.edges import stack_file
from scripts.local_azure.postgres import Binaries, Cluster

ADMINISTRATOR = "cogadmin"
PASSWORD = "Aa1-only-for-tests"
ALLOWED = "vector,pg_stat_statements"
_OUR_ROLES = ("app_rw", "app_ro")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A new database of one test, on a cluster that tests of a worker share."""

    name: str
    cluster: Cluster

    def dsn(self, user: str = ADMINISTRATOR) -> str:
        """Where to connect, without the password."""
        return f"host={self.cluster.socket.parent} port=5432 dbname={self.name} user={user}"

    @contextmanager
    def session(self, user: str = ADMINISTRATOR) -> Iterator[psycopg.Connection[Any]]:
        """A session of a login whose password is the tests' one, each statement its own transaction."""
        with psycopg.connect(self.dsn(user), password=PASSWORD, autocommit=True) as connection:
            yield connection

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[Any]]:
        """A session that may do what nobody may on Azure."""
        with self.cluster.connect(self.name) as connection:
            yield connection

    def value(self, query: str, *values: object) -> Any:
        """The first value of a query's answer, as the superuser sees it."""
        with self.superuser() as connection:
            row = connection.execute(query.encode(), values or None).fetchone()
            return row[0] if row else None

    def login(self, name: str, *roles: str) -> None:
        """A login that is a member of `roles`, made by the administrator."""
        with self.session() as connection:
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'".encode())
            for role in roles:
                connection.execute(f"GRANT {role} TO {name}".encode())


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """The embedded PostgreSQL, installed where the server user can execute it."""
    return Binaries.install()


@contextmanager
def new_cluster(folder: Path, name: str, binaries: Binaries) -> Iterator[Cluster]:
    """A running server with an administrator as Azure makes them; it is gone afterwards."""
    running = Cluster.create(folder, name, binaries)
    try:
        running.apply({"azure.extensions": ALLOWED})
        running.create_administrator(ADMINISTRATOR, PASSWORD)
        yield running
    finally:
        running.destroy()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, binaries: Binaries) -> Iterator[Cluster]:
    """The server that most tests share."""
    with new_cluster(tmp_path_factory.mktemp("cluster"), "zepmem-live", binaries) as running:
        yield running


@contextmanager
def new_database(cluster: Cluster) -> Iterator[Database]:
    """A new, empty database; it and every role that was made meanwhile are gone afterwards."""
    with cluster.connect() as session:
        before = {row[0] for row in session.execute("SELECT rolname FROM pg_roles")}
    made = Database(f"zep_{next(_numbers)}", cluster)
    cluster.create_database(made.name)
    try:
        yield made
    finally:
        with cluster.connect() as session:
            roles = [row[0] for row in session.execute("SELECT rolname FROM pg_roles") if row[0] not in before]
        cluster.drop_database(made.name)
        for role in sorted(roles, key=lambda role: role in _OUR_ROLES):
            cluster.drop_role(role)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """A database of the test's own."""
    with new_database(cluster) as made:
        yield made


@pytest.fixture(scope="session")
def prod(root: Path) -> Environment:
    """The shipped production environment."""
    return stack_file.read("prod", root)
