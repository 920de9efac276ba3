"""A report of changes: one stack or many, each change judged against what its environment lets pass, and the exit that follows.

uat and prod stop at data loss, at what is irreversible, at the unknown, and at weaker recovery or security. dev, test and staging stop
at data loss alone: they are made to try the rest. An exception of `guard.overrides` lets its key pass, except where something that holds
data ends (R1). A stack that could not be judged never passes.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.domain import transitions
from infra.domain.changes import contract_changes, cost_delta, recovery_delta
from infra.domain.changes.change import ENDS, Change, Danger, Operation
from infra.domain.changes.cost_delta import CostDelta
from infra.domain.changes.recovery_delta import Direction, FailureDelta
from infra.domain.changes.showing import clean, redacted
from infra.domain.environment import Environment, Override
from infra.domain.overrides import holds, lift
from infra.domain.prices import EMPTY, PriceTable
from infra.domain.problem import Problem, Severity
from infra.domain.rules import cost
from infra.domain.rules.protection import GUARDED

STOPPED = frozenset({Danger.DATA_LOSS})
STOPPED_IN_GUARDED = STOPPED | {Danger.IRREVERSIBLE, Danger.UNKNOWN, Danger.WEAKER_RECOVERY, Danger.WEAKER_SECURITY}
# The key of the contract behind a property of Azure's; a path holds everything below it.
_KEYS: Mapping[str, str] = {
    "backup.backupRetentionDays": "backup.retention_days", "backup.geoRedundantBackup": "backup.geo_redundant",
    "dataEncryption": "access.customer_managed_key", "identity": "access.customer_managed_key",
    "administratorLogin": "access.administrator", "network.publicNetworkAccess": "network.mode",
    "network.delegatedSubnetResourceId": "network.subnet", "storage.storageSizeGB": "storage.size_gib", "storage.type": "storage.kind",
    "version": "server.version", "highAvailability.mode": "availability.mode", "replica": "replica", "replicationRole": "replica",
}  # fmt: skip
_SERVER, _PARAMETER = "Server", "Configuration"
_VAULT = "azure-native:dataprotection:"
NO_COST = CostDelta(before=None, after=None)
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A change, whether it stops this environment, and the exception that lets it pass, in words ("" for none)."""

    change: Change
    stops: bool
    allowed: str = ""


@dataclass(frozen=True, kw_only=True)
class StackReport:
    """What is known of one stack. `failed` says why it was not captured: then the rest is what the two contracts alone tell.

    `problems` are the transition rules that speak, lifted where an exception covers them, and a ceiling that is passed;
    `notes` are facts for a reader; `plan_hash` is that of what would be applied, "" where it was not captured.
    """

    stack: str
    changes: tuple[Judged, ...] = ()
    recovery: tuple[FailureDelta, ...] = ()
    cost: CostDelta = NO_COST
    problems: tuple[Problem, ...] = ()
    failed: str = ""
    notes: tuple[str, ...] = ()
    plan_hash: str = ""

    @property
    def worst(self) -> Danger | None:
        """The worst danger; UNKNOWN where the stack could not be judged, None where nothing changes."""
        found = [each.change.danger for each in self.changes] + ([Danger.UNKNOWN] if self.failed else [])
        return min(found, key=lambda danger: danger.rank, default=None)

    @property
    def stops(self) -> bool:
        """Whether this must not be merged as it is."""
        refused = any(problem.severity is Severity.REFUSE for problem in self.problems)
        return bool(self.failed) or refused or any(each.stops for each in self.changes)

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to tell: known, and nothing changes."""
        moved = any(delta.direction not in (Direction.SAME, Direction.UNKNOWN) for delta in self.recovery)
        return not (self.failed or self.changes or self.problems or moved)

    @property
    def replaced(self) -> tuple[Change, ...]:
        """The ends of what holds data: the loudest there is."""
        return tuple(each.change for each in self.changes if ends_data(each.change))

    def as_json(self) -> dict[str, Any]:
        """Stable names, as `agentmem preview --json` prints them."""
        changes = [{**each.change.as_json(), "stops": each.stops, "allowed": each.allowed} for each in self.changes]
        return {
            "environment": self.stack, "worst": self.worst, "stops": self.stops, "failed": self.failed or None, "changes": changes,
            "unknown": [each["urn"] for each in changes if each["class"] == Danger.UNKNOWN],
            "recovery_delta": {delta.failure: delta.as_json() for delta in self.recovery},
            "cost_delta": self.cost.as_json(), "notes": list(self.notes), "plan_hash": self.plan_hash or None,
            "rules": [{"rule": each.rule, "severity": each.severity, "message": each.message} for each in self.problems],
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Report:
    """Every stack that was looked at, and what was compared with what (`main (1a2b3c) to this commit`)."""

    stacks: tuple[StackReport, ...]
    compared: str

    @property
    def worst(self) -> Danger | None:
        """The worst of all stacks."""
        return min((each.worst for each in self.stacks if each.worst is not None), key=lambda danger: danger.rank, default=None)

    @property
    def stops(self) -> bool:
        """Whether any stack stops."""
        return any(stack.stops for stack in self.stacks)


def of_stack(
    stack: str, changes: Iterable[Change], *, old: Environment | None = None, new: Environment | None = None, today: datetime.date,
    notes: Sequence[str] = (), failed: str = "", prices: PriceTable = EMPTY,
) -> StackReport:  # fmt: skip
    """The report of a stack; with both contracts, what no resource shows is in it too. `failed` says why its resources are not known."""
    told = list(changes)
    if old is not None and new is not None:
        told += contract_changes.between(old, new)
    deltas = recovery_delta.compare(old, new)
    told += recovery_delta.unexplained(deltas, told, stack)
    bill = cost_delta.compare(old, new, prices)
    overrides = new.guard.overrides if new is not None else ()
    rules = lift(transitions.judge(old, new), overrides, today) if old is not None and new is not None else ()
    above = tuple(each for each in cost.ceiling(new, prices) if each.severity is Severity.REFUSE) if new is not None else ()
    in_order = sorted(cost_delta.priced(told, bill, stack), key=lambda change: (not ends_data(change), change.danger.rank))
    judged = tuple(_judged(redacted(change), stack, overrides, today) for change in in_order)
    return StackReport(
        stack=stack, changes=judged, recovery=deltas, cost=bill, problems=(*rules, *above), notes=tuple(notes), failed=clean(failed)
    )


def not_judged(stack: str, why: str) -> StackReport:
    """The report of a stack of which nothing is known, and why."""
    return StackReport(stack=stack, failed=clean(why) or "nobody knows why")


def ends_data(change: Change) -> bool:
    """Whether it ends something that holds data."""
    return change.operation in ENDS - {Operation.FORGET} and change.type in transitions.HOLDS_DATA


def key_of(change: Change) -> str:
    """The key of the contract that this change comes from, "" where none is known."""
    kind = change.type.rpartition(":")[2]
    if change.type == recovery_delta.CONTRACT:
        return change.path
    if change.type.startswith(_VAULT):
        return "backup.long_term"
    if kind == _PARAMETER:
        return "database.extensions" if change.name.endswith("azure.extensions") else ""
    plain = _INDEX.sub("", change.path)
    return next((key for path, key in _KEYS.items() if kind == _SERVER and (plain == path or plain.startswith(f"{path}."))), "")


def _judged(change: Change, stack: str, overrides: Sequence[Override], today: datetime.date) -> Judged:
    stopped = change.danger in (STOPPED_IN_GUARDED if stack in GUARDED else STOPPED)
    if not stopped or ends_data(change):
        return Judged(change=change, stops=stopped)
    key = key_of(change)
    found = next((each for each in overrides if key and each.change == key and holds(each, today)), None)
    allowed = "" if found is None else f"allowed until {found.until}: {found.reason}"
    return Judged(change=change, stops=found is None, allowed=allowed)
