"""In which order the steps of a plan are carried out: everything quick first, then the index builds, the largest first."""

from __future__ import annotations

from collections.abc import Iterable

from infra.domain import vectors
from infra.domain.steps import BuildIndex, Step


def ordered(steps: Iterable[Step]) -> list[Step]:
    """The steps as they are to be done; steps of equal rank keep their order.

    One build at a time has all the memory. The largest goes first: if the time or the disk does not suffice, that shows at once,
    and what is left then is quick.
    """
    return sorted(steps, key=_rank)


def _rank(step: Step) -> tuple[bool, int]:
    action = step.action
    if not isinstance(action, BuildIndex):
        return False, 0
    vector_set = action.vector_set
    return True, -vectors.build_bytes(vector_set.expected_rows, vector_set, action.index)
