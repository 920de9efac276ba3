"""The shipped contracts, and edited ones, for tests that compare two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infra.domain.environment import Environment
from scripts.edges.stack_file import read

_ROOT = Path(__file__).resolve().parents[3]


def shipped(stack: str = "prod") -> Environment:
    """The contract of a stack as it is shipped."""
    return read(stack, _ROOT)


def edited(environment: Environment, part: str, **values: Any) -> Environment:
    """The same with other values in one part (`backup`, `guard`), or for the part itself where only `value` is given."""
    if set(values) == {"value"}:
        return environment.model_copy(update={part: values["value"]})
    return environment.model_copy(update={part: getattr(environment, part).model_copy(update=values)})


def with_first_set(environment: Environment, **values: Any) -> Environment:
    """The same with other values in the first vector set."""
    first, *others = environment.vector_sets
    return environment.model_copy(update={"vector_sets": (first.model_copy(update=values), *others)})
