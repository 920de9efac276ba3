"""Post-provision after somebody's hand: what was taken away comes back, by the one step that is about it, and nothing else."""

from __future__ import annotations

import pytest

from infra.domain.environment import Environment
from scripts.edges import vector_tables
from tests.live.conftest import Database
from tests.live.test_post_provision import bring

pytestmark = pytest.mark.live


@pytest.mark.parametrize(("taken", "steps"), [
    ("REVOKE INSERT ON zep_embeddings FROM app_rw", ["grants app_rw"]),
    ("REVOKE SELECT ON zep_facts FROM app_ro", ["grants app_ro"]),
    ("REVOKE SELECT ON agent_memory.vector_sets FROM app_ro", ["grants app_ro"]),
    ("REVOKE USAGE ON SCHEMA agent_memory FROM app_rw", ["grants app_rw"]),
    ("REVOKE USAGE ON SEQUENCE numbered_id_seq FROM app_rw", ["grants app_rw"]),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM app_ro", ["grants app_ro"]),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE DELETE ON TABLES FROM app_rw", ["grants app_rw"]),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE USAGE ON SEQUENCES FROM app_rw", ["grants app_rw"]),
    ("ALTER ROLE app_ro IN DATABASE {database} RESET ALL", ["setting hnsw.ef_search of app_ro"]),
    ("ALTER DATABASE {database} SET hnsw.ef_search = 10", ["setting hnsw.ef_search of database {database}"]),
    ("DELETE FROM agent_memory.vector_sets WHERE table_name = 'zep_facts'", ["provenance zep_facts.embedding"]),
    ("UPDATE agent_memory.vector_sets SET distance = 'l2' WHERE table_name = 'zep_facts'", ["provenance zep_facts.embedding"]),
    ("DROP TABLE agent_memory.vector_sets",
     ["provenance", "provenance zep_embeddings.embedding", "provenance zep_facts.embedding", "grants app_rw", "grants app_ro"]),
    ("DROP INDEX zep_facts_embedding_ann_idx", ["index zep_facts.embedding"]),
    ("DROP TABLE zep_facts", []),
    ("CREATE TABLE by_hand (id int)", []),
])  # fmt: skip
def test_what_somebody_changed_comes_back(prod: Environment, database: Database, taken: str, steps: list[str]) -> None:
    with database.session() as connection:
        connection.execute("CREATE EXTENSION vector")
        vector_tables.create_tables(connection, prod.vector_sets)
        connection.execute("CREATE TABLE numbered (id serial PRIMARY KEY)")
        bring(prod, database)
        connection.execute("SELECT '[1]'::vector")  # loads pgvector: before that its settings are names that only a superuser may store
        connection.execute(taken.replace("{database}", database.name).encode())
    report = bring(prod, database)
    assert report.ok
    assert [done.step.key for done in report.applied] == [step.replace("{database}", database.name) for step in steps]
    assert not bring(prod, database).applied


def test_a_role_that_can_log_in_is_told_and_left(prod: Environment, database: Database) -> None:
    bring(prod, database)
    with database.session() as connection:
        connection.execute("ALTER ROLE app_rw LOGIN")
    report = bring(prod, database)
    assert [step.says for step in report.steps if step.key == "role app_rw"][1:] == [
        "app_rw can log in; declared is a role that only other logins are members of"
    ]
    assert not report.applied
