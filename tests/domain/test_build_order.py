"""The order of a plan: quick steps first, and of the builds the largest, so that trouble shows at once."""

from __future__ import annotations

from infra.domain.build_order import ordered
from infra.domain.environment import Environment, VectorSet
from infra.domain.steps import BuildIndex, DropIndex, Status, Step
from tests.builders import build_environment


def _build(vector_set: VectorSet, rows: int) -> Step:
    wanted = vector_set.model_copy(update={"expected_rows": rows})
    action = BuildIndex(name=f"near_{rows}", vector_set=wanted, index=wanted.index, cast=False)
    return Step(key=f"set {rows}", status=Status.DO, says="build", action=action)


def test_the_largest_build_comes_first_and_after_everything_quick() -> None:
    declared: Environment = build_environment()
    first = declared.vector_sets[0]
    drop = Step(key="left over", status=Status.DO, says="drop", action=DropIndex(name="old_ccnew"))
    steps = [_build(first, 100), drop, _build(first, 10_000), _build(first, 1_000)]
    assert [step.key for step in ordered(steps)] == ["left over", "set 10000", "set 1000", "set 100"]
