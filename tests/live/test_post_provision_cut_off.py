"""Post-provision cut off at every step, beside a running build, beside another run: the next run ends right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.domain.environment import Environment
from infra.domain.steps import JoinBuild, Step
from scripts.edges import database_steps
from scripts.edges.exits import BUSY, Failure
from tests.live.conftest import PASSWORD, Database
from tests.live.test_post_provision import INDEXES, bring, fill
from tests.waiting import until

pytestmark = pytest.mark.live

_INVALID = "SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready)"
_VALID = "SELECT count(*) FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname LIKE '%_ann_idx' AND indisvalid"
_BUILDS = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()"


@contextmanager
def child(root: Path, database: Database, moment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that runs post-provision and kills itself at a moment."""
    command = [sys.executable, "-m", "tests.live.provision_child", database.dsn(), moment]
    with subprocess.Popen(command, cwd=root, env={**os.environ, "PGPASSWORD": PASSWORD}, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.communicate()


def killed(root: Path, database: Database, moment: str) -> int:
    with child(root, database, moment) as process:
        pass
    return process.returncode


@contextmanager
def unfinished_writer(database: Database) -> Iterator[None]:
    """A transaction that has written to the first table: a concurrent build of an index waits for it."""
    with database.superuser() as connection, connection.transaction(force_rollback=True):
        connection.execute("DELETE FROM zep_embeddings")
        yield


def complete(prod: Environment, database: Database) -> None:
    """Two valid indexes, nothing invalid, and nothing left to do after at most one more run."""
    bring(prod, database)
    assert database.value(_INVALID) == 0
    assert database.value(_VALID) == len(INDEXES)
    assert not bring(prod, database).applied


@pytest.fixture
def filled(prod: Environment, database: Database) -> Database:
    """The application's tables with memories, and nothing of ours but the extension that they need."""
    with database.session() as connection:
        connection.execute("CREATE EXTENSION vector")
    fill(database, prod, 300)
    return database


def test_killed_after_each_step_the_next_run_goes_on(prod: Environment, filled: Database, root: Path) -> None:
    """Each child does one step of those that are left and is killed: after as many children as steps everything is there."""
    runs = 0
    while killed(root, filled, "after") == -signal.SIGKILL:
        runs += 1
    assert runs == 12, "extension, table, 2 models, 2 roles, 2 grants, 3 settings, 2 indexes, less the extension that was there"
    complete(prod, filled)


def test_killed_before_its_first_step_a_run_has_changed_nothing(prod: Environment, filled: Database, root: Path) -> None:
    assert killed(root, filled, "before") == -signal.SIGKILL
    assert filled.value("SELECT to_regclass('agent_memory.vector_sets')") is None
    complete(prod, filled)


def test_a_build_whose_client_was_killed_goes_on_and_is_joined(prod: Environment, filled: Database, root: Path) -> None:
    joined: list[Step] = []
    with unfinished_writer(filled):
        assert killed(root, filled, "during") == -signal.SIGKILL
        assert filled.value(_BUILDS) == 1, "the server does not notice that its client is dead"
        others = threading.Thread(
            target=lambda: bring(prod, filled, watch=lambda moment, step: joined.append(step) if moment == "during" else None)
        )
        others.start()
        until(lambda: joined)
    others.join()
    assert isinstance(joined[0].action, JoinBuild)
    assert "join the build that process" in joined[0].says
    complete(prod, filled)


def test_a_build_that_died_with_its_server_process_is_dropped_and_built_anew(prod: Environment, filled: Database, root: Path) -> None:
    with unfinished_writer(filled):
        assert killed(root, filled, "during") == -signal.SIGKILL
        filled.value("SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()")
        until(lambda: filled.value(_BUILDS) == 0)
    assert filled.value(_INVALID) == 1
    report = bring(prod, filled)
    assert [done.step.key for done in report.applied][:2] == ["index zep_embeddings_embedding_ann_idx", "index zep_embeddings.embedding"]
    complete(prod, filled)


def test_ctrl_c_cancels_the_build_on_the_server_and_drops_what_is_left_of_it(prod: Environment, filled: Database, root: Path) -> None:
    with child(root, filled, "never") as process, unfinished_writer(filled):
        interrupt(process)
        until(lambda: filled.value(_BUILDS) == 0)
    assert process.returncode != 0
    assert filled.value("SELECT count(*) FROM pg_class WHERE relname = %s", INDEXES[0]) == 0
    complete(prod, filled)


def test_ctrl_c_does_not_wait_for_those_who_stand_in_the_way(prod: Environment, filled: Database, root: Path) -> None:
    with unfinished_writer(filled), child(root, filled, "never") as process:
        interrupt(process)
        process.wait(8)
    complete(prod, filled)


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C as soon as the process watches a build."""
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("during"))
    process.send_signal(signal.SIGINT)


def test_halves_of_a_broken_rebuild_are_dropped_and_the_good_index_stays(prod: Environment, filled: Database) -> None:
    bring(prod, filled)
    with filled.superuser() as connection:
        connection.execute("CREATE INDEX zep_embeddings_embedding_ann_idx_ccnew ON zep_embeddings USING hnsw (embedding vector_cosine_ops)")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'zep_embeddings_embedding_ann_idx_ccnew'::regclass")
    before = filled.value("SELECT 'zep_embeddings_embedding_ann_idx'::regclass::oid")
    report = bring(prod, filled)
    assert [done.step.key for done in report.applied] == ["index zep_embeddings_embedding_ann_idx_ccnew"]
    assert filled.value("SELECT 'zep_embeddings_embedding_ann_idx'::regclass::oid") == before
    complete(prod, filled)


def test_an_index_that_came_good_in_the_meantime_is_not_dropped(prod: Environment, filled: Database) -> None:
    bring(prod, filled)
    with filled.session() as connection:
        database_steps.drop_index(connection, INDEXES[0])
    assert filled.value(_VALID) == len(INDEXES)


def test_two_runs_at_once_take_turns_or_name_each_other(prod: Environment, filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled.session() as holder:
        database_steps.lock(holder)
        monkeypatch.setattr(database_steps, "_LOCK_SECONDS", 0.3)
        with pytest.raises(Failure) as busy:
            bring(prod, filled)
        assert busy.value.code == BUSY
        assert f"process {holder.info.backend_pid} of cogadmin" in str(busy.value)
    bring(prod, filled)
    complete(prod, filled)
