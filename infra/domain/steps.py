"""What reconciling a database is made of: steps, each with a sentence, and the actions that some of them ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from infra.domain.catalogue import Proof
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
    """Build a vector set's index without blocking writes. `cast` says that the column is cast to what the index stores.

    `beside` names the index that goes on serving meanwhile, and that the planner may prefer.
    """

    name: str
    vector_set: VectorSet
    index: Hnsw | IvfFlat
    cast: bool
    beside: str | None = None


@dataclass(frozen=True, kw_only=True)
class JoinBuild:
    """Wait for an index build that the server process `pid` is at already."""

    pid: int
    table: str


@dataclass(frozen=True, kw_only=True)
class JudgeIndex:
    """Measure an index's recall against exact search and write it down on the index. `built`: it is ours, on the data as it is.

    `estimated` is the number of rows that the plan was made with: statistics may be off, and are compared with themselves later.
    """

    name: str
    vector_set: VectorSet
    built: bool
    estimated: int = 0


@dataclass(frozen=True, kw_only=True)
class SwapIndex:
    """Give the index `new` the name `name`, whose bearer, if `aside` is given, is called that from now on; at once or not at all."""

    new: str
    name: str
    aside: str | None = None


@dataclass(frozen=True, kw_only=True)
class RetireIndex:
    """Drop an index that others do the work of, without blocking anybody."""

    name: str


@dataclass(frozen=True, kw_only=True)
class RejectIndex:
    """Write down on `current` that its replacement fell short, and drop that one."""

    name: str
    current: str
    proof: Proof


Evolution = JudgeIndex | SwapIndex | RetireIndex | RejectIndex
Action = (
    CreateExtension
    | UpdateExtension
    | CreateProvenance
    | RecordModel
    | CreateRole
    | Grant
    | Configure
    | DropIndex
    | BuildIndex
    | JoinBuild
    | Evolution
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a plan. `key` says what it is about, `says` is the sentence; one with an action is carried out."""

    key: str
    status: Status
    says: str
    hint: str = ""
    action: Action | None = None
