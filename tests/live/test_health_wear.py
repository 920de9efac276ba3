"""Indexes that were good once: rows go, rows come, graphs have holes, caches shrink, versions have defects. Found, and mended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from infra.domain.environment import Environment
from scripts.edges import index_records
from scripts.edges.exits import BUSY, Failure
from scripts.edges.index_builds import Built
from tests.live.conftest import Database
from tests.live.patients import BUILDING, INDEX, LISTS, TABLE, Patient, admitted
from tests.live.test_post_provision import bring

pytestmark = pytest.mark.live

REINDEX = f"REINDEX INDEX CONCURRENTLY public.{INDEX}"


@pytest.fixture
def patient(prod: Environment, database: Database, capsys: pytest.CaptureFixture[str]) -> Iterator[Patient]:
    with admitted(prod, database, capsys) as made:
        yield made


def keep(patient: Patient, percent: int) -> None:
    patient.execute(f"DELETE FROM {TABLE} WHERE abs(hashtext(id)) % 100 >= {percent}")


def searching_with(patient: Patient, setting: str, value: int) -> None:
    # The setting is known once the library is loaded.
    patient.execute("SELECT '[1]'::vector", f"ALTER DATABASE {patient.database.name} SET {setting} = {value}")


def test_an_index_most_of_whose_rows_were_deleted_is_bloated_and_misses_and_is_built_again(patient: Patient) -> None:
    patient.fill(4500)
    assert patient.repair()[0] == 0
    size = patient.database.value(f"SELECT pg_relation_size('{INDEX}')")
    keep(patient, 20)
    code, found = patient.status()
    assert code == 1 and set(found) == {"I9", "I10"}, found
    assert "rows are dead" in found["I9"][0] and found["I9"][0].endswith(f"=> {REINDEX}")
    assert found["I10"][0].endswith(f"=> {REINDEX}")
    patient.mended(REINDEX)
    assert patient.database.value(f"SELECT pg_relation_size('{INDEX}')") < size / 3


def test_recall_that_has_fallen_since_the_build_is_told_before_it_is_below_the_floor(patient: Patient) -> None:
    patient.declare(recall_floor=0.1)
    patient.fill(1500)
    assert patient.repair()[0] == 0
    keep(patient, 12)
    code, found = patient.status()
    assert (code, list(found)) == (0, ["I11"]), found
    assert "it was 0.9" in found["I11"][0] or "it was 1.0" in found["I11"][0]
    patient.mended(REINDEX)


def test_a_graph_in_which_stored_vectors_cannot_be_reached_is_built_again(patient: Patient) -> None:
    """Settings can be altered without a build: the catalogue says m 16 then, and the graph has 2."""
    patient.declare(recall_floor=0.1)
    patient.fill()
    patient.index(settings="WITH (m = 2, ef_construction = 4)")
    patient.execute(f"ALTER INDEX {INDEX} SET (m = 16, ef_construction = 64)")
    code, found = patient.status()
    assert code == 0 and "stored vectors do not find themselves" in found["I12"][0], found
    patient.mended(REINDEX)


def recorded(patient: Patient) -> list[int]:
    """The rows of each build that is written down."""
    found: list[int] = patient.database.value("SELECT json_agg(rows) FROM agent_memory.index_builds")
    return found


def test_lists_that_were_made_of_fewer_rows_are_made_again(patient: Patient) -> None:
    patient.declare(index=LISTS, recall_floor=0.8)
    searching_with(patient, "ivfflat.probes", 8)
    patient.fill(1000)
    bring(patient.environment, patient.database)
    assert recorded(patient) == [1000]
    patient.fill(2500, seed=6)
    _, found = patient.status()
    assert found["I13"] == [f"warn: the lists of {INDEX} are of 1,000 rows, there are 3,500 now => {REINDEX}"]
    patient.mended(REINDEX)
    assert recorded(patient) == [3500], "the old index is forgotten, the new one is known"


def test_lists_that_an_application_made_of_nothing_are_found_by_their_recall(patient: Patient) -> None:
    # Four of twenty lists find 0.79 to 0.84 when the lists are of chance, and 0.94 to 0.96 when they are of the rows.
    patient.declare(index=LISTS, recall_floor=0.89)
    searching_with(patient, "ivfflat.probes", 4)
    patient.index("theirs", "ivfflat (embedding vector_cosine_ops)", "WITH (lists = 20)")
    patient.fill(3000)
    code, found = patient.status()
    assert code == 1 and "I10" in found, found
    patient.mended("REINDEX INDEX CONCURRENTLY public.theirs")


def test_a_search_that_looks_less_far_than_it_should_is_no_reason_to_build(patient: Patient) -> None:
    patient.declare(recall_floor=0.97)
    patient.fill()
    bring(patient.environment, patient.database)
    assert patient.status() == (0, {})
    for role in ("DATABASE {}", "ROLE app_rw IN DATABASE {}"):
        patient.execute("SELECT '[1]'::vector", f"ALTER {role.format(patient.database.name)} SET hnsw.ef_search = 1")
    code, found = patient.status()
    assert code == 1 and found["I10"][0].endswith("=> agentmem post-provision --stack prod sets hnsw.ef_search 200"), found
    bring(patient.environment, patient.database)
    assert patient.status() == (0, {})


def test_an_index_larger_than_the_cache_names_the_sku_that_holds_it(patient: Patient) -> None:
    patient.fill()
    patient.index()
    patient.execute(f"ALTER DATABASE {patient.database.name} SET effective_cache_size = '1MB'")
    code, found = patient.status()
    assert code == 0 and "effective_cache_size is 1.0 MB: searches wait for the disk" in found["I14"][0], found
    assert "server.sku: Standard_" in found["I14"][0] and "or type: halfvec" in found["I14"][0]
    patient.execute(f"ALTER DATABASE {patient.database.name} RESET effective_cache_size")
    assert patient.status() == (0, {})


def test_a_pgvector_with_known_defects_is_updated_and_what_it_built_is_built_again(patient: Patient) -> None:
    patient.fill()
    with patient.database.superuser() as session:
        session.execute("UPDATE pg_extension SET extversion = '0.8.1' WHERE extname = 'vector'")
    _, document = patient.repair(dry_run=True)
    told = [finding["says"] for finding in document["found"] if finding["rule"] == "I15"]
    assert any("CVE-2026-3172" in says and "fixed in 0.8.2" in says for says in told), told
    with patient.database.session() as session:  # built before anybody looked
        session.execute(f"CREATE INDEX {INDEX} ON {TABLE} USING hnsw (embedding vector_cosine_ops)")
        _record(patient, session)
    patient.mended("ALTER EXTENSION vector UPDATE", REINDEX)
    assert patient.database.value("SELECT extversion FROM pg_extension WHERE extname = 'vector'") == "0.8.5"


def _record(patient: Patient, session: psycopg.Connection[Any]) -> None:
    built = Built(name=INDEX, kind="hnsw", rows=2500, needed_kib=1, given_kib=1, allowed_kib=1, workers=0, size_bytes=1, spilled=False,
                  fell_back=False)  # fmt: skip
    assert index_records.record(session, patient.vector_set, built)


def test_a_rebuild_that_goes_on_after_its_client_died_is_waited_for(patient: Patient) -> None:
    """The next run joins it instead of building beside it, and takes up what is left to do."""
    patient.fill(8000)
    assert patient.repair()[0] == 0
    keep(patient, 20)
    waiting = threading.Event()

    def rebuild() -> None:
        with patient.database.session() as other:
            waiting.set()
            other.execute(f"REINDEX INDEX CONCURRENTLY {INDEX}".encode())

    with patient.old_transaction():
        thread = threading.Thread(target=rebuild)
        thread.start()
        waiting.wait(10)
        _until_building(patient)
        _, document = patient.repair(dry_run=True)
        assert document["plan"][0].startswith("wait for process"), document["plan"]
        assert not any(step.startswith("REINDEX") for step in document["plan"])
    thread.join(20)
    assert patient.repair()[0] == 0
    assert patient.status()[0] == 0
    assert set(patient.states()) == {INDEX}


def _until_building(patient: Patient) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and not patient.database.value("SELECT count(*) FROM pg_stat_progress_create_index"):
        time.sleep(0.02)


def test_a_rebuild_that_is_cut_off_leaves_nothing_and_the_next_run_does_it(patient: Patient) -> None:
    patient.fill(6000)
    assert patient.repair()[0] == 0
    keep(patient, 30)

    def end() -> None:
        with patient.database.superuser() as session:
            while not done.is_set():
                row = session.execute(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index WHERE phase = %s", (BUILDING,)
                ).fetchone()
                if row:
                    return
                done.wait(0.01)

    done = threading.Event()
    thread = threading.Thread(target=end)
    thread.start()
    try:
        with pytest.raises(Failure) as failed:
            patient.repair()
    finally:
        done.set()
        thread.join(20)
    assert failed.value.code == BUSY
    assert patient.states() == {INDEX: "true true"}, "the old one serves, and no half of a new one is left"
    patient.mended(REINDEX)
