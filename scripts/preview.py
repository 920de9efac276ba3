"""`agentmem preview`: what the Pulumi program asks for, and what a change of it does; captured, without an engine and without credentials.

With something to compare with (a commit, an exported state, a preview of the engine) the exit code is bad when a change must not pass:
in uat and prod data loss, what is irreversible, the unknown, weaker recovery and weaker security; in dev, test and staging data loss
alone. A refused transition rule and a stack that could not be judged never pass. `guard.overrides` lets a named key pass.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from infra.domain.changes import comment, engine, plan_hash, report as reports, told
from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.changes.classify import classify
from infra.domain.changes.recovery_delta import CONTRACT
from infra.domain.changes.report import Report, StackReport
from infra.domain.changes.steps import of_plans
from infra.domain.environment import STACKS, Environment
from infra.domain.parsing import parse
from infra.domain.prices import PriceTable
from infra.domain.problem import Invalid, Problem
from infra.domain.registrations import UNKNOWN, Plan
from scripts.edges import base_commit, capture, price_table, report, screen, side_by_side, stack_file
from scripts.edges.clock import utc_now
from scripts.edges.exits import BAD, BUG, CONFIGURATION, GOOD, USAGE, Failure
from scripts.edges.side_by_side import Captured

FORMS = ("text", "markdown", "json", "html")


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What to compare with, one of them: a commit, a file of `pulumi stack export`, or one of `pulumi preview --json`."""

    against: str | None = None
    state: Path | None = None
    engine_preview: Path | None = None

    @property
    def number(self) -> int:
        """How many of them are named."""
        return sum(each is not None for each in (self.against, self.state, self.engine_preview))


def run(stacks: Sequence[str], folder: Path, sources: Sources, *, form: str, output: Path | None, unknown: bool = False) -> int:
    """The verb with all of its options: one plan as it is, or a report of what changes. Raises Failure for options that do not fit."""
    if sources.number > 1:
        raise Failure(USAGE, "one thing to compare with: a commit, a state or a preview", hint="--against, --state or --engine-preview")
    if sources.number == 0:
        if len(stacks) != 1 or form not in ("text", "json") or output is not None:
            raise Failure(USAGE, "there is nothing to compare with", hint="--against main, --state FILE or --engine-preview FILE")
        return preview(stacks[0], folder, as_json=form == "json", unknown=unknown)
    if len(stacks) != 1 and sources.against is None:
        raise Failure(USAGE, "a state or a preview is of one stack", hint="name it with --stack")
    if unknown:
        raise Failure(USAGE, "--unknown shows one plan, it does not compare", hint="leave it out")
    return compare(stacks, folder, sources, form=form, output=output)


def compare(stacks: Sequence[str], folder: Path, sources: Sources, *, form: str, output: Path | None) -> int:
    """Write the report of what changes in these stacks. A failure is written too, in the same form, before it is raised."""
    try:
        found = _report(stacks, folder, sources)
    except (Failure, Invalid) as error:
        why = error.fact if isinstance(error, Failure) else str(error)
        _write(Report(stacks=tuple(reports.not_judged(stack, why) for stack in stacks), compared=""), form, output)
        raise
    _write(found, form, output)
    if all(stack.failed for stack in found.stacks):
        return CONFIGURATION
    return BAD if found.stops else GOOD


def _report(stacks: Sequence[str], folder: Path, sources: Sources) -> Report:
    if sources.against is not None:
        return _against(stacks, folder, sources.against)
    (stack,) = stacks
    path = sources.state or sources.engine_preview or Path()
    try:
        if sources.engine_preview is not None:
            compared, changes = (
                "what Azure has to what the engine plans",
                engine.steps_of_preview(_json(path), capture.PROJECT, stack),
            )
        else:
            loaded = stack_file.load(stack, folder)
            held = engine.plan_of_state(_json(path), capture.PROJECT, stack)
            compared, changes = "what the state holds to this commit", of_plans(held, plan_of(loaded, capture.Mode.RESOLVED))
    except engine.NotReadable as broken:
        raise Failure(BAD, f"{path.name} cannot be judged: {broken}", hint="a whole document, of this project and stack") from None
    except RecursionError:
        raise Failure(BAD, f"{path.name} cannot be judged: it is nested too deeply", hint="a whole document, as the CLI wrote it") from None
    environment = stack_file.load(stack, folder).environment
    judged = reports.of_stack(stack, classify(changes), new=environment, today=_today(), prices=price_table.load(folder))
    return Report(stacks=(judged,), compared=compared)


def _json(path: Path) -> Any:
    """The JSON document in a file; one that was cut short is a failure, never an empty plan."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Failure(USAGE, f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Failure(BAD, f"{path.name} is no JSON document: was it cut short?", hint="write it again") from None


def _against(stacks: Sequence[str], folder: Path, revision: str) -> Report:
    """Base and head of every stack. Raises Failure where the base has no stack file at all: then there is nothing to compare."""
    prices = price_table.load(folder)
    with base_commit.files_of(revision, folder) as base:
        if not any((base.folder / f"Pulumi.{stack}.yaml").exists() for stack in STACKS):
            raise Failure(BAD, f"{base.told} has no stack files here, so nothing can be compared", hint="is --folder the project's?")
        before, after = side_by_side.capture_both(base.folder, folder, stacks)
        compared = f"{base.told} to {base_commit.head_of(folder) or 'this tree'}"
        return Report(stacks=tuple(_both(stack, before[stack], after[stack], prices) for stack in stacks), compared=compared)


def hash_of(stack: str, folder: Path) -> str:
    """The hash of what this tree asks for, as the comment of a preview carries it. Raises Invalid for a stack file that is not fit."""
    loaded = stack_file.load(stack, folder)
    return plan_hash.of_stack(plan_of(loaded, capture.Mode.RESOLVED), loaded.values)


def _both(stack: str, before: Captured, after: Captured, prices: PriceTable) -> StackReport:
    """The report of one stack on both sides; a side that cannot be captured leaves nothing known."""
    if before.missing and after.missing:
        return reports.not_judged(stack, f"neither commit has Pulumi.{stack}.yaml")
    old, new = _environment(before, stack), _environment(after, stack)
    for side, where in ((after, "this commit"), (before, "the base commit")):
        if side.problems:
            why = f"in {where}: {'; '.join(side.problems)}"
            return reports.of_stack(stack, (), old=old, new=new, today=_today(), failed=why, prices=prices)
    if after.plan is None:
        return reports.of_stack(stack, (_abandoned(stack),), today=_today())
    notes = (f"Pulumi.{stack}.yaml is new: the base commit does not have it",) if before.plan is None else ()
    changes = classify(of_plans(before.plan or Plan(stack=stack), after.plan))
    judged = reports.of_stack(stack, changes, old=old, new=new, today=_today(), notes=notes, prices=prices)
    return replace(judged, plan_hash=plan_hash.of_stack(after.plan, after.values))


def _abandoned(stack: str) -> Change:
    """A stack file that is gone deletes nothing, and nobody can say from files what becomes of the stack."""
    name = f"Pulumi.{stack}.yaml"
    return Change(
        urn=f"urn:agentmem:{stack}::agent-memory::{CONTRACT}::{name}", type=CONTRACT, operation=Operation.DELETE, danger=Danger.UNKNOWN,
        path="", old=name, new=None, why=f"{name} is gone: what stands in Azure stays, is billed, and nobody looks after it any more",
        instead="destroy the stack first, or keep the file",
    )  # fmt: skip


def _environment(side: Captured, stack: str) -> Environment | None:
    """The contract of a side, None where this version cannot read it: then recovery is unknown, and says so."""
    try:
        return parse(side.values, stack) if side.values else None
    except Invalid:
        return None


def _write(found: Report, form: str, output: Path | None) -> None:
    if form == "json":
        text = screen.as_document("preview", told.document(found))
    elif form == "markdown":
        text = comment.markdown(found)
    elif form == "html":
        text = report.render("preview.html.j2", **told.page(found))
    else:
        text = "\n".join(told.lines(found)) + "\n"
    if output is None:
        screen.say(text.rstrip("\n"))
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(USAGE, f"{output} cannot be written: {error.strerror}") from None


def _today() -> date:
    return utc_now().date()


def preview(stack: str, folder: Path, *, as_json: bool, unknown: bool) -> int:
    """Print the plan of `stack`; returns the exit code. Raises Invalid when the stack file is not fit to plan from."""
    plan = plan_of(stack_file.load(stack, folder), capture.Mode.UNKNOWN if unknown else capture.Mode.RESOLVED)
    problems = mistakes(plan)
    if as_json:
        screen.document("preview", _document(plan, problems))
        return BUG if problems else GOOD
    screen.say(f"preview {stack} · what the program asks for, not what Azure has")
    for line in plan.tree():
        screen.say(f"  {'+' if line.resource else ' '} {line}")
    for problem in problems:
        screen.talk(str(problem))
    screen.say(f"{plan.count} to create, nothing was created; next: pulumi up --stack {stack}")
    return BUG if problems else GOOD


def plan_of(loaded: stack_file.Loaded, mode: capture.Mode) -> Plan:
    """The captured plan of a stack file; a password that is not set yet is made up, and masked like any other."""
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    config = capture.configuration_of(loaded.values)
    try:
        return capture.capture(capture.PROJECT, loaded.stack, config, mode=mode)
    except Invalid as invalid:
        raise Invalid(tuple(loaded.locate(problem) for problem in invalid.problems)) from None


def mistakes(plan: Plan) -> tuple[Problem, ...]:
    """Inputs that the SDK's own types do not allow: a bug of the program, never of the stack file."""
    from scripts.edges import input_types

    return input_types.check(plan)


def _document(plan: Plan, problems: tuple[Problem, ...]) -> dict[str, Any]:
    changes = [
        {"urn": item.urn, "operation": "create", "type": item.type, "name": item.name, "protect": item.protect, "new": dict(item.inputs)}
        for item in plan.resources
    ]
    unknown = [item.urn for item in plan.resources if UNKNOWN in str(item.inputs)]
    return {
        "environment": plan.stack,
        "changes": changes,
        "summary": {"create": plan.count},
        "unknown": unknown,
        "outputs": dict(plan.outputs),
        "problems": [str(problem) for problem in problems],
    }
