"""Which vector sets of an environment a command is about."""

from __future__ import annotations

from infra.domain.environment import Environment, VectorSet
from scripts.edges.exits import USAGE, Failure


def chosen(environment: Environment, only: str | None) -> list[VectorSet]:
    """The vector sets that are meant: all, those of a table, or the one of a table and column. Raises Failure for none."""
    names = [f"{each.table}.{each.column}" for each in environment.vector_sets]
    found = [each for each in environment.vector_sets if only in (None, each.table, f"{each.table}.{each.column}")]
    if not found:
        says = f"no vector set of {environment.name} is {only}" if only else f"{environment.name} declares no vector sets"
        raise Failure(USAGE, says, hint=f"there are {', '.join(names)}" if names else "vector_sets in the stack file")
    return found
