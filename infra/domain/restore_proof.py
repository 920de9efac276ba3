"""What a restored database must have in common with the manifest of its copy beside its rows: vectors and exact answers."""

from __future__ import annotations

import math
from collections.abc import Iterable

from infra.domain.manifest import Extension, Query, VectorColumn
from infra.domain.problem import Verdict

# Two builds of pgvector may add the same numbers in another order: as far as that moves a distance or a length.
TOLERANCE = 1e-6


def vectors(expected: Iterable[VectorColumn], found: Iterable[VectorColumn]) -> tuple[Verdict, ...]:
    """How the vectors of a database differ from those of the copy: one verdict a column that differs, empty if none does."""
    there = {(each.table_schema, each.table, each.column): each for each in found}
    wrong = []
    for each in expected:
        key = (each.table_schema, each.table, each.column)
        other = there.get(key)
        if other is None or not _alike(each, other):
            says = "is missing" if other is None else "has other vectors than the copy"
            wrong.append(Verdict(ok=False, reason=f"{'.'.join(key)}: {says}", expected=each, found=other))
    return tuple(wrong)


def answers(expected: Iterable[Query], found: Iterable[Query]) -> tuple[Verdict, ...]:
    """The queries whose exact nearest are not those of the copy."""
    pairs = zip(expected, found, strict=True)
    other = [(each, there) for each, there in pairs if not _close(each.distances, there.distances)]
    says = "{0.table_schema}.{0.table}.{0.column}: a query of the copy has another answer"
    return tuple(Verdict(ok=False, reason=says.format(each), expected=each, found=there) for each, there in other)


def extensions(expected: Iterable[Extension], offered: dict[str, str]) -> dict[str, str]:
    """The extensions of a copy that a server has, with the version that it makes."""
    return {each.name: offered[each.name] for each in expected if each.name in offered}


def _alike(one: VectorColumn, other: VectorColumn) -> bool:
    counts = ("type", "dimensions", "rows", "nulls", "zeros")
    lengths = [(one.shortest, other.shortest), (one.mean, other.mean), (one.longest, other.longest)]
    same = all(getattr(one, name) == getattr(other, name) for name in counts)
    return same and all(_close([a] if a is not None else [], [b] if b is not None else []) for a, b in lengths)


def _close(one: Iterable[float], other: Iterable[float]) -> bool:
    pairs = list(one), list(other)
    return len(pairs[0]) == len(pairs[1]) and all(
        math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for a, b in zip(*pairs, strict=True)
    )
