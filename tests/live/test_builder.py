"""The builder on a real server: what stands in its way is said first, a broken-off build leaves nothing, a restore builds plainly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from infra.domain.environment import Environment, Hnsw, VectorSet
from infra.domain.steps import BuildIndex
from scripts.edges import build_preflight, index_builds, memories, vector_tables
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, Failure
from scripts.edges.index_builds import Built, Progress, Room
from tests.live.conftest import PASSWORD, Database

ROOM = Room(allowed_kib=256 * 1024, workers=0, server_kib=64 * 1024)
DIMENSIONS, ROWS = 128, 6000


@pytest.fixture
def vector_set(prod: Environment, database: Database) -> VectorSet:
    """A declared set whose table is filled."""
    index = Hnsw(kind="hnsw", m=16, ef_construction=200)
    made = prod.vector_sets[0].model_copy(update={"dimensions": DIMENSIONS, "index": index})
    with database.session() as session:
        session.execute("CREATE EXTENSION vector")
        vector_tables.create_tables(session, [made])
        vector_tables.load(session, made, memories.make(ROWS, DIMENSIONS, seed=3), lambda count: None)
    return made


@pytest.fixture
def build(vector_set: VectorSet, database: Database) -> Iterator[Callable[..., Built]]:
    action = BuildIndex(name="near", vector_set=vector_set, index=vector_set.index, cast=False)
    with database.session() as session:

        def run(watch: Callable[[Progress], None] = lambda progress: None, room: Room = ROOM, **how: Any) -> Built:
            def second() -> psycopg.Connection[Any]:
                return psycopg.connect(database.dsn(), password=PASSWORD, autocommit=True)

            return index_builds.build(session, second, action, room, watch, **how)

        yield run


def _state(database: Database) -> Any:
    return database.value("SELECT indisvalid::text || indisready FROM pg_index WHERE indexrelid = to_regclass('public.near')")


def test_a_disk_that_would_be_full_is_refused_before_anything_is_built(build: Callable[..., Built], database: Database) -> None:
    with pytest.raises(Failure, match=r"near needs .* MB and as much write-ahead log; .* usable MB are taken") as refused:
        build(room=Room(allowed_kib=262144, workers=0, server_kib=65536, disk_bytes=1 << 20))
    assert refused.value.code == REFUSED
    assert _state(database) is None
    assert build(room=Room(allowed_kib=262144, workers=0, server_kib=65536, disk_bytes=1 << 40)).size_bytes > 0


def test_a_disk_that_grows_by_itself_is_never_full(prod: Environment) -> None:
    fixed = prod.model_copy(update={"storage": prod.storage.model_copy(update={"autogrow": False, "size_gib": 64})})
    assert build_preflight.disk_bytes(prod) is None
    # Azure stops writes at 95 %, or with 5 GiB left: of 64 GiB that is at 59.
    assert build_preflight.disk_bytes(fixed) == 59 << 30


def test_a_restore_builds_plainly_and_inside_nobodys_way(build: Callable[..., Built], database: Database) -> None:
    """A concurrent build waits for the other transaction for ever; a plain one has no reason to."""
    with database.session() as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SET LOCAL idle_in_transaction_session_timeout = '8s'")  # else the wrong kind of build would hang this test
        other.execute("SELECT count(*) FROM pg_class")
        built = build(live=False)
    assert built.size_bytes > 0
    assert _state(database) == "truetrue"


def test_a_table_that_has_no_vectors_gets_its_index_all_the_same(build: Callable[..., Built], database: Database) -> None:
    with database.session() as session:
        session.execute("TRUNCATE zep_embeddings")
    assert build().rows == 0


@pytest.mark.parametrize("end", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_build_that_the_server_ends_leaves_nothing(end: str, build: Callable[..., Built], database: Database) -> None:
    def watch(progress: Progress) -> None:
        if progress.done:
            database.value(f"SELECT {end}(pid) FROM pg_stat_progress_create_index")

    with pytest.raises(Failure) as failed:
        build(watch)
    assert failed.value.code in (BUSY, UNREACHABLE)
    assert _state(database) is None
    assert build().size_bytes > 0, "the next one finds no obstacle"


def test_ctrl_c_cancels_the_servers_side_too(build: Callable[..., Built], database: Database) -> None:
    def watch(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(watch)
    assert _state(database) is None
    assert database.value("SELECT count(*) FROM pg_stat_progress_create_index") == 0


def test_a_build_that_spills_says_so_while_it_goes_on(build: Callable[..., Built]) -> None:
    phases: list[str] = []
    built = build(lambda progress: phases.append(progress.phase), room=Room(allowed_kib=2048, workers=0, server_kib=1024))
    assert built.spilled
    assert any("on disk from here on" in phase for phase in phases)


def test_waiting_for_another_transaction_names_its_process(build: Callable[..., Built], database: Database) -> None:
    seen: list[str] = []
    done = threading.Event()

    def watch(progress: Progress) -> None:
        seen.append(progress.phase)
        if "waiting" in progress.phase:
            done.set()

    with database.session() as other:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM pg_class")
        pid = other.info.backend_pid

        def release() -> None:
            done.wait(20)
            time.sleep(0.5)
            other.execute("COMMIT")

        ends = threading.Thread(target=release)
        ends.start()
        build(watch)
        ends.join()
    assert any(f"process {pid}" in phase for phase in seen), seen
