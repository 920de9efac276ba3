"""The plan that brings a database to what is declared: extensions, provenance, roles; then the indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.domain import reconcile_indexes, vectors
from infra.domain.azure.extensions import OLDEST_VECTOR
from infra.domain.catalogue import READ_WRITE, ROLES, Catalogue, Model, Role
from infra.domain.environment import Environment, Hnsw, VectorSet
from infra.domain.server_parameters import allow_list
from infra.domain.sizing import build_memory_kib
from infra.domain.steps import (
    Configure,
    CreateExtension,
    CreateProvenance,
    CreateRole,
    Grant,
    RecordModel,
    Status,
    Step,
    UpdateExtension,
)

# Brought by PostgreSQL and by Azure itself: nobody declares these.
_ALWAYS_THERE = frozenset({"plpgsql", "azure", "pgaadauth"})
# pgvector's own changelog: vacuum under inserts could damage a graph before 0.8.3 and leave it unrepaired before 0.8.4.
_SOUND_VACUUM = (0, 8, 4)


def plan(environment: Environment, catalogue: Catalogue) -> tuple[Step, ...]:
    """All steps in the order in which they are carried out. One with REFUSE among them: nothing is carried out."""
    return (
        *_server(environment, catalogue),
        *_allow_list(environment, catalogue),
        *_vector(catalogue),
        *_extensions(environment, catalogue),
        *_provenance(environment, catalogue),
        *_roles(environment, catalogue),
        *_search_settings(environment, catalogue),
        *reconcile_indexes.steps(environment, catalogue),
    )


def version(text: str) -> tuple[int, ...]:
    """A version as numbers, so that 0.10 comes after 0.9."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def _server(environment: Environment, catalogue: Catalogue) -> Iterator[Step]:
    major = catalogue.server_version_number // 10_000
    if major != environment.server.version:
        yield _note("server", f"the server is PostgreSQL {catalogue.server_version}, declared is {environment.server.version}")
    if catalogue.pending_restart:
        yield _note("parameters", f"waiting for a restart of the server: {', '.join(catalogue.pending_restart)}")


def _allow_list(environment: Environment, catalogue: Catalogue) -> Iterator[Step]:
    if catalogue.allow_list is None:
        return
    wanted = allow_list(environment)
    missing = [name for name in wanted if name not in catalogue.allow_list]
    value = ",".join(sorted({*wanted, *catalogue.allow_list}))
    hint = f"pulumi up sets the server parameter azure.extensions; by hand: {value}"
    if "vector" in missing:
        yield Step(key="allow-list", status=Status.REFUSE, says="extension vector is not on the allow-list azure.extensions", hint=hint)
    elif missing:
        yield _note("allow-list", f"not on the allow-list azure.extensions: {', '.join(missing)}", hint)
    else:
        yield _done("allow-list", f"azure.extensions holds {', '.join(wanted)}")
    if extra := sorted(catalogue.allow_list - set(wanted)):
        yield _note(
            "allow-list",
            f"on the allow-list, but not declared: {', '.join(extra)}",
            "declare them in database.extensions, or take them off",
        )


def _vector(catalogue: Catalogue) -> Iterator[Step]:
    key, oldest = "extension vector", ".".join(str(part) for part in OLDEST_VECTOR)
    found = catalogue.extensions.get("vector")
    installed, offered = (found.installed, found.offered) if found else (None, None)
    best = max((text for text in (installed, offered) if text), key=version, default=None)
    if best is None:
        yield Step(
            key=key, status=Status.REFUSE, says="this server does not offer pgvector", hint="a server with the extension vector is needed"
        )
    elif version(best) < OLDEST_VECTOR:
        says = f"pgvector is {best}, {oldest} is the oldest that is safe: parallel index builds overflow before it (CVE-2026-3172)"
        yield Step(
            key=key, status=Status.REFUSE, says=says, hint="a newer minor release of the server brings it: let the maintenance window pass"
        )
    elif installed is None:
        yield _needs_administrator(
            catalogue, key, Step(key=key, status=Status.DO, says=f"create pgvector {best}", action=CreateExtension(name="vector"))
        )
    elif offered is not None and version(installed) < version(offered):
        says = f"update pgvector from {installed} to {offered}, the version of the library that is loaded already"
        yield _needs_administrator(catalogue, key, Step(key=key, status=Status.DO, says=says, action=UpdateExtension(name="vector")))
    else:
        yield _done(key, f"pgvector is {installed}")
    if best is not None and OLDEST_VECTOR <= version(best) < _SOUND_VACUUM:
        yield _note(
            key,
            f"pgvector {best}: vacuum under inserts may damage an HNSW graph before 0.8.4",
            "REINDEX INDEX CONCURRENTLY if recall falls",
        )


def _extensions(environment: Environment, catalogue: Catalogue) -> Iterator[Step]:
    declared = [name.lower() for name in environment.database.extensions if name.lower() != "vector"]
    for name in declared:
        found, key = catalogue.extensions.get(name), f"extension {name}"
        if found is None or (found.installed is None and found.offered is None):
            yield _note(key, f"this server does not offer {name}")
        elif found.installed is not None:
            yield _done(key, f"{name} is {found.installed}")
        elif catalogue.allow_list is None or name in catalogue.allow_list:
            yield _needs_administrator(
                catalogue, key, Step(key=key, status=Status.DO, says=f"create {name} {found.offered}", action=CreateExtension(name=name))
            )
    installed = {name for name, found in catalogue.extensions.items() if found.installed is not None}
    if extra := sorted(installed - {*declared, "vector"} - _ALWAYS_THERE):
        yield _note("extensions", f"installed, but not declared: {', '.join(extra)}", "declare them in database.extensions, or drop them")


def _needs_administrator(catalogue: Catalogue, key: str, step: Step) -> Step:
    """The step, or its refusal when this login may not touch extensions on Azure."""
    if catalogue.superuser or catalogue.azure_administrator is not False:
        return step
    says = f"{catalogue.user} is not a member of azure_pg_admin, and only its members may {step.says}"
    return Step(key=key, status=Status.REFUSE, says=says, hint="log in as the server's administrator")


def _provenance(environment: Environment, catalogue: Catalogue) -> Iterator[Step]:
    if catalogue.provenance is None:
        if not catalogue.create_schema:
            says = f"{catalogue.user} may not create a schema in {catalogue.database}"
            yield Step(key="provenance", status=Status.REFUSE, says=says, hint="log in as the server's administrator")
        else:
            yield Step(key="provenance", status=Status.DO, says="create the table agent_memory.vector_sets", action=CreateProvenance())
    else:
        yield _done("provenance", "agent_memory.vector_sets is there")
    recorded = {(model.table, model.column): model for model in catalogue.provenance or ()}
    for vector_set in environment.vector_sets:
        yield _model(vector_set, recorded.pop((vector_set.table, vector_set.column), None))
    for table, column in recorded:
        yield _note(
            f"provenance {table}.{column}",
            "recorded, but no longer declared",
            "delete its row from agent_memory.vector_sets when the vectors are gone",
        )


def _model(vector_set: VectorSet, found: Model | None) -> Step:
    key = f"provenance {vector_set.table}.{vector_set.column}"
    named = f"{vector_set.model.name} {vector_set.model.version}, {vector_set.dimensions} dimensions"
    if found is None:
        return Step(key=key, status=Status.DO, says=f"record {named}", action=RecordModel(vector_set=vector_set))
    if (found.name, found.version, found.dimensions) != (vector_set.model.name, vector_set.model.version, vector_set.dimensions):
        filled = f"{found.name} {found.version}, {found.dimensions} dimensions"
        says = f"filled by {filled}; declared is {named}: vectors of two models do not compare"
        hint = (
            f"declare a new column for the new model, then agentmem indexes reembed --vector-set {vector_set.table}.{vector_set.column}"
            " --to-column NEW; or delete the row from agent_memory.vector_sets once the old vectors are gone"
        )
        return Step(key=key, status=Status.REFUSE, says=says, hint=hint)
    if found.distance != vector_set.distance:
        says = f"record the distance {vector_set.distance} instead of {found.distance}"
        return Step(key=key, status=Status.DO, says=says, action=RecordModel(vector_set=vector_set))
    return _done(key, f"filled by {named}")


def _roles(environment: Environment, catalogue: Catalogue) -> Iterator[Step]:
    for name in ROLES:
        role = catalogue.roles[name]
        key = f"role {name}"
        if not role.exists and not (catalogue.create_role or catalogue.superuser):
            yield Step(
                key=key, status=Status.REFUSE, says=f"{catalogue.user} may not create roles", hint="log in as the server's administrator"
            )
        elif not role.exists:
            yield Step(key=key, status=Status.DO, says=f"create {name}, which cannot log in itself", action=CreateRole(name=name))
        else:
            yield _done(key, f"{name} is there")
        if role.login:
            yield _note(key, f"{name} can log in; declared is a role that only other logins are members of", f"ALTER ROLE {name} NOLOGIN")
        yield _grants(role)


def _grants(role: Role) -> Step:
    key, writes = f"grants {role.name}", role.name == READ_WRITE
    may = "read and write" if writes else "read"
    complete = role.exists and role.schemas_usable and role.defaults and not role.lacks_tables and not role.lacks_sequences
    if complete:
        return _done(key, f"{role.name} may {may}, later tables too")
    number = len(role.lacks_tables)
    now = f"{number} table{'' if number == 1 else 's'} and " if number else ""
    action = Grant(role=role.name, writes=writes, tables=role.lacks_tables, sequences=role.lacks_sequences)
    return Step(key=key, status=Status.DO, says=f"let {role.name} {may} {now}tables to come", action=action)


def search_settings(environment: Environment) -> dict[str, str]:
    """How far a search looks, so that every declared recall floor is reached: the most that any vector set needs."""
    wanted: dict[str, int] = {}
    for vector_set in environment.vector_sets:
        index = vectors.effective_index(vector_set, build_memory_kib(environment))
        if isinstance(index, Hnsw):
            name, value = "hnsw.ef_search", vectors.ef_search_for(vector_set.recall_floor)
        else:
            name, value = "ivfflat.probes", vectors.probes_for(index.lists)
        wanted[name] = max(value, wanted.get(name, 0))
    return {name: str(value) for name, value in sorted(wanted.items())}


def _search_settings(environment: Environment, catalogue: Catalogue) -> Iterator[Step]:
    """The settings of the roles, and of the database: PostgreSQL does not hand a role's settings on to its members."""
    for name, value in search_settings(environment).items():
        for role in (catalogue.roles[role] for role in ROLES):
            allowed = catalogue.superuser or not role.exists or role.administered
            yield _setting(role.name, role.name, role.settings.get(name), name, value, allowed)
        yield _setting(None, f"database {catalogue.database}", catalogue.database_settings.get(name), name, value, catalogue.owns_database)


def _setting(role: str | None, whose: str, found: str | None, name: str, value: str, allowed: bool) -> Step:
    key = f"setting {name} of {whose}"
    if found == value:
        return _done(key, f"{name} is {value} for {whose}")
    if not allowed:
        return _note(key, f"{name} should be {value} for {whose}, but this login may not set it there", "log in as its owner")
    before = f" instead of {found}" if found is not None else ""
    return Step(
        key=key, status=Status.DO, says=f"set {name} to {value}{before} for {whose}", action=Configure(role=role, name=name, value=value)
    )


def _done(key: str, says: str) -> Step:
    return Step(key=key, status=Status.DONE, says=says)


def _note(key: str, says: str, hint: str = "") -> Step:
    return Step(key=key, status=Status.NOTE, says=says, hint=hint)
