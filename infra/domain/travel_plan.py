"""What travels of each table under given rules: its columns, each as it is or masked, and the rows that pass its filter.

Rules speak of whole tables: what is said of a partitioned table holds for its partitions, and a mask for what inherits from the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.domain.catalogue import OWN_SCHEMA
from infra.domain.environment import VectorSet
from infra.domain.problem import Invalid, Problem, Severity
from infra.domain.table_names import TableName
from infra.domain.travel_checks import refusals, vector_columns
from infra.domain.travel_filters import Condition, Filter, Filters, NoneOf, OneOf
from infra.domain.travel_rules import Mask, OwnColumn, Rules
from infra.domain.travel_shapes import ColumnShape, Shapes, TableShape

# Rules of the plan that stop nothing: T9 tables that no rule reaches, T10 vectors beside what they were made of.
UNREACHED, TELLING = "T9", "T10"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A column that travels; `mask` is None where its values go as they are."""

    column: ColumnShape
    mask: Mask | None = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What travels of one table: the columns that COPY writes, in the table's order, and the filter of its rows."""

    table: TableName
    columns: tuple[Sent, ...]
    filter: Filter

    @property
    def untouched(self) -> bool:
        """Whether the whole table travels as it is."""
        return not self.filter and not self.masked

    @property
    def masked(self) -> tuple[str, ...]:
        """The names of the masked columns."""
        return tuple(sent.column.name for sent in self.columns if sent.mask is not None)


@dataclass(frozen=True, kw_only=True)
class TravelPlan:
    """A Selection for every table that holds rows itself, and what somebody should know before they travel."""

    selections: tuple[Selection, ...]
    warnings: tuple[Problem, ...] = ()

    def of(self, schema: str, name: str) -> Selection:
        """The Selection of a table. Raises KeyError for one that was not there when the shapes were read."""
        wanted = TableName(schema, name)
        found = next((selection for selection in self.selections if selection.table == wanted), None)
        if found is None:
            raise KeyError(str(wanted))
        return found


def plan(rules: Rules, tables: Iterable[TableShape], vector_sets: Iterable[VectorSet] = ()) -> TravelPlan:
    """The plan for all tables of a database. Raises Invalid with everything in the rules that does not fit them.

    `rules` must hold the people of their `erased_file` (`Rules.with_erased`): without them the plan would let them travel.
    """
    if rules.subjects is not None and rules.subjects.erased_file is not None:
        raise ValueError("the erased_file of the rules has not been read")
    shapes, sets = Shapes(tuple(tables)), tuple(vector_sets)
    problems = tuple(refusals(rules, shapes, sets))
    if problems:
        raise Invalid(problems)
    filters = Filters(shapes, {shape.table: own_filter(rules, shapes, shape) for shape in shapes.all})
    holding = [shape for shape in shapes.all if not shape.partitioned]
    return TravelPlan(
        selections=tuple(_selection(rules, shapes, filters, shape) for shape in holding),
        warnings=(*_unreached(rules, shapes, filters), *_telling(rules, sets)),
    )


def own_filter(rules: Rules, shapes: Shapes, shape: TableShape) -> Filter:
    """What the rows of a table must be by themselves."""
    conditions: list[Condition] = []
    tenants, subjects = rules.tenants, rules.subjects
    if tenants is not None and (column := _own_column(shapes, shape, tenants.column, tenants.tables)):
        conditions.append(OneOf(column=column, values=tenants.keep))
    if subjects is not None and subjects.erased and (column := _own_column(shapes, shape, subjects.column, subjects.tables)):
        conditions.append(NoneOf(column=column, values=subjects.erased))
    return tuple(conditions)


def _own_column(shapes: Shapes, shape: TableShape, usual: str, others: tuple[OwnColumn, ...]) -> ColumnShape | None:
    """The column that says whose a row of this table is, None where none does."""
    for above in shapes.lineage(shape):
        other = next((other for other in others if other.table == above.table), None)
        if other is not None:
            return shape.column(other.column)
    return shape.column(usual)


def _selection(rules: Rules, shapes: Shapes, filters: Filters, shape: TableShape) -> Selection:
    lineage = [above.table for above in shapes.lineage(shape)]
    masks: dict[str, Mask] = {}
    for table in reversed(lineage):  # what is said of the table itself beats what is said of those above it
        masks.update({rule.column: rule.mask for rule in rules.masks if rule.table == table})
    columns = (Sent(column=column, mask=masks.get(column.name)) for column in shape.columns if not column.generated)
    return Selection(table=shape.table, columns=tuple(columns), filter=filters.of_table(shape))


def _unreached(rules: Rules, shapes: Shapes, filters: Filters) -> Iterator[Problem]:
    """T9: tables whose rows belong to nobody that the rules could tell: all of them travel."""
    asking = rules.subjects if rules.subjects is not None and rules.subjects.erased else None
    for key, scope in (("tenants.column", rules.tenants), ("subjects.column", asking)):
        if scope is None:
            continue
        whole = [shape for shape in shapes.all if shapes.whole(shape) is shape and shape.schema != OWN_SCHEMA]
        telling = {shape.table for shape in whole if _own_column(shapes, shape, scope.column, scope.tables)}
        free = [shape.table for shape in whole if shape.table not in telling and not telling & filters.reach(shape.table)]
        if free:
            names = ", ".join(map(str, sorted(free)))
            says = f"{key} is {scope.column}, which does not reach {names}: all rows there travel"
            hint = f"{key.partition('.')[0]}.tables says how the column is called there"
            yield Problem(key=key, message=says, rule=UNREACHED, found=names, hint=hint, severity=Severity.WARN)


def _telling(rules: Rules, vector_sets: tuple[VectorSet, ...]) -> Iterator[Problem]:
    """T10: a masked text whose embedding travels beside it, for texts can be guessed from their embeddings."""
    for rule in rules.masks:
        beside = sorted(column for table, column in vector_columns(vector_sets) if table == rule.table)
        if beside:
            says = f"{rule.key} is masked, but {', '.join(beside)} travels beside it, and texts can be guessed from their vectors"
            hint = "leave the rows behind, or fill the vectors anew on the other side"
            yield Problem(key=rule.key, message=says, rule=TELLING, hint=hint, severity=Severity.WARN)
