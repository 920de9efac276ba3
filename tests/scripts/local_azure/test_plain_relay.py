"""The relay for programs without TLS, in front of a gateway that takes nothing else: the embedded pg_dump reads an encrypted server."""

from __future__ import annotations

import ssl
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest

from scripts.edges import plain_relay, portable_schema
from scripts.edges.exits import Failure
from scripts.edges.plain_relay import relay
from tests.scripts.local_azure.conftest import PASSWORD, Reached


def test_a_program_without_tls_reads_an_encrypted_server(reached: Reached) -> None:
    with reached.connect() as session:
        assert session.pgconn.ssl_in_use
        session.execute("CREATE TABLE IF NOT EXISTS relayed (id integer)")
        program = reached.cluster.binaries.program("pg_dump")
        with relay(session) as conninfo:
            ran = subprocess.run([program, "-s", f"--dbname={conninfo}"], capture_output=True, text=True, env={"PGPASSWORD": PASSWORD})
        session.execute("DROP TABLE relayed")
    assert ran.returncode == 0, ran.stderr
    assert "CREATE TABLE public.relayed" in ran.stdout


def test_a_schema_is_read_through_it(reached: Reached, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # the embedded programs, as on a machine that has no others
    with reached.connect(autocommit=True) as session, session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        exported = session.execute("SELECT pg_export_snapshot()").fetchone()
        assert exported is not None
        assert b"PostgreSQL database dump" in portable_schema.read(session, 16, exported[0], (), None).before


def test_one_that_is_still_connected_at_the_end_is_cut_off_in_silence(
    reached: Reached, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with reached.connect() as session, relay(session) as conninfo:
        left = psycopg.connect(conninfo, password=PASSWORD, autocommit=True)
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()
    assert "Traceback" not in capfd.readouterr().err and not caplog.records


def test_only_its_owner_reaches_it_and_it_is_gone_afterwards(reached: Reached) -> None:
    with reached.connect() as session:
        with relay(session) as conninfo:
            folder = Path(psycopg.conninfo.conninfo_to_dict(conninfo)["host"])  # type: ignore[arg-type]
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert PASSWORD not in conninfo
        assert not folder.exists()


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca"])
def test_it_trusts_nobody_whom_the_session_does_not_trust(reached: Reached, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    strangers = ssl.create_default_context()
    strangers.check_hostname = mode == "verify-full"
    monkeypatch.setattr(plain_relay, "_context", lambda parameters: strangers)
    with reached.connect(sslmode=mode) as session, relay(session) as conninfo, pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo, password=PASSWORD)


@pytest.mark.parametrize(
    ("mode", "verified", "named"), [("verify-full", True, True), ("verify-ca", True, False), ("require", False, False)]
)
def test_it_is_as_strict_as_the_session(reached: Reached, mode: str, verified: bool, named: bool) -> None:
    context = plain_relay._context({"sslmode": mode, "sslrootcert": str(reached.certificates.ca_file)})
    assert (context.verify_mode is ssl.CERT_REQUIRED, context.check_hostname) == (verified, named)


def test_another_name_in_the_certificate_is_refused(reached: Reached) -> None:
    context = plain_relay._context({"sslmode": "verify-full", "sslrootcert": str(reached.certificates.ca_file)})
    folder = reached.certificates.ca_file.parent / ".s.PGSQL.5432"
    listening = plain_relay._listening(folder, reached.endpoint.address, reached.endpoint.port, "another.example.org", context)
    with listening, pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host={folder.parent} port=5432 user=cogadmin dbname=zep sslmode=disable", password=PASSWORD)


def test_without_any_program_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Failure, match="no pg_dump that can read PostgreSQL 99"):
        portable_schema.pg_tools(99)
