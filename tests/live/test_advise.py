"""Advice against a real server: the memory that a build takes, the search that its index serves, a sample that leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from infra.domain import index_advice, vectors
from infra.domain.environment import Environment
from infra.domain.index_advice import Machine, Shape
from scripts.edges import memories, sample_builds, vector_tables
from scripts.indexes import advise
from tests.live.conftest import PASSWORD, Database

# Dimensions, what is stored, m: small ones, so that a build that spills takes a second.
SHAPES = [
    (64, "vector", 8), (64, "vector", 16), (96, "vector", 24), (128, "vector", 16), (256, "vector", 32), (384, "vector", 16),
    (512, "vector", 8), (768, "vector", 16), (1024, "vector", 16), (1536, "vector", 16), (1536, "vector", 32), (128, "halfvec", 16),
    (384, "halfvec", 24), (768, "halfvec", 16), (1536, "halfvec", 16), (3072, "halfvec", 16), (256, "bit", 8), (1024, "bit", 16),
    (1536, "bit", 16), (3072, "bit", 32),
]  # fmt: skip


@pytest.fixture
def session(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.session() as connection:
        connection.execute("CREATE EXTENSION vector")
        yield connection


def _fill(session: psycopg.Connection[Any], rows: int, dimensions: int) -> None:
    from pgvector import Vector
    from pgvector.psycopg import register_vector

    register_vector(session)
    session.execute(sql.SQL("CREATE TABLE memory (id int, e vector({}))").format(sql.Literal(dimensions)))
    with session.cursor() as cursor, cursor.copy("COPY memory FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "vector"])
        for number, embedding in enumerate(memories.make(rows, dimensions, seed=5).embeddings):
            copy.write_row((number, Vector(embedding)))


def _create(stored: str, dimensions: int, m: int) -> sql.Composed:
    if stored == "bit":
        text = "CREATE INDEX near ON memory USING hnsw ((binary_quantize(e)::bit({})) bit_hamming_ops) WITH (m = {})"
        return sql.SQL(text).format(sql.Literal(dimensions), sql.Literal(m))
    text = "CREATE INDEX near ON memory USING hnsw ((e::{}({})) {}) WITH (m = {})"
    names = sql.Identifier(stored), sql.Literal(dimensions), sql.Identifier(f"{stored}_cosine_ops"), sql.Literal(m)
    return sql.SQL(text).format(*names)


@pytest.mark.parametrize(("dimensions", "stored", "m"), SHAPES)
def test_a_build_spills_just_where_the_advice_says(dimensions: int, stored: str, m: int, session: psycopg.Connection[Any]) -> None:
    """The server says after how many vectors the memory was full; the model says how much those need, within two percent."""
    memory = 2 << 20
    shape = Shape(rows=1, dimensions=dimensions, column="vector", distance="cosine", floor=0.95, m=m)
    fits = int(memory / index_advice.graph_need(shape, stored, 0))
    _fill(session, int(fits * 1.2), dimensions)
    told: list[str] = []
    session.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    session.execute("SELECT set_config('maintenance_work_mem', '2MB', false), set_config('max_parallel_maintenance_workers', '0', false)")
    session.execute(_create(stored, dimensions, m))
    spilled = next(notice for notice in told if "no longer fits" in notice)
    assert int(spilled.split("after ")[1].split()[0]) == pytest.approx(fits, rel=0.02)


@pytest.mark.parametrize("name", ["hnsw on vector", "hnsw on halfvec", "hnsw on bit"])
def test_the_search_that_is_advised_is_served_by_the_index(name: str, session: psycopg.Connection[Any]) -> None:
    _fill(session, 300, 768)
    shape = Shape(rows=300, dimensions=768, column="vector", distance="cosine", floor=0.95)
    advice = index_advice.advise(shape, Machine(build_bytes=1 << 30, workers=0))
    candidate = next(each for each in (advice.best, *advice.others) if each.name == name)
    if candidate.stored == "vector":
        session.execute("CREATE INDEX near ON memory USING hnsw (e vector_cosine_ops)")
    else:
        session.execute(_create(candidate.stored, 768, 16))
    session.execute("SET enable_seqscan = off")
    asked = str(memories.make(1, 768, seed=6).embeddings[0].tolist())
    text = index_advice.query("memory", "e", shape, candidate).replace(
        "$1", f"'{asked}'" + ("::vector" if candidate.stored == "bit" else "")
    )
    plan = session.execute(("EXPLAIN (FORMAT JSON) " + text).encode()).fetchone()
    assert plan is not None
    assert '"Index Name": "near"' in json.dumps(plan[0])
    assert len(session.execute(text.encode()).fetchall()) == 10


def test_a_sample_tells_the_rate_of_this_server_and_leaves_nothing(session: psycopg.Connection[Any], prod: Environment) -> None:
    vector_set = prod.vector_sets[0].model_copy(update={"table": "memory", "column": "e", "dimensions": 64})
    shape = Shape(rows=5000, dimensions=64, column="vector", distance="cosine", floor=0.95)
    made_up = sample_builds.calibrate(session, vector_set, shape)
    assert (made_up.calibrated, made_up.rows) == (True, sample_builds.ROWS)
    _fill(session, 3000, 64)
    session.execute("ANALYZE memory")
    stored = sample_builds.calibrate(session, vector_set, shape)
    assert stored.rows == 3000
    assert 0.1 < stored.seconds / made_up.seconds < 10
    left = session.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'agentmem_sample%'").fetchone()
    assert left == (0,)


def test_advises_with_what_the_table_really_holds(
    database: Database, session: psycopg.Connection[Any], prod: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    small = prod.vector_sets[0].model_copy(update={"dimensions": 64})
    environment = prod.model_copy(update={"vector_sets": (small,)})
    vector_tables.create_tables(session, [small])
    vector_tables.load(session, small, memories.make(2000, 64, seed=7), lambda count: None)
    login = {"dsn": database.dsn(), "password": PASSWORD, "entra": False, "user": None}
    assert advise.advise(environment, only=small.table, rows=None, sample=False, login=login, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["vector_sets"][0]["shape"]["rows"] == 2000
    assert told["vector_sets"][0]["best"]["name"] == "exact"
    assert vectors.operator(small.distance) in told["vector_sets"][0]["best"]["query"]
