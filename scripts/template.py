"""`agentmem template`: what the Pulumi program asks for, as an ARM template for Checkov and PSRule; captured, without credentials."""

from __future__ import annotations

import json
from pathlib import Path

from infra.domain.arm_template import template
from infra.domain.problem import Invalid
from infra.domain.registrations import Plan
from scripts.edges import capture, screen, stack_file
from scripts.edges.exits import GOOD, USAGE, Failure


def run(stack: str, folder: Path, *, output: Path | None) -> int:
    """Write the template of `stack` to `output`, or to stdout; returns the exit code. Raises Invalid for a stack file with problems."""
    made = template(_plan_of(stack, folder))
    text = json.dumps(made, indent=2, ensure_ascii=False)
    if output is None:
        screen.say(text)
        return GOOD
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise Failure(USAGE, f"{output} cannot be written: {error.strerror}") from None
    exported, left_out = len(made["resources"]), len(made["metadata"]["leftOut"])
    screen.talk(f"{output}: {exported} resources of {stack}; {left_out} registrations have no form in a template, see leftOut")
    return GOOD


def _plan_of(stack: str, folder: Path) -> Plan:
    """The captured plan; a password that is not set yet is made up, and a parameter like any other secret."""
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    try:
        return capture.capture(capture.PROJECT, stack, capture.configuration_of(loaded.values), mode=capture.Mode.RESOLVED)
    except Invalid as invalid:
        raise Invalid(tuple(loaded.locate(problem) for problem in invalid.problems)) from None
