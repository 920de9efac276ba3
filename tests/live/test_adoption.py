"""Indexes that a real framework makes in its own tables at start: LangGraph's store, with a composite text key and an index on nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# LangChain's tracing would speak to a server of its makers if the person's environment says so.
os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"
from langgraph.store.postgres import PostgresStore

from infra.domain.environment import Environment, Hnsw, IvfFlat, VectorSet
from infra.domain.steps import Status
from scripts import post_provision
from scripts.edges import memories
from tests.live.conftest import PASSWORD, Database
from tests.live.test_post_provision import bring
from tests.live.test_post_provision_indexes import about_index

pytestmark = pytest.mark.live

TABLE, INDEX, DIMENSIONS, ROWS = "store_vectors", "store_vectors_embedding_idx", 64, 1200
HNSW = Hnsw(kind="hnsw", m=16, ef_construction=64)
LISTS = IvfFlat(kind="ivfflat", lists=20)
# The framework's own query, less its text: a join, a prefix of the key, the same operator.
_SEARCH = """
EXPLAIN (FORMAT JSON) SELECT store.key FROM store JOIN store_vectors sv ON store.prefix = sv.prefix AND store.key = sv.key
ORDER BY sv.embedding <=> %s::vector ASC LIMIT 11
"""
_ANN = """
SELECT json_agg(json_build_array(relname, indisvalid AND indisready, pg_get_indexdef(indexrelid)) ORDER BY relname)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam WHERE amname IN ('hnsw', 'ivfflat')
"""


class Embedder:
    """An embedding function: clustered memories, told by the number in the text."""

    def __init__(self) -> None:
        self.vectors = memories.make(ROWS, DIMENSIONS, seed=7).embeddings

    def __call__(self, texts: list[str]) -> list[list[float]]:
        return [self.vectors[int(text.split()[-1])].tolist() for text in texts]


@contextmanager
def store(database: Database, embed: Embedder, **index: Any) -> Iterator[PostgresStore]:
    """LangGraph's store as its documentation opens it; `index` is the index that it is told to make."""
    config: Any = {"dims": DIMENSIONS, "embed": embed, "fields": ["text"], "distance_type": "cosine", "ann_index_config": index}
    with PostgresStore.from_conn_string(f"{database.dsn()} password={PASSWORD}", index=config) as opened:
        yield opened


def put(store: PostgresStore, rows: int = ROWS) -> None:
    """Memories of agents, as an application writes them: three namespaces, a text each."""
    from langgraph.store.base import PutOp

    store.batch([PutOp(("agents", f"agent {n % 3}"), f"memory {n}", {"text": f"memory number {n}", "turn": n}) for n in range(rows)])


def declared(prod: Environment, index: Hnsw | IvfFlat, **changes: Any) -> Environment:
    """Production with one vector set: the framework's table."""
    values = {"table": TABLE, "dimensions": DIMENSIONS, "expected_rows": ROWS, "index": index, "index_if_memory_is_short": None}
    one: VectorSet = prod.vector_sets[0].model_copy(update={**values, "recall_floor": 0.95, **changes})
    return prod.model_copy(update={"vector_sets": (one,)})


def indexes(database: Database) -> list[str]:
    """The vector indexes of the database, each by name and definition; one that is not valid is a fault."""
    found = database.value(_ANN) or []
    assert all(valid for _, valid, _ in found), found
    return [f"{name}: {definition.partition(' USING ')[2]}" for name, _, definition in found]


def used(database: Database, embed: Embedder) -> str:
    """The index that the framework's own query uses."""
    with database.session() as connection:
        connection.execute("SET enable_seqscan = off")
        row = connection.execute(_SEARCH.encode(), (json.dumps(embed.vectors[5].tolist()),)).fetchone()
    return str(row)


def proof(database: Database, index: str = INDEX) -> dict[str, Any]:
    """What is written down on the index."""
    comment: str = database.value("SELECT obj_description(%s::regclass, 'pg_class')", index)
    found: dict[str, Any] = json.loads(comment.partition("agent-memory ")[2])
    return found


def applied(report: post_provision.Report) -> list[str]:
    return [done.step.says.partition(" ")[0] for done in report.applied if done.step.key.startswith("index ")]


@pytest.fixture(scope="module")
def embed() -> Embedder:
    return Embedder()


def finds(opened: PostgresStore, number: int) -> list[str]:
    """The keys that the framework's search finds for the text of a memory."""
    return [item.key for item in opened.search(("agents",), query=f"memory number {number}", limit=5)]


def test_an_index_that_the_framework_made_on_the_empty_table_is_judged_and_kept(
    prod: Environment, database: Database, embed: Embedder
) -> None:
    environment = declared(prod, HNSW)
    with store(database, embed, kind="hnsw", m=16, ef_construction=64) as opened:
        opened.setup()
        waiting = bring(environment, database)
        assert about_index(waiting) == [
            (Status.WAIT, f"{INDEX} is HNSW (m 16, ef_construction 64), made by the application; waits for rows to be judged by")
        ]
        put(opened)
    assert applied(bring(environment, database)) == ["judge"]
    assert indexes(database) == [f"{INDEX}: hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')"]
    found = proof(database)
    assert found["recall"] >= 0.95 and found["rows"] == ROWS and not found["built"]
    again = bring(environment, database)
    assert not again.applied and about_index(again) == [(Status.DONE, f"{INDEX} is HNSW (m 16, ef_construction 64)")]


def test_an_index_with_lesser_settings_is_rebuilt_under_its_own_name_and_the_framework_goes_on(
    prod: Environment, database: Database, embed: Embedder
) -> None:
    environment = declared(prod, HNSW)
    with store(database, embed, kind="hnsw", m=4, ef_construction=8) as opened:
        opened.setup()
        put(opened)
        before = finds(opened, 17)
        report = bring(environment, database)
        assert applied(report) == ["replace", "prove", "put", "drop"]
        assert indexes(database) == [f"{INDEX}: hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')"]
        assert finds(opened, 17)[:1] == before[:1] == ["memory 17"]
        opened.setup()
        assert len(indexes(database)) == 1, "the framework finds its index by name and makes no second one"
    assert INDEX in used(database, embed)
    assert proof(database)["built"] and proof(database)["recall"] >= 0.95
    assert not bring(environment, database).applied


def test_lists_made_from_an_empty_table_are_found_out_by_their_recall(prod: Environment, database: Database, embed: Embedder) -> None:
    """Of the same kind and settings as declared, but its lists know nothing of the data: only measuring shows it."""
    environment = declared(prod, LISTS, recall_floor=0.86)
    with store(database, embed, kind="ivfflat", lists=20) as opened:
        opened.setup()
        put(opened)
        report = bring(environment, database)
        assert applied(report) == ["judge", "replace", "prove", "put", "drop"]
        says = next(done.step.says for done in report.applied if done.step.says.startswith("replace"))
        assert "of the nearest, the floor is 0.86; build IVFFlat (lists 20) beside it" in says
        assert finds(opened, 99)[0] == "memory 99"
    assert indexes(database) == [f"{INDEX}: ivfflat (embedding vector_cosine_ops) WITH (lists='20')"]
    assert proof(database)["recall"] >= 0.86
    assert INDEX in used(database, embed)
    assert not bring(environment, database).applied


def test_an_index_of_another_kind_is_replaced_by_the_declared_one(prod: Environment, database: Database, embed: Embedder) -> None:
    environment = declared(prod, HNSW)
    with store(database, embed, kind="ivfflat", lists=10) as opened:
        opened.setup()
        put(opened)
        bring(environment, database)
        assert indexes(database) == [f"{INDEX}: hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')"]
        assert finds(opened, 99)[0] == "memory 99"


def test_an_index_that_is_better_than_declared_stays(prod: Environment, database: Database, embed: Embedder) -> None:
    with store(database, embed, kind="hnsw", m=24, ef_construction=100) as opened:
        opened.setup()
        put(opened)
    assert applied(bring(declared(prod, HNSW), database)) == ["judge"]
    assert "m='24'" in indexes(database)[0]


def test_what_the_application_wrote_on_its_index_stays_there(prod: Environment, database: Database, embed: Embedder) -> None:
    with store(database, embed, kind="hnsw") as opened:
        opened.setup()
        put(opened)
    with database.session() as connection:
        connection.execute(f"COMMENT ON INDEX {INDEX} IS 'of the agents team'".encode())
    bring(declared(prod, HNSW), database)
    assert database.value("SELECT obj_description(%s::regclass, 'pg_class')", INDEX).startswith("of the agents team\nagent-memory {")
    assert not bring(declared(prod, HNSW), database).applied


def test_a_framework_that_makes_no_index_gets_one(prod: Environment, database: Database, embed: Embedder) -> None:
    with store(database, embed, kind="flat") as opened:
        opened.setup()
        put(opened)
        assert indexes(database) == []
        bring(declared(prod, HNSW), database)
        assert [line.partition(":")[0] for line in indexes(database)] == [f"{TABLE}_embedding_ann_idx"]
        assert finds(opened, 4)[0] == "memory 4"
    assert f"{TABLE}_embedding_ann_idx" in used(database, embed)
