"""`agentmem indexes recall` against a real server: what it tells, what it recommends, what it draws, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.domain.environment import Environment, VectorSet
from scripts.edges.exits import BAD, GOOD, USAGE, Failure
from scripts.indexes import recall
from tests.live.conftest import PASSWORD, Database
from tests.live.vector_rows import DIMENSIONS, EMBEDDINGS, declare, fill, index

pytestmark = pytest.mark.live


@pytest.fixture(scope="session")
def declared(prod: Environment) -> VectorSet:
    return declare(prod)


def with_sets(prod: Environment, *sets: VectorSet) -> Environment:
    return prod.model_copy(update={"vector_sets": sets})


def filled(prod: Environment, declared: VectorSet, database: Database, *indexes: str) -> Environment:
    """The declared table with its vectors and indexes, and the environment that declares nothing else."""
    with database.session() as connection:
        connection.execute("CREATE EXTENSION vector")
        fill(connection, declared.table, f"e vector({DIMENSIONS})", EMBEDDINGS)
        for expression in indexes:
            index(connection, expression)
    return with_sets(prod, declared)


def login(database: Database) -> dict[str, Any]:
    return {"dsn": database.dsn(), "password": PASSWORD, "entra": False, "user": None}


def test_the_command_tells_the_sweep_as_one_document(
    prod: Environment, database: Database, declared: VectorSet, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = filled(prod, declared, database, "hnsw (e vector_cosine_ops)")
    assert recall.recall(environment, only=None, queries=30, plot=None, login=login(database), as_json=True) == GOOD
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "agentmem/indexes-recall/1"
    (told,) = document["vector_sets"]
    assert (told["vector_set"], told["served_by"], told["ef_search"], told["queries"]) == ("store_vectors.e", "near", 40, 30)
    assert told["recall_at_10"] >= 0.95
    assert [point["ef_search"] for point in told["sweep"]] == [10, 20, 40, 64, 100, 150, 200, 400, 800]
    assert told["self_retrieval"]["found"] == 30
    assert told["recommended"]["ef_search"] in (10, 20, 40)


def test_a_setting_in_force_below_the_floor_is_bad_and_another_is_recommended(
    prod: Environment, database: Database, declared: VectorSet, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The database's own setting is what an application searches with."""
    environment = filled(prod, declared, database, "ivfflat (e vector_cosine_ops) WITH (lists = 30)")
    picture = tmp_path / "recall.svg"
    assert recall.recall(environment, only=None, queries=50, plot=picture, login=login(database), as_json=False) == BAD
    told = capsys.readouterr().out
    assert "is below the floor 0.95: ivfflat.probes" in told
    assert "next: ALTER DATABASE zep SET ivfflat.probes = " in told
    probes = told.split("ALTER DATABASE zep SET ivfflat.probes = ")[1].split()[0]
    with database.superuser() as superuser:
        superuser.execute(f"ALTER DATABASE {database.name} SET ivfflat.probes = {probes}".encode())
    drawn = picture.read_text(encoding="utf-8")
    assert drawn.startswith("<?xml")
    assert "store_vectors.e, ivfflat.probes" in drawn
    again = tmp_path / "recall.png"
    assert recall.recall(environment, only=None, queries=50, plot=again, login=login(database), as_json=False) == GOOD
    assert again.read_bytes().startswith(b"\x89PNG")


def test_a_missing_index_is_bad_and_a_missing_table_waits(
    prod: Environment, database: Database, declared: VectorSet, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(prod, declared, database)
    waits = declared.model_copy(update={"table": "not_yet"})
    assert recall.recall(with_sets(prod, waits), only=None, queries=5, plot=None, login=login(database), as_json=False) == GOOD
    assert "waits for not_yet; the application makes it" in capsys.readouterr().out
    assert recall.recall(with_sets(prod, declared, waits), only=None, queries=5, plot=None, login=login(database), as_json=False) == BAD
    assert "1 of 2 vector sets are good; next: agentmem post-provision --stack prod" in capsys.readouterr().out


def test_a_picture_is_png_or_svg(prod: Environment, database: Database, declared: VectorSet) -> None:
    with pytest.raises(Failure, match=r"a picture is a \.png or \.svg file") as failure:
        recall.recall(with_sets(prod, declared), only=None, queries=5, plot=Path("recall.gif"), login=login(database), as_json=False)
    assert failure.value.code == USAGE
