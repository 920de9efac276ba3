"""The steps that give each declared vector set its index: join, drop what is broken, build what is missing, or wait."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.domain import evolution, vectors
from infra.domain.catalogue import Build, Catalogue, Column
from infra.domain.environment import Environment, Hnsw, IvfFlat, VectorSet
from infra.domain.evolution import DEFAULTS, Case, dropped, key_of, settings, told, too_few
from infra.domain.sizing import build_memory_kib
from infra.domain.steps import BuildIndex, JoinBuild, Status, Step

_LEFTOVER = re.compile(r"_cc(new|old)\d*$")


def steps(environment: Environment, catalogue: Catalogue) -> Iterator[Step]:
    """The steps of all vector sets: those that wait or refuse, too."""
    allowed_kib = build_memory_kib(environment)
    tables = dict.fromkeys(vector_set.table for vector_set in environment.vector_sets)
    for table in tables:
        yield from _leftovers(table, catalogue)
    for vector_set in environment.vector_sets:
        yield from _of(vector_set, catalogue, allowed_kib)


def _leftovers(table: str, catalogue: Catalogue) -> Iterator[Step]:
    """Halves of a REINDEX CONCURRENTLY that was cut off; not while one is running."""
    if any(build.table == table for build in catalogue.builds):
        return
    for index in catalogue.indexes:
        if index.table == table and not index.valid and _LEFTOVER.search(index.name):
            yield dropped(index, "is left over from a rebuild that was cut off")


def _of(vector_set: VectorSet, catalogue: Catalogue, allowed_kib: int) -> Iterator[Step]:
    key = key_of(vector_set)
    column = catalogue.column(vector_set.table, vector_set.column)
    if column is None:
        yield Step(key=key, status=Status.WAIT, says=f"waits for the table {vector_set.table}; the application makes it")
        return
    if (waiting := _reembedded(vector_set, column, catalogue)) is not None:
        yield Step(key=key, status=Status.WAIT, says=waiting, hint=reembed_hint(vector_set, catalogue))
        return
    refusal = _unfit(vector_set, column)
    if refusal is not None:
        says, hint = refusal
        yield Step(key=key, status=Status.REFUSE, says=says, hint=hint)
        return
    build = _running(vector_set, catalogue)
    if build is not None:
        says = f"join the build that process {build.pid} is at: {build.phase}"
        yield Step(key=key, status=Status.WAIT, says=says, action=JoinBuild(pid=build.pid, table=vector_set.table))
        return
    planned = list(_index(vector_set, column, catalogue, allowed_kib))
    other = next((build for build in catalogue.builds if build.table == vector_set.table), None)
    if other is not None and any(step.action for step in planned):
        yield _behind(other, key)
    else:
        yield from planned


def _behind(build: Build, key: str) -> Step:
    """Two concurrent builds on one table wait for each other's snapshots, and the server ends one of them as a deadlock."""
    says = f"wait for process {build.pid}, which builds {build.index or 'an index'} on {build.table}"
    return Step(key=key, status=Status.WAIT, says=says, action=JoinBuild(pid=build.pid, table=build.table))


def _reembedded(vector_set: VectorSet, column: Column, catalogue: Catalogue) -> str | None:
    """Why a set that is to be filled under a new model has no index yet; None for every other set."""
    work = next((each for each in catalogue.reembeddings if (each.table, each.column) == (column.table, column.column)), None)
    if work is not None and not work.filled and not work.cut_over:
        return f"{column.table}.{column.column} is being filled from the texts of {work.from_column}: {work.rows_done} rows so far"
    if column.kind is None and _sources(vector_set, catalogue):
        return f"{column.table} has no column {column.column} yet, and vectors of another model"
    return None


def reembed_hint(vector_set: VectorSet, catalogue: Catalogue) -> str:
    """The command that fills a set under its new model from the texts of its table."""
    source = next(iter(_sources(vector_set, catalogue)), "COLUMN")
    return f"agentmem indexes reembed --vector-set {vector_set.table}.{source} --to-column {vector_set.column} --embed MODULE:FUNCTION"


def _sources(vector_set: VectorSet, catalogue: Catalogue) -> list[str]:
    """Columns of the set's table that another model has filled."""
    recorded = [model for model in catalogue.provenance or () if model.table == vector_set.table and model.column != vector_set.column]
    return [model.column for model in recorded if (model.name, model.version) != (vector_set.model.name, vector_set.model.version)]


def _unfit(vector_set: VectorSet, column: Column) -> tuple[str, str] | None:
    """Why no index of the declared kind can be built on the column, and what to do; None when one can."""
    name, declared = f"{column.table}.{column.column}", f"{vector_set.type}({vector_set.dimensions})"
    if column.kind is None:
        return f"{column.table} has no column {column.column}", "correct the stack file, or let the application's migration add it"
    if column.kind not in ("vector", "halfvec"):
        return f"{name} is {column.kind}, declared is {declared}", "the column must be vector or halfvec"
    if column.dimensions is None:
        return (
            f"{name} has no dimensions, declared is {declared}",
            f"ALTER TABLE ... ALTER COLUMN ... TYPE {column.kind}({vector_set.dimensions})",
        )
    if column.dimensions != vector_set.dimensions:
        return f"{name} has {column.dimensions} dimensions, declared are {vector_set.dimensions}", "correct vector_sets in the stack file"
    if column.kind == "halfvec" and vector_set.type == "vector":
        return f"{name} is halfvec, declared is {declared}", "type: halfvec in the stack file"
    return None


def _running(vector_set: VectorSet, catalogue: Catalogue) -> Build | None:
    """A build on the set's column, or one on its table that the server has not named yet."""
    named = {index.name: index for index in catalogue.indexes}
    for build in catalogue.builds:
        if build.table != vector_set.table:
            continue
        index = named.get(build.index)
        if index is None or index.column == vector_set.column or _LEFTOVER.search(index.name):
            return build
    return None


def _index(vector_set: VectorSet, column: Column, catalogue: Catalogue, allowed_kib: int) -> Iterator[Step]:
    case = case_of(vector_set, column, catalogue, allowed_kib)
    for index in case.broken():
        yield dropped(index, "is invalid: it costs writes and serves no query")
    if case.current or case.beside or case.aside:
        yield from evolution.steps(case)
        return
    name = vectors.index_name(vector_set)
    if name in catalogue.taken_names - {index.name for index in case.broken()}:
        taken = _name_taken(name, vector_set, catalogue)
        yield taken
        if taken.status is Status.REFUSE:
            return
    yield _missing(name, vector_set, column, case.wanted, case.cast)


def case_of(vector_set: VectorSet, column: Column, catalogue: Catalogue, allowed_kib: int) -> Case:
    """A set with the indexes on its column; `allowed_kib` decides between the declared index and its alternative."""
    indexes = tuple(
        index
        for index in catalogue.indexes
        if (index.table, index.column) == (vector_set.table, vector_set.column)
        and index.method in DEFAULTS
        and not _LEFTOVER.search(index.name)
    )
    wanted = vectors.effective_index(vector_set, allowed_kib)
    return Case(vector_set=vector_set, column=column, wanted=wanted, cast=column.kind != vector_set.type, indexes=indexes)


def _name_taken(name: str, vector_set: VectorSet, catalogue: Catalogue) -> Step:
    """Something else has the index's name: ours to drop when it is a broken index of this column, else not ours."""
    other = next((index for index in catalogue.indexes if index.name == name), None)
    if other is not None and not other.serves and other.column == vector_set.column:
        return dropped(other, "is invalid: it costs writes and serves no query")
    says = f"the name {name} is taken by something else"
    return Step(key=key_of(vector_set), status=Status.REFUSE, says=says, hint=f"ALTER INDEX {name} RENAME TO another name, or drop it")


def _missing(name: str, vector_set: VectorSet, column: Column, wanted: Hnsw | IvfFlat, cast: bool) -> Step:
    key = key_of(vector_set)
    if column.partitioned:
        says = f"{column.table} is partitioned: an index is built on each partition, not on the whole"
        return Step(key=key, status=Status.REFUSE, says=says, hint="declare the partitions as vector sets")
    if not column.owned:
        says = f"{column.table} belongs to {column.owner}: only its owner may build an index on it"
        return Step(key=key, status=Status.REFUSE, says=says, hint=f"log in as a member of {column.owner}")
    if isinstance(wanted, IvfFlat) and column.rows is not None and column.rows < vectors.minimum_rows(wanted.lists):
        return Step(key=key, status=Status.WAIT, says=too_few(column.table, column.rows, wanted))
    serially = ", without workers, as the table says" if column.parallel_workers == 0 else ""
    says = f"build {name}: {told(wanted.kind, settings(wanted))}{f' on {vector_set.type}' if cast else ''}{serially}"
    action = BuildIndex(name=name, vector_set=vector_set, index=wanted, cast=cast)
    return Step(key=key, status=Status.DO, says=says, action=action)
