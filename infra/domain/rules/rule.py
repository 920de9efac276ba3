"""A rule: its id, where it comes from, and the small functions that judge its faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from infra.domain import sizing
from infra.domain.azure import skus
from infra.domain.azure.skus import Sku
from infra.domain.environment import Environment
from infra.domain.problem import Problem, Severity

Face = Callable[[Environment], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """One rule. `needs` is `server` where the stack file alone cannot tell: the old environment or the live server is wanted;
    `prices` where the price table is.

    `faces` are the ways to break it; such a function says nothing where another rule already refuses its input.
    """

    id: str
    title: str
    source: str
    faces: tuple[Face, ...] = ()
    needs: Literal["environment", "server", "prices"] = "environment"

    def judge(self, environment: Environment) -> Iterator[Problem]:
        """Every way in which the environment breaks this rule."""
        for face in self.faces:
            yield from face(environment)


def refuse(rule: str, key: str, says: str, *, found: object = None, hint: str = "") -> Problem:
    """A Problem that stops everything. `says` goes on where the key ends: `is 45, Azure keeps 7 to 35 days`."""
    return Problem(rule=rule, key=key, message=f"{key} {says}", found=found, hint=hint)


def warn(rule: str, key: str, says: str, *, found: object = None, hint: str = "") -> Problem:
    """A Problem that is shown and stops nothing."""
    return Problem(rule=rule, key=key, message=f"{key} {says}", found=found, hint=hint, severity=Severity.WARN)


def note(rule: str, key: str, says: str, *, found: object = None, hint: str = "") -> Problem:
    """Something to know, said once."""
    return Problem(rule=rule, key=key, message=f"{key} {says}", found=found, hint=hint, severity=Severity.NOTE)


def sku(environment: Environment) -> Sku | None:
    """The SKU of the server, or None where R2 refuses it."""
    return skus.find(environment.server.sku)


def tier(environment: Environment) -> str | None:
    """The tier of the server; for a SKU that is not in the table, as its family letter tells."""
    return skus.family_tier(environment.server.sku)


def is_burstable(environment: Environment) -> bool:
    """Whether the server is Burstable, by tier: the capabilities list features there that the service then refuses."""
    return tier(environment) == skus.BURSTABLE


def usable_connections(environment: Environment) -> int | None:
    """Connections left to clients, or None where R2 or R12 refuses what they and other parameters are computed from."""
    if sku(environment) is None:
        return None
    try:
        return sizing.usable_connections(environment)
    except ValueError:  # a declared max_connections that is no number
        return None
