"""Transfers that were ended and go on after something has changed, and targets that hold other rows than the origin: always told."""

from __future__ import annotations

import threading

import psycopg
import pytest

from scripts.edges.exits import BAD, REFUSED
from scripts.edges.transfer import Watching
from tests.live.conftest import Database
from tests.live.hard_to_copy import connect
from tests.live.transfers import assert_whole, at, brought, contents, ended, execute, refused, source, target, whole
from tests.waiting import until

__all__ = ["source", "target", "whole"]
pytestmark = pytest.mark.live

# What has changed between a run that was ended and the next one.


def test_rows_that_changed_after_their_table_was_there_are_brought_again(source: Database, target: Database) -> None:
    ended(source, target, "copied")
    execute(source, "UPDATE hens SET egg = NULL", "INSERT INTO eggs VALUES (2, NULL)")
    result = brought(source, target)
    assert result.taken_over == len(result.tables) - 2
    assert_whole(source, target)


def test_rows_that_changed_after_the_keys_were_there_begin_it_anew(source: Database, target: Database) -> None:
    ended(source, target, "keys")
    execute(source, "DELETE FROM eggs WHERE id = 1 AND hen IS NULL", "UPDATE numbered SET address = 'x@y' WHERE id = 3")
    assert brought(source, target).taken_over == 0
    assert_whole(source, target)


def test_an_index_of_an_earlier_run_is_not_built_again_and_nothing_is_begun_anew(whole: Database, target: Database) -> None:
    """The target notes its builds in a table that came with the rows: that one differs from then on."""
    ended(whole, target, "index memories_index")
    result = brought(whole, target)
    assert result.taken_over == len(result.tables)
    assert "memories_index" not in result.built and "facts_index" in result.built
    assert_whole(whole, target)


def test_a_build_whose_client_is_gone_ends_when_all_begins_anew(source: Database, target: Database) -> None:
    """It would keep its table from being dropped for as long as it lasts; this one waits for a transaction that never ends."""
    ended(source, target, "index memories_index")
    execute(source, "DELETE FROM eggs WHERE id = 2", "DELETE FROM nothing", "DELETE FROM memories WHERE id = 5")
    build = "CREATE INDEX CONCURRENTLY more ON memories USING hnsw (embedding vector_l2_ops)"
    errors: list[psycopg.Error] = []

    def work() -> None:
        try:
            connect(target).execute(build)
        except psycopg.Error as error:
            errors.append(error)

    with target.session() as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM pg_class")
        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: target.value("SELECT count(*) FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots'"))
        brought(source, target)
        thread.join()
    assert [type(error) for error in errors] == [psycopg.errors.AdminShutdown]
    assert_whole(source, target)


@pytest.mark.parametrize("change", [
    "DROP TABLE nothing; CREATE TABLE something (id integer)",
    "DROP INDEX memories_index; CREATE INDEX memories_index ON memories USING hnsw (embedding vector_cosine_ops) WITH (m = 6)",
])  # fmt: skip
def test_another_schema_is_refused_and_replace_brings_it(source: Database, target: Database, change: str) -> None:
    ended(source, target, "index memories_index")
    execute(source, change)
    failure = refused(
        REFUSED, "holds half of a transfer from .*, which is another origin or has changed", source, target, otherwise="do that"
    )
    assert failure.hint == "do that"
    brought(source, target, replace=True)
    assert_whole(source, target)


def test_a_table_that_somebody_dropped_in_the_target_comes_again(whole: Database, target: Database) -> None:
    ended(whole, target, "copied")
    execute(target, "DROP TABLE memories")
    brought(whole, target)
    assert_whole(whole, target)


def test_a_target_with_a_partitioned_table_is_not_empty_and_replace_drops_it(whole: Database, target: Database) -> None:
    execute(target, "CREATE TABLE parts (day date) PARTITION BY RANGE (day)", "CREATE TABLE part PARTITION OF parts DEFAULT")
    refused(REFUSED, "the target is not empty: public.parts", whole, target)
    brought(whole, target, replace=True)
    assert_whole(whole, target)


def test_bridges_of_an_earlier_run_are_gone_whether_the_next_one_wants_some_or_not(whole: Database, target: Database) -> None:
    bridges, when_copied = "SELECT count(*) FROM pg_class WHERE relname ~ '_bridge$'", []
    for wanted in (False, True):
        ended(whole, target, "bridged", bridge=True, replace=True)
        assert target.value(bridges)
        brought(whole, target, at("copied", lambda: when_copied.append(target.value(bridges))), bridge=wanted)
        assert_whole(whole, target)
        execute(target, "DROP TABLE memories")  # no longer what came: replaced in the second turn
    assert when_copied == [0, 0], "rows would be written into them as well"


# What is not the origin's.

_CHANGES = {
    "a trigger": ("schema", "public.memories has as many rows, but other content", """
        CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.id = 7 THEN NEW.embedding := (SELECT embedding FROM public.memories LIMIT 1); END IF; RETURN NEW; END $$;
        CREATE TRIGGER meddling BEFORE INSERT ON memories FOR EACH ROW EXECUTE FUNCTION meddle()"""),
    "a row that is gone": ("copied", "public.days_new has 1 rows, the origin 2", """
        DELETE FROM days_new WHERE ctid = '(0,1)'"""),
    "a row twice": ("copied", "public.days_new has 3 rows, the origin 2", "INSERT INTO days_new TABLE days_new LIMIT 1"),
    "the next float": ("copied", "public.facts has as many rows, but other content", """
        UPDATE facts SET embedding = '[2,1,0.10000001]' WHERE id = 2"""),
    "two that were swapped": ("copied", "public.memories has as many rows, but other content", """
        UPDATE memories AS m SET embedding = o.embedding FROM memories AS o WHERE (m.id, o.id) IN ((3, 4), (4, 3))"""),
}  # fmt: skip


@pytest.mark.parametrize("change", _CHANGES)
def test_what_is_not_the_origins_is_told_with_its_table(whole: Database, target: Database, change: str) -> None:
    moment, words, statement = _CHANGES[change]
    refused(BAD, words, whole, target, at(moment, lambda: execute(target, statement)))
    if moment == "schema":
        execute(target, "DROP TRIGGER meddling ON memories", "DROP FUNCTION meddle")
        assert brought(whole, target).taken_over
        assert_whole(whole, target)


def test_rows_that_arrive_meanwhile_do_not_travel_and_the_proof_holds(source: Database, target: Database) -> None:
    wanted = contents(source)
    moments: list[str] = []

    def arrive(moment: str) -> None:
        if not moments or moment != moments[-1]:
            moments.append(moment)
            execute(source, "INSERT INTO nothing VALUES (1)", "INSERT INTO days VALUES ('2026-05-05', 'now')", "UPDATE hens SET egg = NULL")

    brought(source, target, Watching(on_bytes=lambda item, size: arrive("bytes"), on_moment=arrive))
    assert {"bytes", "schema", "copied", "keys"} <= set(moments)
    assert contents(target) == wanted != contents(source)
