"""Which index a declared vector set gets: what counts as it, what is dropped, joined, waited for, or refused. No server needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.domain import catalogue, reconcile, vectors
from infra.domain.catalogue import Build, Index, Proof
from infra.domain.environment import Environment, IvfFlat
from infra.domain.steps import BuildIndex, DropIndex, JoinBuild, Status
from scripts.edges import stack_file
from tests.domain.found_databases import about, actions, column_of, done, nothing, with_tables

JUDGED = Proof(recall=0.99, rows=20_000, built=False)


@pytest.fixture(scope="module")
def environment(root: Path) -> Environment:
    return stack_file.read("prod", root)


def test_a_halfvec_set_on_a_vector_column_is_cast(environment: Environment) -> None:
    built = [
        action for action in actions(reconcile.plan(environment, with_tables(environment, nothing()))) if isinstance(action, BuildIndex)
    ]
    assert [(action.name, action.cast) for action in built] == [
        ("zep_embeddings_embedding_ann_idx", False),
        ("zep_facts_embedding_ann_idx", True),
    ]


def test_a_halfvec_set_on_a_halfvec_column_is_not_cast(environment: Environment) -> None:
    found = replace(nothing(), columns=(column_of(environment.vector_sets[1], kind="halfvec"),))
    built = [action for action in actions(reconcile.plan(environment, found)) if isinstance(action, BuildIndex)]
    assert [(action.vector_set.type, action.cast) for action in built] == [("halfvec", False)]


# The first set of prod: vector(1536), cosine, HNSW.
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": None}, "zep_embeddings has no column embedding"),
        ({"kind": "text"}, "zep_embeddings.embedding is text, declared is vector(1536)"),
        ({"dimensions": None}, "zep_embeddings.embedding has no dimensions, declared is vector(1536)"),
        ({"dimensions": 768}, "zep_embeddings.embedding has 768 dimensions, declared are 1536"),
        ({"kind": "halfvec"}, "zep_embeddings.embedding is halfvec, declared is vector(1536)"),
        ({"owned": False, "owner": "app"}, "zep_embeddings belongs to app: only its owner may build an index on it"),
        ({"partitioned": True}, "zep_embeddings is partitioned: an index is built on each partition, not on the whole"),
    ],
)
def test_refuses_a_column_that_cannot_be_indexed_as_declared(environment: Environment, changes: dict[str, object], expected: str) -> None:
    found = replace(nothing(), columns=(column_of(environment.vector_sets[0], **changes),))
    assert about(reconcile.plan(environment, found), "index zep_embeddings.embedding") == [(Status.REFUSE, expected)]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, Status.DONE),
        ({"name": "made_by_hand"}, Status.DO),
        ({"name": "made_by_hand", "proof": JUDGED}, Status.DONE),
        ({"options": {}}, Status.DONE),
        ({"options": {"m": 8, "ef_construction": 64}}, Status.DO),
        ({"method": "ivfflat", "options": {"lists": 100}}, Status.DO),
        ({"operator_class": "vector_l2_ops", "name": "other"}, Status.DO),
        ({"partial": True, "name": "other"}, Status.DO),
        ({"cast": ("halfvec", 1536), "operator_class": "halfvec_cosine_ops", "name": "other"}, Status.DO),
        ({"cast": ("vector", 1536), "name": "other"}, Status.DO),
        ({"operator_class": "vector_l2_ops"}, Status.DO),
        ({"operator_class": "vector_l2_ops", "partial": True}, Status.REFUSE),
    ],
)
def test_an_index_counts_by_what_it_stores_not_by_its_name(environment: Environment, changes: dict[str, object], status: Status) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    first = replace(complete.indexes[0], **changes)  # type: ignore[arg-type]
    named = frozenset(vectors.index_name(item) for item in environment.vector_sets)
    found = replace(complete, indexes=(first, *complete.indexes[1:]), taken_names=named & {first.name, complete.indexes[1].name})
    assert [status for status, _ in about(reconcile.plan(environment, found), "index zep_embeddings.embedding")] == [status]


def test_a_second_index_on_the_same_vectors_is_pointed_out(environment: Environment) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    bridge = replace(complete.indexes[0], name="bridge", method="ivfflat", options={"lists": 100})
    told = about(reconcile.plan(environment, replace(complete, indexes=(bridge, *complete.indexes))), "index zep_embeddings.embedding")
    assert told[0][0] is Status.DONE
    assert told[1] == (Status.NOTE, "bridge serves the same vectors as zep_embeddings_embedding_ann_idx: the planner may choose either")


def test_an_invalid_index_is_dropped_before_it_is_built_anew(environment: Environment) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    found = replace(complete, indexes=(replace(complete.indexes[0], valid=False), *complete.indexes[1:]))
    assert [type(action) for action in actions(reconcile.plan(environment, found))] == [DropIndex, BuildIndex]


def test_an_index_that_is_being_built_is_joined_not_dropped(environment: Environment) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    invalid = replace(complete.indexes[0], valid=False)
    for index in (invalid.name, ""):
        build = Build(pid=42, table=invalid.table, index=index, phase="building index: loading tuples")
        found = replace(complete, indexes=(invalid, *complete.indexes[1:]), builds=(build,))
        assert actions(reconcile.plan(environment, found)) == [JoinBuild(pid=42, table=invalid.table)]


def test_what_a_broken_rebuild_left_is_dropped_and_the_good_index_stays(environment: Environment) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    leftover = replace(complete.indexes[0], name=f"{complete.indexes[0].name}_ccnew", valid=False)
    found = replace(complete, indexes=(leftover, *complete.indexes))
    assert actions(reconcile.plan(environment, found)) == [DropIndex(name=leftover.name)]


@pytest.mark.parametrize(("rows", "status"), [(None, Status.DO), (0, Status.WAIT), (4_999, Status.WAIT), (5_000, Status.DO)])
def test_lists_wait_for_enough_rows(environment: Environment, rows: int | None, status: Status) -> None:
    first = environment.vector_sets[0].model_copy(update={"index": IvfFlat(kind="ivfflat", lists=100)})
    listed = environment.model_copy(update={"vector_sets": (first,)})
    planned = reconcile.plan(listed, replace(nothing(), columns=(column_of(first, rows=rows),)))
    assert [found for found, _ in about(planned, "index zep_embeddings.embedding")] == [status]
    if rows == 4_999:
        assert (
            about(planned, "index zep_embeddings.embedding")[0][1]
            == "waits for rows in zep_embeddings: 4999 of the 5000 that 100 lists need, 1 missing"
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("embedding", ("embedding", None)),
        ('"Embedding"', ("Embedding", None)),
        ("(embedding::halfvec(3072))", ("embedding", ("halfvec", 3072))),
        ("((embedding)::public.halfvec(3072))", ("embedding", ("halfvec", 3072))),
        ("(subvector(embedding, 1, 512)::vector(512))", (None, None)),
        ("((embedding)::halfvec(3072))::halfvec(3072)", (None, None)),
    ],
)
def test_an_index_expression_is_understood_or_left_alone(text: str, expected: tuple[str | None, tuple[str, int] | None]) -> None:
    assert catalogue.expression(text) == expected


@pytest.mark.parametrize("theirs", ["later_idx", "zep_embeddings_summary_ann_idx"])
def test_a_build_beside_another_on_the_same_table_waits_for_it(environment: Environment, theirs: str) -> None:
    found = with_tables(environment, nothing())
    build = Build(pid=42, table="zep_embeddings", index=theirs, phase="waiting for old snapshots")
    summary = Index(
        name=theirs, table="zep_embeddings", method="hnsw", operator_class="vector_l2_ops", column="summary", cast=None, partial=False,
        options={}, valid=False, ready=False, size_bytes=0,
    )  # fmt: skip
    planned = reconcile.plan(environment, replace(found, builds=(build,), indexes=(summary,)))
    assert about(planned, "index zep_embeddings.embedding") == [
        (Status.WAIT, f"wait for process 42, which builds {theirs} on zep_embeddings")
    ]
    assert [status for status, _ in about(planned, "index zep_facts.embedding")] == [Status.DO]


def test_a_build_beside_a_complete_set_is_nobodys_business(environment: Environment) -> None:
    complete = done(environment, with_tables(environment, nothing()))
    found = replace(complete, builds=(Build(pid=42, table="zep_embeddings", index="later_idx", phase="building index"),))
    index = Index(
        name="later_idx", table="zep_embeddings", method="btree", operator_class="int8_ops", column="id", cast=None, partial=False,
        options={}, valid=False, ready=False, size_bytes=0,
    )  # fmt: skip
    assert not actions(reconcile.plan(environment, replace(found, indexes=(*found.indexes, index))))
