"""Writes the golden plans anew: `python -m tests.infra.regenerate`. Read the difference before you commit it."""

from __future__ import annotations

from infra.domain.environment import STACKS
from tests.infra.plans import GOLDEN, plan_of


def main() -> None:
    """One file a stack, in canonical form."""
    GOLDEN.mkdir(exist_ok=True)
    for stack in STACKS:
        (GOLDEN / f"{stack}.json").write_text(plan_of(stack).to_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
