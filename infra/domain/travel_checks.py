"""What is wrong with travel rules in view of the tables that they are about, every Problem of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from infra.domain.catalogue import APPLICATION_SCHEMA, OWN_SCHEMA
from infra.domain.environment import VectorSet
from infra.domain.problem import Problem
from infra.domain.table_names import TableName, written
from infra.domain.travel_rules import ColumnMask, OwnColumn, Rules, Subjects, Tenants, Way
from infra.domain.travel_shapes import ColumnShape, Shapes, TableShape

# Rules of fit: T5 a table or column that is not there, T6 a column that cannot be masked, T7 a mask that does not fit its column,
# T8 rows whose way cannot be followed.
ABSENT, UNMASKABLE, UNFIT, UNFOLLOWED = "T5", "T6", "T7", "T8"
# sha256 as hexadecimal digits.
_HASH_CHARACTERS = 64


def refusals(rules: Rules, shapes: Shapes, vector_sets: Sequence[VectorSet]) -> Iterator[Problem]:
    """Everything in the rules that these tables do not allow."""
    for rule in rules.masks:
        yield from _mask(rule, shapes, vector_columns(vector_sets))
    for section, scope in (("tenants", rules.tenants), ("subjects", rules.subjects)):
        if scope is not None:
            yield from _scope(section, scope, shapes)
    if rules.tenants is not None or rules.subjects is not None:
        yield from _own_keys_of_partitions(shapes)


def vector_columns(vector_sets: Iterable[VectorSet]) -> frozenset[tuple[TableName, str]]:
    """Table and column of every vector set."""
    return frozenset((TableName(APPLICATION_SCHEMA, each.table), each.column) for each in vector_sets)


def _mask(rule: ColumnMask, shapes: Shapes, vectors: frozenset[tuple[TableName, str]]) -> Iterator[Problem]:
    shape = shapes.find(rule.table)
    if shape is None:
        yield _no_table(rule.key, rule.table, shapes)
    elif shape.is_partition:
        yield _partition(rule.key, shape, shapes)
    elif shape.schema == OWN_SCHEMA:
        yield _problem(rule.key, UNMASKABLE, f"masks {shape.table}, which says what the vectors are", "remove the rule")
    elif shape.column(rule.column) is None:
        yield _no_column(rule.key, rule.column, shape)
    else:
        heirs = [heir for heir in shapes.all if shape in shapes.lineage(heir)]
        standing = (_standing(heir, found, vectors) for heir in heirs if (found := heir.column(rule.column)))
        why = next(filter(None, standing), None)
        if why is not None:
            yield _problem(rule.key, UNMASKABLE, f"masks {written(rule.column)} of {shape.table}, {why[0]}", why[1])
        else:
            yield from _fit(rule, [found for heir in heirs if (found := heir.column(rule.column))])


def _standing(shape: TableShape, column: ColumnShape, vectors: frozenset[tuple[TableName, str]]) -> tuple[str, str] | None:
    """Why a column must travel as it is, and what to do instead; None if it need not."""
    if (shape.table, column.name) in vectors:
        return f"the vector set {shape.name}.{column.name}", "leave rows behind instead, by tenants or subjects"
    if column.generated:
        return "which the server computes from other columns", "mask the columns that it is computed from"
    if any(column.name in key.columns for key in shape.foreign_keys):
        return "a foreign key: its rows would refer to others, or to none", "leave rows behind instead, by tenants or subjects"
    if column.in_partition_key:
        return "which decides the partition of a row", "leave rows behind instead, by tenants or subjects"
    if column.in_key:
        return "part of a key or a unique index: rows would collide", "leave rows behind instead, by tenants or subjects"
    return None


def _fit(rule: ColumnMask, columns: list[ColumnShape]) -> Iterator[Problem]:
    """Whether the mask fits the column, wherever it is inherited; what type a constant has is left to the server."""
    for column in columns:
        about = f"{written(column.name)} is {column.type}"
        size = {Way.HASH: _HASH_CHARACTERS, Way.SET: len(rule.mask.value), Way.NULL: 0}[rule.mask.way]
        if rule.mask.way is Way.NULL and column.not_null:
            yield _problem(rule.key, UNFIT, "is null, but the column is NOT NULL", "{set: VALUE}")
        elif rule.mask.way is Way.HASH and not column.is_text:
            yield _problem(rule.key, UNFIT, f"is hash, which only text can hold, but {about}", "{set: VALUE} or {null: true}")
        elif column.limit is not None and size > column.limit:
            what = "a hash" if rule.mask.way is Way.HASH else "the constant"
            yield _problem(rule.key, UNFIT, f"is {rule.mask.way}, but {about}, and {what} has {size} characters", "{set: SHORTER VALUE}")
        else:
            continue
        return  # one sentence a rule, however many tables inherit the column


def _scope(section: str, scope: Tenants | Subjects, shapes: Shapes) -> Iterator[Problem]:
    for own in scope.tables:
        yield from _own(own, shapes)
    if not any(shape.column(scope.column) for shape in shapes.all) and not scope.tables:
        key = f"{section}.column"
        hint = _close(scope.column, {column.name for shape in shapes.all for column in shape.columns})
        yield _problem(key, ABSENT, f"is {scope.column}, and no table has such a column", hint or f"or name tables in {section}.tables")


def _own(own: OwnColumn, shapes: Shapes) -> Iterator[Problem]:
    shape = shapes.find(own.table)
    if shape is None:
        yield _no_table(own.key, own.table, shapes)
    elif shape.is_partition:
        yield _partition(own.key, shape, shapes)
    elif shape.column(own.column) is None:
        yield _no_column(own.key, own.column, shape)


def _own_keys_of_partitions(shapes: Shapes) -> Iterator[Problem]:
    """T8: a foreign key that one partition has and the whole has not: nobody could say of the whole which rows travel."""
    for shape in shapes.all:
        if shape.is_partition and shapes.whole(shape) is not shape:
            above = {(key.columns, key.table) for each in shapes.lineage(shape)[1:] for key in each.foreign_keys}
            for key in (key for key in shape.foreign_keys if (key.columns, key.table) not in above):
                says = f"has a foreign key to {key.table} that {shapes.whole(shape).table} has not, so its rows cannot be followed"
                yield _problem(str(shape.table), UNFOLLOWED, says, "add the foreign key to the whole table, or drop it")


def _no_table(key: str, table: TableName, shapes: Shapes) -> Problem:
    return _problem(
        key, ABSENT, f"names the table {table}, which is not there", _close(str(table), {str(shape.table) for shape in shapes.all})
    )


def _no_column(key: str, column: str, shape: TableShape) -> Problem:
    hint = _close(column, {each.name for each in shape.columns}) or f"columns there: {', '.join(each.name for each in shape.columns)}"
    return _problem(key, ABSENT, f"names the column {written(column)}, which {shape.table} has not", hint)


def _partition(key: str, shape: TableShape, shapes: Shapes) -> Problem:
    whole = shapes.whole(shape).table
    return _problem(key, ABSENT, f"names {shape.table}, a partition of {whole}", f"name {whole}: its rules hold for all partitions")


def _close(name: str, names: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1)
    return f"did you mean {close[0]}?" if close else ""


def _problem(key: str, rule: str, says: str, hint: str) -> Problem:
    return Problem(key=key, message=f"{key} {says}", rule=rule, hint=hint)
