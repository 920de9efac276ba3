"""One real PostgreSQL behind one gateway for every test that needs a server and leaves it as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.local_azure.certificates import Certificates
from scripts.local_azure.gateway import Endpoint, Gateway, Policy
from scripts.local_azure.postgres import Binaries, Cluster
from tests.scripts.local_azure.made_cloud import Hands

SERVER = "zepmem-x"
ADMINISTRATOR = "cogadmin"
PASSWORD = "Not-a-secret-1"
DATABASE = "zep"


@dataclass(frozen=True)
class Reached:
    """A server, its network, and how a client reaches it."""

    cluster: Cluster
    gateway: Gateway
    certificates: Certificates
    endpoint: Endpoint

    def connect(self, **changes: Any) -> psycopg.Connection[Any]:
        """A client that checks all it can; `changes` are connection parameters."""
        wanted = {
            "host": f"{SERVER}.postgres.database.azure.com", "hostaddr": self.endpoint.address, "port": self.endpoint.port,
            "user": ADMINISTRATOR, "password": PASSWORD, "dbname": DATABASE, "sslmode": "verify-full",
            "sslrootcert": str(self.certificates.ca_file), "connect_timeout": 5, "autocommit": True,
        }  # fmt: skip
        return psycopg.connect(**{**wanted, **changes})


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """The PostgreSQL of the cache."""
    return Binaries.install()


@pytest.fixture(scope="session")
def cluster(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running server with an administrator and a database. A test puts back what it changes."""
    made = Cluster.create(tmp_path_factory.mktemp("clusters"), SERVER, binaries)
    with contextlib.ExitStack() as stack:
        stack.callback(made.destroy)
        made.create_administrator(ADMINISTRATOR, PASSWORD)
        made.create_database(DATABASE)
        yield made


@pytest.fixture
def direct(cluster: Cluster) -> Callable[..., psycopg.Connection[Any]]:
    """Opens a session past the gateway, as the administrator unless told otherwise."""

    def connect(user: str = ADMINISTRATOR, password: str = PASSWORD, database: str = DATABASE) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(cluster.socket.parent), user=user, password=password, dbname=database, sslmode="disable", autocommit=True
        )

    return connect


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of the tests' own."""
    return Certificates(tmp_path_factory.mktemp("trust"))


@pytest.fixture
def reached(cluster: Cluster, certificates: Certificates) -> Iterator[Reached]:
    """The server behind a gateway with Azure's defaults."""
    gateway = Gateway()
    gateway.start()
    try:
        endpoint = gateway.open(SERVER, cluster.socket, certificates.server(SERVER), Policy())
        yield Reached(cluster, gateway, certificates, endpoint)
    finally:
        gateway.stop()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An empty state folder."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def hands() -> Hands:
    """The servers behind a model: it notes what they were told."""
    return Hands()
