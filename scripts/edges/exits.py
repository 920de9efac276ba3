"""Exit codes, and the one exception that a verb ends with when it cannot go on."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of a command says; the table is in the README."""

    GOOD = 0
    BAD = 1
    USAGE = 2
    CONFIGURATION = 3
    UNREACHABLE = 4
    REFUSED = 5
    BUSY = 6
    BUG = 70


MEANING = {
    Exit.GOOD: "all is well",
    Exit.BAD: "the thing that was checked is not good",
    Exit.USAGE: "the command line is wrong",
    Exit.CONFIGURATION: "the stack file, or one of rules, is wrong; nothing was changed",
    Exit.UNREACHABLE: "something cannot be reached; try again",
    Exit.REFUSED: "refused: a password, a right, an allow-list, a version or a disk stands in the way",
    Exit.BUSY: "busy or locked: somebody else is at work",
    Exit.BUG: "a bug of ours",
}

GOOD, BAD, USAGE, CONFIGURATION, UNREACHABLE, REFUSED, BUSY, BUG = Exit


class Failure(Exception):
    """Why a command ends early: an exit code, a fact in lower case, and a hint that says what to do."""

    def __init__(self, code: Exit, fact: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(fact)
        self.code = code
        self.fact = fact
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        text = f"{self.where}: {self.fact}" if self.where else self.fact
        return f"{text}\nhint: {self.hint}" if self.hint else text
