"""The rule on what an environment costs a month: below its ceiling, as far as the prices are known."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal

from infra.domain.environment import Environment
from infra.domain.prices import CURRENCY, PriceTable, money, monthly_cost
from infra.domain.problem import Problem
from infra.domain.rules.rule import Rule, note, refuse

_KEY = "guard.monthly_cost_ceiling_eur"
# A ceiling is proposed in steps of this, in EUR.
_STEP = 10


def ceiling(environment: Environment, table: PriceTable) -> Iterator[Problem]:
    """P4: what is known of the cost stays below the ceiling; what is not known is said, and is no reproach."""
    allowed = environment.guard.monthly_cost_ceiling_eur
    if allowed is None:
        return
    cost = monthly_cost(environment, table)
    if table.currency != CURRENCY:
        yield note("P4", _KEY, f"cannot be judged: the prices are in {table.currency}, and nothing here converts money")
    elif cost.at_least > allowed:
        least = "" if cost.total is not None else "at least "
        says = f"is {allowed}, but the server costs {least}{money(cost.at_least, CURRENCY)} a month (prices of {', '.join(cost.dates)})"
        dearest = max((line for line in cost.lines if line.amount is not None), key=lambda line: line.amount or 0)
        higher = int((cost.at_least / _STEP).to_integral_value(rounding=ROUND_CEILING)) * _STEP
        hint = f"the most of it is {dearest.name}, {money(dearest.amount or Decimal(0), CURRENCY)}; or monthly_cost_ceiling_eur: {higher}"
        yield refuse("P4", _KEY, says, found=allowed, hint=hint)
    elif cost.total is None:
        yield note("P4", _KEY, f"cannot be judged: {cost.unknown[0]}", found=allowed)


PRODUCT_RULES = (
    Rule("P4", "What the server costs a month is below its ceiling", "Azure's public price service, prices.json", needs="prices"),
)
