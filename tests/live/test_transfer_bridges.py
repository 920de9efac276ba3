"""What a transfer sets for its bridges is as before afterwards, whatever ended it, and it notes no builds but its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.edges.exits import BAD, UNREACHABLE
from scripts.edges.index_builds import Progress
from scripts.edges.transfer import Watching
from tests.live.conftest import Database
from tests.live.transfers import assert_whole, at, brought, contents, ended, execute, refused, source, target, whole
from tests.waiting import until

__all__ = ["source", "target", "whole"]
pytestmark = pytest.mark.live

PROBES = """SELECT coalesce(string_agg(setting, ' '), '') FROM pg_db_role_setting, unnest(setconfig) AS setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND setting ~ '^ivfflat'"""
# The number of an index that every database has.
SOMEBODYS = "SELECT 'pg_class_oid_index'::regclass::oid::bigint"

BUILDING = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND query ~ 'USING .?ivfflat' AND pid <> pg_backend_pid()"""
NOTED = """INSERT INTO agent_memory.index_builds
(index_oid, index_name, table_name, column_name, kind, rows, memory_kib, workers, spilled, size_bytes)
VALUES ({}, 'memories_index', 'memories', 'embedding', 'hnsw', 900, 65536, 1, false, 8192)"""


def set_seven(target: Database) -> str:
    """What post-provision sets for an IVFFlat index of the application's own; as it is looked up."""
    execute(target, "CREATE EXTENSION IF NOT EXISTS vector", "SELECT '[1]'::vector", f"ALTER DATABASE {target.name} SET ivfflat.probes = 7")
    return "ivfflat.probes=7"


@pytest.mark.parametrize("before", [lambda target: "", set_seven], ids=["nothing", "seven"])
def test_probes_are_those_of_before(whole: Database, target: Database, before: Callable[[Database], str]) -> None:
    setting, seen = before(target), []
    brought(whole, target, at("bridged", lambda: seen.append(target.value(PROBES))), bridge=True)
    assert seen == ["ivfflat.probes=1"]
    assert target.value(PROBES) == setting


@pytest.mark.parametrize("wishes", [{}, {"bridge": True}], ids=str)
def test_probes_are_those_of_before_a_transfer_that_was_ended(whole: Database, target: Database, wishes: dict[str, Any]) -> None:
    setting = set_seven(target)
    ended(whole, target, "bridged", bridge=True)
    assert target.value(PROBES) == "ivfflat.probes=1"
    brought(whole, target, **wishes)
    assert target.value(PROBES) == setting


def test_probes_are_those_of_before_a_transfer_that_another_one_replaced(source: Database, target: Database) -> None:
    setting = set_seven(target)
    ended(source, target, "bridged", bridge=True)
    execute(source, "CREATE TABLE another (id integer)")
    brought(source, target, replace=True)
    assert target.value(PROBES) == setting


@pytest.fixture
def held(target: Database) -> Iterator[dict[str, Callable[[], object]]]:
    """Somebody who writes to a table: from `begun` to `over` no index of it can be built."""
    with target.session() as writer:
        yield {
            "begun": lambda: writer.execute("BEGIN; LOCK TABLE memories IN ROW EXCLUSIVE MODE"),
            "over": lambda: writer.execute("COMMIT"),
        }


def test_bridges_are_built_while_the_rows_are_proved(whole: Database, target: Database, held: Any) -> None:
    def proved() -> None:
        until(lambda: target.value(BUILDING) == 1)
        held["over"]()

    acts, heard = {"copied": held["begun"], "proved": proved}, []

    def on_moment(moment: str) -> None:
        heard.append(moment)
        acts.get(moment, list)()

    brought(whole, target, Watching(on_moment=on_moment), bridge=True)
    assert [moment for moment in heard if moment in ("copied", "proved", "bridged", "keys")] == ["copied", "proved", "bridged", "keys"]
    assert_whole(whole, target)


def test_a_failed_proof_ends_the_bridges_that_are_being_built(whole: Database, target: Database, held: Any) -> None:
    setting = set_seven(target)

    def meddled() -> None:
        execute(target, "INSERT INTO days_new TABLE days_new LIMIT 1")
        held["begun"]()

    refused(BAD, "public.days_new has 3 rows, the origin 2", whole, target, at("copied", meddled), bridge=True)
    assert target.value(BUILDING) == 0
    held["over"]()
    brought(whole, target)
    assert contents(target) == contents(whole) and target.value(PROBES) == setting
    assert target.value("SELECT count(*) FROM pg_class WHERE relname ~ '_bridge$'") == 0


def test_a_bridge_that_cannot_be_built_ends_the_transfer_and_the_next_run_goes_on(whole: Database, target: Database, held: Any) -> None:
    def on_build(name: str, progress: Progress) -> None:
        target.value(f"SELECT count(pg_terminate_backend(pid)) FROM ({BUILDING.replace('count(*)', 'pid')}) AS builders")

    watching = Watching(on_build=on_build, on_moment=at("copied", held["begun"]).on_moment)
    refused(UNREACHABLE, "", whole, target, watching, bridge=True)
    held["over"]()
    assert target.value("SELECT count(*) FROM agent_memory_transfer.steps WHERE step = 'constraints'") == 0
    assert brought(whole, target, bridge=True).taken_over > 0
    assert_whole(whole, target)


def test_notes_of_the_sources_builds_do_not_speak_of_indexes_of_the_target(source: Database, target: Database) -> None:
    number = source.value(SOMEBODYS)
    assert number == target.value(SOMEBODYS)
    execute(source, NOTED.format(number))
    ended(source, target, "copied")
    assert target.value("SELECT count(*) FROM agent_memory.index_builds") == 1, "they come with the rows, and are proved like them"
    brought(source, target)
    assert target.value("SELECT bool_and(index_oid::regclass::text = index_name) FROM agent_memory.index_builds")
    assert target.value("SELECT count(*) FROM agent_memory.index_builds WHERE index_name = 'memories_index'") == 1
