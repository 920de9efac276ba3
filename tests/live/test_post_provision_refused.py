"""What post-provision refuses or cannot reach, each with its exit code and one clear line, and without changing anything."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.domain.environment import Environment
from infra.domain.steps import BuildIndex
from scripts import post_provision
from scripts.edges import index_builds, postgres
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, USAGE, Exit, Failure
from scripts.local_azure.binaries import INSIDE
from scripts.local_azure.postgres import Binaries, Cluster
from tests.live.conftest import ADMINISTRATOR, ALLOWED, PASSWORD, Database
from tests.live.test_post_provision import bring, fill

pytestmark = pytest.mark.live


def refused(code: Exit, environment: Environment, database: Database, **changes: Any) -> str:
    """The words of the Failure that a run ends with."""
    with pytest.raises(Failure) as failure:
        bring(environment, database, **changes)
    assert failure.value.code == code, failure.value
    assert PASSWORD not in str(failure.value)
    return str(failure.value)


def test_a_wrong_password_is_refused_and_not_shown(prod: Environment, database: Database) -> None:
    told = refused(REFUSED, prod, database, password="not-it-at-all")
    assert "password authentication failed" in told
    assert "not-it-at-all" not in told


def test_a_server_that_is_not_there_is_unreachable(prod: Environment, database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "refused" in refused(UNREACHABLE, prod, database, dsn=f"host=127.0.0.1 port={port} dbname=zep user=x sslmode=disable")


def test_a_database_that_is_not_there_is_named(prod: Environment, database: Database) -> None:
    told = refused(REFUSED, prod, database, dsn=database.dsn().replace(database.name, "nowhere"))
    assert 'database "nowhere" does not exist' in told


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("postgresql://cogadmin:hunter2@localhost/zep", "the DSN holds a password"),
        ("postgresql://cogadmin@localhost/zep?colour=hunter2", "the DSN cannot be read"),
        ("postgresql://cogadmin@localhost:6432/zep", "this DSN leads to the pooler"),
    ],
)
def test_a_dsn_that_cannot_serve_is_a_usage_error(prod: Environment, database: Database, dsn: str, words: str) -> None:
    told = refused(USAGE, prod, database, dsn=dsn)
    assert words in told
    assert "hunter2" not in told


def test_entra_needs_somebody_to_log_in_as(prod: Environment, database: Database) -> None:
    assert "no Entra administrator is declared" in refused(USAGE, prod, database, entra=True)


def test_a_login_without_rights_is_told_all_that_it_lacks(prod: Environment, database: Database) -> None:
    database.login("weak")
    report = bring(prod, database, dsn=database.dsn("weak"))
    assert not report.ok
    assert "weak is not a member of azure_pg_admin, and only its members may create pgvector 0.8.5" in report.summary
    assert "weak may not create a schema" in report.summary
    assert "weak may not create roles" in report.summary
    assert database.value("SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == 0


def test_the_exit_code_of_a_refused_plan_is_5(prod: Environment, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    database.login("weaker")
    options: dict[str, Any] = {"entra": False, "user": None, "dry_run": False, "as_json": False}
    assert post_provision.main(prod, dsn=database.dsn("weaker"), password=PASSWORD, **options) == 5
    assert capsys.readouterr().out.splitlines()[-1].startswith("refused, nothing was changed: ")


def test_an_extension_that_is_not_allow_listed_is_refused_before_anything(prod: Environment, database: Database) -> None:
    database.cluster.apply({"azure.extensions": "pg_stat_statements"})
    try:
        report = bring(prod, database)
        with database.session() as connection, pytest.raises(psycopg.Error) as raw:
            connection.execute("CREATE EXTENSION vector")
    finally:
        database.cluster.apply({"azure.extensions": ALLOWED})
    assert report.summary == "refused, nothing was changed: extension vector is not on the allow-list azure.extensions"
    assert database.value("SELECT to_regnamespace('agent_memory')") is None
    assert "add it to the server parameter azure.extensions" in postgres.failure_of(raw.value).hint


def test_another_model_is_refused_and_the_indexes_are_left_alone(prod: Environment, database: Database) -> None:
    bring(prod, database)
    other = prod.vector_sets[0].model.model_copy(update={"name": "text-embedding-4"})
    changed = prod.model_copy(update={"vector_sets": (prod.vector_sets[0].model_copy(update={"model": other}), prod.vector_sets[1])})
    report = bring(changed, database)
    assert not report.ok
    assert "filled by text-embedding-3-small 2024-01" in report.summary
    assert database.value("SELECT model_name FROM agent_memory.vector_sets WHERE table_name = 'zep_embeddings'") == "text-embedding-3-small"


def test_an_old_extension_is_brought_to_the_version_of_its_library(prod: Environment, database: Database) -> None:
    bring(prod, database)
    with database.superuser() as connection:
        connection.execute("UPDATE pg_extension SET extversion = '0.8.1' WHERE extname = 'vector'")
    assert [done.step.says for done in bring(prod, database).applied] == [
        "update pgvector from 0.8.1 to 0.8.5, the version of the library that is loaded already"
    ]
    assert database.value("SELECT extversion FROM pg_extension WHERE extname = 'vector'") == "0.8.5"


@pytest.fixture
def old_server(binaries: Binaries, tmp_path: Path) -> Iterator[Database]:
    """A server that offers nothing newer than pgvector 0.8.1."""
    tree = Path(shutil.copytree(binaries.prefix.parents[1], binaries.prefix.parents[2] / f"old-{tmp_path.name}"))
    control = tree / INSIDE / "share/postgresql/extension/vector.control"
    control.write_text(control.read_text().replace("'0.8.5'", "'0.8.1'"))
    cluster = Cluster.create(tmp_path, "zepmem-old", Binaries(tree / INSIDE, binaries.user))
    try:
        cluster.apply({"azure.extensions": ALLOWED})
        cluster.create_administrator(ADMINISTRATOR, PASSWORD)
        cluster.create_database("zep")
        yield Database("zep", cluster)
    finally:
        cluster.destroy()
        shutil.rmtree(tree)


def test_a_server_with_an_old_pgvector_is_refused(prod: Environment, old_server: Database) -> None:
    report = bring(prod, old_server)
    assert not report.ok
    assert "pgvector is 0.8.1, 0.8.2 is the oldest that is safe" in report.summary
    assert old_server.value("SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == 0


def raised(database: Database, state: str, message: str) -> Failure:
    """What becomes of an error that the server really sends."""
    with database.superuser() as connection:
        connection.execute("SET client_min_messages = error")
    with database.session() as connection, pytest.raises(Failure) as failure, postgres.told("building x"):
        connection.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = '{message}'; END $$".encode())
    return failure.value


@pytest.mark.parametrize(
    ("state", "message", "code", "hint"),
    [
        ("53100", "could not extend file: No space left on device", REFUSED, "the disk is full"),
        ("53100", "could not resize shared memory segment: No space left on device", REFUSED, "shared memory is too small"),
        ("42501", "permission denied for table x", REFUSED, "administrator"),
        ("25006", "cannot execute CREATE INDEX in a read-only transaction", REFUSED, "nearly full"),
        ("53300", "sorry, too many clients already", BUSY, "try again"),
        ("55P03", "canceling statement due to lock timeout", BUSY, "try again"),
        ("57P01", "terminating connection due to administrator command", UNREACHABLE, "try again"),
        ("54000", "memory required is 65 MB, maintenance_work_mem is 64 MB", REFUSED, "memory"),
    ],
)
def test_an_error_of_the_server_has_its_exit_code(database: Database, state: str, message: str, code: Exit, hint: str) -> None:
    failure = raised(database, state, message)
    assert failure.code == code
    assert failure.fact == message
    assert hint in failure.hint


def test_too_little_shared_memory_makes_one_try_without_workers(prod: Environment, database: Database) -> None:
    one = prod.model_copy(update={"vector_sets": prod.vector_sets[:1]})
    bring(one, database)
    fill(database, one, 50)
    with database.superuser() as connection:
        connection.execute("""
            CREATE FUNCTION small_memory() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
              IF current_setting('max_parallel_maintenance_workers') <> '0' THEN
                RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not resize shared memory segment: No space left on device';
              END IF; END $$""")
        connection.execute(
            "CREATE EVENT TRIGGER small_memory ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION small_memory()"
        )
    report = bring(one, database)
    assert [built.fell_back for built in report.builds] == [True]
    assert report.built[0].endswith("without workers: the server's shared memory is too small")
    assert not bring(one, database).applied


def test_a_graph_that_does_not_fit_is_told(prod: Environment, database: Database) -> None:
    one = prod.model_copy(update={"vector_sets": prod.vector_sets[:1]})
    bring(one, database)
    fill(database, one, 1500)
    action = BuildIndex(name="small", vector_set=one.vector_sets[0], index=one.vector_sets[0].index, cast=False)
    with database.session() as connection:
        room = index_builds.Room(allowed_kib=4096, workers=0, server_kib=1024)
        built = index_builds.build(
            connection, lambda: psycopg.connect(database.dsn(), password=PASSWORD, autocommit=True), action, room, lambda progress: None
        )
    assert built.spilled
    assert built.given_kib == 4096 < built.needed_kib
