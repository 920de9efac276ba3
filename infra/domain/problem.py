"""A thing found wrong, and a judgement: the two answers that every part of the house gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """How much a Problem weighs: REFUSE stops everything, WARN is shown, NOTE is said once and lived with."""

    REFUSE = "refuse"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing found wrong: where it stands, what was found, which rule says so, and the fix.

    `key` is a dotted path into the stack file (list items as `vector_sets[0].index.m`); `message` is the whole
    sentence and begins with the key; `file` and `line` are known only once somebody has located the key.
    """

    key: str
    message: str
    rule: str
    found: object = None
    hint: str = ""
    severity: Severity = Severity.REFUSE
    file: str = ""
    line: int | None = None

    def located(self, file: str, line: int | None) -> Problem:
        """The same Problem with the place in the stack file where its key stands."""
        return replace(self, file=file, line=line)

    @property
    def where(self) -> str:
        """`file:line`, or as much of it as is known."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file

    def __str__(self) -> str:
        text = f"{self.message} ({self.rule})"
        text = f"{self.where}: {text}" if self.where else text
        return f"{text}\nhint: {self.hint}" if self.hint else text


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A judgement: whether it holds, and the sentence that says why, with both sides of the comparison."""

    ok: bool
    reason: str
    expected: object = None
    found: object = None


class Invalid(Exception):
    """An environment that must not be deployed: carries every Problem, not just the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
