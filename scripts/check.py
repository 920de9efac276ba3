"""`agentmem check`: judges stack files by their shape, by the rules of Azure and by their own recovery targets. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.domain.check import JUDGED_HERE, NEEDS_THE_SERVER, RULES, Judgement, judge
from infra.domain.prices import PriceTable
from infra.domain.problem import Problem, Severity
from infra.domain.recovery import Outcome, RecoveryVerdict
from scripts.edges import price_table, screen, stack_file
from scripts.edges.exits import CONFIGURATION, GOOD
from scripts.edges.stack_file import Loaded

_RECOVERY = "R19"


@dataclass(frozen=True)
class Checked:
    """One stack file and all that was found in it. `judgement` is None where the file cannot be read well enough for the rules."""

    loaded: Loaded
    judgement: Judgement | None

    @property
    def shape(self) -> tuple[Problem, ...]:
        """What the contract refuses."""
        return self.loaded.problems

    @property
    def rules(self) -> tuple[Problem, ...]:
        """What the rules refuse or warn of, with file and line. A key that the contract refuses already is not told twice."""
        told = {problem.key for problem in self.shape}
        found = self.judgement.problems if self.judgement else ()
        return tuple(self.loaded.locate(problem) for problem in found if problem.key not in told)

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What is to be known and stops nothing, with file and line."""
        return tuple(self.loaded.locate(note) for note in self.judgement.notes) if self.judgement else ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that stops or warns, in the order of the file."""
        return tuple(sorted((*self.shape, *self.rules), key=lambda problem: problem.line or 0))

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """Everything that stops."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.REFUSE)

    @property
    def recovery(self) -> tuple[RecoveryVerdict, ...]:
        """The verdict on each recovery target."""
        return tuple(self.judgement.recovery.values()) if self.judgement else ()


def check(stacks: Sequence[str], folder: Path, as_json: bool) -> int:
    """Judge the files of `stacks` in `folder` and print what was found; returns the exit code, 3 if anything is refused."""
    prices = price_table.load(folder)
    checked = [_checked(stack, folder, prices) for stack in stacks]
    if as_json:
        screen.document("check", {"environments": {one.loaded.stack: _as_data(one) for one in checked}})
    else:
        for line in _lines(checked):
            screen.say(line)
    return CONFIGURATION if any(one.refusals for one in checked) else GOOD


def _checked(stack: str, folder: Path, prices: PriceTable) -> Checked:
    loaded = stack_file.load(stack, folder)
    readable = loaded.environment or loaded.legible
    return Checked(loaded, judge(readable, prices) if readable is not None else None)


def _lines(checked: Sequence[Checked]) -> Iterator[str]:
    """One broken file alone is nothing but its problems; everything else begins with the table."""
    broken = [one for one in checked if one.refusals]
    if len(checked) > 1 or not broken:
        yield from screen.table(_table(checked))
    for one in checked:
        for problem in one.problems:
            yield _told(problem)
    if len(checked) > 1 or not broken:
        yield from screen.table(_notes(checked))
    yield _verdict(checked)


def _told(problem: Problem) -> str:
    return f"warning: {problem}" if problem.severity is Severity.WARN else str(problem)


def _table(checked: Sequence[Checked]) -> Iterator[tuple[str, ...]]:
    """Three rows, a column for each environment, and how many of the rules were judged at all."""
    yield ("", *(one.loaded.stack for one in checked))
    yield ("contract", *(_cell(one.shape) for one in checked))
    here = f"{JUDGED_HERE} of {len(RULES)} judged here, {NEEDS_THE_SERVER} need the server"
    yield ("rules", *(_cell(_without_recovery(one.rules)) if one.judgement else "not judged" for one in checked), f"  {here}")
    yield ("recovery", *(_recovery_cell(one) for one in checked))


def _without_recovery(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(problem for problem in problems if problem.rule != _RECOVERY)


def _cell(problems: Sequence[Problem]) -> str:
    refused = sum(problem.severity is Severity.REFUSE for problem in problems)
    if refused:
        return _many(refused, "problem")
    return _many(len(problems), "warning") if problems else "ok"


def _recovery_cell(one: Checked) -> str:
    if one.judgement is None:
        return "not judged"
    refused = sum(verdict.refused for verdict in one.recovery)
    if refused:
        return _many(refused, "problem")
    accepted = sum(verdict.outcome is not Outcome.MET for verdict in one.recovery)
    return _many(accepted, "note") if accepted else "ok"


def _notes(checked: Sequence[Checked]) -> Iterator[tuple[str, str, str, str]]:
    """Every note once, with the environments that share it."""
    shared: dict[tuple[str, str], list[str]] = {}
    for one in checked:
        for verdict in one.recovery:
            if verdict.outcome is not Outcome.MET and verdict.accepted is not None:
                text = f'{verdict.why}; accepted: "{verdict.accepted}"'
                shared.setdefault((verdict.failure, text), []).append(one.loaded.stack)
        for note in one.notes:
            if note.rule != _RECOVERY:
                shared.setdefault((note.rule, note.message), []).append(one.loaded.stack)
    for (subject, text), stacks in shared.items():
        yield "note", "all" if len(stacks) == len(checked) > 1 else ", ".join(stacks), subject, text


def _verdict(checked: Sequence[Checked]) -> str:
    number = sum(len(one.refusals) for one in checked)
    if number:
        fit = sum(not one.refusals for one in checked)
        others = f"{fit} of {len(checked)} environments are fit to deploy; " if len(checked) > 1 else ""
        unread = "; the rules judge once the file can be read" if any(one.judgement is None for one in checked) else ""
        return f"{others}{_many(number, 'problem')}, nothing was registered{unread}"
    warnings = sum(len(one.problems) for one in checked)
    fit_ones = f"{checked[0].loaded.stack} is" if len(checked) == 1 else f"{len(checked)} environments are"
    return f"{fit_ones} fit to deploy{', ' + _many(warnings, 'warning') if warnings else ''}"


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _as_data(one: Checked) -> dict[str, object]:
    return {
        "file": one.loaded.path.name,
        "ok": not one.refusals,
        "problems": [_problem_as_data(problem) for problem in one.problems],
        "notes": [_problem_as_data(note) for note in one.notes],
        "recovery": {verdict.failure: _verdict_as_data(verdict) for verdict in one.recovery},
        "rules": {"total": len(RULES), "judged": JUDGED_HERE if one.judgement else 0, "need_the_server": NEEDS_THE_SERVER},
    }


def _problem_as_data(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "key": problem.key,
        "found": problem.found,
        "rule": problem.rule,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
    }


def _verdict_as_data(verdict: RecoveryVerdict) -> dict[str, object]:
    best = verdict.possible
    return {
        "declared": {"rpo_minutes": verdict.declared.rpo_minutes, "rto_minutes": verdict.declared.rto_minutes},
        "possible": {"rpo_minutes": best.rpo_minutes, "rto_minutes": best.rto_minutes, "promised": best.promised, "by": best.by},
        "verdict": verdict.outcome,
        "why": verdict.why,
        "accepted": verdict.accepted,
    }
