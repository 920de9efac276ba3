"""Rules of a promotion laid over what travels: fitted to the tables, tried on their server, and then part of every read."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from infra.domain import travel_plan
from infra.domain.environment import VectorSet
from infra.domain.problem import Invalid, Problem
from infra.domain.travel_checks import UNFIT
from infra.domain.travel_filters import NoneOf, OneOf
from infra.domain.travel_plan import Selection
from scripts.edges import rules_file, travelling
from scripts.edges.exits import Failure
from scripts.edges.origin import LiveOrigin, Selected

# In bytes; no run knows the salt of another, so that nobody can put their hashes side by side.
_SALT_BYTES = 32
# More than anybody mends one by one; where a whole list is of the wrong kind, each of thousands would be asked about.
_MOST_MISFITS = 20


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
    """The rules over the tables that this session sees. Raises Invalid for rules that do not fit, Failure for what a server refuses."""
    try:
        plan = travel_plan.plan(found.rules, travelling.shapes(session), vector_sets)
    except Invalid as invalid:
        raise Invalid(found.located(invalid.problems)) from None
    narrowed = tuple(each for each in plan.selections if not each.untouched)
    laid = Laid(narrowed, len(plan.selections), found.rules.masked, found.located(plan.warnings), secrets.token_urlsafe(_SALT_BYTES))
    travelling.keep_salt(session, laid.salt)
    try:
        with session.transaction():
            travelling.try_out(session, narrowed)
    except Failure:
        if problems := tuple(islice(_misfits(session, found, narrowed), _MOST_MISFITS)):
            raise Invalid(found.located(problems)) from None
        raise
    return laid


def _misfits(session: Any, found: rules_file.RulesFile, narrowed: Iterable[Selection]) -> Iterator[Problem]:
    """Each value once, however many tables cannot hold it."""
    told: set[tuple[str, str]] = set()
    for selection in narrowed:
        for misfit in travelling.misfits(session, selection):
            key = _key(found, misfit)
            if (key, misfit.value) not in told:
                told.add((key, misfit.value))
                column = f"{selection.table}.{misfit.column.name}"
                says = f"{key} has {misfit.value!r}, which is not for {column} ({misfit.column.type}): {misfit.says}"
                yield Problem(key=key, message=says, rule=UNFIT, found=misfit.value, hint="write it as the column has it")


def _key(found: rules_file.RulesFile, misfit: travelling.Misfit) -> str:
    """Where the value stands; the plan hands on the masks of the rules themselves."""
    if isinstance(misfit.asked_by, OneOf):
        return "tenants.keep"
    if isinstance(misfit.asked_by, NoneOf):
        return "subjects.erased" if "subjects.erased" in found.lines else "subjects.erased_file"
    return next(f"{rule.key}.set" for rule in found.rules.masks if rule.mask is misfit.asked_by)


def lay(laid: Laid, origin: LiveOrigin) -> None:
    """From now on the origin gives what the rules let through, in every session of this run with the same salt."""
    origin.prepare = lambda session: travelling.keep_salt(session, laid.salt)
    origin.prepare(origin.session)
    origin.selected = {
        (each.table.schema, each.table.name): Selected(travelling.columns(each), travelling.where(each)) for each in laid.narrowed
    }
