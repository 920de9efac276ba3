"""Which rows travel under rules, as a real server selects them: tenants, erased people, and all that refers to rows that stay."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.edges import travelling
from tests.live.conftest import Database
from tests.live.journeys import PARTITIONED, SESSIONS, Journey, begun, masks, prepare, subjects, tenants

pytestmark = pytest.mark.live

SEED = 20261121
Row = dict[str, Any]


@pytest.fixture
def journey(database: Database) -> Iterator[Journey]:
    with begun(database) as made:
        yield made


@pytest.fixture
def filled(journey: Journey) -> Journey:
    prepare(journey, SESSIONS)
    return journey


def test_tenants_are_followed_through_two_levels_of_foreign_keys(filled: Journey) -> None:
    values = tenants("a", "b", tenants="id")
    assert [row["id"] for row in filled.rows(values, "tenants")] == ["a", "b"]
    assert filled.ids(values, "sessions") == [1, 2]
    assert filled.ids(values, "messages") == [10, 20]
    assert filled.ids(values, "parts") == [100, 200, 999]  # 999 refers to nothing


def test_erased_people_and_all_that_hangs_on_them_are_absent(filled: Journey) -> None:
    many = [f"nobody-{number}" for number in range(2000)]
    values = {**subjects("u1", "u3", *many), **tenants("a", "b")}
    assert (filled.ids(subjects("u1"), "sessions"), filled.ids(subjects("u1"), "messages")) == ([2, 3, 4], [20, 30, 40])
    assert (filled.ids(values, "sessions"), filled.ids(values, "parts")) == ([2], [200, 999])


def test_replies_to_what_stays_stay_too(journey: Journey) -> None:
    prepare(journey, """
        CREATE TABLE messages (id integer PRIMARY KEY, user_id text, reply_to integer REFERENCES messages);
        CREATE TABLE likes (id integer PRIMARY KEY, message integer NOT NULL REFERENCES messages);
        INSERT INTO messages VALUES (1, 'u1', NULL), (2, 'u2', 1), (3, 'u3', 2), (4, NULL, 3), (5, 'u2', NULL), (6, 'u2', 5);
        INSERT INTO likes SELECT 10 * id, id FROM messages;
    """)  # fmt: skip
    assert journey.ids(subjects("u1"), "messages") == [5, 6]
    assert journey.ids(subjects("u1"), "likes") == [50, 60]
    assert journey.ids(subjects("u3"), "messages") == [1, 2, 5, 6]


def test_tables_that_refer_to_each_other_end(journey: Journey) -> None:
    prepare(journey, """
        CREATE TABLE hens (id integer PRIMARY KEY, tenant_id text, egg integer);
        CREATE TABLE eggs (id integer PRIMARY KEY, hen integer REFERENCES hens);
        INSERT INTO hens VALUES (1, 'a', 1), (2, 'a', 2), (3, 'c', NULL), (4, 'a', NULL);
        INSERT INTO eggs VALUES (1, 2), (2, 3), (4, 4), (5, NULL);
        ALTER TABLE hens ADD FOREIGN KEY (egg) REFERENCES eggs;
    """)  # fmt: skip
    # Hen 3 stays, so does egg 2 of hers, hen 2 who came from it, egg 1 of hers, and hen 1.
    assert (journey.ids(tenants("a"), "hens"), journey.ids(tenants("a"), "eggs")) == ([4], [4, 5])


def test_the_rules_of_a_partitioned_table_reach_its_leaves(journey: Journey) -> None:
    prepare(journey, PARTITIONED)
    values = {**tenants("a"), **masks("public.days", free={"hash": True})}
    assert {selection.table.name for selection in journey.plan(values).selections} == {"sessions", "days_old", "days_new", "notes"}
    assert (journey.ids(values, "days_old"), journey.ids(values, "days_new")) == ([], [2, 4, 6])
    assert {row["free"] for row in journey.rows(values, "days_new")}.isdisjoint({"free"})
    assert journey.ids(values, "notes") == [7, 20, 40, 60]


def test_a_foreign_key_of_a_whole_table_is_told_once(journey: Journey) -> None:
    prepare(journey, PARTITIONED)
    keys = {shape.name: len(shape.foreign_keys) for shape in travelling.shapes(journey.session)}
    assert keys == {"sessions": 0, "days": 1, "days_old": 0, "days_new": 0, "notes": 1}


def test_a_circle_runs_through_partitions(journey: Journey) -> None:
    prepare(journey, """
        CREATE TABLE days (id integer PRIMARY KEY, user_id text, before integer REFERENCES days) PARTITION BY RANGE (id);
        CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (0) TO (10);
        CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM (10) TO (20);
        INSERT INTO days VALUES (1, 'u1', NULL), (2, 'u2', NULL), (3, 'u2', 2), (11, 'u2', NULL),
            (12, 'u2', 1), (13, 'u2', 12), (4, 'u2', 13);
    """)  # fmt: skip
    assert (journey.ids(subjects("u1"), "days_1"), journey.ids(subjects("u1"), "days_2")) == ([2, 3], [11])


def test_a_foreign_key_sees_no_rows_that_inherit(journey: Journey) -> None:
    prepare(journey, """
        CREATE TABLE sessions (id integer PRIMARY KEY, tenant_id text); CREATE TABLE old_sessions () INHERITS (sessions);
        CREATE TABLE messages (id integer PRIMARY KEY, session_id integer REFERENCES sessions);
        INSERT INTO sessions VALUES (1, 'a'), (2, 'c'); INSERT INTO old_sessions VALUES (1, 'c'), (3, 'a');
        INSERT INTO messages VALUES (1, 1), (2, 2);
    """)  # fmt: skip
    assert [journey.ids(tenants("a"), table) for table in ("sessions", "old_sessions", "messages")] == [[1], [3], [1]]


def test_rows_that_refer_at_random_travel_as_the_rules_say(journey: Journey) -> None:
    """Tables that refer to each other at random; what travels is held against the largest set that keeps every promise."""
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    for turn in range(10):
        references = {(child, parent) for child in range(5) for parent in range(5) if dice.random() < 0.35}
        owned = {table for table in range(5) if dice.random() < 0.4} | {0}
        rows = made(journey, dice, references, owned)
        expected = travelling_rows(rows, owned)
        found = {(table, number) for table in range(5) for number in journey.ids(tenants("a", "b"), f"t{table}")}
        assert found == expected, f"seed {SEED}, turn {turn}"


def made(journey: Journey, dice: random.Random, references: set[tuple[int, int]], owned: set[int]) -> dict[tuple[int, int], Row]:
    """Five tables of 17 rows; a row says its tenant and, by table, the row that it refers to."""
    rows: dict[tuple[int, int], Row] = {}
    statements = ["DROP TABLE IF EXISTS t0, t1, t2, t3, t4 CASCADE"]
    for table in range(5):
        parents = [parent for child, parent in sorted(references) if child == table]
        columns = ["id integer PRIMARY KEY", *(["tenant_id text"] if table in owned else []), *(f"r{parent} integer" for parent in parents)]
        for number in range(17):
            refers = {parent: dice.choice([None, None, dice.randrange(17)]) for parent in parents}
            rows[table, number] = {"tenant": dice.choice(["a", "b", "b", "a", "c", None]) if table in owned else "", "refers": refers}
        values = (_values(number, rows[table, number], table in owned) for number in range(17))
        statements += [f"CREATE TABLE t{table} ({', '.join(columns)})", f"INSERT INTO t{table} VALUES {', '.join(values)}"]
    statements += [f"ALTER TABLE t{child} ADD FOREIGN KEY (r{parent}) REFERENCES t{parent}" for child, parent in sorted(references)]
    prepare(journey, "; ".join(statements))
    return rows


def _values(number: int, row: Row, owned: bool) -> str:
    shown = [number, *([row["tenant"]] if owned else []), *row["refers"].values()]
    return "({})".format(", ".join("NULL" if value is None else repr(value) for value in shown))


def travelling_rows(rows: dict[tuple[int, int], Row], owned: set[int]) -> set[tuple[int, int]]:
    """Take away what must stay until nothing changes."""
    left = {place for place, row in rows.items() if place[0] not in owned or row["tenant"] in ("a", "b")}
    while gone := {place for place in left for to in rows[place]["refers"].items() if to[1] is not None and to not in left}:
        left -= gone
    return left
