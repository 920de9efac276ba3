"""A long command told phase by phase: each with its seconds, its verdict and its evidence, for eyes and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from scripts.edges import screen


class Tell(Protocol):
    """What the block of a phase calls once, at its end: the evidence, and whether it went well."""

    def __call__(self, evidence: str, ok: bool = True) -> None: ...


@dataclass(frozen=True)
class Phase:
    """One phase: how long it took in seconds, whether it went well, and what shows it."""

    name: str
    seconds: float
    ok: bool
    evidence: str

    def as_json(self) -> dict[str, object]:
        """The phase with the stable names of JSON output."""
        return {"name": self.name, "seconds": self.seconds, "verdict": "ok" if self.ok else "failed", "evidence": self.evidence}


@dataclass
class Phases:
    """The phases so far; each prints its line on stdout as it ends, unless `quiet`. With `events` what happens within is told as JSON."""

    quiet: bool = False
    events: bool = False
    done: list[Phase] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[Tell]:
        """Times a block. The block tells its evidence; one that raises leaves no phase behind."""
        told: list[tuple[str, bool]] = []
        watch = screen.Stopwatch()
        tell: Callable[..., None] = lambda evidence, ok=True: told.append((evidence, ok))  # noqa: E731
        yield tell
        evidence, ok = told[-1]
        self.done.append(Phase(name, watch.seconds, ok, evidence))
        if not self.quiet:
            screen.say(f"  {name:<16}{watch.seconds:>6.1f} s  {evidence}")

    @property
    def ok(self) -> bool:
        """Whether everything so far went well."""
        return all(phase.ok for phase in self.done)

    @property
    def failed(self) -> Phase | None:
        """The first phase that did not go well."""
        return next((phase for phase in self.done if not phase.ok), None)
