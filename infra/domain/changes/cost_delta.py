"""What a change of an environment does to its cost per month: both bills, the difference where it is known, and which change causes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from infra.domain.azure import immutables
from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.changes.recovery_delta import CONTRACT
from infra.domain.environment import Environment
from infra.domain.prices import Cost, PriceTable, money, monthly_cost, rounded

_NO_CONTRACT = "unknown: one side has no contract to judge"
_STANDBY, _REPLICA = "standby ", "replica "
# A replica is a server too; its URN names the component that holds it.
_REPLICA_URN = "agent-memory:index:Replica$"
# The lines of a bill behind a property of the server, without the standby's, which follow.
_BEHIND = {
    "sku.name": ("compute",), "storage.storageSizeGB": ("storage",), "storage.tier": ("performance tier",),
    "storage.iops": ("IOPS",), "storage.throughput": ("throughput",), "highAvailability.mode": (),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CostDelta:
    """The bill before and after; None for a side whose contract is not known."""

    before: Cost | None
    after: Cost | None

    @property
    def difference(self) -> Decimal | None:
        """EUR (or the table's currency) more a month; None where it is not known. The same unknown on both sides takes nothing away."""
        if self.before is None or self.after is None or _unknown(self.before) != _unknown(self.after):
            return None
        return self.after.at_least - self.before.at_least

    @property
    def sentence(self) -> str:
        """`312.40 EUR → 390.10 EUR (+77.70 EUR)`, `312.40 EUR, as before`, or what is unknown and why."""
        if self.before is None or self.after is None:
            side = self.after or self.before
            return f"{_NO_CONTRACT}; the other: {side}" if side is not None else _NO_CONTRACT
        if str(self.before) == str(self.after) and not self.difference:
            return str(self.after) if self.after.unknown else f"{self.after}, as before"
        change = f" ({money(self.difference, self.after.currency, sign=True)})" if self.difference is not None else ""
        return f"{self.before} → {self.after}{change}"

    def amount(self, lines: Iterable[str]) -> Decimal | None:
        """What these lines cost more than before; None where any of them is not known on its side."""
        if self.before is None or self.after is None:
            return None
        wanted, total = set(lines), Decimal(0)
        for cost, sign in ((self.before, -1), (self.after, 1)):
            for line in cost.lines:
                if line.name in wanted and not line.by_use:
                    if line.amount is None:
                        return None
                    total += sign * line.amount
        return total

    def as_json(self) -> dict[str, Any]:
        """Stable names; `difference` is null where it is not known."""
        bills = {"before": self.before.as_json() if self.before else None, "after": self.after.as_json() if self.after else None}
        currency = next((side.currency for side in (self.after, self.before) if side is not None), None)
        return {**bills, "currency": currency, "difference": rounded(self.difference), "why": self.sentence}


def compare(old: Environment | None, new: Environment | None, table: PriceTable) -> CostDelta:
    """Both bills at the same prices: a new price is no change of the environment."""
    before, after = (monthly_cost(each, table) if each is not None else None for each in (old, new))
    return CostDelta(before=before, after=after)


def priced(changes: Sequence[Change], delta: CostDelta, stack: str) -> tuple[Change, ...]:
    """The changes with the amount of those that cause it; and one more where the whole rises and none of them says so."""
    amounts = [_amount(change, delta) for change in changes]
    told = tuple(_with_amount(change, amount, delta) for change, amount in zip(changes, amounts, strict=True))
    difference = delta.difference
    if difference is None or difference <= 0 or delta.after is None or delta.before is None:
        return told
    if any(amount is not None and amount > 0 for amount in amounts):
        return told
    why = f"the server costs {money(difference, delta.after.currency)} more a month"
    more = Change(
        urn=f"urn:agentmem:{stack}::agent-memory::{CONTRACT}::cost", type=CONTRACT, operation=Operation.UPDATE, danger=Danger.COSTS_MORE,
        path="monthly cost", old=str(delta.before), new=str(delta.after), why=why,
    )  # fmt: skip
    return (*told, more)


def _amount(change: Change, delta: CostDelta) -> Decimal | None:
    lines = _lines(change, delta)
    return delta.amount(lines) if lines else None


def _with_amount(change: Change, amount: Decimal | None, delta: CostDelta) -> Change:
    """What costs more by a known amount costs more, unless it is something worse already."""
    if not amount or delta.after is None:
        return change
    danger = change.danger if amount < 0 or change.danger.rank < Danger.COSTS_MORE.rank else Danger.COSTS_MORE
    return replace(change, danger=danger, why=f"{change.why}; {money(amount, delta.after.currency, sign=True)} a month")


def _lines(change: Change, delta: CostDelta) -> tuple[str, ...]:
    """The lines of the bill that this change moves, () for none."""
    if change.type != immutables.SERVER or delta.before is None or delta.after is None:
        return ()
    is_replica = _REPLICA_URN in change.urn
    if is_replica and change.operation in (Operation.CREATE, Operation.DELETE):
        return tuple(sorted(_named(delta, _REPLICA)))
    if change.operation is not Operation.UPDATE or change.path not in _BEHIND:
        return ()
    own = _BEHIND[change.path]
    if is_replica:
        return tuple(f"{_REPLICA}{line}" for line in own)
    stood, stands = (_has_standby(side) for side in (delta.before, delta.after))
    if change.path == "highAvailability.mode":
        # A standby that comes or goes is its whole bill; one that only moves costs the same.
        return tuple(sorted(_named(delta, _STANDBY))) if stood != stands else ()
    return (*own, *(f"{_STANDBY}{line}" for line in own)) if stood and stands else own


def _named(delta: CostDelta, whose: str) -> set[str]:
    return {line.name for side in (delta.before, delta.after) if side is not None for line in side.lines if line.name.startswith(whose)}


def _has_standby(cost: Cost) -> bool:
    return any(line.name.startswith(_STANDBY) for line in cost.lines)


def _unknown(cost: Cost) -> set[tuple[str, str, str]]:
    return {(line.name, line.what, line.why) for line in cost.lines if line.is_unknown}
