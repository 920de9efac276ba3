"""Indexes that are missing, broken, useless or double: each defect is made for real, found by `status` and mended by `repair`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.domain.environment import Environment
from scripts.edges.exits import REFUSED, Failure
from tests.live.conftest import Database
from tests.live.patients import BUILDING, INDEX, TABLE, WAITING, Patient, admitted

pytestmark = pytest.mark.live

COSINE = f"CREATE INDEX CONCURRENTLY {INDEX} ON {TABLE} USING hnsw (embedding vector_cosine_ops)"
DROP, BUILD = f"DROP INDEX CONCURRENTLY public.{INDEX}", f"build {INDEX}"
REPAIR = "agentmem indexes repair --stack prod"


@pytest.fixture
def patient(prod: Environment, database: Database, capsys: pytest.CaptureFixture[str]) -> Iterator[Patient]:
    with admitted(prod, database, capsys) as made:
        made.fill()
        yield made


def test_a_healthy_index_has_no_findings(patient: Patient) -> None:
    patient.index()
    assert patient.status() == (0, {})
    assert patient.repair()[1]["done"] == []


def test_a_missing_index_is_not_as_declared_and_is_built(patient: Patient) -> None:
    assert patient.status() == (1, {"I1": [f"refuse: {TABLE}.embedding has no index for cosine search on vector => {REPAIR}"]})
    patient.mended(BUILD)
    assert patient.states() == {INDEX: "true true"}


def test_a_build_that_was_cut_off_while_building_is_dropped_and_built(patient: Patient) -> None:
    patient.cut_off(COSINE, BUILDING)
    assert patient.states() == {INDEX: "false false"}
    code, found = patient.status()
    assert code == 1 and found["I2"] == [f"warn: {INDEX} is invalid: its build was cut off, and no search uses it => {DROP}"]
    patient.mended(DROP, BUILD)


def test_a_build_that_was_cut_off_while_it_waited_costs_every_write_and_is_dropped_and_built(patient: Patient) -> None:
    with patient.old_transaction():
        patient.cut_off(COSINE, WAITING)
    assert patient.states() == {INDEX: "false true"}
    code, found = patient.status()
    says = f"{INDEX} is invalid: every write keeps it up to date, and no search uses it"
    assert code == 1 and found["I3"] == [f"warn: {says} => {DROP}"]
    patient.mended(DROP, BUILD)


@pytest.mark.parametrize(("phase", "leaves"), [(BUILDING, "_ccnew"), (WAITING, "_ccnew")])
def test_what_is_left_of_a_rebuild_that_was_cut_off_is_dropped_and_the_good_one_stays(patient: Patient, phase: str, leaves: str) -> None:
    patient.index()
    with patient.old_transaction():
        patient.cut_off(f"REINDEX INDEX CONCURRENTLY {INDEX}", phase)
    assert set(patient.states()) == {INDEX, f"{INDEX}{leaves}"}
    code, found = patient.status()
    assert (code, list(found)) == (0, ["I4"]), "what is declared is true all the same"
    patient.mended(f"{DROP}{leaves}")
    assert patient.states() == {INDEX: "true true"}


def test_an_index_for_another_distance_serves_nothing_declared(patient: Patient) -> None:
    patient.index("near", "hnsw (embedding vector_l2_ops)")
    code, found = patient.status()
    assert code == 1 and set(found) == {"I1", "I5"}
    assert found["I5"][0].startswith("warn: near stores the column as it is for vector_l2_ops: cosine search on vector(64), as declared,")
    patient.mended(BUILD, "DROP INDEX CONCURRENTLY public.near")
    assert patient.states() == {INDEX: "true true"}


def test_our_own_index_for_another_distance_is_replaced_while_it_serves(patient: Patient) -> None:
    patient.index(INDEX, "hnsw (embedding vector_l2_ops)")
    code, found = patient.status()
    assert (code, list(found)) == (1, ["I5"])
    code, document = patient.repair()
    assert code == 0 and len(document["done"]) == 4, "built beside, proved, swapped, dropped"
    assert patient.states() == {INDEX: "true true"}
    assert "vector_cosine_ops" in patient.database.value(f"SELECT pg_get_indexdef('{INDEX}'::regclass)")


@pytest.mark.parametrize("expression", ["hnsw ((embedding::halfvec(64)) halfvec_cosine_ops)",
                                        "hnsw (embedding vector_cosine_ops)"])  # fmt: skip
def test_an_index_on_another_cast_is_not_the_one_that_the_declared_search_uses(patient: Patient, expression: str) -> None:
    declared = "vector" if "halfvec" in expression else "halfvec"
    patient.declare(type=declared)
    patient.index("near", expression)
    code, found = patient.status()
    assert code == 1 and set(found) == {"I1", "I6"}
    patient.mended(BUILD, "DROP INDEX CONCURRENTLY public.near")


def test_an_index_on_some_rows_only_is_not_the_declared_one(patient: Patient) -> None:
    patient.index("near", settings="WHERE content <> ''")
    assert set(patient.status()[1]) == {"I1", "I6"}
    patient.mended(BUILD, "DROP INDEX CONCURRENTLY public.near")


def test_of_twins_the_lesser_is_dropped(patient: Patient) -> None:
    patient.index()
    patient.index("lists", "ivfflat (embedding vector_cosine_ops)", "WITH (lists = 10)")
    code, found = patient.status()
    assert code == 0 and "I7" in found
    assert found["I7"][0].endswith("=> DROP INDEX CONCURRENTLY public.lists")
    patient.mended("DROP INDEX CONCURRENTLY public.lists")


def test_a_useless_index_that_somebody_searches_is_left_to_a_person(patient: Patient) -> None:
    patient.index()
    patient.index("near", "hnsw (embedding vector_l2_ops)")
    patient.execute(
        "SET enable_seqscan = off", f"SELECT id FROM {TABLE} ORDER BY embedding <-> (SELECT embedding FROM {TABLE} LIMIT 1) LIMIT 5"
    )
    assert "something did today, so change that search first" in patient.status()[1]["I5"][0]
    assert patient.repair()[1]["done"] == []


def test_an_index_that_no_search_uses_is_found_until_one_does(patient: Patient) -> None:
    patient.index()
    code, found = patient.status(unused_days=0, probe=False)
    assert code == 0 and "tells the query that uses it" in found["I8"][0]
    assert patient.status(unused_days=1, probe=False) == (0, {}), "the server has counted for less than a day"
    patient.execute(
        "SET enable_seqscan = off", f"SELECT id FROM {TABLE} ORDER BY embedding <=> (SELECT embedding FROM {TABLE} LIMIT 1) LIMIT 5"
    )
    assert patient.status(unused_days=0.01, probe=False) == (0, {})


def test_settings_that_are_not_the_declared_ones_are_replaced_while_the_index_serves(patient: Patient) -> None:
    patient.index(settings="WITH (m = 4, ef_construction = 16)")
    code, found = patient.status()
    assert code == 1 and "I17" in found
    assert patient.repair()[0] == 0
    assert patient.status() == (0, {})
    assert "m='16'" in patient.database.value(f"SELECT pg_get_indexdef('{INDEX}'::regclass)")


def test_an_index_on_anything_else_is_never_touched(patient: Patient) -> None:
    patient.execute(
        "CREATE TABLE elsewhere (id int PRIMARY KEY, e vector(3))",
        "INSERT INTO elsewhere SELECT n, ARRAY[n, 1, 2]::vector FROM generate_series(1, 5000) AS n",
        f"ALTER TABLE {TABLE} ADD other vector(3)",
        f"CREATE INDEX theirs ON {TABLE} USING hnsw (other vector_l2_ops)",
    )
    patient.cut_off("CREATE INDEX CONCURRENTLY e1 ON elsewhere USING hnsw (e vector_l2_ops)", BUILDING)
    patient.mended(BUILD)
    assert patient.states() == {INDEX: "true true", "theirs": "true true", "e1": "false false"}


def test_a_dry_run_shows_and_changes_nothing_and_a_wrong_name_is_refused(patient: Patient) -> None:
    code, document = patient.repair(dry_run=True)
    assert code == 0 and document["plan"] == [f"{BUILD}: HNSW (m 16, ef_construction 64)"]
    with pytest.raises(Failure, match="the server's name was not typed") as refused:
        patient.repair(yes=False, ask=lambda question: "another")
    assert refused.value.code == REFUSED
    assert patient.states() == {}
    assert patient.repair(yes=False, ask=lambda question: "zepmem-prod")[0] == 0
    assert patient.states() == {INDEX: "true true"}
