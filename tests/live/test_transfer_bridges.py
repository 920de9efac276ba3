"""What a transfer sets for its bridges is as before afterwards, whatever ended it, and it notes no builds but its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.live.conftest import Database
from tests.live.transfers import at, brought, ended, execute, source, target, whole

__all__ = ["source", "target", "whole"]
pytestmark = pytest.mark.live

PROBES = """SELECT coalesce(string_agg(setting, ' '), '') FROM pg_db_role_setting, unnest(setconfig) AS setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND setting ~ '^ivfflat'"""
# The number of an index that every database has.
SOMEBODYS = "SELECT 'pg_class_oid_index'::regclass::oid::bigint"

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


def test_notes_of_the_sources_builds_do_not_speak_of_indexes_of_the_target(source: Database, target: Database) -> None:
    number = source.value(SOMEBODYS)
    assert number == target.value(SOMEBODYS)
    execute(source, NOTED.format(number))
    ended(source, target, "copied")
    assert target.value("SELECT count(*) FROM agent_memory.index_builds") == 1, "they come with the rows, and are proved like them"
    brought(source, target)
    assert target.value("SELECT bool_and(index_oid::regclass::text = index_name) FROM agent_memory.index_builds")
    assert target.value("SELECT count(*) FROM agent_memory.index_builds WHERE index_name = 'memories_index'") == 1
