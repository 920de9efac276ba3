"""What the tests of rules share: a case, and the one Problem that it must lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.domain.check import judge
from infra.domain.problem import Problem, Severity
from tests.builders import build_environment


@dataclass(frozen=True)
class Case:
    """Changes to a sound environment, and what must be found in it: rule, key, and a part of the consequence."""

    rule: str
    key: str
    says: str
    changes: Mapping[str, object] = field(hash=False)
    severity: Severity = Severity.REFUSE


def found(changes: Mapping[str, object], rule: str, key: str) -> list[Problem]:
    """The Problems of one rule on one key."""
    return [problem for problem in judge(build_environment(changes)) if (problem.rule, problem.key) == (rule, key)]


def holds(case: Case) -> None:
    """The case is found once, begins with its key, says what follows, and weighs what it should."""
    problems = found(case.changes, case.rule, case.key)
    assert len(problems) == 1, [str(problem) for problem in judge(build_environment(case.changes))]
    (problem,) = problems
    assert problem.message.startswith(f"{case.key} ")
    assert case.says in problem.message
    assert problem.severity is case.severity
    assert not problem.message.endswith(".")


def passes(rule: str, changes: Mapping[str, object]) -> None:
    """Nothing of this rule is found in the changed environment."""
    assert [str(problem) for problem in judge(build_environment(changes)) if problem.rule == rule] == []
