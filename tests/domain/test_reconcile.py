"""The plan for a database: what is missing is done, what is there is left, what cannot be is said. No server needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.domain import reconcile
from infra.domain.catalogue import Catalogue, Extension
from infra.domain.environment import Environment, IvfFlat
from infra.domain.steps import Status
from scripts.edges import stack_file
from tests.domain.found_databases import about, actions, after, done, nothing, states, with_tables

Change = Callable[[Catalogue], Catalogue]


@pytest.fixture(scope="module")
def environment(root: Path) -> Environment:
    return stack_file.read("prod", root)


def test_a_new_database_gets_everything_but_indexes_whose_tables_are_missing(environment: Environment) -> None:
    planned = reconcile.plan(environment, nothing())
    assert [step.key for step in planned if step.status is Status.DO] == [
        "extension vector",
        "extension pg_stat_statements",
        "provenance",
        "provenance zep_embeddings.embedding",
        "provenance zep_facts.embedding",
        "role app_rw",
        "grants app_rw",
        "role app_ro",
        "grants app_ro",
        "setting hnsw.ef_search of app_rw",
        "setting hnsw.ef_search of app_ro",
        "setting hnsw.ef_search of database zep",
    ]
    assert about(planned, "index zep_facts.embedding") == [(Status.WAIT, "waits for the table zep_facts; the application makes it")]
    assert not [step for step in planned if step.status is Status.REFUSE]


def test_a_second_plan_has_nothing_to_do(environment: Environment) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    assert {step.status for step in reconcile.plan(environment, complete)} == {Status.DONE}


def test_a_plan_interrupted_after_any_step_goes_on_where_it_was(environment: Environment) -> None:
    for name, found in states(environment):
        todo = actions(reconcile.plan(environment, found))
        for number, action in enumerate(todo):
            found = after(found, action)
            expected = todo[number + 1 :]
            left = [step for step in actions(reconcile.plan(environment, found)) if step in expected]
            assert left == expected, f"{name}, after {action}"


def test_every_state_comes_to_the_same_end(environment: Environment) -> None:
    for name, found in states(environment):
        if not found.columns:
            continue
        for _ in range(2):  # a joined build turns out broken only when it has ended
            found = done(environment, found)
        assert not actions(reconcile.plan(environment, found)), name
        assert sorted(index.name for index in found.indexes if index.serves) == [
            "zep_embeddings_embedding_ann_idx",
            "zep_facts_embedding_ann_idx",
        ], name


ALLOW, VECTOR, MAY_SEARCH = "allow-list", "extension vector", "setting hnsw.ef_search of database zep"
STATES: list[tuple[Change, str, Status, str]] = [
    (lambda found: replace(found, allow_list=frozenset()), ALLOW, Status.REFUSE, "vector is not on the allow-list azure.extensions"),
    (lambda found: replace(found, allow_list=frozenset({"vector"})), ALLOW, Status.NOTE, "not on the allow-list azure.extensions: pg_stat"),
    (lambda found: _offered(found, None, "0.8.1"), VECTOR, Status.REFUSE, "pgvector is 0.8.1, 0.8.2 is the oldest that is safe"),
    (lambda found: _offered(found, "0.7.0", "0.8.1"), VECTOR, Status.REFUSE, "pgvector is 0.8.1"),
    (lambda found: _offered(found, "0.8.1", "0.10.0"), VECTOR, Status.DO, "update pgvector from 0.8.1 to 0.10.0"),
    (lambda found: _offered(found, "0.8.2", "0.8.2"), VECTOR, Status.DONE, "pgvector is 0.8.2"),
    (lambda found: replace(found, extensions={}), VECTOR, Status.REFUSE, "does not offer pgvector"),
    (lambda found: replace(found, azure_administrator=False), VECTOR, Status.REFUSE, "cogadmin is not a member of azure_pg_admin"),
    (lambda found: replace(found, azure_administrator=None), VECTOR, Status.DO, "create pgvector 0.8.5"),
    (lambda found: replace(found, create_role=False), "role app_rw", Status.REFUSE, "cogadmin may not create roles"),
    (lambda found: replace(found, create_schema=False), "provenance", Status.REFUSE, "cogadmin may not create a schema in zep"),
    (lambda found: replace(found, pending_restart=("max_connections",)), "parameters", Status.NOTE, "restart of the server: max_conn"),
    (lambda found: replace(found, server_version_number=150010), "server", Status.NOTE, "declared is 16"),
    (lambda found: replace(found, owns_database=False), MAY_SEARCH, Status.NOTE, "should be 100"),
]


@pytest.mark.parametrize(("change", "key", "status", "words"), STATES)
def test_a_state_has_its_step(environment: Environment, change: Change, key: str, status: Status, words: str) -> None:
    (found_status, says), *_ = about(reconcile.plan(environment, change(nothing())), key)
    assert found_status is status
    assert words in says


def _offered(found: Catalogue, installed: str | None, offered: str) -> Catalogue:
    return replace(found, extensions={**found.extensions, "vector": Extension(name="vector", installed=installed, offered=offered)})


def test_what_is_live_and_not_declared_is_told_and_left(environment: Environment) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    extra = Extension(name="pg_trgm", installed="1.6", offered="1.6")
    found = replace(
        complete, extensions={**complete.extensions, "pg_trgm": extra}, allow_list=frozenset({"vector", "pg_stat_statements", "pg_trgm"})
    )
    planned = reconcile.plan(environment, found)
    assert (Status.NOTE, "installed, but not declared: pg_trgm") in about(planned, "extensions")
    assert (Status.NOTE, "on the allow-list, but not declared: pg_trgm") in about(planned, "allow-list")
    assert not actions(planned)


@pytest.mark.parametrize("changes", [{"name": "text-embedding-3-large"}, {"version": "2025-06"}, {"dimensions": 512}])
def test_refuses_another_model_for_vectors_that_one_has_filled(environment: Environment, changes: dict[str, object]) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    assert complete.provenance is not None
    found = replace(complete, provenance=(replace(complete.provenance[0], **changes), *complete.provenance[1:]))  # type: ignore[arg-type]
    ((status, says),) = about(reconcile.plan(environment, found), "provenance zep_embeddings.embedding")
    assert status is Status.REFUSE
    assert "vectors of two models do not compare" in says


def test_a_set_that_is_no_longer_declared_keeps_its_provenance(environment: Environment) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    fewer = environment.model_copy(update={"vector_sets": environment.vector_sets[:1]})
    planned = reconcile.plan(fewer, complete)
    assert about(planned, "provenance zep_facts.embedding") == [(Status.NOTE, "recorded, but no longer declared")]
    assert not actions(planned)


def test_searches_look_as_far_as_the_highest_floor_needs(environment: Environment) -> None:
    high = environment.vector_sets[0].model_copy(update={"recall_floor": 0.99})
    listed = environment.vector_sets[1].model_copy(update={"index": IvfFlat(kind="ivfflat", lists=400)})
    mixed = environment.model_copy(update={"vector_sets": (high, environment.vector_sets[1], listed)})
    assert reconcile.search_settings(mixed) == {"hnsw.ef_search": "400", "ivfflat.probes": "20"}


def test_versions_are_compared_as_numbers() -> None:
    assert reconcile.version("0.10.0") > reconcile.version("0.9.9") > reconcile.version("0.8")
