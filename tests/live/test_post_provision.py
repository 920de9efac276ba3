"""Post-provision on a real server: what a new database gets, what waits, and that a second run changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.domain.environment import Environment, IvfFlat
from infra.domain.steps import Status
from scripts import post_provision
from scripts.edges import memories, vector_tables
from tests.live.conftest import PASSWORD, Database
from tests.live.turns import CountingProxy

pytestmark = pytest.mark.live

INDEXES = ["zep_embeddings_embedding_ann_idx", "zep_facts_embedding_ann_idx"]
# Every valid vector index with what makes it one; ordered, so that two readings can be compared.
_INDEXES = """
SELECT coalesce(json_agg(json_build_array(relname, indisvalid AND indisready, pg_get_indexdef(indexrelid)) ORDER BY relname), '[]')
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam WHERE amname IN ('hnsw', 'ivfflat')
"""
# The rows of the system catalogues that a run might write, by transaction: unchanged only if nothing wrote.
_TRACES = """
SELECT json_build_array(
  (SELECT json_agg(xmin::text ORDER BY oid) FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'agent_memory'::regnamespace)),
  (SELECT json_agg(xmin::text ORDER BY oid) FROM pg_authid), (SELECT json_agg(xmin::text) FROM pg_db_role_setting),
  (SELECT json_agg(xmin::text ORDER BY oid) FROM pg_extension), (SELECT json_agg(xmin::text) FROM pg_default_acl),
  (SELECT json_agg(xmin::text ORDER BY table_name) FROM agent_memory.vector_sets))
"""


def bring(environment: Environment, database: Database, **changes: Any) -> post_provision.Report:
    return post_provision.bring(environment, **{"dsn": database.dsn(), "password": PASSWORD, "quiet": True, **changes})


def fill(database: Database, environment: Environment, rows: int) -> None:
    """The application's tables, with memories in them."""
    with database.session() as connection:
        vector_tables.create_tables(connection, environment.vector_sets)
        for number, vector_set in enumerate(environment.vector_sets):
            vector_tables.load(connection, vector_set, memories.make(rows, vector_set.dimensions, seed=number), lambda count: None)


def statuses(report: post_provision.Report, prefix: str) -> list[Status]:
    return [step.status for step in report.steps if step.key.startswith(prefix)]


def test_a_new_database_gets_extension_provenance_and_roles_and_waits_for_tables(prod: Environment, database: Database) -> None:
    report = bring(prod, database)
    assert report.ok
    assert report.summary == "vector 0.8.5, provenance, 2 roles; 2 vector sets wait for tables"
    recorded = database.value(
        "SELECT json_agg(row(model_name, dimensions, distance)::text ORDER BY dimensions) FROM agent_memory.vector_sets"
    )
    assert recorded == ["(text-embedding-3-small,1536,cosine)", "(text-embedding-3-large,3072,cosine)"]
    assert database.value("SELECT json_agg(rolcanlogin) FROM pg_roles WHERE rolname IN ('app_rw', 'app_ro')") == [False, False]


def test_tables_that_are_there_get_their_indexes_and_a_second_run_changes_nothing(prod: Environment, database: Database) -> None:
    bring(prod, database)
    fill(database, prod, 400)
    first = bring(prod, database)
    assert [built.split(" in memory")[0] for built in first.built] == ["zep_embeddings HNSW", "zep_facts HNSW"]
    assert not [built for built in first.builds if built.spilled or built.fell_back]
    found = database.value(_INDEXES)
    assert [name for name, good, _ in found if good] == INDEXES
    assert "((embedding)::halfvec(3072)) halfvec_cosine_ops" in found[1][2]
    before = database.value(_TRACES)
    second = bring(prod, database)
    assert second.summary == "vector 0.8.5, provenance, 2 roles, 2 indexes; nothing was to be done"
    assert not second.applied
    assert {step.status for step in second.steps} == {Status.DONE, Status.NOTE}, "pg_stat_statements is not in the embedded server"
    assert database.value(_TRACES) == before


def test_an_up_to_date_run_takes_at_most_ten_round_trips_however_many_sets(prod: Environment, database: Database) -> None:
    first = prod.vector_sets[0]
    several = [first.model_copy(update={"table": f"memories_{number}", "dimensions": 8, "expected_rows": 1000}) for number in range(12)]
    turns = {}
    for count in (2, 12):
        environment = prod.model_copy(update={"vector_sets": tuple(several[:count])})
        with database.session() as connection:
            if count == 2:
                bring(environment, database)
            connection.execute("DROP TABLE IF EXISTS memories_0, memories_1")
            vector_tables.create_tables(connection, environment.vector_sets)
        bring(environment, database)
        with CountingProxy(database.cluster.socket) as proxy:
            dsn = f"host=127.0.0.1 port={proxy.port} dbname={database.name} user=cogadmin sslmode=disable"
            report = bring(environment, database, dsn=dsn)
        assert not report.applied
        turns[count] = proxy.turns
    assert turns[2] == turns[12] <= 10, turns


def test_a_dry_run_shows_the_plan_and_changes_nothing(prod: Environment, database: Database) -> None:
    shown: list[int] = []
    report = bring(prod, database, dry_run=True, show=lambda report: shown.append(len(report.steps)))
    assert report.summary == "11 steps to do, nothing was changed; next: agentmem post-provision --stack prod"
    assert shown[0] > 11
    assert database.value("SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == 0
    assert database.value("SELECT to_regclass('agent_memory.vector_sets')") is None


def test_members_of_the_roles_may_what_they_should_and_search_as_far_as_declared(prod: Environment, database: Database) -> None:
    fill_first = prod.model_copy(update={"vector_sets": prod.vector_sets[:1]})
    bring(prod, database)
    fill(database, fill_first, 20)
    bring(prod, database)
    database.login("writer", "app_rw")
    database.login("reader", "app_ro")
    with database.session() as connection:
        connection.execute("CREATE TABLE later (id serial PRIMARY KEY)")
    with database.session("writer") as connection:
        connection.execute("INSERT INTO later DEFAULT VALUES")
        connection.execute("DELETE FROM zep_embeddings WHERE id IN (SELECT id FROM zep_embeddings LIMIT 1)")
    with database.session("reader") as connection:
        assert connection.execute("SELECT count(*) FROM zep_embeddings").fetchone() == (19,)
        assert connection.execute("SELECT count(*) FROM later").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM agent_memory.vector_sets").fetchone() == (2,)
        assert connection.execute("SHOW hnsw.ef_search").fetchone() == ("100",)
        for refused in ("INSERT INTO later DEFAULT VALUES", "DELETE FROM zep_embeddings", "DELETE FROM agent_memory.vector_sets"):
            with pytest.raises(Exception, match="permission denied"):
                connection.execute(refused.encode())
    assert not bring(prod, database).applied, "a table made later needs no grant of its own"


def test_lists_wait_for_rows_and_are_built_when_there_are_enough(prod: Environment, database: Database) -> None:
    listed = prod.vector_sets[0].model_copy(update={"dimensions": 16, "index": IvfFlat(kind="ivfflat", lists=10)})
    environment = prod.model_copy(update={"vector_sets": (listed,)})
    bring(environment, database)
    fill(database, environment, 499)
    waiting = bring(environment, database)
    assert statuses(waiting, "index") == [Status.WAIT]
    assert waiting.summary == "vector 0.8.5, provenance, 2 roles; 1 vector set waits for rows; nothing was to be done"
    with database.session() as connection:
        connection.execute(
            "INSERT INTO zep_embeddings SELECT id || 'b', session_id, created_at, content, embedding FROM zep_embeddings LIMIT 1"
        )
        connection.execute("ANALYZE zep_embeddings")
    assert bring(environment, database).builds[0].kind == "ivfflat"
    with database.session() as connection:
        assert connection.execute("SHOW ivfflat.probes").fetchone() == ("3",), "the square root of 10, rounded down"


def test_an_empty_table_without_statistics_is_counted_before_lists_are_built(prod: Environment, database: Database) -> None:
    listed = prod.vector_sets[0].model_copy(update={"dimensions": 16, "index": IvfFlat(kind="ivfflat", lists=10)})
    environment = prod.model_copy(update={"vector_sets": (listed,)})
    bring(environment, database)
    with database.session() as connection:
        vector_tables.create_tables(connection, environment.vector_sets)
    report = bring(environment, database)
    assert statuses(report, "index") == [Status.WAIT]
    assert not report.applied


def test_the_command_tells_it_as_json_and_never_tells_the_password(root: Path, database: Database) -> None:
    command = [sys.executable, "-m", "scripts.cli", "post-provision", "--stack", "prod", "--folder", str(root), "--dsn", database.dsn()]
    for arguments in ([], ["--json"]):
        done = subprocess.run(
            [*command, *arguments], cwd=root, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "agentmem/post-provision/1"
    assert document["verdict"] == "ok"
    assert document["applied"] == []
    assert {"key", "status", "says", "hint"} == set(document["steps"][0])
