"""What is hidden of rows that travel, as a real server hides it, and names and values that mean harm."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from infra.domain.problem import Invalid
from infra.domain.table_names import written
from scripts.edges import travelling
from scripts.edges.exits import REFUSED, Failure
from scripts.edges.table_digests import settle
from tests.live.conftest import Database
from tests.live.journeys import PARTITIONED, SALT, SESSIONS, Journey, begun, masks, prepare, subjects, tenants

pytestmark = pytest.mark.live


@pytest.fixture
def journey(database: Database) -> Iterator[Journey]:
    with begun(database) as made:
        yield made


@pytest.fixture
def filled(journey: Journey) -> Journey:
    prepare(journey, SESSIONS)
    return journey


def test_masks_hide_and_equal_texts_stay_equal(filled: Journey, database: Database) -> None:
    hash_, null = {"hash": True}, {"null": True}
    values = masks(
        "public.sessions", email={"set": "it's \\hidden"}, name=hash_, notes=null, feels={"set": "angry"}, score={"set": 5},
        padded=hash_, owner=hash_, embedding=null,
    )  # fmt: skip
    rows = filled.rows(values, "sessions")
    assert {(row["email"], row["notes"], row["feels"], row["score"], row["embedding"]) for row in rows} == {
        ("it's \\hidden", None, "angry", "5.00", None)
    }
    (same,) = {row["name"] for row in rows[:3]}
    assert len(same) == 64 and same != "same" and rows[3]["name"] is None
    assert len({row["owner"] for row in rows}) == 4 and "shouted" not in rows[0]
    assert {len(row["padded"]) for row in rows[:3]} == {70}  # as the server keeps a char(70)
    with database.session() as other:
        travelling.keep_salt(other, f"another {SALT}")
        settle(other)
        assert Journey(other).rows(values, "sessions")[0]["name"] != same
    assert database.value("SELECT name FROM sessions WHERE id = 1") == "same"


def test_binary_copy_of_masked_rows_fits_the_same_table(filled: Journey) -> None:
    values = masks(
        "public.sessions", name={"hash": True}, padded={"hash": True}, owner={"hash": True}, feels={"set": "angry"}, score={"set": 5}
    )
    selection = filled.plan(values).of("public", "sessions")
    read = sql.SQL("COPY (SELECT {} FROM ONLY {}) TO STDOUT (FORMAT binary)")
    with filled.session.cursor().copy(read.format(travelling.columns(selection), travelling.identifier(selection.table))) as copy:
        sent = b"".join(map(bytes, copy))
    filled.session.execute("CREATE TABLE public.there (LIKE public.sessions INCLUDING ALL)")
    names = sql.SQL(", ").join(sql.Identifier(each.column.name) for each in selection.columns)
    with filled.session.cursor().copy(sql.SQL("COPY public.there ({}) FROM STDIN (FORMAT binary)").format(names)) as copy:
        copy.write(sent)
    assert filled.rows({}, "there") == filled.rows(values, "sessions")


def test_a_hash_without_a_salt_is_an_error(filled: Journey) -> None:
    values = masks("public.sessions", name={"hash": True})
    for empty in ("RESET agentmem.salt", "SELECT set_config('agentmem.salt', '', false)"):
        filled.session.execute(empty.encode())
        with pytest.raises(psycopg.Error, match=r"uuid|agentmem\.salt"):
            filled.rows(values, "sessions")
    with pytest.raises(ValueError, match="found by trying"):
        travelling.keep_salt(filled.session, "short")


def test_the_salt_is_in_no_statement(filled: Journey) -> None:
    selection = filled.plan(masks("public.sessions", name={"hash": True})).of("public", "sessions")
    kept = filled.session.execute("SELECT current_setting('agentmem.salt')").fetchone()
    text = travelling.columns(selection).as_string(filled.session)
    assert SALT not in text and kept is not None and kept[0] not in text


@pytest.mark.parametrize("table", ["days", "days_old"])
def test_what_decides_a_partition_is_not_masked(journey: Journey, table: str) -> None:
    prepare(journey, PARTITIONED.replace(", PRIMARY KEY (id, day)", "").replace(", FOREIGN KEY (day_id, day) REFERENCES days", ""))
    with pytest.raises(Invalid, match=r"decides the partition|partition of public\.days"):
        journey.plan(masks(f"public.{table}", day={"set": "2026-02-02"}))


def test_names_and_values_that_mean_harm_are_only_names_and_values(journey: Journey) -> None:
    evil, harm = 'x"; DROP TABLE victims; --', "'); DROP TABLE victims; -- {} %s \\"
    names = {"schema": 'Odd "Room', "table": evil, "tenant": 'te"nant{}%s', "text": "Free; Text"}
    quoted = {name: psycopg.sql.Identifier(value) for name, value in names.items()}
    make = sql.SQL("""
        CREATE TABLE public.victims (id integer PRIMARY KEY); INSERT INTO public.victims VALUES (1);
        CREATE SCHEMA {schema};
        CREATE TYPE {schema}."Ty""pe; {{}}" AS ENUM ('a', 'b');
        CREATE TABLE {schema}.{table} ({tenant} text PRIMARY KEY, {text} {schema}."Ty""pe; {{}}", up text REFERENCES {schema}.{table});
        INSERT INTO {schema}.{table} VALUES ('plain', 'a', NULL), ({harm}, 'a', NULL), ('gone', 'a', 'plain');
    """).format(**quoted, harm=sql.Literal(harm))
    journey.session.execute(make)
    name = f"{written(names['schema'])}.{written(names['table'])}"
    values = {
        "mask": {name: {names["text"]: {"set": "b"}}},
        "tenants": {"column": names["tenant"], "keep": [harm, "gone", '"{},\\', "NULL"]},
    }
    rows = journey.rows(values, evil, names["schema"])
    assert [(row[names["tenant"]], row[names["text"]]) for row in rows] == [(harm, "b")]  # gone refers to plain, which stays
    with pytest.raises(Failure):
        travelling.try_out(journey.session, journey.plan({"mask": {name: {names["text"]: {"set": harm}}}}).selections)
    assert journey.session.execute("SELECT count(*) FROM public.victims").fetchone() == (1,)


def test_ids_are_read_as_of_the_columns_type(journey: Journey) -> None:
    prepare(journey, """
        CREATE TYPE mood AS ENUM ('calm', 'angry'); CREATE DOMAIN code AS varchar(3);
        CREATE TABLE uuids (id integer PRIMARY KEY, tenant_id uuid); CREATE TABLE numbers (id integer PRIMARY KEY, tenant_id bigint);
        CREATE TABLE codes (id integer PRIMARY KEY, tenant_id code); CREATE TABLE moods (id integer PRIMARY KEY, tenant_id mood);
        CREATE TABLE padded (id integer PRIMARY KEY, tenant_id char(5));
        INSERT INTO uuids VALUES (1, 'A0000000-0000-0000-0000-000000000001'), (2, NULL); INSERT INTO numbers VALUES (1, 7), (2, 8);
        INSERT INTO codes VALUES (1, 'abc'), (2, 'abd'); INSERT INTO moods VALUES (1, 'calm'), (2, 'angry');
        INSERT INTO padded VALUES (1, 'x');
    """)  # fmt: skip
    cases = {"uuids": "a0000000-0000-0000-0000-000000000001", "numbers": "007", "moods": "calm", "codes": "abc", "padded": "x"}
    for table, kept in cases.items():
        assert journey.ids(tenants(kept), table) == [1], table
        left = {"subjects": {"column": "tenant_id", "erased": [kept]}}
        assert journey.ids(left, table) == ([] if table == "padded" else [2]), table
    assert journey.ids(tenants("abcd"), "codes") == []  # not cut to the three characters of the column
    with pytest.raises(Failure, match="invalid input") as raised:
        travelling.try_out(journey.session, journey.plan(tenants("no number")).selections)
    assert raised.value.code is REFUSED and raised.value.where.startswith("public.")


def test_ids_that_are_none_are_found_among_thousands(journey: Journey) -> None:
    prepare(journey, "CREATE TABLE numbers (id integer PRIMARY KEY, user_id bigint)")
    ids = [*map(str, range(3000)), "one", *map(str, range(3000, 5000)), "two"]
    selection = journey.plan({"subjects": {"column": "user_id", "erased": ids}}).of("public", "numbers")
    assert [each.value for each in travelling.misfits(journey.session, selection)] == ["one", "two"]


def test_an_extensions_own_equality_is_asked(journey: Journey) -> None:
    """pgvector's types compare by operators in its own schema, and foreign keys may rest on them."""
    prepare(journey, """
        CREATE SCHEMA other; CREATE EXTENSION vector SCHEMA other;
        CREATE TABLE users (place other.vector(2) PRIMARY KEY, id integer, user_id other.vector(2));
        CREATE TABLE posts (id integer PRIMARY KEY, place other.vector(2) NOT NULL REFERENCES users);
        CREATE TABLE links (id integer PRIMARY KEY, place other.vector(2) REFERENCES users, next integer REFERENCES links);
        INSERT INTO users VALUES ('[0,1]', 1, '[7,1]'), ('[0,2]', 2, '[7,2]'); INSERT INTO posts VALUES (1, '[0,1]'), (2, '[0,2]');
        INSERT INTO links VALUES (1, '[0,1]', NULL), (2, '[0,2]', 1), (3, NULL, NULL);
    """)  # fmt: skip
    assert [journey.ids(subjects("[7.0, 1]"), table) for table in ("users", "posts", "links")] == [[2], [2], [3]]


def test_the_shapes_say_what_must_not_be_masked(journey: Journey) -> None:
    prepare(journey, """
        CREATE DOMAIN strict AS text NOT NULL;
        CREATE TABLE t (a integer PRIMARY KEY, b text UNIQUE, c text, d text, e text, f name, g varchar(7), h strict, i text, j integer[],
                        k text GENERATED ALWAYS AS (lower(c)) STORED, EXCLUDE USING hash (i WITH =));
        CREATE UNIQUE INDEX ON t (lower(c)) INCLUDE (e) WHERE d IS NOT NULL;
        CREATE TABLE child () INHERITS (t);
        CREATE TABLE split (a integer, b integer, c integer, d integer GENERATED ALWAYS AS (a) STORED) PARTITION BY RANGE (a, (b + 1));
    """)  # fmt: skip
    found = {shape.name: {column.name: column for column in shape.columns} for shape in travelling.shapes(journey.session)}
    t = found["t"]
    assert {name for name, column in t.items() if column.in_key} == {"a", "b", "c", "d", "i"}
    assert {name for name, column in t.items() if column.is_text} == {"b", "c", "d", "e", "g", "h", "i", "k"}
    assert {name for name, column in t.items() if column.not_null} == {"a", "h"}
    assert {name for name, column in t.items() if column.generated} == {"k"}
    assert (t["g"].limit, t["h"].limit, t["g"].type) == (7, None, "character varying(7)")
    assert {name for name, column in found["split"].items() if column.in_partition_key} == {"a", "b"}
    child = next(shape for shape in travelling.shapes(journey.session) if shape.name == "child")
    assert [parent.name for parent in child.parents] == ["t"] and not child.is_partition
