"""The steps that give each declared vector set its index: join, drop what is broken, build what is missing, or wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from infra.domain import vectors
from infra.domain.catalogue import Build, Catalogue, Column, Index
from infra.domain.environment import Environment, Hnsw, IvfFlat, VectorSet
from infra.domain.sizing import build_memory_kib
from infra.domain.steps import BuildIndex, DropIndex, JoinBuild, Status, Step

# What pgvector takes for settings that an index does not name.
_DEFAULTS: Mapping[str, Mapping[str, int]] = {"hnsw": {"m": 16, "ef_construction": 64}, "ivfflat": {"lists": 100}}
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
            yield _drop(index, "is left over from a rebuild that was cut off")


def _of(vector_set: VectorSet, catalogue: Catalogue, allowed_kib: int) -> Iterator[Step]:
    key = _key(vector_set)
    column = catalogue.column(vector_set.table, vector_set.column)
    if column is None:
        yield Step(key=key, status=Status.WAIT, says=f"waits for the table {vector_set.table}; the application makes it")
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
    wanted = vectors.effective_index(vector_set, allowed_kib)
    cast = column.kind != vector_set.type
    alike = [index for index in catalogue.indexes if _alike(index, vector_set, cast) and not _LEFTOVER.search(index.name)]
    serving = sorted((index for index in alike if index.serves), key=lambda index: not _as_wanted(index, wanted))
    for index in alike:
        if not index.serves:
            yield _drop(index, "is invalid: it costs writes and serves no query")
    name = vectors.index_name(vector_set)
    if serving:
        yield from _serving(vector_set, serving, wanted)
        return
    if name in catalogue.taken_names - {index.name for index in alike}:
        taken = _name_taken(name, vector_set, catalogue)
        yield taken
        if taken.status is Status.REFUSE:
            return
    yield _missing(name, vector_set, column, wanted, cast)


def _alike(index: Index, vector_set: VectorSet, cast: bool) -> bool:
    """Whether it stores the set's vectors in the declared form and for the declared distance, whatever its name."""
    return (
        index.table == vector_set.table
        and index.column == vector_set.column
        and index.method in _DEFAULTS
        and index.operator_class == vectors.operator_class(vector_set.type, vector_set.distance)
        and index.cast == ((vector_set.type, vector_set.dimensions) if cast else None)
        and not index.partial
    )


def _as_wanted(index: Index, wanted: Hnsw | IvfFlat) -> bool:
    return index.method == wanted.kind and {**_DEFAULTS[index.method], **index.options} == _settings(wanted)


def _serving(vector_set: VectorSet, serving: list[Index], wanted: Hnsw | IvfFlat) -> Iterator[Step]:
    key, first = _key(vector_set), serving[0]
    has = told(first.method, {**_DEFAULTS[first.method], **first.options})
    if _as_wanted(first, wanted):
        yield Step(key=key, status=Status.DONE, says=f"{first.name} is {has}")
    else:
        hint = f"drop {first.name} without blocking and run this again, when searches can do without it"
        yield Step(
            key=key,
            status=Status.NOTE,
            says=f"{first.name} is {has}, declared is {told(wanted.kind, _settings(wanted))}; it stays",
            hint=hint,
        )
    for other in serving[1:]:
        says = f"{other.name} serves the same vectors as {first.name}: the planner may choose either"
        yield Step(key=key, status=Status.NOTE, says=says, hint=f"DROP INDEX CONCURRENTLY {other.name}")


def _name_taken(name: str, vector_set: VectorSet, catalogue: Catalogue) -> Step:
    """Something else has the index's name: ours to drop when it is a broken index of this column, else not ours."""
    other = next((index for index in catalogue.indexes if index.name == name), None)
    if other is not None and not other.serves and other.column == vector_set.column:
        return _drop(other, "is invalid: it costs writes and serves no query")
    says = f"the name {name} is taken by something else"
    return Step(key=_key(vector_set), status=Status.REFUSE, says=says, hint=f"ALTER INDEX {name} RENAME TO another name, or drop it")


def _missing(name: str, vector_set: VectorSet, column: Column, wanted: Hnsw | IvfFlat, cast: bool) -> Step:
    key = _key(vector_set)
    if column.partitioned:
        says = f"{column.table} is partitioned: an index is built on each partition, not on the whole"
        return Step(key=key, status=Status.REFUSE, says=says, hint="declare the partitions as vector sets")
    if not column.owned:
        says = f"{column.table} belongs to {column.owner}: only its owner may build an index on it"
        return Step(key=key, status=Status.REFUSE, says=says, hint=f"log in as a member of {column.owner}")
    if isinstance(wanted, IvfFlat) and column.rows is not None and column.rows < vectors.minimum_rows(wanted.lists):
        return Step(key=key, status=Status.WAIT, says=too_few(column.table, column.rows, wanted))
    serially = ", without workers, as the table says" if column.parallel_workers == 0 else ""
    says = f"build {name}: {told(wanted.kind, _settings(wanted))}{f' on {vector_set.type}' if cast else ''}{serially}"
    action = BuildIndex(name=name, vector_set=vector_set, index=wanted, cast=cast)
    return Step(key=key, status=Status.DO, says=says, action=action)


def too_few(table: str, rows: int, wanted: IvfFlat) -> str:
    """The sentence about an IVFFlat index that would be built on too few rows: its lists would not fit the data to come."""
    least = vectors.minimum_rows(wanted.lists)
    return f"waits for rows in {table}: {rows} of the {least} that {wanted.lists} lists need, {least - rows} missing"


def told(method: str, settings: Mapping[str, int]) -> str:
    """An index in words: `HNSW (m 16, ef_construction 64)`."""
    name = {"hnsw": "HNSW", "ivfflat": "IVFFlat"}.get(method, method)
    return f"{name} ({', '.join(f'{key} {value}' for key, value in settings.items())})"


def _settings(wanted: Hnsw | IvfFlat) -> dict[str, int]:
    return {name: value for name, value in wanted.model_dump().items() if name != "kind"}


def _drop(index: Index, why: str) -> Step:
    return Step(key=f"index {index.name}", status=Status.DO, says=f"drop {index.name}: it {why}", action=DropIndex(name=index.name))


def _key(vector_set: VectorSet) -> str:
    return f"index {vector_set.table}.{vector_set.column}"
