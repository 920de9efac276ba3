"""Runs ours and the peer in turn and turns the seconds into one row of figures."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One figure. `ratio` is the median of ours / peer taken within each pair; `goal` is the most it may be."""

    figure: str
    ours_s: float
    peer: str
    peer_s: float
    ratio: float
    ratio_min: float
    ratio_max: float
    pairs: int
    goal: str
    met: bool

    def as_json(self) -> dict[str, object]:
        """The row with the names that every benchmark prints."""
        return asdict(self)


def in_turn(figure: str, ours: Callable[[], float], peer: str, theirs: Callable[[], float], *, pairs: int, at_most: float | None) -> Row:
    """Measure `pairs` times ours and the peer, one after the other; both give seconds. `at_most` is the goal for the ratio, if any.

    Each pair is told on standard error as it ends: some take minutes.
    """
    seconds: list[tuple[float, float]] = []
    for number in range(1, pairs + 1):
        seconds.append((ours(), theirs()))
        print(f"{figure}: pair {number} of {pairs}: {seconds[-1][0]:.4g} s, {peer} {seconds[-1][1]:.4g} s", file=sys.stderr, flush=True)
    return of_pairs(figure, [mine for mine, _ in seconds], peer, [other for _, other in seconds], at_most)


def of_pairs(figure: str, ours: list[float], peer: str, theirs: list[float], at_most: float | None) -> Row:
    """The row of what was measured beforehand, where one run gives several figures. One that is no time has its unit in its name."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    middle = median(ratios)
    return Row(
        figure=figure,
        ours_s=round(median(ours), 4),
        peer=peer,
        peer_s=round(median(theirs), 4),
        ratio=_short(middle),
        ratio_min=_short(min(ratios)),
        ratio_max=_short(max(ratios)),
        pairs=len(ratios),
        goal="none" if at_most is None else f"ratio at most {_short(at_most):g}",
        met=at_most is None or middle <= at_most,
    )


def _short(ratio: float) -> float:
    """Three figures."""
    return float(f"{ratio:.3g}")
