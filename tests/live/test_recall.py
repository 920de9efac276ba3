"""Recall against a real server: the truth is the truth, the named index answered, and what an index cannot hold is no question for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from infra.domain import vectors
from infra.domain.environment import Environment, VectorSet
from infra.domain.recall import NEIGHBOURS
from scripts.edges import memories, recall_probe, recall_search, recall_truth
from scripts.edges.exits import BAD, Failure
from scripts.local_azure.postgres import Cluster
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.vector_rows import DIMENSIONS, EMBEDDINGS, ROWS, declare, fill, index

pytestmark = pytest.mark.live


@pytest.fixture(scope="session")
def declared(prod: Environment) -> VectorSet:
    return declare(prod)


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> Iterator[Database]:
    """A database with one table of clustered vectors: no column is called id, and no key stands alone."""
    with new_database(cluster) as made:
        with made.session() as connection:
            connection.execute("CREATE EXTENSION vector")
            fill(connection, "store_vectors", f"e vector({DIMENSIONS})", EMBEDDINGS, key=True)
        yield made


@pytest.fixture
def session(shared: Database) -> Iterator[psycopg.Connection[Any]]:
    """A session on it; the indexes that a test made are dropped after it."""
    from pgvector.psycopg import register_vector

    with shared.session() as connection:
        register_vector(connection)
        yield connection
        for row in connection.execute("SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON oid = indexrelid"
                                      " JOIN pg_am ON pg_am.oid = relam WHERE amname IN ('hnsw', 'ivfflat')").fetchall():  # fmt: skip
            connection.execute(f"DROP INDEX {row[0]}".encode())


def near(distance: str, question: np.ndarray[Any, Any]) -> list[float]:
    """The ten nearest, by arithmetic that has nothing to do with the server's."""
    rows = EMBEDDINGS.astype(np.float64)
    if distance == "l2":
        found = np.sqrt(((rows - question) ** 2).sum(axis=1))
    elif distance == "inner_product":
        found = -(rows @ question)
    else:
        found = 1 - rows @ question / (np.linalg.norm(rows, axis=1) * np.linalg.norm(question))
    return sorted(found)[:NEIGHBOURS]


@pytest.mark.parametrize("stored", ["vector", "halfvec", "bit"])
@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
def test_the_truth_is_computed_on_the_full_stored_vectors(
    session: psycopg.Connection[Any], declared: VectorSet, distance: str, stored: str
) -> None:
    vector_set = declared.model_copy(update={"distance": distance, "type": "vector"})
    kinds = {
        "vector": f"hnsw (e {vectors.operator_class('vector', distance)}) WITH (ef_construction = 32)",
        "halfvec": f"hnsw ((e::halfvec({DIMENSIONS})) {vectors.operator_class('halfvec', distance)}) WITH (ef_construction = 32)",
        "bit": f"hnsw ((binary_quantize(e)::bit({DIMENSIONS})) bit_hamming_ops)",
    }
    index(session, kinds[stored])
    found = recall_search.find(session, vector_set)[0]
    assert (found.stored, found.shape.stored) == (stored, stored)
    questions = recall_truth.sample(session, found, 5, 1)
    loose = [[near(distance, question.vector.to_numpy())[-1] + 0.05] * NEIGHBOURS for question in questions]
    none: list[list[float]] = [[] for _ in questions]
    for bounds in (loose, none):  # by one pass, and one by one
        truth = recall_truth.exact(session, found, questions, bounds)
        for question, distances in zip(questions, truth, strict=True):
            assert distances == pytest.approx(near(distance, question.vector.to_numpy()), abs=1e-5)
    result = recall_probe.probe(session, vector_set, "near", {"hnsw.ef_search": 800}, queries=20)
    assert (result.served_by, result.queries) == ("near", 20)
    assert result.recall is not None
    assert result.recall > 0.95


def test_a_narrow_search_finds_less_and_a_complete_one_everything(session: psycopg.Connection[Any], declared: VectorSet) -> None:
    index(session, "ivfflat (e vector_cosine_ops) WITH (lists = 30)")
    few, all_of_them = recall_probe.sweep(session, declared, "near", [{"ivfflat.probes": 1}, {"ivfflat.probes": 30}])
    assert few.recall is not None
    assert few.recall < 0.95
    assert few.standard_error > all_of_them.standard_error > 0
    assert all_of_them.recall == 1.0
    assert 0 < few.p50_ms <= few.p95_ms
    assert (few.queries, few.excluded.searchable) == (200, ROWS)


def test_recall_is_unknown_where_another_index_answered(session: psycopg.Connection[Any], declared: VectorSet) -> None:
    """Both serve the search and the planner takes the cheaper one: its recall must not pass for the other's."""
    index(session, "hnsw (e vector_cosine_ops)")
    index(session, "ivfflat (e vector_cosine_ops) WITH (lists = 30)", name="cheaper")
    result = recall_probe.probe(session, declared, "near", {"hnsw.ef_search": 800, "ivfflat.probes": 1}, queries=5)
    assert (result.served_by, result.recall, result.good) == ("cheaper", None, False)


def test_recall_is_unknown_where_no_index_answered(shared: Database, session: psycopg.Connection[Any], declared: VectorSet) -> None:
    """Exact answers agree with exact answers: without EXPLAIN this would read 1.0."""
    index(session, "hnsw (e vector_cosine_ops)")
    with shared.superuser() as superuser:
        superuser.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'near'::regclass")
    result = recall_probe.probe(session, declared, "near", {"hnsw.ef_search": 40}, queries=5)
    assert (result.served_by, result.recall, result.chosen) == (None, None, False)


def test_an_index_for_another_distance_or_of_some_rows_is_not_asked(session: psycopg.Connection[Any], declared: VectorSet) -> None:
    index(session, "hnsw (e vector_l2_ops)", name="other")
    index(session, "hnsw (e vector_cosine_ops) WHERE prefix = 'a'", name="partial")
    assert recall_search.find(session, declared) == []
    with pytest.raises(Failure, match=r"store_vectors\.e has no index other for cosine search") as failure:
        recall_probe.probe(session, declared, "other", {})
    assert failure.value.code == BAD


def test_says_whether_the_planner_would_take_the_index_by_itself(session: psycopg.Connection[Any], declared: VectorSet) -> None:
    index(session, "hnsw (e vector_cosine_ops)")
    narrow, wide = recall_probe.sweep(session, declared, "near", [{"hnsw.ef_search": 10}, {"hnsw.ef_search": 1000}], queries=3)
    assert (narrow.chosen, wide.chosen) == (True, False)
    assert wide.served_by == "near", "it is measured all the same"


def test_rows_that_no_index_holds_are_counted_and_left_out(database: Database, declared: VectorSet) -> None:
    odd = declared.model_copy(update={"table": "odd"})
    with database.session() as connection:
        connection.execute("CREATE EXTENSION vector")
        fill(connection, "odd", f"e vector({DIMENSIONS})", [*EMBEDDINGS[:60], *[None] * 300, *[np.zeros(DIMENSIONS)] * 40])
        index(connection, "hnsw (e vector_cosine_ops)", table="odd")
        result = recall_probe.probe(connection, odd, "near", {"hnsw.ef_search": 100})
        assert vars(result.excluded) == {"rows": 400, "without_vector": 300, "of_length_zero": 40}
        assert (result.queries, result.recall) == (60, 1.0)
        connection.execute("DELETE FROM odd WHERE vector_norm(e) > 0")
        nothing = recall_probe.probe(connection, odd, "near", {"hnsw.ef_search": 100})
        assert (nothing.queries, nothing.recall) == (0, None)


def test_copies_of_one_vector_are_ties_and_a_table_smaller_than_ten_rows_is_complete(database: Database, declared: VectorSet) -> None:
    with database.session() as connection:
        connection.execute("CREATE EXTENSION vector")
        for table, rows in (("copies", [EMBEDDINGS[0]] * 500), ("tiny", EMBEDDINGS[:4])):
            fill(connection, table, f"e halfvec({DIMENSIONS})", rows)
            index(connection, "hnsw (e halfvec_cosine_ops)", name=f"{table}_near", table=table)
            vector_set = declared.model_copy(update={"table": table, "type": "halfvec"})
            assert recall_probe.probe(connection, vector_set, f"{table}_near", {"hnsw.ef_search": 40}).recall == 1.0
            selves = recall_probe.self_retrieval(connection, vector_set, f"{table}_near")
            assert (selves.found, selves.lost) == (selves.asked, ())


@pytest.mark.parametrize("stored", ["e vector_cosine_ops", f"(e::halfvec({DIMENSIONS})) halfvec_cosine_ops",
                                    f"(binary_quantize(e)::bit({DIMENSIONS})) bit_hamming_ops"])  # fmt: skip
def test_vectors_that_the_graph_does_not_hold_do_not_find_themselves(database: Database, declared: VectorSet, stored: str) -> None:
    """Rows written while an index was not kept up to date, as after damage: no search width finds them, and their addresses are told."""
    lost = declared.model_copy(update={"table": "lost"})
    with database.session() as connection, database.superuser() as superuser:
        connection.execute("CREATE EXTENSION vector")
        fill(connection, "lost", f"e vector({DIMENSIONS})", EMBEDDINGS[:400])
        index(connection, f"hnsw ({stored})", table="lost")
        settings = {"hnsw.ef_search": 400}
        whole = recall_probe.self_retrieval(connection, lost, "near", settings)
        assert (whole.asked, whole.found, whole.served_by, whole.share) == (200, 200, "near", 1.0)
        superuser.execute("UPDATE pg_index SET indisready = false WHERE indexrelid = 'near'::regclass")
        fill(connection, "lost", f"e vector({DIMENSIONS})", EMBEDDINGS[400:800], analyze=False)
        superuser.execute("UPDATE pg_index SET indisready = true WHERE indexrelid = 'near'::regclass")
        holes = recall_probe.self_retrieval(connection, lost, "near", settings)
        assert 60 < holes.found < 140
        assert holes.unreachable == holes.asked - holes.found
        assert len(holes.lost) == 10
        keys = connection.execute("SELECT count(*) FROM lost WHERE ctid = ANY (%s::tid[]) AND key::int > 0", (list(holes.lost),)).fetchone()
        assert keys == (10,)


def test_the_same_seed_asks_with_the_same_rows_from_pages_all_over_the_table(session: psycopg.Connection[Any], declared: VectorSet) -> None:
    index(session, "ivfflat (e vector_cosine_ops) WITH (lists = 1)")
    found = recall_search.find(session, declared)[0]
    first, again, other = ([question.address for question in recall_truth.sample(session, found, 40, seed)] for seed in (1, 1, 2))
    assert first == again
    assert len(first) == 40
    assert set(first) != set(other)
    assert len({address.partition(",")[0] for address in first}) > 20


def test_a_sample_of_a_large_table_reads_few_of_its_pages(session: psycopg.Connection[Any], declared: VectorSet) -> None:
    index(session, "ivfflat (e vector_cosine_ops) WITH (lists = 1)")
    found = recall_search.find(session, declared)[0]

    def read() -> int:
        session.execute("SELECT pg_stat_force_next_flush()")
        row = session.execute("SELECT heap_blks_hit + heap_blks_read FROM pg_statio_user_tables WHERE relname = 'store_vectors'").fetchone()
        return int(row[0]) if row else 0

    pages = session.execute("SELECT pg_relation_size('store_vectors') / 8192").fetchone()
    before = read()
    assert len(recall_truth.sample(session, found, 5, 3)) == 5
    assert pages is not None
    assert 0 < read() - before < pages[0] / 3


def test_sparse_vectors_are_found_by_reading_more_pages(database: Database, declared: VectorSet) -> None:
    with database.session() as connection:
        connection.execute("CREATE EXTENSION vector")
        rows = [embedding if number % 400 == 0 else None for number, embedding in enumerate(EMBEDDINGS)]
        fill(connection, "sparse", f"e vector({DIMENSIONS})", rows)
        index(connection, "ivfflat (e vector_cosine_ops) WITH (lists = 1)", table="sparse")
        found = recall_search.find(connection, declared.model_copy(update={"table": "sparse"}))[0]
        assert [len(recall_truth.sample(connection, found, 5, seed)) for seed in range(5)] == [5] * 5


def test_the_truth_of_all_questions_takes_one_pass_over_the_table(session: psycopg.Connection[Any], declared: VectorSet) -> None:
    index(session, "hnsw (e vector_cosine_ops)")
    found = recall_search.find(session, declared)[0]
    questions = recall_truth.sample(session, found, 30, 1)
    nearly = [near("cosine", question.vector.to_numpy()) for question in questions]

    def passes() -> int:
        session.execute("SELECT pg_stat_force_next_flush()")
        row = session.execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'store_vectors'").fetchone()
        return int(row[0]) if row else 0

    before = passes()
    recall_truth.exact(session, found, questions, nearly)
    assert 1 <= passes() - before <= 4, "one, and one for each parallel worker"


def test_measuring_changes_nothing_and_works_within_a_transaction(session: psycopg.Connection[Any], declared: VectorSet) -> None:
    index(session, "hnsw (e vector_cosine_ops)")
    before = session.execute("SELECT current_setting('hnsw.ef_search', true), current_setting('enable_seqscan')").fetchone()
    with session.transaction():
        assert recall_probe.probe(session, declared, "near", {"hnsw.ef_search": 33}, queries=5).good
    recall_probe.self_retrieval(session, declared, "near", {"hnsw.ef_search": 33}, queries=5)
    after = session.execute("SELECT current_setting('hnsw.ef_search', true), current_setting('enable_seqscan')").fetchone()
    assert before is not None
    assert after is not None
    assert (after[0] in (before[0], "40"), after[1]) == (True, before[1])
    assert session.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


_IN_A_PROCESS = """
import resource, sys
import psycopg
from scripts.edges import recall_probe, stack_file
from pathlib import Path
dsn, password, root = sys.argv[1:]
vector_set = stack_file.read("prod", Path(root)).vector_sets[0].model_copy(update={"table": "wide", "column": "e"})
connection = psycopg.connect(dsn, password=password, autocommit=True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = recall_probe.probe(connection, vector_set, "near", {"ivfflat.probes": 1})
assert result.queries == 200 and result.served_by == "near", result
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_the_prober_stays_under_64_megabytes(database: Database, root: Path) -> None:
    """200 questions of 1536 dimensions over 4,000 rows: 24 MB of vectors lie in the table, and they stay there."""
    with database.session() as connection:
        connection.execute("CREATE EXTENSION vector")
        fill(connection, "wide", "e vector(1536)", memories.make(4000, 1536, seed=3).embeddings)
        connection.execute("SET maintenance_work_mem = '128MB'")
        index(connection, "ivfflat (e vector_cosine_ops) WITH (lists = 4)", table="wide")
    command = [sys.executable, "-c", _IN_A_PROCESS, database.dsn(), PASSWORD, str(root)]
    grown = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)
    assert int(grown.stdout) < 64 * 1024, "KiB"
