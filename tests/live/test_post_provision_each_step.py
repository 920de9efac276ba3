"""Post-provision killed with -9 before each step of its first run and after each: one more run ends right, and alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.domain.environment import Environment
from scripts.edges import vector_tables
from scripts.local_azure.postgres import Cluster
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.test_post_provision import INDEXES, bring

pytestmark = pytest.mark.live

# What a first run does on a database whose tables are there, in this order.
STEPS = [
    "provenance", "provenance zep_embeddings.embedding", "provenance zep_facts.embedding",
    "role app_rw", "grants app_rw", "role app_ro", "grants app_ro",
    "setting hnsw.ef_search of app_rw", "setting hnsw.ef_search of app_ro", "setting hnsw.ef_search of database zep",
    "index zep_embeddings.embedding", "index zep_facts.embedding",
]  # fmt: skip
# What a run leaves, all of it: one row tells two ends apart.
_END = """
SELECT json_build_array(
  (SELECT json_agg(json_build_array(relname, indisvalid AND indisready, pg_get_indexdef(indexrelid)) ORDER BY relname)
   FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace),
  (SELECT json_agg(json_build_array(table_name, column_name, model_name, model_version, dimensions, distance) ORDER BY table_name)
   FROM agent_memory.vector_sets),
  (SELECT json_agg(json_build_array(setrole::regrole::text, setconfig) ORDER BY setrole::regrole::text)
   FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()),
  (SELECT json_agg(json_build_array(relname, relacl::text) ORDER BY relname) FROM pg_class
   WHERE relnamespace IN ('public'::regnamespace, 'agent_memory'::regnamespace) AND relkind IN ('r', 'S')),
  (SELECT json_agg(defaclacl::text ORDER BY defaclobjtype) FROM pg_default_acl),
  (SELECT json_agg(rolname ORDER BY rolname) FROM pg_roles WHERE rolname IN ('app_rw', 'app_ro')))
"""


@contextmanager
def with_empty_tables(environment: Environment, cluster: Cluster) -> Iterator[Database]:
    """A database with the application's tables, without memories: steps are what is killed here, builds are killed elsewhere."""
    with new_database(cluster) as made:
        with made.session() as connection:
            connection.execute("CREATE EXTENSION vector")
            vector_tables.create_tables(connection, environment.vector_sets)
        yield made


@pytest.fixture
def tables(prod: Environment, cluster: Cluster) -> Iterator[Database]:
    with with_empty_tables(prod, cluster) as made:
        yield made


@pytest.fixture(scope="module")
def unkilled(prod: Environment, cluster: Cluster) -> object:
    """What a run leaves that nobody killed."""
    with with_empty_tables(prod, cluster) as made:
        bring(prod, made)
        return made.value(_END)


def run(root: Path, database: Database, moment: str, turn: int = 1) -> tuple[int, list[str]]:
    """Exit code of a run that is killed at a moment, and the steps that came before it, that one included."""
    command = [sys.executable, "-m", "tests.live.provision_child", database.dsn(), moment, str(turn)]
    done = subprocess.run(command, cwd=root, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False)
    told = [line.partition(" ") for line in done.stdout.splitlines()]
    return done.returncode, [key.replace(database.name, "zep") for now, _, key in told if now == ("after" if moment == "never" else moment)]


def test_a_run_that_nobody_kills_does_these_steps(tables: Database, root: Path) -> None:
    assert run(root, tables, "never") == (0, STEPS)
    assert [name for name, good, _ in tables.value(_END)[0] if good and "_ann_" in name] == INDEXES


@pytest.mark.parametrize("turn", range(1, len(STEPS) + 1), ids=STEPS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_a_step_the_next_run_ends_where_an_unkilled_one_does(
    prod: Environment, unkilled: object, tables: Database, root: Path, moment: str, turn: int
) -> None:
    assert run(root, tables, moment, turn) == (-signal.SIGKILL, STEPS[:turn])
    done = turn if moment == "after" else turn - 1
    report = bring(prod, tables)
    assert [applied.step.key.replace(tables.name, "zep") for applied in report.applied] == STEPS[done:]
    assert tables.value(_END) == unkilled
    assert not bring(prod, tables).applied
