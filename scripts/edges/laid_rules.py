"""Rules of a promotion laid over what travels: fitted to the tables, tried on their server, and then part of every read."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from infra.domain import travel_plan
from infra.domain.environment import VectorSet
from infra.domain.problem import Invalid, Problem
from infra.domain.travel_plan import Selection
from scripts.edges import rules_file, travelling
from scripts.edges.origin import LiveOrigin, Selected

# In bytes; no run knows the salt of another, so that nobody can put their hashes side by side.
_SALT_BYTES = 32


@dataclass(frozen=True)
class Laid:
    """Rules that fit: what they change of each table, whether they mask at all, and what somebody should know beforehand."""

    narrowed: tuple[Selection, ...]
    tables: int
    masked: bool
    warnings: tuple[Problem, ...]
    salt: str = field(repr=False)

    def __str__(self) -> str:
        columns, filtered = sum(len(each.masked) for each in self.narrowed), sum(bool(each.filter) for each in self.narrowed)
        return f"{columns} columns masked, {filtered} of {self.tables} tables filtered"


def fitted(session: Any, found: rules_file.RulesFile, vector_sets: Iterable[VectorSet]) -> Laid:
    """The rules over the tables that this session sees. Raises Invalid for rules that do not fit, Failure for a constant."""
    try:
        plan = travel_plan.plan(found.rules, travelling.shapes(session), vector_sets)
    except Invalid as invalid:
        raise Invalid(found.located(invalid.problems)) from None
    narrowed = tuple(each for each in plan.selections if not each.untouched)
    laid = Laid(narrowed, len(plan.selections), found.rules.masked, found.located(plan.warnings), secrets.token_urlsafe(_SALT_BYTES))
    travelling.keep_salt(session, laid.salt)
    travelling.try_out(session, narrowed)
    return laid


def lay(laid: Laid, origin: LiveOrigin) -> None:
    """From now on the origin gives what the rules let through, in every session of this run with the same salt."""
    origin.prepare = lambda session: travelling.keep_salt(session, laid.salt)
    origin.prepare(origin.session)
    origin.selected = {
        (each.table.schema, each.table.name): Selected(travelling.columns(each), travelling.where(each)) for each in laid.narrowed
    }
