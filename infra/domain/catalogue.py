"""One snapshot of a live database: what the plan needs to know, as frozen values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# The application's tables live where PostgreSQL puts tables of which nothing else is said.
APPLICATION_SCHEMA = "public"
# Ours: the provenance of the vector sets.
OWN_SCHEMA, PROVENANCE_TABLE = "agent_memory", "vector_sets"
READ_WRITE, READ_ONLY = "app_rw", "app_ro"
ROLES = (READ_WRITE, READ_ONLY)
# A line of an index's comment that begins so is our proof of it.
_PROOF = "agent-memory "
_CAST = re.compile(r'^\(*"?(?P<column>[^":()]+)"?\)*::(?:"?\w+"?\.)?(?P<kind>vector|halfvec)\((?P<dimensions>\d+)\)\)*$')
_PLAIN = re.compile(r'^"?(?P<column>[^":()]+)"?$')


@dataclass(frozen=True, kw_only=True)
class Extension:
    """An extension: the version installed here and the one that the server offers, None where there is none."""

    name: str
    installed: str | None
    offered: str | None


@dataclass(frozen=True, kw_only=True)
class Column:
    """A declared column as found. `kind` is its type's name, `dimensions` None when the type has none; rows are an estimate."""

    table: str
    column: str
    kind: str | None
    dimensions: int | None
    rows: int | None
    partitioned: bool
    parallel_workers: int | None
    owner: str
    owned: bool


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is written down on an index: its recall@10 when it had so many rows, None when it had none.

    `built`: we built it, on the data as it was then. `estimated` is what the server took the rows for. `tried` is the replacement that
    was built for it and fell short, `tried_recall` how short.
    """

    recall: float | None
    rows: int
    built: bool
    estimated: int = 0
    tried: str | None = None
    tried_recall: float | None = None


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index on a declared table. `cast` is (type, dimensions) when it stores a cast of the column."""

    name: str
    table: str
    method: str
    operator_class: str
    column: str | None
    cast: tuple[str, int] | None
    partial: bool
    options: Mapping[str, int]
    valid: bool
    ready: bool
    size_bytes: int
    proof: Proof | None = None

    @property
    def serves(self) -> bool:
        """Whether queries may use it and writes keep it up to date."""
        return self.valid and self.ready


@dataclass(frozen=True, kw_only=True)
class Build:
    """An index build that runs now. `index` is empty while the server has not named it."""

    pid: int
    table: str
    index: str
    phase: str


@dataclass(frozen=True, kw_only=True)
class Role:
    """One of our roles as found: what it lacks, and its settings in this database."""

    name: str
    exists: bool
    login: bool
    administered: bool
    settings: Mapping[str, str]
    lacks_tables: tuple[str, ...]
    lacks_sequences: tuple[str, ...]
    schemas_usable: bool
    defaults: bool


@dataclass(frozen=True, kw_only=True)
class Model:
    """What provenance has recorded about one vector set."""

    table: str
    column: str
    name: str
    version: str
    dimensions: int
    distance: str


@dataclass(frozen=True, kw_only=True)
class Reembedding:
    """A column that is filled anew from the texts that another column was made of, and how far that is."""

    table: str
    column: str
    from_column: str
    rows_done: int
    filled: bool
    cut_over: bool


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A database as found. `allow_list` is None on a server that has none; `provenance` is None until its table exists."""

    database: str
    user: str
    server_version: str
    server_version_number: int
    superuser: bool
    create_role: bool
    create_schema: bool
    owns_database: bool
    azure_administrator: bool | None
    allow_list: frozenset[str] | None
    pending_restart: tuple[str, ...]
    maintenance_work_mem_kib: int
    extensions: Mapping[str, Extension]
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    taken_names: frozenset[str]
    builds: tuple[Build, ...]
    roles: Mapping[str, Role]
    database_settings: Mapping[str, str]
    provenance: tuple[Model, ...] | None
    reembeddings: tuple[Reembedding, ...] = ()

    @property
    def vector_version(self) -> str | None:
        """The version of pgvector in this database, None when it is not there."""
        found = self.extensions.get("vector")
        return found.installed if found else None

    def column(self, table: str, column: str) -> Column | None:
        """A declared column; one with kind None has a table but does not exist itself, None means no table."""
        return next((found for found in self.columns if (found.table, found.column) == (table, column)), None)


def catalogue_of(
    document: Mapping[str, Any], provenance: Iterable[Mapping[str, Any]] | None, reembeddings: Iterable[Mapping[str, Any]] = ()
) -> Catalogue:
    """The Catalogue of the JSON document that `read_catalogue.sql` answers with, and of the rows of our own tables."""
    names = ("database", "user", "server_version", "server_version_number", "superuser", "create_role", "create_schema", "owns_database")
    return Catalogue(
        **{name: document[name] for name in (*names, "azure_administrator", "maintenance_work_mem_kib")},
        allow_list=listed(document["allow_list"]),
        pending_restart=tuple(document["pending_restart"]),
        extensions={row["name"]: Extension(**row) for row in document["extensions"]},
        columns=tuple(Column(**row) for row in document["columns"]),
        indexes=tuple(_index(row) for row in document["indexes"]),
        taken_names=frozenset(document["taken_names"]),
        builds=tuple(Build(**row) for row in document["builds"]),
        roles={row["name"]: _role(row) for row in document["roles"]},
        database_settings=pairs(document["database_settings"]),
        provenance=None if provenance is None else tuple(Model(**row) for row in provenance),
        reembeddings=tuple(Reembedding(**row) for row in reembeddings),
    )


def listed(value: str | None) -> frozenset[str] | None:
    """The names of an allow-list, lower-case: Azure has shown both spellings. None stays None."""
    return None if value is None else frozenset(name.strip().lower() for name in value.split(",") if name.strip())


def pairs(settings: Iterable[str]) -> dict[str, str]:
    """`name=value` settings as the system catalogue keeps them."""
    return {name: value for name, _, value in (setting.partition("=") for setting in settings)}


def expression(text: str) -> tuple[str | None, tuple[str, int] | None]:
    """Column and cast of an index expression as the server prints it; (None, None) for anything else."""
    if plain := _PLAIN.match(text):
        return plain["column"], None
    if cast := _CAST.match(text):
        return cast["column"], (cast["kind"], int(cast["dimensions"]))
    return None, None


def _index(row: Mapping[str, Any]) -> Index:
    column, cast = expression(row["expression"])
    options = {name: int(value) for name, value in pairs(row["options"]).items() if value.isdigit()}
    kept = {name: row[name] for name in ("name", "table", "method", "operator_class", "partial", "valid", "ready", "size_bytes")}
    return Index(**kept, column=column, cast=cast, options=options, proof=proof_of(row.get("comment")))


def proof_of(comment: str | None) -> Proof | None:
    """The proof in an index's comment, beside whatever else stands there; None when there is none that can be read."""
    for line in (comment or "").splitlines():
        if line.startswith(_PROOF):
            try:
                found = json.loads(line.removeprefix(_PROOF))
                known = {name: found[name] for name in ("recall", "tried", "tried_recall") if name in found}
                counts = {"rows": int(found["rows"]), "estimated": int(found.get("estimated", 0))}
                return Proof(**{"recall": None, **known, **counts}, built=bool(found["built"]))
            except (ValueError, KeyError, TypeError, AttributeError):
                return None
    return None


def _role(row: Mapping[str, Any]) -> Role:
    changed = {
        "settings": pairs(row["settings"]),
        "lacks_tables": tuple(row["lacks_tables"]),
        "lacks_sequences": tuple(row["lacks_sequences"]),
    }
    return Role(**{**row, **changed})
