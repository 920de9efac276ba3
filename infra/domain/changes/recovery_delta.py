"""What a change of an environment does to recovery: what may be lost and how long it takes, per class of failure, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from infra.domain import recovery
from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.environment import Environment
from infra.domain.recovery import FAILURES, Possible, RecoveryVerdict

CONTRACT = "agent-memory:contract"
_NO_END = float("inf")
# A line of the report with one of these says already why less can be recovered.
_SAYS_SO = frozenset({Danger.DATA_LOSS, Danger.IRREVERSIBLE, Danger.UNKNOWN, Danger.WEAKER_RECOVERY})


class Direction(StrEnum):
    """Where it goes. MIXED is better in one number and worse in the other; UNKNOWN where one side cannot be judged."""

    SAME = "same"
    BETTER = "better"
    WEAKER = "weaker"
    MIXED = "mixed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class FailureDelta:
    """One class of failure before and after; None for a side whose contract is not known."""

    failure: str
    before: RecoveryVerdict | None
    after: RecoveryVerdict | None

    @property
    def direction(self) -> Direction:
        """Where the possible numbers and the declared targets go; a promise of Azure's that is lost is weaker too."""
        if self.before is None or self.after is None:
            return Direction.UNKNOWN
        pairs = list(zip(_numbers(self.before), _numbers(self.after), strict=True))
        worse, better = any(new > old for old, new in pairs), any(new < old for old, new in pairs)
        if worse and better:
            return Direction.MIXED
        return Direction.WEAKER if worse else Direction.BETTER if better else Direction.SAME

    @property
    def sentence(self) -> str:
        """`RPO 0 min to 5 min, RTO 2 min to no time promised (failover to point-in-time restore)`."""
        if self.before is None or self.after is None:
            return "unknown: one side has no contract to judge"
        old, new = self.before.possible, self.after.possible
        by = f"by {old.by}" if old.by == new.by else f"by {new.by} instead of {old.by}"
        told = f"RPO {_both(rpo(old), rpo(new))}, RTO {_both(rto(old), rto(new))}, {by}"
        if (targets := tuple(_target(each) for each in (self.before, self.after)))[0] != targets[1]:
            told += f"; the target changes from {targets[0]} to {targets[1]}"
        return told

    def as_json(self) -> dict[str, Any]:
        """Stable names; minutes, null where nothing survives (RPO) or nobody names a time (RTO)."""
        return {"change": self.direction, "before": _side(self.before), "after": _side(self.after)}


def compare(old: Environment | None, new: Environment | None) -> tuple[FailureDelta, ...]:
    """Every class of failure, in the order of FAILURES."""
    before = recovery.verdicts(old) if old is not None else {}
    after = recovery.verdicts(new) if new is not None else {}
    return tuple(FailureDelta(failure=failure, before=before.get(failure), after=after.get(failure)) for failure in FAILURES)


def unexplained(deltas: Sequence[FailureDelta], changes: Sequence[Change], stack: str) -> Iterator[Change]:
    """A change for each weakening when no other line of the report says that less can be recovered."""
    if any(change.danger in _SAYS_SO for change in changes):
        return
    for delta in deltas:
        if delta.direction in (Direction.WEAKER, Direction.MIXED):
            yield Change(
                urn=f"urn:agentmem:{stack}::agent-memory::{CONTRACT}::recovery.{delta.failure}", type=CONTRACT,
                operation=Operation.UPDATE, danger=Danger.WEAKER_RECOVERY, path=f"recovery.{delta.failure}",
                old=_target(delta.before), new=_target(delta.after), why=f"after the loss of {_LOST[delta.failure]}: {delta.sentence}",
            )  # fmt: skip


def rpo(possible: Possible) -> str:
    """What may be lost, in words."""
    return "everything" if possible.rpo_minutes is None else f"{possible.rpo_minutes} min"


def rto(possible: Possible) -> str:
    """How long it takes, in words."""
    return "no time promised" if possible.rto_minutes is None else f"{possible.rto_minutes} min"


_LOST = {"node": "a node", "zone": "a zone", "corruption": "data by mistake", "region": "the region", "deletion": "the server by deletion"}


def _both(old: str, new: str) -> str:
    return old if old == new else f"{old} to {new}"


def _numbers(verdict: RecoveryVerdict) -> tuple[float, ...]:
    best, target = verdict.possible, verdict.declared
    possible = (_NO_END if number is None else float(number) for number in (best.rpo_minutes, best.rto_minutes))
    return (*possible, 0.0 if best.promised else 1.0, float(target.rpo_minutes), float(target.rto_minutes))


def _target(verdict: RecoveryVerdict | None) -> str:
    return "" if verdict is None else f"{verdict.declared.rpo_minutes} min lost, back within {verdict.declared.rto_minutes} min"


def _side(verdict: RecoveryVerdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    best, target = verdict.possible, verdict.declared
    return {
        "rpo_minutes": best.rpo_minutes, "rto_minutes": best.rto_minutes, "promised": best.promised, "by": best.by,
        "declared": {"rpo_minutes": target.rpo_minutes, "rto_minutes": target.rto_minutes}, "outcome": verdict.outcome,
    }  # fmt: skip
