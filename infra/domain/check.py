"""Every rule on one environment: what stops it, what to know about it, and what its recovery targets are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.domain.environment import Environment
from infra.domain.prices import PriceTable
from infra.domain.problem import Problem, Severity
from infra.domain.recovery import RecoveryVerdict, verdicts
from infra.domain.rules import access, availability, compute, cost, database, job, long_term, network, protection, storage
from infra.domain.rules.rule import Rule

_FILES = (compute, availability, storage, protection, long_term, network, access, database)


def _order(rule: Rule) -> tuple[str, int]:
    return rule.id[0], int(rule.id[1:])


# R1 to R21 and W1 to W9: what Azure does.
RULES: tuple[Rule, ...] = tuple(sorted((rule for module in _FILES for rule in module.RULES), key=_order))
# P: what this product can do, and wants.
PRODUCT_RULES: tuple[Rule, ...] = (*protection.PRODUCT_RULES, *database.PRODUCT_RULES, *job.PRODUCT_RULES, *cost.PRODUCT_RULES)
JUDGED_HERE = sum(rule.needs == "environment" for rule in RULES)
NEEDS_THE_SERVER = len(RULES) - JUDGED_HERE


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All that the rules find: `problems` refuse or warn, `notes` are to be known; iterating gives both."""

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    recovery: Mapping[str, RecoveryVerdict]

    def __iter__(self) -> Iterator[Problem]:
        return iter((*self.problems, *self.notes))

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """The problems that stop everything."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.REFUSE)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that are shown and stop nothing."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.WARN)

    @property
    def ok(self) -> bool:
        """Whether the environment is fit to deploy."""
        return not self.refusals


def judge(environment: Environment, prices: PriceTable | None = None) -> Judgement:
    """Apply every rule that the stack file alone can answer, and with `prices` that on its cost.

    Never raises: a rule without its input says nothing.
    """
    found = tuple(problem for rule in (*RULES, *PRODUCT_RULES) for problem in rule.judge(environment))
    if prices is not None:
        found += tuple(cost.ceiling(environment, prices))
    return Judgement(
        problems=tuple(problem for problem in found if problem.severity is not Severity.NOTE),
        notes=tuple(problem for problem in found if problem.severity is Severity.NOTE),
        recovery=verdicts(environment),
    )
