"""The plans of the five environments are as they were when somebody last read them."""

from __future__ import annotations

import difflib

import pytest

from infra.domain.environment import STACKS
from scripts.edges import input_types
from scripts.edges.capture import MARKER, Mode
from tests.infra.plans import GOLDEN, plan_of


@pytest.mark.parametrize("stack", STACKS)
def test_plan_is_the_one_that_was_read(stack: str) -> None:
    golden = (GOLDEN / f"{stack}.json").read_text(encoding="utf-8").splitlines()
    found = plan_of(stack).to_json().splitlines()
    difference = "\n".join(difflib.unified_diff(golden, found, "golden", "now", lineterm="", n=2))
    assert not difference, (
        f"the plan of {stack} has changed; if it should: python -m tests.infra.regenerate, and read the diff\n{difference}"
    )


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("mode", Mode)
def test_every_input_fits_the_types_of_the_sdk(stack: str, mode: Mode) -> None:
    assert [str(problem) for problem in input_types.check(plan_of(stack, mode=mode))] == []


@pytest.mark.parametrize("stack", STACKS)
def test_first_preview_registers_what_a_later_one_does(stack: str) -> None:
    def shape(mode: Mode) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(item.type, item.name, item.depends_on) for item in plan_of(stack, mode=mode).registrations]

    assert shape(Mode.UNKNOWN) == shape(Mode.RESOLVED)


@pytest.mark.parametrize("stack", STACKS)
def test_no_plan_holds_the_password(stack: str) -> None:
    plan = plan_of(stack)
    assert plan.find("memory-server-postgresql").inputs["administratorLoginPassword"] == "[secret]"
    assert MARKER not in plan.to_json()
    assert MARKER not in (GOLDEN / f"{stack}.json").read_text(encoding="utf-8")
