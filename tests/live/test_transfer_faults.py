"""Transfers whose source, target or server is lost, that meet locks, other transfers and old servers: told, and mended by the next run."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.edges import postgres, table_digests, transfer_target
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, Failure
from scripts.edges.transfer import Result
from scripts.edges.transfer_target import Target
from scripts.local_azure.binaries import INSIDE
from scripts.local_azure.postgres import Binaries, Cluster, Mode
from tests.live.conftest import ADMINISTRATOR, ALLOWED, PASSWORD, Database, new_cluster, new_database
from tests.live.hard_to_copy import connect
from tests.live.transfers import END_OURS, assert_whole, at, brought, ended, execute, refused, target, transfer, whole
from tests.waiting import until

__all__ = ["target", "whole"]
pytestmark = pytest.mark.live


# Who is lost, and when.


def test_a_source_that_is_lost_is_unreachable_and_the_next_run_goes_on(whole: Database, target: Database) -> None:
    for moment in ("schema", "bytes", "copied"):
        refused(UNREACHABLE, "", whole, target, at(moment, lambda: whole.value(END_OURS)))
    brought(whole, target)
    assert_whole(whole, target)


def test_a_target_that_is_lost_is_unreachable_and_the_next_run_goes_on(whole: Database, target: Database) -> None:
    for moment in ("schema", "bytes", "copied", "keys", "index memories_index", "settled"):
        refused(UNREACHABLE, "", whole, target, at(moment, lambda: target.value(END_OURS)))
    assert brought(whole, target).built == []
    assert_whole(whole, target)


def test_a_build_whose_client_is_gone_is_waited_for_and_counts(whole: Database, target: Database) -> None:
    """The server does not hear of it: another build under the same name would fail."""
    ended(whole, target, "keys")
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareUpdateExclusiveLock'"
    with psycopg.connect(target.dsn(), password=PASSWORD) as other:
        other.execute("CREATE INDEX memories_index ON memories USING hnsw (embedding vector_cosine_ops)")
        result: list[Result] = []
        run = threading.Thread(target=lambda: result.append(brought(whole, target)))
        run.start()
        until(lambda: target.value(waits))
        other.commit()
        run.join()
    assert result[0].built and "memories_index" not in result[0].built
    assert_whole(whole, target)


def test_a_second_transfer_waits_a_moment_and_then_names_the_first(
    whole: Database, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (Target(lambda: connect(target)) for _ in range(2))
    first.lock()
    with monkeypatch.context() as patch:
        patch.setattr(transfer_target, "_LOCK_SECONDS", 0.3)
        refused(BUSY, f"another transfer into this database is at work: process {first.session.info.backend_pid}", whole, target)
    threading.Timer(0.3, first.close).start()
    second.lock()
    second.close()


# Who stands in the way.


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for a moment."""
    monkeypatch.setattr(table_digests, "LOCK_SECONDS", 1)


@pytest.mark.usefixtures("impatient")
def test_a_locked_table_of_the_source_names_who_locks_it(whole: Database, target: Database) -> None:
    with whole.session() as other, other.transaction():
        other.execute("LOCK TABLE memories IN ACCESS EXCLUSIVE MODE")
        refused(BUSY, f"public.memories is locked by process {other.info.backend_pid} of {ADMINISTRATOR}", whole, target)
    assert target.value("SELECT to_regclass('memories')::text") is None


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("moment", ["before", "schema"])
def test_who_waits_to_alter_a_table_does_not_make_it_wait_for_ever(whole: Database, target: Database, moment: str) -> None:
    """He waits for our first session, our other ones and pg_dump would wait for him: no server sees that nobody can go on."""
    with whole.session() as other:
        threads: list[threading.Thread] = []

        def alter() -> None:
            other.execute("SET lock_timeout = '20s'")
            waits = "DO $$ BEGIN LOCK TABLE memories IN ACCESS EXCLUSIVE MODE; END $$"
            threads.append(threading.Thread(target=lambda: other.execute(waits)))
            threads[0].start()
            until(lambda: whole.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"))

        if moment == "schema":
            failure = refused(BUSY, "lock timeout", whole, target, at(moment, alter))
            assert failure.where == "reading public.memories"
        else:
            locked = table_digests.tables

            def then(session: Any) -> Any:
                found = locked(session)
                if not threads:
                    session.execute("LOCK TABLE public.memories IN ACCESS SHARE MODE")
                    alter()
                return found

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(table_digests, "tables", then)
                failure = refused(BUSY, "(lock|statement) timeout", whole, target)
            assert failure.where == "pg_dump"
        threads[0].join()
    brought(whole, target)
    assert_whole(whole, target)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("moment", "mode", "where"), [
    ("copied", "ACCESS EXCLUSIVE", "public.hens"),
    ("copied", "ACCESS SHARE", "keys and constraints"),
])  # fmt: skip
def test_a_locked_table_of_the_target_is_busy(whole: Database, target: Database, moment: str, mode: str, where: str) -> None:
    with psycopg.connect(target.dsn(), password=PASSWORD) as other:
        lock = f"LOCK TABLE hens IN {mode} MODE".encode()
        assert refused(BUSY, "lock timeout", whole, target, at(moment, lambda: other.execute(lock))).where == where
    brought(whole, target)
    assert_whole(whole, target)


def test_what_somebody_set_against_slow_queries_ends_no_transfer(whole: Database, target: Database) -> None:
    name = target.name
    settings = ("statement_timeout", "lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout")
    execute(target, *(f"ALTER DATABASE {name} SET {setting} = '30ms'" for setting in settings))
    brought(whole, target, at("copied", lambda: time.sleep(0.1)))
    execute(target, *(f"ALTER DATABASE {name} RESET {setting}" for setting in settings))
    assert_whole(whole, target)


# What is refused before anything is written.


def untouched(target: Database) -> bool:
    """Nothing was begun."""
    return bool(
        target.value("SELECT count(*) = 0 FROM pg_namespace WHERE nspname ~ 'agent'") and target.value("SELECT to_regclass('hens')") is None
    )


def test_a_wrong_password_of_the_target_is_refused_and_not_shown(whole: Database, target: Database) -> None:
    with pytest.raises(Failure, match="password authentication failed") as failure:
        transfer(lambda: connect(whole), lambda: postgres.connect(target.dsn(), password="not-it-at-all"))
    assert failure.value.code is REFUSED and "not-it-at-all" not in str(failure.value)
    assert untouched(target)


@pytest.mark.parametrize("extensions", [{}, {"vector": "0.8.5"}])
def test_an_extension_that_is_not_allow_listed_leaves_nothing_behind(whole: Database, target: Database, extensions: dict[str, str]) -> None:
    target.cluster.apply({"azure.extensions": "pg_stat_statements"})
    try:
        failure = refused(REFUSED, "allow-list", whole, target, extensions=extensions)
    finally:
        target.cluster.apply({"azure.extensions": ALLOWED})
    assert "azure.extensions" in failure.hint and untouched(target)


# Servers of their own: one that stops, and one that is old.


@pytest.fixture(scope="module")
def other(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A second server, which offers nothing newer than pgvector 0.8.1."""
    folder = tmp_path_factory.mktemp("other")
    tree = Path(shutil.copytree(binaries.prefix.parents[1], binaries.prefix.parents[2] / f"old-{folder.name}-{os.getpid()}"))
    control = tree / INSIDE / "share/postgresql/extension/vector.control"
    control.write_text(control.read_text().replace("'0.8.5'", "'0.8.1'"))
    control.with_name("vector--0.8.5.sql").rename(control.with_name("vector--0.8.1.sql"))
    control.with_name("vector--0.8.1--0.8.2.sql").unlink()
    try:
        with new_cluster(folder, "zepmem-other", Binaries(tree / INSIDE, binaries.user)) as running:
            yield running
    finally:
        shutil.rmtree(tree)


def power_cut(server: Cluster) -> None:
    """It is gone at once, and there again."""
    server.stop(Mode.IMMEDIATE)
    server.start()


def test_an_older_pgvector_is_refused_by_the_server_and_nothing_is_begun(whole: Database, other: Cluster) -> None:
    with new_database(other) as target:
        failure = refused(
            REFUSED, 'no installation script nor update path for version "0.8.5"', whole, target, extensions={"vector": "0.8.5"}
        )
        assert failure.where == "extension vector" and untouched(target)


def test_a_server_that_stops_in_the_middle_takes_it_up_again(whole: Database, other: Cluster) -> None:
    """As by a power cut: what was not on the disk is gone, the notes that it was there with it."""
    with new_database(other) as target:
        for moment in ("bytes", "copied", "index memories_index"):
            refused(UNREACHABLE, "", whole, target, at(moment, lambda: power_cut(other)))
        brought(whole, target)
        power_cut(other)
        assert_whole(whole, target)
