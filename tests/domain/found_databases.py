"""Databases as post-provision may find them, and what each action makes of them: a model without a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from infra.domain import catalogue, reconcile, steps, vectors
from infra.domain.catalogue import Build, Catalogue, Column, Extension, Index, Model, Role
from infra.domain.environment import Environment, VectorSet
from infra.domain.steps import Action, BuildIndex, DropIndex, JoinBuild, Status, Step


def nothing() -> Catalogue:
    """A new database on Azure, as its administrator sees it."""
    return Catalogue(
        database="zep",
        user="cogadmin",
        server_version="16.9",
        server_version_number=160009,
        superuser=False,
        create_role=True,
        create_schema=True,
        owns_database=True,
        azure_administrator=True,
        allow_list=frozenset({"vector", "pg_stat_statements"}),
        pending_restart=(),
        maintenance_work_mem_kib=65536,
        extensions={
            "vector": Extension(name="vector", installed=None, offered="0.8.5"),
            "pg_stat_statements": Extension(name="pg_stat_statements", installed=None, offered="1.10"),
        },
        columns=(),
        indexes=(),
        taken_names=frozenset(),
        builds=(),
        roles={name: _no_role(name) for name in catalogue.ROLES},
        database_settings={},
        provenance=None,
    )


def _no_role(name: str) -> Role:
    lacks = {"lacks_tables": (), "lacks_sequences": (), "schemas_usable": False, "defaults": False}
    return Role(name=name, exists=False, login=False, administered=False, settings={}, **lacks)  # type: ignore[arg-type]


def column_of(vector_set: VectorSet, **changes: object) -> Column:
    """The set's column in a table that the application made: always `vector`, whatever the index stores."""
    values = {"kind": "vector", "dimensions": vector_set.dimensions, "rows": 20_000, "partitioned": False, "parallel_workers": None}
    owner = {"owner": "cogadmin", "owned": True}
    return Column(table=vector_set.table, column=vector_set.column, **{**values, **owner, **changes})  # type: ignore[arg-type]


def with_tables(environment: Environment, found: Catalogue) -> Catalogue:
    return replace(found, columns=tuple(column_of(vector_set) for vector_set in environment.vector_sets))


def index_of(action: BuildIndex, **changes: object) -> Index:
    """The index that an action leaves."""
    vector_set = action.vector_set
    options = {name: value for name, value in action.index.model_dump().items() if name != "kind"}
    index = Index(
        name=action.name,
        table=vector_set.table,
        method=action.index.kind,
        operator_class=vectors.operator_class(vector_set.type, vector_set.distance),
        column=vector_set.column,
        cast=(vector_set.type, vector_set.dimensions) if action.cast else None,
        partial=False,
        options=options,
        valid=True,
        ready=True,
        size_bytes=8192,
    )
    return replace(index, **changes)  # type: ignore[arg-type]


def after(found: Catalogue, action: Action) -> Catalogue:
    """What the database looks like when an action has been carried out."""
    match action:
        case steps.CreateExtension(name=name) | steps.UpdateExtension(name=name):
            there = found.extensions[name]
            return replace(found, extensions={**found.extensions, name: replace(there, installed=there.offered)})
        case steps.CreateProvenance():
            return replace(found, provenance=())
        case steps.RecordModel(vector_set=item):
            kept = tuple(model for model in found.provenance or () if (model.table, model.column) != (item.table, item.column))
            made_by = {"name": item.model.name, "version": item.model.version}
            model = Model(table=item.table, column=item.column, **made_by, dimensions=item.dimensions, distance=item.distance)
            return replace(found, provenance=(*kept, model))
        case steps.CreateRole(name=name):
            return _role(found, name, exists=True, administered=True)
        case steps.Grant(role=role):
            return _role(found, role, schemas_usable=True, defaults=True, lacks_tables=(), lacks_sequences=())
        case steps.Configure(role=None, name=name, value=value):
            return replace(found, database_settings={**found.database_settings, name: value})
        case steps.Configure(role=str(role), name=name, value=value):
            return _role(found, role, settings={**found.roles[role].settings, name: value})
        case DropIndex(name=name):
            return replace(
                found, indexes=tuple(index for index in found.indexes if index.name != name), taken_names=found.taken_names - {name}
            )
        case BuildIndex():
            return replace(found, indexes=(*found.indexes, index_of(action)), taken_names=found.taken_names | {action.name})
        case steps.JudgeIndex(name=name, built=built):
            proof = catalogue.Proof(recall=1.0, rows=20_000, built=built)
            return replace(found, indexes=tuple(replace(each, proof=proof) if each.name == name else each for each in found.indexes))
        case steps.RetireIndex(name=name):
            return replace(found, indexes=tuple(index for index in found.indexes if index.name != name))
        case steps.SwapIndex(new=new, name=name, aside=aside):
            called = {new: name, **({name: aside} if aside else {})}
            return replace(found, indexes=tuple(replace(each, name=called.get(each.name, each.name)) for each in found.indexes))
        case JoinBuild(pid=pid):
            return replace(found, builds=tuple(build for build in found.builds if build.pid != pid))
        case _:
            raise AssertionError(action)


def _role(found: Catalogue, name: str, **changes: object) -> Catalogue:
    return replace(found, roles={**found.roles, name: replace(found.roles[name], **changes)})  # type: ignore[arg-type]


def actions(planned: tuple[Step, ...]) -> list[Action]:
    return [step.action for step in planned if step.action is not None]


def done(environment: Environment, found: Catalogue) -> Catalogue:
    """The database after the whole plan."""
    for action in actions(reconcile.plan(environment, found)):
        found = after(found, action)
    return found


def about(planned: tuple[Step, ...], key: str) -> list[tuple[Status, str]]:
    return [(step.status, step.says) for step in planned if step.key == key]


def states(environment: Environment) -> Iterator[tuple[str, Catalogue]]:
    """Databases as they are found in life, from new to complete."""
    built = done(environment, with_tables(environment, nothing()))
    broken = tuple(replace(index, valid=False, ready=number == 0) for number, index in enumerate(built.indexes))
    yield "new", nothing()
    yield "with tables", with_tables(environment, nothing())
    yield "with broken indexes", replace(built, indexes=broken)
    yield (
        "with a running build",
        replace(built, indexes=broken, builds=(Build(pid=7, table="zep_embeddings", index=broken[0].name, phase="loading"),)),
    )
    yield "with a newer extension", replace(built, extensions={"vector": Extension(name="vector", installed="0.8.2", offered="0.8.5")})
    yield "complete", built
