"""The words of a change report: a step of a plan, a change with its danger, and the order of dangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from infra.domain.registrations import name_of


class Danger(StrEnum):
    """What a change does, the worst first. `UNKNOWN` stands where nobody here can say, which is worse than everything that is known."""

    DATA_LOSS = "data-loss"
    IRREVERSIBLE = "irreversible"
    UNKNOWN = "unknown"
    OUTAGE = "outage"
    WEAKER_RECOVERY = "weaker-recovery"
    WEAKER_SECURITY = "weaker-security"
    RESTART = "restart"
    COSTS_MORE = "costs-more"
    SLOWER = "slower"
    HARMLESS = "harmless"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Danger).index(self)


class Operation(StrEnum):
    """What happens to a resource. `UNREADABLE` is an operation that this version does not know; `FACT` tells what happened already."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    FORGET = "forget"
    READ = "read"
    SAME = "same"
    FACT = "fact"
    UNREADABLE = "unreadable"


ENDS = frozenset({Operation.DELETE, Operation.REPLACE, Operation.FORGET})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource of a plan, from whichever source: what happens to it, and its inputs before and after (None: not there).

    `replaces` are the paths that force a replacement, as far as the source says so. Secrets are SECRET, values that are not known UNKNOWN.
    `hidden` are the paths that differ as the source says, though both values read the same: secrets. "" is the whole resource.
    """

    urn: str
    type: str
    operation: Operation
    old: Mapping[str, Any] | None = None
    new: Mapping[str, Any] | None = None
    protect: bool = False
    replaces: Sequence[str] = field(default=())
    hidden: Sequence[str] = field(default=())
    said: str = ""

    @property
    def name(self) -> str:
        """The logical name."""
        return name_of(self.urn)

    @property
    def kind(self) -> str:
        """The last part of the type."""
        return self.type.rpartition(":")[2]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that changes, with the worst that it does.

    `path` is the guilty one in the resource's inputs, or a key of the contract; empty where the whole resource is meant. `why` is
    a sentence, `takes` how long it lasts ("about a minute"), `instead` the safe way there; both may be empty.
    """

    urn: str
    type: str
    operation: Operation
    danger: Danger
    path: str
    old: Any
    new: Any
    why: str
    takes: str = ""
    instead: str = ""

    @property
    def name(self) -> str:
        """The logical name of what changes."""
        return name_of(self.urn)

    def as_json(self) -> dict[str, Any]:
        """The change with the stable names of JSON output."""
        return {
            "urn": self.urn, "type": self.type, "operation": self.operation, "class": self.danger, "property": self.path,
            "old": self.old, "new": self.new, "why": self.why, "takes": self.takes, "instead": self.instead,
        }  # fmt: skip


def worst(changes: Sequence[Change]) -> Danger | None:
    """The worst danger among the changes, None where nothing changes."""
    return min((change.danger for change in changes), key=lambda danger: danger.rank, default=None)
