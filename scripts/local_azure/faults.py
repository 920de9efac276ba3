"""Faults on demand: what shall go wrong, for which requests, how many times."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from scripts.local_azure.refusal import Refusal, internal_error


class Effect(StrEnum):
    """What a fault does to the request that it meets."""

    REFUSE = "refuse"
    """The request is answered with `status`, `code`, `message`; nothing happens."""
    FAIL = "fail"
    """A write is accepted, and its operation fails at the first poll with `code`, `message`: the second face of busy."""
    SLOW = "slow"
    """A write is accepted and its operation takes `seconds` longer."""
    LOSE = "lose"
    """The connection ends without an answer, before the request is done, or after it with `done`."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing to go wrong, `times` times, for requests whose method and id match.

    `method` and `pattern` are shell patterns compared without regard to case: "PUT", "*", "*/flexibleServers/zep-prod*". For an
    action the id ends in the action's name ("*/restart") and the method is POST; where the question is how an operation
    stands, the method is POLL. `seconds` is Retry-After for REFUSE.
    """

    effect: Effect
    method: str = "*"
    pattern: str = "*"
    times: int = 1
    status: int = 409
    code: str = "ServerIsBusy"
    message: str = "a fault was asked for here"
    seconds: float | None = None
    done: bool = False

    def meets(self, method: str, resource_id: str) -> bool:
        """True if this request is one of those meant."""
        return fnmatch.fnmatchcase(method.upper(), self.method.upper()) and fnmatch.fnmatchcase(resource_id.lower(), self.pattern.lower())

    def refusal(self) -> Refusal:
        """The answer of a REFUSE or FAIL fault; a 500 gets Azure's own form with a fresh tracking id."""
        if self.status == 500 and self.effect is Effect.REFUSE:
            return internal_error()
        return Refusal(self.status, self.code, self.message, retry_after_seconds=self.seconds)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fault:
        """A fault told by another process. Raises ValueError for an unknown key or effect."""
        unknown = set(values) - {each.name for each in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        return cls(**{**values, "effect": Effect(values["effect"])})


class FaultPlan:
    """The faults still to come, first in first out. Safe to use from several threads."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int]] = [(fault, fault.times) for fault in faults]

    def add(self, fault: Fault) -> None:
        """Puts one more fault at the end."""
        with self._lock:
            self._left.append((fault, fault.times))

    def take(self, method: str, resource_id: str) -> Fault | None:
        """The fault that this request meets, used up by one; None when all goes well."""
        with self._lock:
            for at, (fault, left) in enumerate(self._left):
                if fault.meets(method, resource_id):
                    self._left[at : at + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
        return None

    def clear(self) -> None:
        """Forgets what has not happened yet."""
        with self._lock:
            self._left.clear()

    def left(self) -> list[dict[str, Any]]:
        """What has not happened yet, as JSON values; `times` counts what is left."""
        with self._lock:
            return [{**asdict(fault), "times": left} for fault, left in self._left]
