"""What goes wrong with a build on a real server: rows that no graph holds, locks, timeouts, a network that is cut."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.domain.environment import Environment, Hnsw, IvfFlat
from infra.domain.steps import BuildIndex, Step
from scripts.edges import build_preflight, index_builds
from scripts.edges.exits import BUSY, UNREACHABLE, Failure
from scripts.edges.index_builds import Progress, Room, TooFewRows
from tests.live.conftest import ADMINISTRATOR, PASSWORD, Database
from tests.live.patients import BUILDING, HNSW, INDEX, LISTS, TABLE, WAITING, Patient, admitted
from tests.live.test_post_provision import bring
from tests.live.test_post_provision_cut_off import unfinished_writer
from tests.live.wire import Wire
from tests.waiting import until

pytestmark = pytest.mark.live

ZEROS = "ARRAY(SELECT 0 FROM generate_series(1, 64))::vector"
SETTINGS = "SELECT json_object_agg(name, setting) FROM pg_settings WHERE name = ANY(%s)"
TOUCHED = ["maintenance_work_mem", "max_parallel_maintenance_workers", "min_parallel_table_scan_size", "statement_timeout", "lock_timeout"]
KEPT = """
SELECT json_build_array((SELECT json_agg(setconfig) FROM pg_db_role_setting),
                         (SELECT reloptions FROM pg_class WHERE relname = 'zep_embeddings'))
"""


@pytest.fixture
def patient(prod: Environment, database: Database, capsys: pytest.CaptureFixture[str]) -> Iterator[Patient]:
    with admitted(prod, database, capsys) as made:
        yield made


def whole(patient: Patient) -> None:
    """One valid index, nothing to do, nothing to complain of."""
    bring(patient.environment, patient.database)
    assert patient.states() == {INDEX: "true true"}
    assert not bring(patient.environment, patient.database).applied
    assert patient.status() == (0, {})


@pytest.mark.parametrize("rows", [
    "UPDATE {} SET embedding = {}", "UPDATE {} SET embedding = {} WHERE abs(hashtext(id)) % 2 = 0", "UPDATE {} SET embedding = NULL -- {}",
    "UPDATE {} SET embedding = NULL WHERE abs(hashtext(id)) % 2 = 0 -- {}", "DELETE FROM {} -- {}",
])  # fmt: skip
def test_rows_that_a_graph_does_not_hold_are_nobodys_loss(patient: Patient, rows: str) -> None:
    """By cosine a vector of length nothing has no direction; no row of it is missed, and none is a question."""
    patient.fill(1000)
    patient.execute(rows.format(TABLE, ZEROS))
    whole(patient)


def test_a_thousand_times_the_same_vector_is_found_by_its_distance(patient: Patient) -> None:
    patient.fill(1000)
    patient.execute(f"UPDATE {TABLE} SET embedding = (SELECT embedding FROM {TABLE} LIMIT 1)")
    whole(patient)


@pytest.mark.parametrize(("value", "words"), [("NaN", "NaN not allowed in vector"), ("Infinity", "infinite value not allowed in vector")])
def test_a_number_that_is_none_is_refused_by_the_server_itself(patient: Patient, value: str, words: str) -> None:
    patient.fill(10)
    with pytest.raises(psycopg.errors.DataException, match=words):
        patient.execute(f"UPDATE {TABLE} SET embedding = ARRAY(SELECT '{value}'::real FROM generate_series(1, 64))::vector")


def test_a_locked_table_names_who_locks_it(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_preflight, "_LOCK_MILLISECONDS", "200")
    patient.fill(500)
    with patient.database.session() as other, other.transaction():
        other.execute(f"LOCK {TABLE} IN ACCESS EXCLUSIVE MODE".encode())
        with pytest.raises(Failure, match=f"{TABLE} is locked by process {other.info.backend_pid} of {ADMINISTRATOR}") as busy:
            bring(patient.environment, patient.database)
    assert busy.value.code == BUSY
    assert patient.states() == {}
    whole(patient)


def test_a_lock_timeout_that_somebody_set_does_not_end_a_build(patient: Patient) -> None:
    """A concurrent build waits for every writer; with the application's own patience it would never end."""
    patient.fill(1000)
    name = patient.database.name
    patient.execute(f"ALTER DATABASE {name} SET lock_timeout = '100ms'", f"ALTER DATABASE {name} SET statement_timeout = '300ms'")
    waited: list[str] = []
    with patient.database.superuser() as writer:
        writer.execute("BEGIN")
        writer.execute(f"DELETE FROM {TABLE}".encode())
        began = time.monotonic()

        def watch(moment: str, step: Step) -> None:
            if moment == "during" and time.monotonic() - began > 1 and not waited:
                waited.append(step.key)
                writer.execute("ROLLBACK")

        bring(patient.environment, patient.database, watch=watch)
    assert waited, "the build did not wait for the writer"
    whole(patient)


def _held(patient: Patient, phase: str) -> AbstractContextManager[None]:
    if phase == BUILDING:
        return nullcontext()
    return patient.old_transaction() if phase == WAITING else unfinished_writer(patient.database)


@pytest.mark.parametrize("phase", ["waiting for writers before build", BUILDING, WAITING])
def test_a_network_that_is_cut_in_any_phase_is_told_and_the_next_run_ends_right(patient: Patient, phase: str, tmp_path: Path) -> None:
    """The server is not told and builds on: the next run joins it, or mends what it left."""
    patient.fill(6000 if phase == BUILDING else 1500)
    dsn = f"host={tmp_path} port=5432 dbname={patient.database.name} user={ADMINISTRATOR}"
    running = f"SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = '{patient.database.name}'"
    at = f"{running} AND phase = '{phase}'"
    cut: list[str] = []
    with Wire(tmp_path, patient.database.cluster.socket) as wire, _held(patient, phase):

        def watch(moment: str, step: Step) -> None:
            if moment == "during" and not cut and patient.database.value(at):
                cut.append(step.key)
                wire.cut()

        with pytest.raises(Failure) as failed:
            bring(patient.environment, patient.database, dsn=dsn, watch=watch)
        assert cut, f"never seen in: {phase}"
        assert failed.value.code == UNREACHABLE, failed.value
    until(lambda: not patient.database.value(running), 20)
    whole(patient)


@pytest.mark.parametrize(("rows", "index", "cancel", "ended"), [
    (6000, HNSW, False, ""), (6000, HNSW, True, "Failure"), (40, LISTS, False, "TooFewRows"),
])  # fmt: skip
def test_a_build_leaves_no_setting_behind(patient: Patient, rows: int, index: Hnsw | IvfFlat, cancel: bool, ended: str) -> None:
    """Neither in the session that goes on, nor on the database, a role or the table; whether it ended well or not."""
    patient.fill(rows)
    action = BuildIndex(name=INDEX, vector_set=patient.vector_set, index=index, cast=False)
    room = Room(allowed_kib=262144, workers=1, server_kib=65536)
    end = "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index WHERE tuples_done > 0"

    def watch(progress: Progress) -> None:
        if cancel:
            patient.database.value(end)

    def second() -> psycopg.Connection[Any]:
        return psycopg.connect(patient.database.dsn(), password=PASSWORD, autocommit=True)

    with patient.database.session() as session:
        before, kept = session.execute(SETTINGS, (TOUCHED,)).fetchone(), patient.database.value(KEPT)
        with pytest.raises((Failure, TooFewRows)) if ended else nullcontext() as failed:
            index_builds.build(session, second, action, room, watch)
        assert not ended or failed.typename == ended
        assert session.execute(SETTINGS, (TOUCHED,)).fetchone() == before
    assert patient.database.value(KEPT) == kept
