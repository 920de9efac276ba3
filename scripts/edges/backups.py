"""The backups of one server through the SDK: listed, taken on demand, deleted; an operation that a killed command began is found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.domain.copies import Listed
from scripts.edges.arm import Arm, ServerFacts, word
from scripts.edges.arm_retry import Deadline, finish, patiently
from scripts.edges.exits import BUSY, REFUSED, Failure

if TYPE_CHECKING:
    from azure.core.polling import LROPoller

ON_DEMAND = "Customer On-Demand"
# Recorded: 80 s on an empty server. The copy of a disk that was never copied takes longer; half an hour is one that hangs.
TAKE_SECONDS = 1800.0
# 1 s and 15 s recorded.
DROP_SECONDS = 600.0
# The status with which the SDK raises for an operation that was taken and then failed.
FAILED_OPERATION = 200
Keep = Callable[[str | None], None]
Waits = Callable[[str], None]
Watch = Callable[[str], None]


@dataclass(frozen=True)
class Shelf:
    """What Azure has of a server now: its facts, its restore window, its backups (oldest first)."""

    facts: ServerFacts
    earliest: datetime | None
    backups: tuple[Listed, ...]


class Backups:
    """The backups of one server. Every method raises Failure; `waits` hears why something is asked again."""

    def __init__(self, azure: Arm, group: str, server: str, waits: Waits = lambda reason: None) -> None:
        self._azure = azure
        self._sdk = azure.sdk.backups_automatic_and_on_demand
        self._group = group
        self._server = server
        self._waits = waits

    def look(self, seconds: float = DROP_SECONDS) -> Shelf:
        """What is there now."""
        deadline = Deadline(seconds)
        facts = patiently(lambda: self._azure.server(self._group, self._server), self._server, deadline, self._waits)
        earliest = datetime.fromisoformat(facts.earliest_restore) if facts.earliest_restore else None
        return Shelf(facts, earliest, self._listed(deadline))

    def take(self, name: str, token: str | None, keep: Keep, seconds: float = TAKE_SECONDS, watch: Watch = lambda moment: None) -> Listed:
        """The backup of this name once it is complete; one that is there or under way is not begun again.

        `token` resumes an operation; `keep` is told the token of one that was begun, or None once there is nothing to resume.
        Raises Failure; after BUSY and UNREACHABLE Azure may go on, and the same call later finds what became of it.
        """
        deadline = Deadline(seconds)

        def attempt() -> Listed:
            nonlocal token
            # The answer to the last try may have got lost, and not the try.
            if (found := self._complete(name, deadline)) is not None:
                return found
            resumed, token = token, None
            poller = self._resumed(name, resumed) if resumed else None
            if poller is None:
                poller = self._sdk.begin_create(self._group, self._server, name)
                watch("asked")
                keep(poller.continuation_token())
                watch("kept")
            return self._made(name, poller, deadline, keep, resumed=resumed is not None) or attempt()

        return patiently(attempt, self._server, deadline, self._waits)

    def drop(self, name: str, seconds: float = DROP_SECONDS) -> None:
        """Delete an on-demand backup and see that it is gone."""
        deadline = Deadline(seconds)

        def attempt() -> None:
            finish(self._sdk.begin_delete(self._group, self._server, name), self._server, deadline)

        patiently(attempt, self._server, deadline, self._waits)
        if self._find(name, deadline) is not None:
            raise Failure(REFUSED, f"{name} is still listed after it was deleted", where=self._server, hint="agentmem snapshot list")

    def _resumed(self, name: str, token: str) -> LROPoller[Any] | None:
        """The operation that a token tells of; None for a token that this SDK cannot read: the list shows what became of it."""
        try:
            return self._sdk.begin_create(self._group, self._server, name, continuation_token=token)
        except (ValueError, KeyError, TypeError):
            return None

    def _made(self, name: str, poller: LROPoller[Any], deadline: Deadline, keep: Keep, *, resumed: bool) -> Listed | None:
        """The backup that an operation made; None to begin anew, because the token of an earlier run led nowhere. Raises Failure."""
        try:
            finish(poller, self._server, deadline)
        except Failure as failure:
            error = failure.__cause__
            if error is None:
                raise
            found = self._complete(name, deadline)
            if found is not None:
                return found
            # A failed operation is told with status 200. Anything else is a lost poll: Azure goes on, and its token stays good.
            ended = getattr(error, "status_code", None) == FAILED_OPERATION
            if not ended and not resumed:
                raise
            keep(None)
            if ended:
                raise
            return None
        found = self._complete(name, deadline)
        if found is None:
            raise Failure(
                REFUSED, f"Azure says that {name} is made, and does not list it", where=self._server, hint="agentmem snapshot list"
            )
        return found

    def _complete(self, name: str, deadline: Deadline) -> Listed | None:
        """The backup if it is listed. Raises Failure (BUSY) if it is listed and still runs."""
        found = self._find(name, deadline)
        if found is not None and found.completed is None:
            raise Failure(BUSY, f"{name} is still running", where=self._server, hint="run this again later to go on waiting")
        return found

    def _find(self, name: str, deadline: Deadline) -> Listed | None:
        return next((each for each in self._listed(deadline) if each.name == name), None)

    def _listed(self, deadline: Deadline) -> tuple[Listed, ...]:
        found = patiently(lambda: list(self._sdk.list_by_server(self._group, self._server)), self._server, deadline, self._waits)
        backups = [_listed(each) for each in found]
        return tuple(sorted(backups, key=lambda each: each.completed or datetime.max.replace(tzinfo=UTC)))


def _listed(backup: Any) -> Listed:
    """`backup` is the SDK's, whose `properties` level can be read flat."""
    completed = backup.completed_time
    if completed is not None and completed.tzinfo is None:
        completed = completed.replace(tzinfo=UTC)
    return Listed(name=str(backup.name), on_demand=word(backup.backup_type) == ON_DEMAND, completed=completed)
