"""A request to a service that may be slow, busy or away: one answer within bounds, and how long to wait before the next try.

Nothing here follows a redirect or tries again by itself: who asks knows where its words may go and what may be asked twice.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.edges.arm_retry import Deadline
from scripts.edges.exits import UNREACHABLE, Exit, Failure

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest, HttpResponse

# A page of prices or comments comes within a second or two; a service that is silent for so long will not speak.
READ_SECONDS = 20.0
LOST = "cannot be reached, or its answer was cut short"
Waits = Callable[[str], None]


class Again(Exception):
    """An answer that may be better the next time; `seconds` as the service asks for."""

    def __init__(self, code: Exit, fact: str, seconds: float | None = None) -> None:
        super().__init__(fact)
        self.code, self.fact, self.seconds = code, fact, seconds


@dataclass(frozen=True, kw_only=True)
class Patience:
    """With whom (`name`, as sentences begin), about what (`where`), and until when; `waits` hears why before each wait."""

    name: str
    where: str
    hint: str
    deadline: Deadline
    waits: Waits

    def pause(self, again: Again, pauses: Iterator[float]) -> None:
        """Wait as long as the service asks, else as `pauses` says. Raises Failure where the deadline is sooner."""
        pause = again.seconds if again.seconds is not None else next(pauses)
        if pause >= self.deadline.left:
            raise Failure(again.code, f"{self.name} {again.fact}", where=self.where, hint=self.hint) from None
        self.waits(f"{self.where}: {self.name} {again.fact}; asking again in {pause:.0f} s")
        time.sleep(pause)

    def answer(
        self, through: PipelineClient[Any, Any], request: HttpRequest, *, most_bytes: int, too_long: Failure
    ) -> tuple[HttpResponse, bytes]:
        """The answer, whatever its status, and its body. Raises Again for one that is lost or endless, `too_long` past `most_bytes`."""
        from azure.core.exceptions import AzureError

        seconds = max(0.1, min(READ_SECONDS, self.deadline.left))
        try:
            got = through.send_request(request, stream=True, connection_timeout=seconds, read_timeout=seconds)
            return got, _body(got, self.deadline, most_bytes, too_long)
        except AzureError:
            raise Again(UNREACHABLE, LOST) from None


def pauses(first: float, most: float) -> Iterator[float]:
    """Seconds between tries: each twice the last, up to `most`."""
    while True:
        yield first
        first = min(first * 2, most)


def client(address: str) -> PipelineClient[Any, Any]:
    """Neither redirects nor retries of its own."""
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import UserAgentPolicy

    made: PipelineClient[Any, Any] = PipelineClient(address, policies=[UserAgentPolicy("agent-memory")])
    return made


def asked_seconds(header: str | None) -> float | None:
    """What a Retry-After asks for in seconds; None for none, and for a date."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else None


def _body(got: HttpResponse, deadline: Deadline, most_bytes: int, too_long: Failure) -> bytes:
    """As far as it comes within the deadline: a service that trickles must not hold us for ever."""
    body = bytearray()
    with contextlib.closing(got):
        for piece in got.iter_bytes():
            body += piece
            if len(body) > most_bytes:
                raise too_long
            if not deadline.left:
                raise Again(UNREACHABLE, "does not come to an end")
    return bytes(body)
