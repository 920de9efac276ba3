"""Draws recall against latency, a curve a vector set, as PNG or SVG; the same measurements give the same file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.edges.exits import BAD, Failure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Readable in a page of documentation without being enlarged: 8 by 5 inches, and 120 dots an inch for PNG.
_INCHES, _DOTS = (8.0, 5.0), 120
# Colours that people who see no red or green tell apart (Okabe and Ito); markers differ too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osD^vP"


@dataclass(frozen=True)
class Curve:
    """One vector set: points of (p50 in milliseconds, recall, standard error, setting), by rising setting, and the setting to mark."""

    title: str
    floor: float
    points: Sequence[tuple[float, float, float, int]]
    marked: int | None


def draw(path: Path, curves: Sequence[Curve], *, heading: str) -> None:
    """Write the picture; the ending of `path` says which kind. Raises Failure when it cannot be written."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # A fixed salt and no date: a picture of the same figures is the same file.
    with rc_context({"svg.hashsalt": "agentmem", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.subplots()
        for number, curve in enumerate(curves):
            _curve(axes, curve, _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)])
        axes.set(xscale="log", xlabel="latency of a search, median, in ms", ylabel="recall@10 against exact search", title=heading)
        axes.xaxis.set_major_formatter(_plain)
        axes.xaxis.set_minor_formatter(_plain)
        axes.grid(visible=True, which="both", alpha=0.25)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=_DOTS, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
        except OSError as error:
            raise Failure(BAD, f"cannot be written: {error.strerror}", where=str(path)) from None


def _plain(value: float, position: float) -> str:
    """Milliseconds as people write them, at 1, 2 and 5: more would overlap."""
    return f"{value:g}" if f"{value:e}"[0] in "125" else ""


def _curve(axes: Axes, curve: Curve, colour: str, marker: str) -> None:
    """A line with error bars of one standard error, each point named by its setting, the floor dashed."""
    latencies, recalls, errors, settings = zip(*curve.points, strict=True)
    axes.errorbar(latencies, recalls, yerr=errors, color=colour, marker=marker, capsize=3, linewidth=1.5, label=curve.title)
    axes.axhline(curve.floor, color=colour, linestyle="--", linewidth=1, alpha=0.7, label=f"floor {curve.floor}")
    for latency, share, setting in zip(latencies, recalls, settings, strict=True):
        weight = "bold" if setting == curve.marked else "normal"
        axes.annotate(str(setting), (latency, share), textcoords="offset points", xytext=(6, -12), fontsize=9, color=colour, weight=weight)
