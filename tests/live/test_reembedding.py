"""Re-embedding under a new model into a new column: by a composite key, killed anywhere, never mixed, and cut over only when proved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.domain.environment import EmbeddingModel, Environment, Hnsw, VectorSet
from infra.domain.steps import Status
from scripts.edges import memories, reembedding
from scripts.edges.exits import BAD, BUSY, REFUSED, USAGE, Failure
from scripts.indexes import reembed as reembed_verb
from scripts.local_azure.postgres import Cluster
from tests.live import embedders
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.embedders import DIMENSIONS, ROWS
from tests.live.test_post_provision import bring
from tests.live.test_post_provision_indexes import about_index, execute

pytestmark = pytest.mark.live

TABLE, OLD, NEW, OLD_DIMENSIONS = "memories", "embedding", "embedding_v2", 16
STATE = "SELECT json_build_array(rows_done, filled_at IS NOT NULL, cut_over_at IS NOT NULL) FROM agent_memory.reembeddings"
FILLED = f"SELECT count({NEW}) FROM {TABLE}"
VALID_INDEXES = """
SELECT coalesce(json_agg(relname ORDER BY relname), '[]') FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_am ON pg_am.oid = relam WHERE amname IN ('hnsw', 'ivfflat') AND indisvalid AND indisready
"""
INDEXES = [f"{TABLE}_embedding_ann_idx", f"{TABLE}_embedding_v2_ann_idx"]


def sets(prod: Environment, *new: dict[str, Any]) -> Environment:
    """Production with the old set, and with the new model's beside it for each of the changes."""
    index = Hnsw(kind="hnsw", m=16, ef_construction=64)
    small = {"table": TABLE, "expected_rows": ROWS, "index": index, "recall_floor": 0.9, "index_if_memory_is_short": None}
    old: VectorSet = prod.vector_sets[0].model_copy(update={**small, "column": OLD, "dimensions": OLD_DIMENSIONS})
    model = EmbeddingModel(name="text-embedding-4", version="2026-10")
    later = [old.model_copy(update={"column": NEW, "dimensions": DIMENSIONS, "model": model, **change}) for change in new]
    return prod.model_copy(update={"vector_sets": (old, *later)})


@pytest.fixture
def filled(prod: Environment, cluster: Cluster) -> Iterator[Database]:
    """Memories by the old model, under a composite key with text, a uuid and a number in it, indexed and recorded."""
    with new_database(cluster) as made:
        execute(
            made,
            "CREATE EXTENSION vector",
            f'CREATE TABLE {TABLE} (tenant text, session uuid, "Turn" bigint, content text, {OLD} vector({OLD_DIMENSIONS}),'
            ' PRIMARY KEY (tenant, session, "Turn"))',
        )
        vectors = memories.make(ROWS, OLD_DIMENSIONS, seed=1).embeddings
        with made.session() as connection, connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {TABLE} VALUES (%s, md5(%s)::uuid, %s, %s, %s)",
                [(f"t'{n % 3}", str(n % 7), n, f"memory {n}", str(vectors[n].tolist())) for n in range(ROWS)],
            )
            connection.execute(f"ANALYZE {TABLE}".encode())
        bring(sets(prod), made)
        yield made


def run(environment: Environment, database: Database, embed: str = "good", **changes: Any) -> int:
    values: dict[str, Any] = {
        "vector_set": f"{TABLE}.{OLD}", "to_column": NEW, "text": "content", "batch": 50,
        "embed": embed if "." in embed else f"tests.live.embedders:{embed}",
        "folder": Path.cwd(), "dry_run": False, "yes": True, "as_json": True, "ask": lambda question: "",
        "login": {"dsn": database.dsn(), "password": PASSWORD, "entra": False, "user": None},
    }  # fmt: skip
    return reembed_verb.reembed(environment, **{**values, **changes})


def pure(database: Database) -> None:
    """Every text has its own vector of the new model, and the old vectors are as they were."""
    with database.superuser() as connection:
        rows = connection.execute(f"SELECT content, {NEW}::text, {OLD}::text FROM {TABLE} WHERE content IS NOT NULL".encode()).fetchall()
    for text, vector, _ in rows:
        assert json.loads(vector) == pytest.approx(embedders.good([text])[0], abs=1e-6), text
    vectors = memories.make(ROWS, OLD_DIMENSIONS, seed=1).embeddings
    kept = {text: old for text, _, old in rows if old is not None}
    assert all(json.loads(kept[f"memory {n}"]) == pytest.approx(vectors[n].tolist(), abs=1e-6) for n in range(0, ROWS, 37))


def test_a_new_model_fills_a_new_column_and_is_cut_over_when_proved(
    prod: Environment, filled: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = sets(prod, {})
    assert run(environment, filled) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["cut_over"], told["verdict"]) == (ROWS, True, "ok")
    assert told["recall_at_10"] >= 0.9
    assert filled.value(STATE) == [ROWS, True, True]
    assert filled.value(VALID_INDEXES) == INDEXES, "the old column keeps its index until it is dropped"
    pure(filled)
    recorded = filled.value("SELECT json_object_agg(column_name, model_name) FROM agent_memory.vector_sets")
    assert recorded == {OLD: "text-embedding-3-small", NEW: "text-embedding-4"}
    assert not bring(environment, filled).applied, "post-provision finds it as declared"
    assert run(environment, filled) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 0, "again: nothing is embedded twice"


def test_post_provision_waits_for_the_command_and_does_not_index_half_a_column(prod: Environment, filled: Database) -> None:
    environment = sets(prod, {})
    report = bring(environment, filled)
    waits = next(step for step in report.steps if step.key == f"index {TABLE}.{NEW}")
    assert (waits.status, waits.says) == (Status.WAIT, f"{TABLE} has no column {NEW} yet, and vectors of another model")
    assert waits.hint == f"agentmem indexes reembed --vector-set {TABLE}.{OLD} --to-column {NEW} --embed MODULE:FUNCTION"
    with pytest.raises(Failure):
        run(environment, filled, "short")
    assert (Status.WAIT, f"{TABLE}.{NEW} is being filled from the texts of {OLD}: {filled.value(FILLED)} rows so far") in about_index(
        bring(environment, filled)
    )
    assert filled.value(VALID_INDEXES) == INDEXES[:1]


def test_the_new_model_is_refused_on_the_old_column(prod: Environment, filled: Database) -> None:
    changed = sets(prod).vector_sets[0].model_copy(update={"model": EmbeddingModel(name="text-embedding-4", version="2026-10")})
    environment = prod.model_copy(update={"vector_sets": (changed,)})
    report = bring(environment, filled)
    assert not report.ok and "vectors of two models do not compare" in report.summary
    assert f"agentmem indexes reembed --vector-set {TABLE}.{OLD} --to-column NEW" in report.refused[0].hint


def test_a_dry_run_changes_nothing(prod: Environment, filled: Database, capsys: pytest.CaptureFixture[str]) -> None:
    before = filled.value("SELECT max(xmin::text::bigint) FROM pg_class")
    assert run(sets(prod, {}), filled, dry_run=True, as_json=False) == 0
    told = capsys.readouterr()
    assert f"re-embed {TABLE}: {OLD} by text-embedding-3-small 2024-01 -> {NEW} by text-embedding-4 2026-10" in told.err
    assert "nothing was changed" in told.out
    assert filled.value("SELECT max(xmin::text::bigint) FROM pg_class") == before
    assert filled.value("SELECT to_regclass('agent_memory.reembeddings')") is None


def test_it_asks_before_it_adds_a_column_in_production(prod: Environment, filled: Database) -> None:
    with pytest.raises(Failure) as refused:
        run(sets(prod, {}), filled, yes=False, ask=lambda question: "no")
    assert refused.value.code == REFUSED
    assert run(sets(prod, {}), filled, yes=False, ask=lambda question: TABLE) == 0


@pytest.mark.parametrize(("embed", "words"), [
    ("short", "has 31 dimensions, declared are 32"), ("zeros", "is all zeros"), ("nan", "is not finite"),
    ("fewer", "returned 49 embeddings for 50 texts"), ("raises", "ConnectionError: the model is out of reach"),
])  # fmt: skip
def test_what_a_model_gets_wrong_is_told_and_not_written(prod: Environment, filled: Database, embed: str, words: str) -> None:
    with pytest.raises(Failure) as bad:
        run(sets(prod, {}), filled, embed)
    assert bad.value.code == BAD and words in str(bad.value)
    assert run(sets(prod, {}), filled) == 0
    pure(filled)


@pytest.mark.parametrize(("changes", "code", "words"), [
    ({"to_column": "embedding_v3"}, USAGE, "memories.embedding_v3 is not declared"),
    ({"to_column": OLD}, USAGE, "a column of their own"),
    ({"text": "words"}, USAGE, "memories has no column words"),
    ({"embed": "tests.live.embedders:nothing"}, USAGE, "cannot be imported"),
    ({"embed": "tests.live.embedders"}, USAGE, "is not module:function"),
])  # fmt: skip
def test_what_cannot_work_is_told_before_anything_changes(
    prod: Environment, filled: Database, changes: dict[str, Any], code: int, words: str
) -> None:
    with pytest.raises(Failure) as refused:
        run(sets(prod, {}), filled, **{"embed": "good", **changes})
    assert refused.value.code == code and words in str(refused.value)
    assert filled.value("SELECT to_regclass('agent_memory.reembeddings')") is None


def test_a_column_of_unknown_vectors_is_refused(prod: Environment, filled: Database) -> None:
    execute(filled, f"ALTER TABLE {TABLE} ADD COLUMN {NEW} vector({DIMENSIONS})")
    execute(filled, f'UPDATE {TABLE} SET {NEW} = array_fill(1::real, ARRAY[{DIMENSIONS}])::vector WHERE "Turn" = 5')
    with pytest.raises(Failure) as refused:
        run(sets(prod, {}), filled)
    assert refused.value.code == REFUSED and "nobody wrote down which model made them" in str(refused.value)
    assert filled.value("SELECT count(*) FROM agent_memory.vector_sets") == 1


def test_a_column_that_was_begun_for_another_model_is_not_filled_with_a_second_one(prod: Environment, filled: Database) -> None:
    with pytest.raises(Failure):
        run(sets(prod, {}), filled, "short")
    other = EmbeddingModel(name="text-embedding-5", version="1")
    with pytest.raises(Failure) as refused:
        run(sets(prod, {"model": other}), filled)
    assert refused.value.code == REFUSED
    assert filled.value(FILLED) > 0
    assert run(sets(prod, {}), filled) == 0
    pure(filled)


def test_rows_that_the_application_writes_meanwhile_are_embedded_too(prod: Environment, filled: Database) -> None:
    """Rows before and behind the place that the walk has come to, and rows whose text changes or that go while they are embedded."""

    def write() -> None:
        same = f'FROM {TABLE} WHERE "Turn" < 40'
        execute(
            filled,
            f'INSERT INTO {TABLE} SELECT tenant, session, "Turn" + 1000, \'memory \' || (600 + "Turn"), {OLD} {same}',
            f'UPDATE {TABLE} SET content = \'memory \' || (640 + "Turn" % 50) WHERE "Turn" BETWEEN 550 AND 599',
            f'DELETE FROM {TABLE} WHERE "Turn" BETWEEN 500 AND 520',
        )

    # The tenth of twelve batches: there are rows of each kind before it, in it and behind it.
    embedders.meanwhile[:] = [write, *[lambda: None] * 9]
    assert run(sets(prod, {}), filled, "busy") == 0
    assert filled.value(f"SELECT count({NEW}) FROM {TABLE} WHERE {NEW} IS NOT NULL") == ROWS + 40 - 21
    stale = {row for row in _stale(filled) if not 550 <= row < 600}
    assert not stale, "no vector is of a text that was replaced while it was made"


def test_the_vector_of_a_text_that_changed_while_it_was_embedded_is_not_kept(prod: Environment, filled: Database) -> None:
    embedders.meanwhile[:] = [lambda: execute(filled, f"UPDATE {TABLE} SET content = 'memory ' || (\"Turn\" + 50)")]
    assert run(sets(prod, {}), filled, "busy") == 0
    assert not _stale(filled)


def test_a_row_that_comes_before_the_cut_over_stops_it(prod: Environment, filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    build = reembed_verb._index

    def built_while_somebody_writes(work: reembed_verb.Work) -> float | None:
        recall = build(work)
        execute(filled, f'UPDATE {TABLE} SET {NEW} = NULL WHERE "Turn" = 7')
        return recall

    monkeypatch.setattr(reembed_verb, "_index", built_while_somebody_writes)
    with pytest.raises(Failure) as busy:
        run(sets(prod, {}), filled)
    assert busy.value.code == BUSY and "1 rows came meanwhile" in str(busy.value)
    monkeypatch.undo()
    assert filled.value(STATE) == [ROWS, True, False]
    assert run(sets(prod, {}), filled) == 0
    pure(filled)


def _stale(database: Database) -> set[int]:
    """The numbers of the rows whose vector of the new model is not their text's."""
    with database.superuser() as connection:
        rows = connection.execute(f'SELECT "Turn", content, {NEW}::text FROM {TABLE}'.encode()).fetchall()
    return {turn for turn, text, vector in rows if json.loads(vector) != pytest.approx(embedders.good([text])[0], abs=1e-6)}


def test_rows_without_a_text_stop_the_cut_over(prod: Environment, filled: Database) -> None:
    execute(filled, f'UPDATE {TABLE} SET content = NULL WHERE "Turn" < 3')
    with pytest.raises(Failure) as bad:
        run(sets(prod, {}), filled)
    assert "3 rows have a vector in embedding and no text in content" in str(bad.value)
    assert filled.value(STATE) == [ROWS - 3, False, False]


def test_an_index_that_misses_the_floor_stops_the_cut_over(prod: Environment, filled: Database) -> None:
    poor = {"index": Hnsw(kind="hnsw", m=2, ef_construction=4), "recall_floor": 1.0}
    with pytest.raises(Failure) as bad:
        run(sets(prod, poor), filled)
    assert "embedding goes on serving" in str(bad.value)
    assert filled.value(STATE) == [ROWS, True, False]
    assert run(sets(prod, {}), filled) == 0, "with better settings the index is replaced, and the column cut over"
    assert filled.value(VALID_INDEXES) == INDEXES
    assert filled.value(STATE) == [ROWS, True, True]


def test_two_at_once_do_not_embed_the_same_texts(prod: Environment, filled: Database) -> None:
    with filled.session() as holder:
        reembedding.lock(holder)
        with pytest.raises(Failure) as busy:
            run(sets(prod, {}), filled)
    assert busy.value.code == BUSY
