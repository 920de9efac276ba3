"""What libpq is told about a DSN, and what the words of a failed connection mean. No server needed."""

from __future__ import annotations

import psycopg
import pytest

from scripts.edges import postgres
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, USAGE, Exit, Failure

HOST = "zepmem-prod.postgres.database.azure.com"
DSN = f"postgresql://cogadmin@{HOST}:5432/zep"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own PostgreSQL settings."""
    for name in ("AGENTMEM_HOSTS", "PGSSLROOTCERT", "PGSSLMODE", "PGHOST", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)


def test_a_verified_connection_trusts_the_usual_authorities() -> None:
    parameters = postgres.parameters_of(f"{DSN}?sslmode=verify-full")
    assert parameters["sslrootcert"].endswith("cacert.pem")
    assert parameters["connect_timeout"] == 10
    assert "password" not in parameters


def test_a_root_certificate_of_the_environment_is_left_to_libpq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "system")
    assert "sslrootcert" not in postgres.parameters_of(f"{DSN}?sslmode=verify-full")


def test_require_does_not_become_verify_ca_by_a_root_certificate() -> None:
    assert "sslrootcert" not in postgres.parameters_of(f"{DSN}?sslmode=require")


def test_the_dsn_decides_about_tls_before_the_stack_file() -> None:
    assert postgres.parameters_of(DSN, sslmode="verify-full")["sslmode"] == "verify-full"
    assert postgres.parameters_of(f"{DSN}?sslmode=require", sslmode="verify-full")["sslmode"] == "require"


def test_a_server_that_listens_elsewhere_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTMEM_HOSTS", f"other=127.0.0.3, {HOST}=127.0.0.2:54321")
    parameters = postgres.parameters_of(DSN)
    assert (parameters["host"], parameters["hostaddr"], parameters["port"]) == (HOST, "127.0.0.2", "54321")


def test_a_server_that_listens_elsewhere_may_keep_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTMEM_HOSTS", f"{HOST}=127.0.0.2")
    parameters = postgres.parameters_of(DSN)
    assert (parameters["hostaddr"], parameters["port"]) == ("127.0.0.2", "5432")


def test_another_user_replaces_the_one_of_the_dsn() -> None:
    assert postgres.parameters_of(DSN, user="somebody")["user"] == "somebody"


@pytest.mark.parametrize(
    "dsn", [DSN.replace("@", ":hunter2@"), "host=x password=hunter2", "host=x colour=hunter2", "postgresql://[hunter2"]
)
def test_a_bad_dsn_is_never_repeated(dsn: str) -> None:
    with pytest.raises(Failure) as failure:
        postgres.parameters_of(dsn)
    assert failure.value.code == USAGE
    assert "hunter2" not in str(failure.value)


def test_a_target_is_told_without_its_login() -> None:
    assert postgres.where(postgres.parameters_of(DSN)) == f"{HOST}/zep"


def test_a_machine_without_credentials_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")  # the one of the chain that asks nobody
    with pytest.raises(Failure) as failure:
        postgres.entra_token()
    assert failure.value.code == REFUSED
    assert failure.value.fact.startswith("no token from Microsoft Entra ID: ")
    assert "az login" in failure.value.hint
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        ('password authentication failed for user "x"', REFUSED),
        ('no pg_hba.conf entry for host "1.2.3.4"', REFUSED),
        ('database "zep" does not exist', REFUSED),
        ("the database system is starting up", UNREACHABLE),
        ("sorry, too many connections", BUSY),
    ],
)
def test_the_words_of_a_server_that_lets_nobody_in_have_an_exit_code(fact: str, code: Exit) -> None:
    failure = postgres.failure_of(psycopg.OperationalError(f"connection failed: FATAL:  {fact}"), where="zep")
    assert (failure.code, failure.fact) == (code, fact)
    assert failure.hint
    assert str(failure).startswith("zep: ")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("SSL error: certificate verify failed", REFUSED),
        ('server certificate for "a" does not match host name "b"', REFUSED),
        ("failed to resolve host 'nowhere': [Errno -2] Name or service not known", UNREACHABLE),
        ("connection timeout expired", UNREACHABLE),
    ],
)
def test_the_words_of_a_connection_that_did_not_come_about_have_an_exit_code(message: str, code: Exit) -> None:
    failure = postgres.failure_of(psycopg.OperationalError(message))
    assert (failure.code, failure.fact) == (code, message)
