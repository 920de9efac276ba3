"""The rules of a journey: read as they are written, and everything wrong with them told at once."""

from __future__ import annotations

from typing import Any

import pytest

from infra.domain.problem import Invalid, Problem
from infra.domain.table_names import NoName, TableName, column_named, table_named
from infra.domain.travel_rules import ColumnMask, Mask, OwnColumn, Rules, Subjects, Tenants, Way, erased_in, parse

SESSIONS = TableName("public", "sessions")
WHOLE: dict[str, Any] = {
    "mask": {
        "public.sessions": {"email": {"set": "hidden@example.org"}, "name": {"hash": True}, "notes": {"null": True}},
        '"Odd Room"."Mixed Case"': {"Free Text": {"set": ""}},
    },
    "tenants": {"column": "tenant_id", "keep": ["a", 7], "tables": {"public.tenants": "id"}},
    "subjects": {"column": "user_id", "erased_file": "erased.txt"},
}

WRONG: dict[str, Any] = {
    "msak": {},
    "mask": {
        "sessions": {"email": {"hash": True}},
        "public.a": {
            "b": {"sett": 1},
            "c": {"hash": True, "null": True},
            "d": {"hash": False},
            "e": {},
            "f": {"set": None},
            "g": 7,
        },
        "public.b": None,
    },
    "tenants": {"columm": "tenant_id", "keep": "a"},
    "subjects": {"column": True, "erased": ["x", None, ""], "erased_file": "f"},
}


def problems_of(values: object) -> dict[str, Problem]:
    with pytest.raises(Invalid) as caught:
        parse(values)
    assert len({problem.key for problem in caught.value.problems}) == len(caught.value.problems)
    return {problem.key: problem for problem in caught.value.problems}


def test_every_rule_is_read_as_it_is_written() -> None:
    rules = parse(WHOLE)
    key = "mask.public.sessions"
    assert rules.masks == (
        ColumnMask(table=SESSIONS, column="email", mask=Mask(way=Way.SET, value="hidden@example.org"), key=f"{key}.email"),
        ColumnMask(table=SESSIONS, column="name", mask=Mask(way=Way.HASH), key=f"{key}.name"),
        ColumnMask(table=SESSIONS, column="notes", mask=Mask(way=Way.NULL), key=f"{key}.notes"),
        ColumnMask(
            table=TableName("Odd Room", "Mixed Case"), column="Free Text", mask=Mask(way=Way.SET),
            key='mask."Odd Room"."Mixed Case".Free Text',
        ),
    )  # fmt: skip
    own = OwnColumn(table=TableName("public", "tenants"), column="id", key="tenants.tables.public.tenants")
    assert rules.tenants == Tenants(column="tenant_id", keep=("a", "7"), tables=(own,))
    assert rules.subjects == Subjects(column="user_id", erased_file="erased.txt")
    assert rules.masked


@pytest.mark.parametrize("values", [None, {}])
def test_no_rules_let_everything_travel(values: object) -> None:
    assert parse(values) == Rules() and not parse(values).masked


def test_a_bare_null_is_a_word_here() -> None:
    assert parse({"mask": {"public.a": {"b": {None: True}}}}).masks[0].mask == Mask(way=Way.NULL)


@pytest.mark.parametrize(("written", "value"), [(5, "5"), (1.5, "1.5"), (True, "true"), (False, "false"), ("", "")])
def test_a_constant_is_the_text_that_the_server_reads(written: object, value: str) -> None:
    assert parse({"mask": {"public.a": {"b": {"set": written}}}}).masks[0].mask.value == value


def test_everything_wrong_is_told_at_once_with_the_fix() -> None:
    found = problems_of(WRONG)
    told = {key: (problem.rule, problem.message.removeprefix(f"{key} "), problem.hint) for key, problem in found.items()}
    one_of = "exactly one of {set: VALUE}, {hash: true}, {null: true}"
    assert told == {
        "msak": ("T1", "is not a key of the rules", "did you mean mask?"),
        "mask.sessions": ("T4", "is no name of a table", told["mask.sessions"][2]),
        "mask.public.a.b.sett": ("T1", "is not a key of the rules", "did you mean set?"),
        "mask.public.a.c": ("T4", "has hash, null at once", one_of),
        "mask.public.a.d.hash": ("T4", "is false, expected true", "remove the rule to leave the column as it is"),
        "mask.public.a.e": ("T4", "says nothing", one_of),
        "mask.public.a.f.set": ("T4", "is null", "{null: true} empties a column"),
        "mask.public.a.g": ("T3", "is 7, expected a mapping", "one of {set: VALUE}, {hash: true}, {null: true}"),
        "mask.public.b": ("T3", "is null, expected a mapping", "keys with values, indented below"),
        "tenants.columm": ("T1", "is not a key of the rules", "did you mean column?"),
        "tenants.column": ("T2", "is missing", "the column that says whose a row is, for example tenants.column: user_id"),
        "tenants.keep": ("T3", "is 'a', expected a list", "[a, b]"),
        "subjects": ("T4", "has both erased and erased_file", "erased: [id, ..], or erased_file: a file with one id a line"),
        "subjects.column": ("T3", "is true, expected text", "write it in quotes"),
        "subjects.erased[1]": ("T3", "is null, expected text", "write it in quotes"),
        "subjects.erased[2]": ("T4", "is empty, expected some text", "write a value, or remove the key"),
    }
    assert "write schema.table" in told["mask.sessions"][2]


@pytest.mark.parametrize(
    ("values", "key", "says"),
    [
        ([], "the document", "is a list, expected a mapping"),
        ({"tenants": {"column": "t", "keep": []}}, "tenants.keep", "is empty: no row of any tenant would travel"),
        ({"tenants": {"column": "t"}}, "tenants.keep", "is missing"),
        ({"tenants": {"column": "t", "keep": ["a\0b"]}}, "tenants.keep[0]", "holds a zero byte, which no text in PostgreSQL has"),
        ({"subjects": {"column": "u"}}, "subjects", "has neither erased nor erased_file"),
        ({"subjects": {"column": 'u"', "erased": [], "tables": {"a": "b"}}}, "subjects.tables.a", "is no name of a table"),
        ({"subjects": {"column": '"u', "erased": []}}, "subjects.column", "is no name of a column"),
        ({"mask": {True: {}}}, "mask.True", "is not text"),
        (
            {"mask": {"public.a": {"b": {"hash": True}, '"b"': {"null": True}}}},
            'mask.public.a."b"',
            "masks what mask.public.a.b masks already",
        ),
    ],
)  # fmt: skip
def test_a_single_fault_is_told_by_itself(values: object, key: str, says: str) -> None:
    assert {key: problem.message for key, problem in problems_of(values).items()} == {key: f"{key} {says}"}


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("public.sessions", TableName("public", "sessions")),
        ("public.Sessions", TableName("public", "Sessions")),
        ('"Odd Room"."Mixed Case"', TableName("Odd Room", "Mixed Case")),
        ('"a.b".c$1', TableName("a.b", "c$1")),
        ('"Odd ""Room"."x; DROP TABLE y"', TableName('Odd "Room', "x; DROP TABLE y")),
        ("größe._x", TableName("größe", "_x")),
    ],
)
def test_a_table_is_named_as_the_database_names_it(text: str, table: TableName) -> None:
    assert table_named(text) == table
    assert table_named(str(table)) == table


@pytest.mark.parametrize("text", ["", "sessions", ".a", "a.", "a.b.c", 'a."b', 'a.""', "a b.c", "a.b c", "1a.b", '"a"b.c', "a.b\n", "a.b;"])
def test_a_text_that_names_no_table_is_refused(text: str) -> None:
    with pytest.raises(NoName, match="write schema"):
        table_named(text)


@pytest.mark.parametrize(("text", "column"), [("email", "email"), ("Free Text", "Free Text"), ('"a ""b"""', 'a "b"'), ("a.b", "a.b")])
def test_a_column_is_named_as_the_database_names_it(text: str, column: str) -> None:
    assert column_named(text) == column


@pytest.mark.parametrize("text", ["", '"', '"a', '"a"b', '""', "a\0b"])
def test_a_text_that_names_no_column_is_refused(text: str) -> None:
    with pytest.raises(NoName):
        column_named(text)


def test_the_people_of_the_file_join_those_of_the_rules_once() -> None:
    assert erased_in("u1\r\n\n  u 2 \nu1\n") == ("u1", "u 2", "u1")
    subjects = Subjects(column="user_id", erased=("u0",), erased_file="erased.txt")
    found = Rules(subjects=subjects).with_erased(["u1", "u0", "u1"]).subjects
    assert found == Subjects(column="user_id", erased=("u0", "u1"))
    assert Rules().with_erased(["u1"]) == Rules()
