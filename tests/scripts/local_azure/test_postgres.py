"""Real clusters as Azure sets them up: roles, allow-list, databases, parameters, and the WAL archive."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.local_azure.postgres import Binaries, Cluster, Database, Trouble

Connect = Callable[..., psycopg.Connection[Any]]
NOT_LISTED = 'extension "vector" is not allow-listed for "azure_pg_admin" users in Azure Database for PostgreSQL'

pytestmark = pytest.mark.live


@pytest.fixture
def listed(cluster: Cluster) -> Any:
    """Puts vector on the allow-list for one test."""
    cluster.apply({"azure.extensions": "pg_stat_statements,VECTOR"})
    yield
    cluster.apply({"azure.extensions": None})


@pytest.fixture
def database(cluster: Cluster) -> Any:
    """An own database for a test that changes it."""
    cluster.create_database("own")
    yield "own"
    cluster.drop_database("own")


def test_runs_the_postgresql_that_the_plan_is_for(binaries: Binaries, cluster: Cluster) -> None:
    assert binaries.version.startswith("16.")
    assert cluster.running and cluster.pid


def test_the_administrator_is_what_azure_makes_it(direct: Connect) -> None:
    with direct() as session:
        assert session.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolcanlogin, rolreplication FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == (False, True, True, True, False)
        assert session.execute("SELECT pg_has_role('azure_pg_admin', 'MEMBER WITH ADMIN OPTION')").fetchone() == (True,)
        assert session.execute("SELECT pg_has_role('pg_monitor', 'USAGE')").fetchone() == (True,)


def test_the_superuser_needs_its_secret_even_on_the_socket(direct: Connect) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        direct(user="azuresu", password="azuresu")


def test_an_administrator_may_make_roles_and_databases(direct: Connect) -> None:
    with direct() as session:
        session.execute("CREATE ROLE app LOGIN")
        session.execute("CREATE DATABASE app")
        session.execute("DROP DATABASE app")
        session.execute("DROP ROLE app")


def test_an_administrator_may_not_leave_the_database(direct: Connect) -> None:
    with direct() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("COPY (SELECT 1) TO PROGRAM 'id'")


def test_refuses_an_extension_that_is_not_allow_listed(direct: Connect) -> None:
    with direct() as session, pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
        session.execute("CREATE EXTENSION vector")
    assert refused.value.diag.message_primary == NOT_LISTED
    assert "azure.extensions" in (refused.value.diag.message_hint or "")


def test_a_session_cannot_allow_itself_an_extension(direct: Connect) -> None:
    with direct() as session:
        session.execute("SET azure.extensions = 'vector'")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            session.execute("CREATE EXTENSION vector")


@pytest.mark.parametrize("statement", ["SET session_replication_role = replica", "DROP EVENT TRIGGER azure_extension_end"])
def test_the_guard_cannot_be_taken_away(statement: str, direct: Connect) -> None:
    with direct() as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(statement)


def test_a_database_made_from_the_bare_template_is_guarded_too(direct: Connect) -> None:
    with direct() as session:
        session.execute("CREATE DATABASE bare TEMPLATE template0")
        with direct(database="bare") as inside, pytest.raises(psycopg.errors.FeatureNotSupported):
            inside.execute("CREATE EXTENSION vector")
        session.execute("DROP DATABASE bare")


def test_an_allow_listed_extension_comes_and_goes(listed: None, database: str, direct: Connect) -> None:
    with direct(database=database) as session:
        assert session.execute("SHOW azure.extensions").fetchone() == ("pg_stat_statements,VECTOR",)
        session.execute("CREATE EXTENSION vector")
        assert session.execute("SELECT '[1,2]'::vector <=> '[1,2]'::vector").fetchone() == (0.0,)
        session.execute("DROP EXTENSION vector")


@pytest.mark.parametrize("statement", ["DROP EXTENSION vector", "DROP SCHEMA apart CASCADE", "COMMENT ON EXTENSION vector IS 'x'"])
def test_an_extension_taken_off_the_list_cannot_be_touched(
    statement: str, listed: None, database: str, cluster: Cluster, direct: Connect
) -> None:
    with direct(database=database) as session:
        session.execute("CREATE SCHEMA apart")
        session.execute("CREATE EXTENSION vector SCHEMA apart")
        cluster.apply({"azure.extensions": "pg_stat_statements"})
        with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
            session.execute(statement)
    assert refused.value.diag.message_primary == NOT_LISTED


def test_only_members_of_the_admin_role_use_create_extension(listed: None, cluster: Cluster, direct: Connect) -> None:
    with direct() as session:
        session.execute("CREATE ROLE app LOGIN")
        cluster.set_password("app", "app-Password-1")
        with direct(user="app", password="app-Password-1") as other, pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
            other.execute("CREATE EXTENSION vector")
        session.execute("DROP ROLE app")
    assert refused.value.diag.message_primary == 'Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION'


def test_the_superuser_is_not_bound_by_the_list(cluster: Cluster, database: str) -> None:
    with cluster.connect(database) as session:
        session.execute("CREATE EXTENSION vector")
        session.execute("DROP EXTENSION vector")


def test_a_dump_carries_nothing_of_the_stand_in(database: str, binaries: Binaries, cluster: Cluster) -> None:
    dump = subprocess.run(
        [binaries.program("pg_dump"), "-h", str(cluster.socket.parent), "-U", "cogadmin", "--no-privileges", database],
        env={"PGPASSWORD": "Not-a-secret-1"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "PostgreSQL database dump complete" in dump
    assert "azure" not in dump and "EVENT TRIGGER" not in dump


def test_lists_the_databases_that_azure_brings(cluster: Cluster) -> None:
    found = {each.name: each for each in cluster.databases()}
    assert set(found) == {"azure_maintenance", "azure_sys", "postgres", "zep"}
    assert found["zep"] == Database("zep", "azure_pg_admin", "UTF8", found["postgres"].collation)


def test_a_databases_collation_may_be_chosen(cluster: Cluster) -> None:
    cluster.create_database("bytewise", "C")
    assert {each.name: each.collation for each in cluster.databases()}["bytewise"] == "C"
    cluster.drop_database("bytewise")
    cluster.drop_database("bytewise")


def test_refuses_a_database_that_exists(cluster: Cluster) -> None:
    with pytest.raises(Trouble, match='database "zep" already exists'):
        cluster.create_database("zep")


def test_a_dynamic_parameter_counts_at_once(cluster: Cluster, direct: Connect) -> None:
    done = cluster.apply({"work_mem": "8192", "log_min_duration_statement": "5000"})
    with direct() as session:
        assert session.execute("SHOW work_mem").fetchone() == ("8MB",)
    assert {"work_mem", "log_min_duration_statement"} <= done.applied
    assert not done.modelled and not done.pending_restart
    cluster.apply({"work_mem": None, "log_min_duration_statement": None})
    assert cluster.known()["work_mem"].value == "4096"


def test_a_static_parameter_waits_for_a_restart(cluster: Cluster, direct: Connect) -> None:
    socket = cluster.socket
    assert cluster.apply({"max_connections": "60"}).pending_restart == {"max_connections"}
    assert cluster.known()["max_connections"].pending_restart
    cluster.restart()
    assert cluster.socket == socket
    with direct() as session:
        assert session.execute("SHOW max_connections").fetchone() == ("60",)
    assert cluster.apply({"max_connections": None}).pending_restart == {"max_connections"}
    cluster.restart()
    assert cluster.known()["max_connections"].value == "100"


def test_tells_what_only_the_model_has(cluster: Cluster) -> None:
    values = {"pgbouncer.enabled": "true", "shared_buffers": "524288", "archive_mode": "off", "azure.accepted_password_auth_method": "md5"}
    assert cluster.apply(values).modelled == set(values)


@pytest.mark.parametrize("name", ["work_mem", "max_connections"])
def test_a_value_that_postgresql_does_not_take_changes_nothing(name: str, cluster: Cluster) -> None:
    before = cluster.known()
    with pytest.raises(Trouble, match=f'invalid value for parameter "{name}": "banana"'):
        cluster.apply({name: "banana", "lock_timeout": "77"})
    assert cluster.known() == before
    cluster.reload()
    assert cluster.known() == before


def test_a_value_with_quotes_stays_one_value(cluster: Cluster) -> None:
    prefix = r"it's \ 'quoted' "
    before = cluster.known()["log_line_prefix"].value
    cluster.apply({"log_line_prefix": prefix})
    assert cluster.known()["log_line_prefix"].value == prefix
    with pytest.raises(Trouble, match="line break"):
        cluster.apply({"search_path": "public\nshared_preload_libraries = 'x'"})
    cluster.apply({"log_line_prefix": None})
    assert cluster.known()["log_line_prefix"].value == before


def test_a_new_password_counts_and_is_in_no_log(cluster: Cluster, direct: Connect) -> None:
    cluster.apply({"log_statement": "all"})
    cluster.create_administrator("second")
    with pytest.raises(psycopg.OperationalError):
        direct(user="second", password="Whatever-1")
    cluster.set_password("second", "Another-Secret-1")
    direct(user="second", password="Another-Secret-1").close()
    cluster.apply({"log_statement": None})
    cluster.drop_role("second")
    log = cluster.log.read_text()
    assert "ALTER ROLE" in log and "Another-Secret-1" not in log


def test_what_a_dropped_role_owned_stays(cluster: Cluster, database: str, direct: Connect) -> None:
    cluster.create_administrator("leaver", "Leaver-Secret-1")
    with direct(user="leaver", password="Leaver-Secret-1", database=database) as session:
        session.execute("CREATE TABLE left_behind ()")
    cluster.drop_role("leaver")
    cluster.drop_role("leaver")
    with cluster.connect(database) as session:
        assert session.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'left_behind'").fetchone() == ("azure_pg_admin",)


def test_finished_wal_is_archived_whole(cluster: Cluster) -> None:
    with cluster.connect() as session:
        session.execute("SELECT pg_logical_emit_message(false, 'test', 'something to archive')")
        segment = session.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchall()[0][0]
        deadline = time.monotonic() + 5
        while not (cluster.archive / segment).exists():
            assert time.monotonic() < deadline, session.execute("SELECT * FROM pg_stat_archiver").fetchone()
            time.sleep(0.02)
        size = session.execute("SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size'").fetchall()[0][0]
    assert (cluster.archive / segment).stat().st_size == size
    assert not list(cluster.archive.glob("*.part"))


def test_nobody_but_the_server_reads_its_folders(cluster: Cluster) -> None:
    for folder in (cluster.data, cluster.archive, cluster.socket.parent):
        assert Path(folder).stat().st_mode & 0o077 == 0
