"""Indexes that a real database has already, or cannot have: what counts, what is left alone, what is refused untouched."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import psycopg
import pytest

from infra.domain.environment import Environment, VectorSet
from infra.domain.steps import BuildIndex, Status
from scripts import post_provision
from scripts.edges.exits import BUSY, Failure
from tests.live.conftest import Database
from tests.live.test_post_provision import bring

pytestmark = pytest.mark.live

TABLE, INDEX = "zep_embeddings", "zep_embeddings_embedding_ann_idx"
# Everything in the database that has a name, as it is kept: unchanged only if nothing was made, dropped or altered.
_OBJECTS = """
SELECT json_agg(json_build_array(oid::text, xmin::text, relname) ORDER BY oid) FROM pg_class
WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
"""
_VECTOR_INDEXES = """
SELECT coalesce(json_agg(relname ORDER BY relname), '[]') FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_am ON pg_am.oid = relam WHERE amname IN ('hnsw', 'ivfflat') AND indisvalid AND indisready
"""


def with_sets(prod: Environment, *changes: dict[str, Any]) -> Environment:
    """Production with small sets: the first one with each of the changes."""
    small = {"dimensions": 8, "expected_rows": 1000}
    sets: list[VectorSet] = [prod.vector_sets[0].model_copy(update={**small, **change}) for change in changes]
    return prod.model_copy(update={"vector_sets": tuple(sets)})


def execute(database: Database, *statements: str) -> None:
    with database.session() as connection:
        for statement in statements:
            connection.execute(statement.encode())


def made(database: Database, *columns: str, rows: int = 100, table: str = TABLE) -> None:
    """The application's table with 8-dimensional vectors in each column; `columns` are like `embedding vector(8)`."""
    vector = "(SELECT array_agg(sin(number * place)::real) FROM generate_series(1, 8) AS place)"
    values = ", ".join(f"{vector}::{column.rpartition(' ')[2]}" for column in columns)
    execute(
        database,
        "CREATE EXTENSION IF NOT EXISTS vector",
        f"CREATE TABLE {table} (id bigint PRIMARY KEY, {', '.join(columns)})",
        f"INSERT INTO {table} SELECT number, {values} FROM generate_series(1, {rows}) AS number",
        f"ANALYZE {table}",
    )


def about_index(report: post_provision.Report) -> list[tuple[Status, str]]:
    return [(step.status, step.says) for step in report.steps if step.key.startswith("index ")]


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
@pytest.mark.parametrize(("column", "stored", "expression"), [
    ("vector(8)", "vector", "embedding vector"), ("halfvec(8)", "halfvec", "embedding halfvec"),
    ("vector(8)", "halfvec", "((embedding)::halfvec(8)) halfvec"),
])  # fmt: skip
def test_each_type_and_distance_gets_the_index_that_its_query_uses(
    prod: Environment, database: Database, column: str, stored: str, expression: str, distance: str
) -> None:
    environment = with_sets(prod, {"type": stored, "distance": distance})
    made(database, f"embedding {column}")
    assert bring(environment, database).ok, "the build itself proves that the planner uses the index"
    suffix = {"cosine": "cosine_ops", "l2": "l2_ops", "inner_product": "ip_ops"}[distance]
    assert f"USING hnsw ({expression}_{suffix})" in database.value(f"SELECT pg_get_indexdef('{INDEX}'::regclass)")
    assert not bring(environment, database).applied


def test_an_index_that_the_application_made_is_adopted_and_gets_no_twin(prod: Environment, database: Database) -> None:
    made(database, "embedding vector(8)")
    execute(database, f"CREATE INDEX by_the_application ON {TABLE} USING hnsw (embedding vector_cosine_ops)")
    report = bring(with_sets(prod, {}), database)
    assert about_index(report) == [(Status.DONE, "by_the_application is HNSW (m 16, ef_construction 64)")]
    assert database.value(_VECTOR_INDEXES) == ["by_the_application"]


@pytest.mark.parametrize("useless", [
    "(embedding vector_l2_ops)", "((embedding::halfvec(8)) halfvec_cosine_ops)", "(embedding vector_cosine_ops) WHERE id > 50",
])  # fmt: skip
def test_an_index_that_the_query_cannot_use_does_not_count(prod: Environment, database: Database, useless: str) -> None:
    made(database, "embedding vector(8)")
    execute(database, f"CREATE INDEX another ON {TABLE} USING hnsw {useless}")
    assert bring(with_sets(prod, {}), database).ok
    assert database.value(_VECTOR_INDEXES) == ["another", INDEX], "ours beside it, and what is not ours stays"


def test_an_invalid_index_is_dropped_and_built_anew(prod: Environment, database: Database) -> None:
    made(database, "embedding vector(8)")
    cut_off_by_a_timeout = f"CREATE INDEX CONCURRENTLY {INDEX} ON {TABLE} USING hnsw (embedding vector_cosine_ops)"
    with database.superuser() as writer, writer.transaction(force_rollback=True), database.session() as connection:
        writer.execute(f"DELETE FROM {TABLE}".encode())
        connection.execute("SET statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(cut_off_by_a_timeout.encode())
    broken = database.value("SELECT indexrelid FROM pg_index WHERE NOT indisvalid")
    assert broken, "the server leaves it behind"
    report = bring(with_sets(prod, {}), database)
    assert [done.step.key for done in report.applied][-2:] == [f"index {INDEX}", f"index {TABLE}.embedding"]
    assert database.value(_VECTOR_INDEXES) == [INDEX]
    assert database.value("SELECT indexrelid FROM pg_index WHERE NOT indisvalid OR indexrelid = %s", broken) is None


def test_a_build_that_somebody_cancels_leaves_nothing_behind(prod: Environment, database: Database) -> None:
    made(database, "embedding vector(8)")
    environment = with_sets(prod, {})

    def cancel(moment: str, step: Any) -> None:
        if moment == "during" and isinstance(step.action, BuildIndex):
            database.value("SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()")
            blocker.rollback()

    with database.superuser() as blocker:
        blocker.autocommit = False
        blocker.execute(f"DELETE FROM {TABLE} WHERE id = 1".encode())  # the build waits for this transaction, so it can be caught
        with pytest.raises(Failure) as failure:
            bring(environment, database, watch=cancel)
    assert failure.value.code == BUSY
    assert database.value("SELECT to_regclass(%s)", INDEX) is None
    assert bring(environment, database).ok
    assert database.value(_VECTOR_INDEXES) == [INDEX]


@pytest.mark.parametrize("theirs", [f"CREATE INDEX CONCURRENTLY theirs ON {TABLE} (other)",
                                    f"CREATE INDEX CONCURRENTLY theirs ON {TABLE} USING hnsw (summary vector_l2_ops)"])  # fmt: skip
def test_two_builds_on_one_table_would_deadlock_so_ours_waits_for_theirs(prod: Environment, database: Database, theirs: str) -> None:
    made(database, "embedding vector(8)", "summary vector(8)")
    execute(database, f"ALTER TABLE {TABLE} ADD COLUMN other bigint")
    waits: list[str] = []
    building = threading.Thread(target=execute, args=(database, theirs))
    with database.superuser() as writer:
        writer.autocommit = False
        writer.execute(f"DELETE FROM {TABLE} WHERE id = 1".encode())
        building.start()
        while not database.value("SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()"):
            time.sleep(0.05)
        goes_on = threading.Timer(1.5, writer.rollback)  # longer than deadlock_timeout
        goes_on.start()
        report = bring(with_sets(prod, {}), database, watch=lambda moment, step: waits.append(step.says))
        goes_on.join()
    building.join()
    assert report.ok
    assert next(says for says in waits if says.startswith("wait")).endswith(f"which builds theirs on {TABLE}")
    assert database.value("SELECT json_agg(indisvalid AND indisready) FROM pg_index WHERE indrelid = %s::regclass", TABLE) == [True] * 3


@pytest.mark.parametrize(("column", "words"), [
    ("embedding vector(8)", f"{TABLE}.embedding has 8 dimensions, declared are 16"),
    ("embedding vector", f"{TABLE}.embedding has no dimensions, declared is vector(16)"),
    ("embedding halfvec(16)", f"{TABLE}.embedding is halfvec, declared is vector(16)"),
    ("embedding bytea", f"{TABLE}.embedding is bytea, declared is vector(16)"),
    ("other vector(16)", f"{TABLE} has no column embedding"),
])  # fmt: skip
def test_a_column_that_is_not_as_declared_is_refused_and_nothing_is_touched(
    prod: Environment, database: Database, column: str, words: str
) -> None:
    execute(database, "CREATE EXTENSION vector", f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, {column})")
    before = database.value(_OBJECTS)
    report = bring(with_sets(prod, {"dimensions": 16}), database)
    assert report.summary == f"refused, nothing was changed: {words}"
    assert database.value(_OBJECTS) == before
    assert database.value("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'app\\_r_'") == 0


def test_a_partitioned_table_is_refused_and_its_partitions_can_be_declared(prod: Environment, database: Database) -> None:
    execute(
        database,
        "CREATE EXTENSION vector",
        f"CREATE TABLE {TABLE} (id bigint, embedding vector(8)) PARTITION BY RANGE (id)",
        f"CREATE TABLE {TABLE}_2026 PARTITION OF {TABLE} FOR VALUES FROM (0) TO (1000)",
    )
    assert "is partitioned" in bring(with_sets(prod, {}), database).summary
    assert bring(with_sets(prod, {"table": f"{TABLE}_2026"}), database).ok
    assert database.value(_VECTOR_INDEXES) == [f"{TABLE}_2026_embedding_ann_idx"]


def test_two_columns_of_a_table_get_an_index_each(prod: Environment, database: Database) -> None:
    made(database, "embedding vector(8)", "summary halfvec(8)")
    environment = with_sets(prod, {}, {"column": "summary", "type": "halfvec"})
    assert bring(environment, database).ok
    assert database.value(_VECTOR_INDEXES) == [INDEX, f"{TABLE}_summary_ann_idx"]
    assert not bring(environment, database).applied


def test_names_as_long_as_postgresql_takes_them_stay_apart(prod: Environment, database: Database) -> None:
    table, columns = "t" * 63, ("c" * 62 + "1", "c" * 62 + "2")
    made(database, *(f"{column} vector(8)" for column in columns), table=table)
    environment = with_sets(prod, *({"table": table, "column": column} for column in columns))
    assert bring(environment, database).ok
    assert len(set(database.value(_VECTOR_INDEXES))) == 2
    assert not bring(environment, database).applied


def test_an_index_that_somebody_dropped_comes_back(prod: Environment, database: Database) -> None:
    made(database, "embedding vector(8)")
    environment = with_sets(prod, {})
    bring(environment, database)
    execute(database, f"DROP INDEX {INDEX}")
    assert [done.step.key for done in bring(environment, database).applied] == [f"index {TABLE}.embedding"]


def test_a_table_of_another_owner_is_refused_by_name(prod: Environment, database: Database) -> None:
    made(database, "embedding vector(8)")
    database.login("application")
    with database.superuser() as connection:
        connection.execute(f"ALTER TABLE {TABLE} OWNER TO application".encode())
        connection.execute("REVOKE application FROM cogadmin")
    assert f"{TABLE} belongs to application: only its owner may build an index on it" in bring(with_sets(prod, {}), database).summary


def test_parameters_that_wait_for_a_restart_are_named(prod: Environment, database: Database) -> None:
    database.cluster.apply({"max_worker_processes": "11"})
    try:
        report = bring(with_sets(prod, {}), database)
    finally:
        database.cluster.apply({"max_worker_processes": None})
    assert [step.says for step in report.steps if step.key == "parameters"] == ["waiting for a restart of the server: max_worker_processes"]
    assert report.ok
    assert "max_worker_processes" in json.dumps(report.as_json())
