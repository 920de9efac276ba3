"""How an index that serves becomes the declared one: judged, replaced step by step, remembered when it fell short. No server needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from infra.domain import catalogue, evolution, reconcile, vectors
from infra.domain.catalogue import Catalogue, Proof, Reembedding
from infra.domain.environment import Environment, Hnsw, IvfFlat
from infra.domain.steps import BuildIndex, JudgeIndex, RejectIndex, RetireIndex, Status, SwapIndex
from scripts.edges import stack_file
from tests.domain.found_databases import about, column_of, done, nothing, with_tables

JUDGED = Proof(recall=0.99, rows=20_000, built=False)


@pytest.fixture(scope="module")
def environment(root: Path) -> Environment:
    return stack_file.read("prod", root)


KEY, NAME = "index zep_embeddings.embedding", "zep_embeddings_embedding_ann_idx"
NEW, OLD = "zep_embeddings_embedding_ann_new", "zep_embeddings_embedding_ann_old"


def found(environment: Environment, *indexes: Mapping[str, object], rows: int | None = 20_000) -> Catalogue:
    """The complete database, with these indexes on the first set's column in the place of its own."""
    complete = done(environment, with_tables(environment, nothing()))
    first = column_of(environment.vector_sets[0], rows=rows)
    theirs = tuple(replace(complete.indexes[0], **changes) for changes in indexes)  # type: ignore[arg-type]
    return replace(complete, columns=(first, *complete.columns[1:]), indexes=(*theirs, *complete.indexes[1:]))


def step_of(environment: Environment, *indexes: Mapping[str, object], rows: int | None = 20_000) -> tuple[object, str]:
    """The action, or else the status, of the first set's only step, and its sentence."""
    steps = [step for step in reconcile.plan(environment, found(environment, *indexes, rows=rows)) if step.key == KEY]
    assert len(steps) == 1, steps
    return steps[0].action or steps[0].status, steps[0].says


LESSER, GREATER = {"options": {"m": 8, "ef_construction": 64}}, {"options": {"m": 32, "ef_construction": 128}}
THEIRS = {"name": "store_vectors_embedding_idx"}


@pytest.mark.parametrize(("index", "rows", "expected"), [
    (THEIRS, 20_000, JudgeIndex), (THEIRS, None, JudgeIndex), (THEIRS, 0, Status.WAIT),
    ({**THEIRS, "proof": JUDGED}, 20_000, Status.DONE), ({**THEIRS, "proof": JUDGED}, 40_000, JudgeIndex),
    ({**THEIRS, "proof": Proof(recall=None, rows=0, built=False)}, None, Status.WAIT),
    ({**THEIRS, "proof": replace(JUDGED, recall=0.4)}, 20_000, BuildIndex),
    ({**THEIRS, "proof": replace(JUDGED, recall=0.4, built=True)}, 20_000, Status.NOTE),
    ({**THEIRS, **LESSER}, 20_000, BuildIndex), ({**THEIRS, **GREATER}, 20_000, JudgeIndex),
    ({**THEIRS, **GREATER, "proof": replace(JUDGED, built=True)}, 20_000, BuildIndex),
    (LESSER, 20_000, BuildIndex), (GREATER, 20_000, BuildIndex), ({"operator_class": "vector_l2_ops"}, 20_000, BuildIndex),
    ({**THEIRS, "method": "ivfflat", "options": {"lists": 50}}, 20_000, BuildIndex),
])  # fmt: skip
def test_an_applications_index_is_judged_and_ours_is_as_declared(
    environment: Environment, index: Mapping[str, object], rows: int | None, expected: object
) -> None:
    action, _ = step_of(environment, index, rows=rows)
    assert action is expected or type(action) is expected


def test_a_replacement_goes_from_building_to_dropping_one_step_at_a_time(environment: Environment) -> None:
    index = environment.vector_sets[0].index
    build, says = step_of(environment, LESSER)
    assert build == BuildIndex(name=NEW, vector_set=environment.vector_sets[0], index=index, cast=False, beside=NAME)
    assert says.startswith(f"replace {NAME}: it is HNSW (m 8, ef_construction 64); build HNSW (m 16, ef_construction 64) beside it")
    prove, _ = step_of(environment, LESSER, {"name": NEW})
    assert prove == JudgeIndex(name=NEW, vector_set=environment.vector_sets[0], built=True)
    good = replace(JUDGED, built=True)
    assert step_of(environment, LESSER, {"name": NEW, "proof": good})[0] == SwapIndex(new=NEW, name=NAME, aside=OLD)
    assert step_of(environment, {"proof": good}, {**LESSER, "name": OLD})[0] == RetireIndex(name=OLD)
    assert step_of(environment, {"proof": good})[0] is Status.DONE


def test_an_applications_index_is_replaced_under_its_own_name(environment: Environment) -> None:
    good = replace(JUDGED, built=True)
    swap, _ = step_of(environment, {**THEIRS, **LESSER}, {"name": NEW, "proof": good})
    assert swap == SwapIndex(new=NEW, name="store_vectors_embedding_idx", aside=OLD)


@pytest.mark.parametrize(("indexes", "expected"), [
    (({"name": NEW, "valid": False}, LESSER), "drop"),
    (({"name": OLD, "valid": False}, {}), "drop"),
    (({"name": NEW},), f"call {NEW} {NAME}: there is none to replace"),
    (({"name": OLD},), f"call {OLD} {NAME} again: what replaced it is gone"),
    (({"name": NEW}, {}), f"drop {NEW}: {NAME} stays"),
    (({"name": NEW, **GREATER}, LESSER), f"drop {NEW}: it was built for an earlier declaration"),
])  # fmt: skip
def test_what_a_replacement_left_that_was_cut_off_is_tidied_up(
    environment: Environment, indexes: tuple[Mapping[str, object], ...], expected: str
) -> None:
    planned = reconcile.plan(environment, found(environment, *indexes))
    assert [step.says for step in planned if step.action is not None][0].startswith(expected)  # noqa: RUF015


def test_a_replacement_below_the_floor_is_dropped_remembered_and_not_built_again(environment: Environment) -> None:
    short = Proof(recall=0.5, rows=20_000, built=True)
    action, says = step_of(environment, LESSER, {"name": NEW, "proof": short})
    assert isinstance(action, RejectIndex) and (action.name, action.current) == (NEW, NAME)
    assert says == f"drop {NEW}: it finds 0.500 of the nearest, the floor is 0.95; {NAME} stays"
    assert step_of(environment, {**LESSER, "proof": action.proof})[0] is Status.NOTE
    assert step_of(environment, {**LESSER, "proof": action.proof}, {"name": NEW, "proof": short})[0] == RetireIndex(name=NEW)
    denser = environment.vector_sets[0].model_copy(update={"index": Hnsw(kind="hnsw", m=24, ef_construction=96)})
    changed = environment.model_copy(update={"vector_sets": (denser, *environment.vector_sets[1:])})
    kept = reconcile.plan(changed, found(environment, {**LESSER, "proof": action.proof}))
    assert any(isinstance(step.action, BuildIndex) for step in kept), "another declaration is another trial"


def test_one_that_misses_the_floor_by_less_replaces_one_that_misses_it_by_more(environment: Environment) -> None:
    old, new = replace(JUDGED, recall=0.4), Proof(recall=0.9, rows=20_000, built=True)
    assert isinstance(step_of(environment, {**THEIRS, "proof": old}, {"name": NEW, "proof": new})[0], SwapIndex)
    assert isinstance(step_of(environment, {**THEIRS, "proof": replace(old, recall=0.91)}, {"name": NEW, "proof": new})[0], RejectIndex)


def test_lists_replace_an_index_only_when_there_are_rows_for_them(environment: Environment) -> None:
    first = environment.vector_sets[0].model_copy(update={"index": IvfFlat(kind="ivfflat", lists=100)})
    listed = environment.model_copy(update={"vector_sets": (first, *environment.vector_sets[1:])})
    told = about(reconcile.plan(listed, found(environment, {}, rows=100)), KEY)
    assert [status for status, _ in told] == [Status.WAIT]
    assert told[0][1].endswith("IVFFlat (lists 100) waits for rows in zep_embeddings: 100 of the 5000 that 100 lists need, 4900 missing")


def test_another_owners_index_stays_and_its_owner_is_named(environment: Environment) -> None:
    theirs = found(environment, {**THEIRS, **LESSER})
    theirs = replace(theirs, columns=tuple(replace(column, owned=False, owner="langgraph") for column in theirs.columns))
    assert about(reconcile.plan(environment, theirs), KEY)[0][0] is Status.NOTE
    judged = replace(theirs, indexes=(replace(theirs.indexes[0], options={}), *theirs.indexes[1:]))
    assert about(reconcile.plan(environment, judged), KEY)[0][0] is Status.DONE


@pytest.mark.parametrize(("comment", "expected"), [
    (None, None), ("", None), ("for the agents team", None), ("agent-memory of old", None), ("agent-memory {}", None),
    ("agent-memory []", None),    (evolution.comment(JUDGED), JUDGED), (f"for the agents team\n{evolution.comment(JUDGED)}", JUDGED),
])  # fmt: skip
def test_a_proof_is_read_back_from_the_comment_of_an_index(comment: str | None, expected: Proof | None) -> None:
    assert catalogue.proof_of(comment) == expected


@pytest.mark.parametrize(("work", "status"), [
    (Reembedding(table="zep_embeddings", column="embedding", from_column="old", rows_done=7, filled=False, cut_over=False), Status.WAIT),
    (Reembedding(table="zep_embeddings", column="embedding", from_column="old", rows_done=7, filled=True, cut_over=False), Status.DO),
    (Reembedding(table="zep_embeddings", column="other", from_column="old", rows_done=7, filled=False, cut_over=False), Status.DO),
])  # fmt: skip
def test_a_column_that_is_being_filled_gets_its_index_afterwards(environment: Environment, work: Reembedding, status: Status) -> None:
    planned = reconcile.plan(environment, replace(with_tables(environment, nothing()), reembeddings=(work,)))
    assert [found for found, _ in about(planned, KEY)] == [status]


def test_names_of_a_replacement_are_as_long_as_the_index_s(environment: Environment) -> None:
    long = environment.vector_sets[0].model_copy(update={"table": "t" * 63, "column": "c" * 63})
    names = {vectors.index_name(long), evolution.beside_name(long), evolution.aside_name(long)}
    assert len(names) == 3 and max(map(len, names)) <= 63
