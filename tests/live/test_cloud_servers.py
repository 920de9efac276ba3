"""Servers of the local Azure that are real: what the model accepts arrives in PostgreSQL, through TLS and the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.local_azure.backend import ClusterBackend, admission
from scripts.local_azure.certificates import Certificates
from scripts.local_azure.cloud import Cloud, Refusal
from scripts.local_azure.world import Access
from tests.scripts.local_azure.made_cloud import ADDRESS, GROUP, PASSWORD, SERVER, SUBSCRIPTION, TENANT, VERSION, created, done

pytestmark = pytest.mark.live
HOST = "zep-test.postgres.database.azure.com"


def opened(state: Path) -> tuple[Cloud, Certificates]:
    certificates = Certificates(state)
    return Cloud(state, subscription=SUBSCRIPTION, tenant=TENANT, backend=ClusterBackend(state, certificates)), certificates


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="module")
def azure(state: Path) -> Iterator[Cloud]:
    made, _ = opened(state)
    made.put(GROUP, {"location": "canadacentral"}, VERSION)
    reachable(made)
    try:
        yield made
    finally:
        made.close()


def reachable(azure: Cloud) -> None:
    """A public server that this machine may reach, as its own firewall rule says."""
    created(azure)
    allow(azure, "127.0.0.1")


def allow(azure: Cloud, address: str) -> None:
    body = {"properties": {"startIpAddress": address, "endIpAddress": address}}
    done(azure, azure.put(f"{SERVER}/firewallRules/here", body, VERSION))


def ask(azure: Cloud, state: Path, query: str, *, password: str = PASSWORD, database: str = "postgres", user: str = "cogadmin") -> Any:
    with psycopg.connect(**{**_dsn(azure, state), "dbname": database, "user": user, "password": password}) as session:
        row = session.execute(query.encode()).fetchone()
        return None if row is None else row[0]


def configure(azure: Cloud, name: str, value: str) -> dict[str, Any]:
    return done(azure, azure.patch(f"{SERVER}/configurations/{name}", {"properties": {"value": value}}, VERSION))["properties"]


def test_the_administrator_connects_to_a_database_that_was_created(azure: Cloud, state: Path) -> None:
    done(azure, azure.put(f"{SERVER}/databases/zep", {"properties": {"charset": "utf8", "collation": "en_US.utf8"}}, VERSION))
    assert ask(azure, state, "SELECT current_database()", database="zep") == "zep"
    assert azure.get(SERVER)["properties"]["minorVersion"] == ask(azure, state, "SHOW server_version").partition(".")[2]


def test_a_dynamic_parameter_is_seen_by_the_next_session_and_a_static_one_after_a_restart(azure: Cloud, state: Path) -> None:
    configure(azure, "lock_timeout", "2000")
    assert ask(azure, state, "SHOW lock_timeout") == "2s"
    before = ask(azure, state, "SHOW max_connections")
    assert configure(azure, "max_connections", "60")["isConfigPendingRestart"] is True
    assert ask(azure, state, "SHOW max_connections") == before
    done(azure, azure.act(SERVER, "restart"))
    assert ask(azure, state, "SHOW max_connections") == "60"


def test_an_extension_needs_the_allow_list(azure: Cloud, state: Path) -> None:
    with pytest.raises(psycopg.Error, match="allow-listed"):
        ask(azure, state, "CREATE EXTENSION vector")
    configure(azure, "azure.extensions", "vector")
    with psycopg.connect(**_dsn(azure, state)) as session:
        session.execute("CREATE EXTENSION vector")


def test_another_password_holds_at_once(azure: Cloud, state: Path) -> None:
    done(azure, azure.patch(SERVER, {"properties": {"administratorLoginPassword": "Another-one-2"}}, VERSION))
    with pytest.raises(psycopg.OperationalError):
        ask(azure, state, "SELECT 1")
    done(azure, azure.patch(SERVER, {"properties": {"administratorLoginPassword": PASSWORD}}, VERSION))
    assert ask(azure, state, "SELECT 1") == 1


def test_public_access_off_lets_nobody_in(azure: Cloud, state: Path) -> None:
    for access in ("Disabled", "Enabled"):
        done(azure, azure.patch(SERVER, {"properties": {"network": {"publicNetworkAccess": access}}}, VERSION))
        if access == "Disabled":
            with pytest.raises(psycopg.OperationalError):
                ask(azure, state, "SELECT 1")
    assert ask(azure, state, "SELECT 1") == 1


def test_a_stopped_server_answers_nobody_and_comes_back(azure: Cloud, state: Path) -> None:
    done(azure, azure.act(SERVER, "stop"))
    with pytest.raises(psycopg.OperationalError):
        ask(azure, state, "SELECT 1")
    done(azure, azure.act(SERVER, "start"))
    assert ask(azure, state, "SELECT 1") == 1


def test_an_entra_principal_logs_in_with_its_token(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    backend = ClusterBackend(tmp_path, certificates)
    made = Cloud(tmp_path, subscription=SUBSCRIPTION, tenant=TENANT, backend=backend)
    try:
        made.put(GROUP, {"location": "canadacentral"}, VERSION)
        reachable(made)
        done(made, made.patch(SERVER, {"properties": {"authConfig": {"activeDirectoryAuth": "Enabled"}}}, VERSION))
        admin = {"properties": {"principalName": "ops@example.org", "principalType": "Group", "tenantId": TENANT}}
        done(made, made.put(f"{SERVER}/administrators/some-id", admin, VERSION))
        backend.database_token("some-id", "the.long.token", datetime.now(UTC))
        assert ask(made, tmp_path, "SELECT current_user", user="ops@example.org", password="the.long.token") == "ops@example.org"
    finally:
        made.close()


def test_a_server_and_its_rows_outlive_the_process(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    first.put(GROUP, {"location": "canadacentral"}, VERSION)
    reachable(first)
    with psycopg.connect(**_dsn(first, tmp_path)) as session:
        session.execute("CREATE DATABASE kept")
    first.close()
    again, _ = opened(tmp_path)
    try:
        assert ask(again, tmp_path, "SELECT count(*) FROM pg_database WHERE datname = 'kept'") == 1
        removing = again.delete(SERVER)
        assert removing is not None
        again.wait(removing)
        assert again.hosts() == {}
    finally:
        again.close()


def test_a_value_that_postgresql_does_not_take_fails_the_operation(azure: Cloud) -> None:
    # the table's pattern lets it pass, PostgreSQL does not; the code is the stand-in's own
    with pytest.raises(Refusal, match="LocalAzureTrouble"):
        configure(azure, "TimeZone", "No/Such_Zone")


@pytest.mark.parametrize(
    ("seen_as", "address", "admitted"),
    [("203.0.113.45", "127.0.0.1", True), ("203.0.113.46", "127.0.0.1", False), (None, "127.0.0.1", False), (None, "203.0.113.46", False)],
)
def test_a_client_is_judged_by_its_address_or_the_one_that_it_plays(seen_as: str | None, address: str, admitted: bool) -> None:
    ranges = ((ADDRESS["startIpAddress"], ADDRESS["endIpAddress"]),)
    access = Access(public=True, private_network=False, encrypted_only=True, tls_minimum="TLSv1.2", pooled=False, ranges=ranges)
    assert admission(access, seen_as)(address) is admitted


@pytest.mark.parametrize("seen_as", [None, "203.0.113.46"])
def test_a_client_on_this_machine_is_inside_a_private_network_unless_it_plays_another(seen_as: str | None) -> None:
    access = Access(public=False, private_network=True, encrypted_only=True, tls_minimum="TLSv1.2", pooled=False, ranges=())
    assert admission(access, seen_as)("127.0.0.1") is (seen_as is None)


def test_the_firewall_admits_the_next_connection_and_refuses_it_again(azure: Cloud, state: Path) -> None:
    allow(azure, "203.0.113.45")
    with pytest.raises(psycopg.OperationalError, match="entry for host"):
        ask(azure, state, "SELECT 1")
    allow(azure, "127.0.0.1")
    assert ask(azure, state, "SELECT 1") == 1


def _dsn(azure: Cloud, state: Path) -> dict[str, Any]:
    address, _, port = azure.hosts()[HOST].partition(":")
    return {
        "host": HOST, "hostaddr": address, "port": port, "user": "cogadmin", "password": PASSWORD, "dbname": "postgres",
        "sslmode": "verify-full", "sslrootcert": str(state / "certificates" / "ca.pem"), "connect_timeout": 5, "autocommit": True,
    }  # fmt: skip
