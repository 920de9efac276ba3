"""What travels of each table: filters that follow foreign keys to their end, masks that reach partitions, rules that do not fit."""

from __future__ import annotations

from typing import Any

import pytest

from infra.domain.environment import Environment
from infra.domain.problem import Invalid, Problem, Severity
from infra.domain.table_names import TableName
from infra.domain.travel_filters import NoneOf, OneOf, OutsideCircle, RefersTo, Rows
from infra.domain.travel_plan import TravelPlan, plan
from infra.domain.travel_rules import Mask, Way, parse
from infra.domain.travel_shapes import ColumnShape, ForeignKey, Operator, TableShape
from scripts.edges import stack_file

ID = ColumnShape(name="id", type="bigint", not_null=True, in_key=True)
TENANT = ColumnShape(name="tenant_id", type="text", is_text=True)
USER = ColumnShape(name="user_id", type="text", is_text=True)
KEEP: dict[str, Any] = {"tenants": {"column": "tenant_id", "keep": ["a", "b"]}}
LEAVE: dict[str, Any] = {"subjects": {"column": "user_id", "erased": ["u1"]}}


def named(name: str) -> TableName:
    return TableName("public", name)


def shape(name: str, *columns: ColumnShape, refers: dict[str, str] | None = None, **facts: Any) -> TableShape:
    """A table with a key, these columns, and a foreign key for each column in `refers` (one that ends with `!` is NOT NULL)."""
    keys, own = [], [ID, *columns]
    for column, target in (refers or {}).items():
        own.append(ColumnShape(name=column.rstrip("!"), type="bigint", not_null=column.endswith("!")))
        keys.append(ForeignKey(columns=(column.rstrip("!"),), table=named(target), table_columns=("id",), operators=(Operator(),)))
    return TableShape(schema="public", name=name, columns=tuple(own), foreign_keys=tuple(keys), **facts)


def planned(values: dict[str, Any], *tables: TableShape) -> TravelPlan:
    return plan(parse(values), tables)


def problems_of(values: dict[str, Any], *tables: TableShape, vector_sets: Any = ()) -> dict[str, tuple[str, str, str]]:
    with pytest.raises(Invalid) as caught:
        plan(parse(values), tables, vector_sets)
    return told(caught.value.problems)


def told(problems: tuple[Problem, ...]) -> dict[str, tuple[str, str, str]]:
    return {problem.key: (problem.rule, problem.message.removeprefix(f"{problem.key} "), problem.hint) for problem in problems}


def masking(column: str, mask: dict[str, Any], table: str = "public.t") -> dict[str, Any]:
    return {"mask": {table: {column: mask}}}


def test_without_rules_every_table_travels_whole() -> None:
    found = planned({}, shape("a", TENANT), shape("b", refers={"a": "a", "b": "b"}))
    assert all(selection.untouched for selection in found.selections) and not found.warnings


def test_a_table_is_filtered_by_its_own_columns() -> None:
    found = planned({**KEEP, **LEAVE}, shape("a", TENANT, USER))
    assert found.of("public", "a").filter == (OneOf(column=TENANT, values=("a", "b")), NoneOf(column=USER, values=("u1",)))


def test_a_table_that_calls_its_column_otherwise_is_filtered_by_that() -> None:
    values = {"tenants": {"column": "tenant_id", "keep": ["a"], "tables": {"public.a": "id"}}}
    found = planned(values, shape("a", TENANT), shape("b", TENANT))
    assert [found.of("public", name).filter[0].column for name in ("a", "b")] == [ID, TENANT]


def test_a_foreign_key_is_followed_to_the_end() -> None:
    sessions = shape("sessions", TENANT)
    messages = shape("messages", refers={"session!": "sessions"})
    parts = shape("parts", refers={"message": "messages"})
    own = (OneOf(column=TENANT, values=("a", "b")),)
    first = RefersTo(key=messages.foreign_keys[0], rows=Rows(table=named("sessions"), everywhere=False, filter=own))
    second = RefersTo(key=parts.foreign_keys[0], rows=Rows(table=named("messages"), everywhere=False, filter=(first,)))
    found = planned(KEEP, parts, messages, sessions)
    assert [found.of("public", name).filter for name in ("sessions", "messages", "parts")] == [own, (first,), (second,)]


def test_a_foreign_key_is_followed_beside_own_columns_too() -> None:
    found = planned(KEEP, shape("a", TENANT), shape("b", TENANT, refers={"a": "a"}))
    assert [type(condition) for condition in found.of("public", "b").filter] == [OneOf, RefersTo]


def test_a_foreign_key_to_a_table_that_travels_whole_asks_nothing() -> None:
    found = planned(KEEP, shape("kinds"), shape("a", TENANT), shape("b", refers={"kind": "kinds", "elsewhere": "unknown"}))
    assert found.of("public", "b").untouched


def test_a_circle_is_one_condition_with_all_that_links_it() -> None:
    hens = shape("hens", TENANT, refers={"egg": "eggs"})
    eggs = shape("eggs", refers={"hen": "hens", "nest": "nests"})
    found = planned(KEEP, hens, eggs, shape("nests", TENANT))
    (circle,) = found.of("public", "hens").filter
    assert isinstance(circle, OutsideCircle) and found.of("public", "eggs").filter == (circle,)
    asks = {member.table.name: [type(condition) for condition in member.filter] for member in circle.members}
    assert asks == {"hens": [OneOf], "eggs": [RefersTo]}
    assert [(link.child.table.name, link.parent.table.name) for link in circle.links] == [("eggs", "hens"), ("hens", "eggs")]


def test_a_table_that_refers_to_itself_is_a_circle() -> None:
    found = planned(LEAVE, shape("messages", USER, refers={"reply_to": "messages"}), shape("parts", refers={"message": "messages"}))
    (circle,) = found.of("public", "messages").filter
    assert isinstance(circle, OutsideCircle) and len(circle.links) == 1
    assert found.of("public", "parts").filter[0].rows.filter == (circle,)


def test_a_circle_that_no_rule_reaches_travels_whole() -> None:
    tables = (shape("hens", refers={"egg": "eggs"}), shape("eggs", refers={"hen": "hens"}), shape("a", TENANT, refers={"hen": "hens"}))
    assert planned(KEEP, *tables).of("public", "hens").untouched


def test_the_rules_of_a_partitioned_table_reach_its_leaves() -> None:
    free = ColumnShape(name="free", type="text", is_text=True)
    whole = shape("days", TENANT, free, refers={"a": "a"}, partitioned=True)
    middle = shape(
        "days_1", TENANT, free, ColumnShape(name="a", type="bigint"), partitioned=True, is_partition=True, parents=(named("days"),)
    )
    leaf = shape("days_1_1", TENANT, free, ColumnShape(name="a", type="bigint"), is_partition=True, parents=(named("days_1"),))
    refers = shape("notes", refers={"day": "days", "leaf": "days_1_1"})
    found = planned({**KEEP, **masking("free", {"hash": True}, "public.days")}, whole, middle, leaf, refers, shape("a", TENANT))
    assert {selection.table.name for selection in found.selections} == {"days_1_1", "notes", "a"}
    assert found.of("public", "days_1_1").masked == ("free",)
    asked = found.of("public", "days_1_1").filter
    assert [type(condition) for condition in asked] == [OneOf, RefersTo]
    rows = [condition.rows for condition in found.of("public", "notes").filter]
    assert [(each.table.name, each.everywhere, each.filter) for each in rows] == [("days", True, asked), ("days_1_1", False, asked)]


def test_a_mask_reaches_what_inherits_and_is_beaten_by_its_own() -> None:
    free = ColumnShape(name="free", type="text", is_text=True)
    tables = (shape("t", free), shape("child", free, parents=(named("t"),)), shape("other", free, parents=(named("t"),)))
    values = {"mask": {"public.t": {"free": {"hash": True}}, "public.child": {"free": {"null": True}}}}
    masks = {selection.table.name: selection.columns[1].mask for selection in planned(values, *tables).selections}
    assert masks == {"t": Mask(way=Way.HASH), "child": Mask(way=Way.NULL), "other": Mask(way=Way.HASH)}


def test_generated_columns_do_not_travel() -> None:
    found = planned({}, shape("t", ColumnShape(name="twice", type="text", generated=True)))
    assert [sent.column.name for sent in found.of("public", "t").columns] == ["id"]


LOOSE = "leave rows behind instead, by tenants or subjects"


@pytest.mark.parametrize(
    ("column", "mask", "rule", "says", "hint"),
    [
        ({"name": "c", "type": "text", "in_key": True}, {"set": "x"}, "T6",
         "masks c of public.t, part of a key or a unique index: rows would collide", LOOSE),
        ({"name": "c", "type": "date", "in_partition_key": True}, {"set": "x"}, "T6",
         "masks c of public.t, which decides the partition of a row", LOOSE),
        ({"name": "c", "type": "text", "generated": True}, {"null": True}, "T6",
         "masks c of public.t, which the server computes from other columns", "mask the columns that it is computed from"),
        ({"name": "c", "type": "text", "not_null": True}, {"null": True}, "T7", "is null, but the column is NOT NULL", "{set: VALUE}"),
        ({"name": "c", "type": "integer"}, {"hash": True}, "T7",
         "is hash, which only text can hold, but c is integer", "{set: VALUE} or {null: true}"),
        ({"name": "c", "type": "character varying(63)", "limit": 63, "is_text": True}, {"hash": True}, "T7",
         "is hash, but c is character varying(63), and a hash has 64 characters", "{set: SHORTER VALUE}"),
        ({"name": "c", "type": "character varying(2)", "limit": 2, "is_text": True}, {"set": "abc"}, "T7",
         "is set, but c is character varying(2), and the constant has 3 characters", "{set: SHORTER VALUE}"),
        ({"name": "other", "type": "text"}, {"null": True}, "T5", "names the column c, which public.t has not", "columns there: id, other"),
        ({"name": "C", "type": "text"}, {"null": True}, "T5", "names the column c, which public.t has not", "columns there: id, C"),
    ],
)  # fmt: skip
def test_a_mask_that_cannot_be_is_refused_with_its_reason(
    column: dict[str, Any], mask: dict[str, Any], rule: str, says: str, hint: str
) -> None:
    assert problems_of(masking("c", mask), shape("t", ColumnShape(**column))) == {"mask.public.t.c": (rule, says, hint)}


@pytest.mark.parametrize("limit", [64, None])
def test_a_hash_fits_where_there_is_room(limit: int | None) -> None:
    column = ColumnShape(name="c", type="text", is_text=True, limit=limit, not_null=True)
    assert planned(masking("c", {"hash": True}), shape("t", column)).of("public", "t").masked == ("c",)


def test_a_foreign_key_of_the_whole_is_masked_in_no_partition() -> None:
    whole = shape("t", refers={"a": "a"}, partitioned=True)
    leaf = shape("t1", ColumnShape(name="a", type="bigint"), is_partition=True, parents=(named("t"),))
    says = "masks a of public.t, a foreign key: its rows would refer to others, or to none"
    assert problems_of(masking("a", {"null": True}), whole, leaf, shape("a")) == {"mask.public.t.a": ("T6", says, LOOSE)}


def test_a_key_that_only_one_partition_has_is_not_masked_either() -> None:
    free = ColumnShape(name="free", type="text", is_text=True)
    unique = ColumnShape(name="free", type="text", is_text=True, in_key=True)
    tables = (shape("t", free, partitioned=True), shape("t1", unique, is_partition=True, parents=(named("t"),)))
    assert "part of a key" in problems_of(masking("free", {"hash": True}), *tables)["mask.public.t.free"][1]


def test_rules_about_partitions_and_our_own_tables_are_refused() -> None:
    leaf = shape("days_1", TENANT, is_partition=True, parents=(named("days"),))
    ours = TableShape(schema="agent_memory", name="vector_sets", columns=(ColumnShape(name="model_name", type="text"),))
    values = {
        "mask": {"public.days_1": {"tenant_id": {"null": True}}, "agent_memory.vector_sets": {"model_name": {"null": True}}},
        "tenants": {"column": "tenant_id", "keep": ["a"], "tables": {"public.days_1": "id", "public.dayz": "id", "public.days": "idd"}},
    }
    name = "name public.days: its rules hold for all partitions"
    assert problems_of(values, shape("days", TENANT, partitioned=True), leaf, ours) == {
        "mask.public.days_1.tenant_id": ("T5", "names public.days_1, a partition of public.days", name),
        "mask.agent_memory.vector_sets.model_name": (
            "T6", "masks agent_memory.vector_sets, which says what the vectors are", "remove the rule",
        ),
        "tenants.tables.public.days_1": ("T5", "names public.days_1, a partition of public.days", name),
        "tenants.tables.public.dayz": ("T5", "names the table public.dayz, which is not there", "did you mean public.days?"),
        "tenants.tables.public.days": ("T5", "names the column idd, which public.days has not", "did you mean id?"),
    }  # fmt: skip


def test_a_column_that_no_table_has_is_refused() -> None:
    found = problems_of({**KEEP, **LEAVE}, shape("a", ColumnShape(name="tenantid", type="text")))
    assert found == {
        "tenants.column": ("T5", "is tenant_id, and no table has such a column", "did you mean tenantid?"),
        "subjects.column": ("T5", "is user_id, and no table has such a column", "or name tables in subjects.tables"),
    }


def test_a_foreign_key_of_one_partition_alone_is_refused() -> None:
    leaf = shape("days_1", TENANT, refers={"a": "a"}, is_partition=True, parents=(named("days"),))
    found = problems_of(KEEP, shape("days", TENANT, partitioned=True), leaf, shape("a", TENANT))
    says = "has a foreign key to public.a that public.days has not, so its rows cannot be followed"
    assert found == {"public.days_1": ("T8", says, "add the foreign key to the whole table, or drop it")}


def test_a_vector_set_is_never_masked_and_beside_a_mask_it_is_told(root: Any) -> None:
    environment: Environment = stack_file.read("prod", root)
    vector_set = environment.vector_sets[0]
    vector = ColumnShape(name=vector_set.column, type="public.vector(3)")
    table = shape(vector_set.table, vector, ColumnShape(name="content", type="text", is_text=True))
    key = f"mask.public.{vector_set.table}"
    found = problems_of(masking(vector_set.column, {"null": True}, key[5:]), table, vector_sets=[vector_set])
    says = f"masks {vector_set.column} of public.{vector_set.table}, the vector set {vector_set.table}.{vector_set.column}"
    assert found == {f"{key}.{vector_set.column}": ("T6", says, LOOSE)}
    (warning,) = plan(parse(masking("content", {"hash": True}, key[5:])), [table], [vector_set]).warnings
    assert warning.severity is Severity.WARN and warning.key == f"{key}.content"
    assert warning.message.endswith("and texts can be guessed from their vectors")


def test_tables_that_no_rule_reaches_are_told() -> None:
    ours = TableShape(schema="agent_memory", name="vector_sets", columns=())
    leaf = shape("Logs_1", is_partition=True, parents=(named("Logs"),))
    tables = (shape("a", TENANT), shape("b", refers={"a": "a"}), shape("kinds"), shape("Logs", partitioned=True), leaf, ours)
    (warning,) = planned({**KEEP, "subjects": {"column": "nobody", "erased": [], "tables": {"public.a": "id"}}}, *tables).warnings
    assert warning.message == "tenants.column is tenant_id, which does not reach public.Logs, public.kinds: all rows there travel"
    assert warning.severity is Severity.WARN and warning.rule == "T9"


def test_rules_whose_file_was_not_read_make_no_plan() -> None:
    with pytest.raises(ValueError, match="has not been read"):
        planned({"subjects": {"column": "user_id", "erased_file": "f"}}, shape("a", USER))


def test_a_table_that_came_later_has_no_selection() -> None:
    with pytest.raises(KeyError, match=r"public\.later"):
        planned({}).of("public", "later")
