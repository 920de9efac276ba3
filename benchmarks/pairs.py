"""Runs ours and the peer in turn and turns the seconds into one row of figures."""

from __future__ import annotations

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


def in_turn(figure: str, ours: Callable[[], float], peer: str, theirs: Callable[[], float], *, pairs: int, at_most: float) -> Row:
    """Measure `pairs` times ours and the peer, one after the other; both give seconds. `at_most` is the goal for the ratio."""
    seconds = [(ours(), theirs()) for _ in range(pairs)]
    ratios = [mine / other for mine, other in seconds]
    middle = median(ratios)
    return Row(
        figure=figure,
        ours_s=round(median(mine for mine, _ in seconds), 4),
        peer=peer,
        peer_s=round(median(other for _, other in seconds), 4),
        ratio=round(middle, 2),
        ratio_min=round(min(ratios), 2),
        ratio_max=round(max(ratios), 2),
        pairs=pairs,
        goal=f"ratio at most {at_most:g}",
        met=middle <= at_most,
    )
