"""What reconciling a database is made of: steps, each with a sentence, and the actions that some of them ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from infra.domain.environment import Hnsw, IvfFlat, VectorSet


class Status(StrEnum):
    """What a step says: to be done, already so, not yet possible, refused, or only worth knowing."""

    DO = "do"
    DONE = "done"
    WAIT = "wait"
    REFUSE = "refuse"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class CreateExtension:
    """Create an extension, at the version that the server offers."""

    name: str


@dataclass(frozen=True, kw_only=True)
class UpdateExtension:
    """Bring an extension's SQL objects to the version that the server offers."""

    name: str


@dataclass(frozen=True, kw_only=True)
class CreateProvenance:
    """Create the table that says which model filled which vector set."""


@dataclass(frozen=True, kw_only=True)
class RecordModel:
    """Record a vector set's model, dimensions and distance."""

    vector_set: VectorSet


@dataclass(frozen=True, kw_only=True)
class CreateRole:
    """Create a role that cannot log in and that logins become members of."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Give a role what it may do: on the listed tables and sequences now, on later ones by default privileges."""

    role: str
    writes: bool
    tables: tuple[str, ...]
    sequences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Configure:
    """Set a parameter in this database: for sessions of `role`, or for all when it is None."""

    role: str | None
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class DropIndex:
    """Drop an index that serves nobody, without blocking anybody."""

    name: str


@dataclass(frozen=True, kw_only=True)
class BuildIndex:
    """Build a vector set's index without blocking writes. `cast` says that the column is cast to what the index stores."""

    name: str
    vector_set: VectorSet
    index: Hnsw | IvfFlat
    cast: bool


@dataclass(frozen=True, kw_only=True)
class JoinBuild:
    """Wait for an index build that the server process `pid` is at already."""

    pid: int
    table: str


Action = (
    CreateExtension | UpdateExtension | CreateProvenance | RecordModel | CreateRole | Grant | Configure | DropIndex | BuildIndex | JoinBuild
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a plan. `key` says what it is about, `says` is the sentence; one with an action is carried out."""

    key: str
    status: Status
    says: str
    hint: str = ""
    action: Action | None = None
