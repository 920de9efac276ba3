"""An index whose declaration changed: replaced by one that is built beside it and proved, killed anywhere on the way, never without one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from infra.domain.environment import Environment, Hnsw, IvfFlat
from infra.domain.steps import Status, Step
from scripts.edges import index_evolution
from scripts.edges.exits import BUSY, Failure
from scripts.local_azure.postgres import Cluster
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.test_adoption import applied, indexes
from tests.live.test_post_provision import bring, fill
from tests.live.test_post_provision_cut_off import unfinished_writer
from tests.live.test_post_provision_indexes import about_index, with_sets

pytestmark = pytest.mark.live

TABLE, NAME = "zep_embeddings", "zep_embeddings_embedding_ann_idx"
NEW, OLD = NAME.replace("_idx", "_new"), NAME.replace("_idx", "_old")
DIMENSIONS, ROWS = 64, 1000
SPARSE, DENSE = Hnsw(kind="hnsw", m=8, ef_construction=32), Hnsw(kind="hnsw", m=16, ef_construction=64)
LISTS = IvfFlat(kind="ivfflat", lists=10)
SPARSE_INDEX = f"{NAME}: hnsw (embedding vector_cosine_ops) WITH (m='8', ef_construction='32')"
DENSE_INDEX = f"{NAME}: hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')"
_END_OURS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'agentmem'
"""
# What a replacement does, in this order.
PHASES = ["replace", "prove", "put", "drop"]


def declared(prod: Environment, index: Hnsw | IvfFlat, **changes: Any) -> Environment:
    values = {"dimensions": DIMENSIONS, "expected_rows": ROWS, "index": index, "index_if_memory_is_short": None, "recall_floor": 0.9}
    return with_sets(prod, {**values, **changes})


def on(connection: Any, *statements: str) -> None:
    for statement in statements:
        connection.execute(statement.encode())


@pytest.fixture
def filled(prod: Environment, cluster: Cluster) -> Iterator[Database]:
    """A thousand memories, with the index of an earlier declaration."""
    with new_database(cluster) as made:
        with made.session() as connection:
            connection.execute("CREATE EXTENSION vector")
        environment = declared(prod, SPARSE)
        fill(made, environment, ROWS)
        bring(environment, made)
        assert indexes(made) == [SPARSE_INDEX]
        yield made


@pytest.mark.parametrize(("change", "definition"), [
    ({"index": DENSE}, "hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')"),
    ({"index": LISTS, "recall_floor": 0.5}, "ivfflat (embedding vector_cosine_ops) WITH (lists='10')"),
    ({"index": SPARSE, "type": "halfvec"}, "hnsw (((embedding)::halfvec(64)) halfvec_cosine_ops) WITH (m='8', ef_construction='32')"),
    ({"index": SPARSE, "distance": "l2"}, "hnsw (embedding vector_l2_ops) WITH (m='8', ef_construction='32')"),
    ({"index": Hnsw(kind="hnsw", m=6, ef_construction=24)}, "hnsw (embedding vector_cosine_ops) WITH (m='6', ef_construction='24')"),
])  # fmt: skip
def test_a_changed_declaration_builds_beside_proves_swaps_and_drops(
    prod: Environment, filled: Database, change: dict[str, Any], definition: str
) -> None:
    environment = declared(prod, **change)
    planned = bring(environment, filled, dry_run=True)
    assert next(says for status, says in about_index(planned) if status is Status.DO).startswith(f"replace {NAME}: it is ")
    assert indexes(filled) == [SPARSE_INDEX], "a dry run changes nothing"
    report = bring(environment, filled)
    assert applied(report) == PHASES
    assert indexes(filled) == [f"{NAME}: {definition}"]
    assert about_index(report)[0][0] is Status.DONE
    assert not bring(environment, filled).applied


def test_there_is_always_an_index_that_serves(prod: Environment, filled: Database) -> None:
    """Looked at before, during and after every step of the replacement."""
    seen: list[str] = []

    def look(moment: str, step: Step) -> None:
        good = "SELECT count(*) FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = %s AND indisvalid AND indisready"
        assert filled.value(good, NAME) == 1, f"{moment} {step.says}"
        seen.append(moment)

    bring(declared(prod, DENSE), filled, watch=look)
    assert len(seen) >= 8


def test_a_replacement_that_misses_the_floor_is_dropped_and_not_built_again(prod: Environment, filled: Database) -> None:
    """Lists of which one in three is searched: about half of the neighbours, whatever the settings say."""
    environment = declared(prod, LISTS, recall_floor=0.999)
    report = bring(environment, filled)
    assert applied(report) == ["replace", "prove", "drop"]
    assert indexes(filled) == [SPARSE_INDEX]
    status, says = about_index(report)[0]
    assert status is Status.NOTE
    assert "stays: it is HNSW (m 8, ef_construction 32); IVFFlat (lists 10) was tried, and found" in says
    assert not bring(environment, filled).applied, "what fell short once is not built again"
    assert applied(bring(declared(prod, DENSE), filled)) == PHASES, "another declaration is"


def test_a_declaration_that_was_taken_back_leaves_no_trace(prod: Environment, filled: Database) -> None:
    with filled.session() as connection:
        on(connection, f"CREATE INDEX {NEW} ON {TABLE} USING hnsw (embedding vector_cosine_ops)")
    assert applied(bring(declared(prod, SPARSE), filled)) == ["drop"]
    assert indexes(filled) == [SPARSE_INDEX]


def test_the_proof_is_of_the_new_index_though_the_planner_prefers_the_old(prod: Environment, filled: Database) -> None:
    """A new index without a single row in it is found out, although searches are answered by the other one."""
    vector_set = declared(prod, SPARSE).vector_sets[0]
    with filled.superuser() as connection:
        on(connection, f"CREATE INDEX {NEW} ON {TABLE} USING ivfflat (embedding vector_cosine_ops) WITH (lists = 300)")
        both = {
            name: index_evolution.measure(connection, vector_set, name, {"hnsw.ef_search": "100", "ivfflat.probes": "1"})[0] or 0.0
            for name in (NAME, NEW)
        }
    assert both[NAME] > 0.9 > 0.7 > both[NEW], both
    assert len(indexes(filled)) == 2, "hiding was undone"


def test_a_table_that_is_in_use_all_the_time_is_told_and_nobody_waits_long(
    prod: Environment, filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the two indexes is to be hidden for the other one's proof, and a reader does not let go of the table."""
    monkeypatch.setattr(index_evolution, "_LOCK_TRIES", 2)
    vector_set = declared(prod, SPARSE).vector_sets[0]
    with filled.superuser() as connection, filled.superuser() as reader, reader.transaction():
        on(connection, f"CREATE INDEX {NEW} ON {TABLE} USING hnsw (embedding vector_cosine_ops)")
        on(reader, f"SELECT count(*) FROM {TABLE}")
        with pytest.raises(Failure) as busy:
            for name in (NAME, NEW):
                index_evolution.measure(connection, vector_set, name, {"hnsw.ef_search": "100"})
    assert busy.value.code == BUSY
    assert "is in use all the time" in str(busy.value)
    assert len(indexes(filled)) == 2


# before the build … after the drop; the build itself and the proof also while they run
@pytest.mark.parametrize(("moment", "phase"), [
    ("before", "replace"), ("during", "replace"), ("after", "replace"), ("during", "prove"), ("after", "prove"),
    ("before", "put"), ("after", "put"), ("before", "drop"), ("after", "drop"),
])  # fmt: skip
def test_killed_in_any_phase_the_next_run_ends_with_one_index(prod: Environment, filled: Database, moment: str, phase: str) -> None:
    environment = declared(prod, DENSE)
    command = [sys.executable, "-m", "tests.live.evolution_child", filled.dsn(), moment, phase, environment.model_dump_json(by_alias=True)]
    # A build of a thousand rows is over before anybody looks, unless it waits for somebody.
    with unfinished_writer(filled) if (moment, phase) == ("during", "replace") else nullcontext():
        done = subprocess.run(command, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    bring(environment, filled)
    assert indexes(filled) == [DENSE_INDEX]
    assert filled.value("SELECT count(*) FROM pg_class WHERE relname IN (%s, %s)", NEW, OLD) == 0
    assert not bring(environment, filled).applied


@pytest.mark.parametrize("phase", ["replace", "prove", "put", "drop"])
def test_a_server_process_ended_in_any_phase_leaves_what_the_next_run_mends(prod: Environment, filled: Database, phase: str) -> None:
    environment = declared(prod, DENSE)
    ended: list[str] = []

    def end(moment: str, step: Step) -> None:
        if moment == ("during" if phase in ("replace", "prove") else "before") and step.says.startswith(phase) and not ended:
            ended.append(phase)
            filled.value(_END_OURS)

    with unfinished_writer(filled) if phase == "replace" else nullcontext(), pytest.raises(Failure):
        bring(environment, filled, watch=end)
    assert ended == [phase]
    bring(environment, filled)
    assert indexes(filled) == [DENSE_INDEX]
    assert not bring(environment, filled).applied
