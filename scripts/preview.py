"""`agentmem preview`: what the Pulumi program asks for, captured without an engine and without credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infra.domain.problem import Invalid, Problem
from infra.domain.registrations import UNKNOWN, Plan
from scripts.edges import capture, screen, stack_file
from scripts.edges.exits import BUG, GOOD


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
