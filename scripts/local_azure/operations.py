"""Long-running operations: accepted at once, done by a worker, one at a time per server, asked for by their id."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from scripts.local_azure import refusal, times
from scripts.local_azure.faults import Effect, Fault
from scripts.local_azure.refusal import Refusal
from scripts.local_azure.store import Store
from scripts.local_azure.trouble import Trouble

KEPT = 200
"""Ended operations that are remembered; Azure forgets them after some time too."""
FAST_SECONDS = 0.03
"""How long an operation lasts at Pace.FAST, besides the real work: long enough that a first poll meets it running."""
FAST_POLL_SECONDS = 0.05
"""What the door tells a client to wait between two polls at Pace.FAST."""

log = logging.getLogger(__name__)


class Pace(StrEnum):
    """How fast the cloud runs: for tests, or as recorded."""

    FAST = "fast"
    RECORDED = "recorded"


class Status(StrEnum):
    """The only three values ever seen in a poll (wire/server.md 1)."""

    RUNNING = "InProgress"
    DONE = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True)
class Timing:
    """Recorded length of an operation and the client's distance between polls, both in seconds."""

    seconds: float
    poll_seconds: float


@dataclass(frozen=True)
class Operation:
    """One operation as it stood when it was asked for. `retry_after_seconds` is below one at Pace.FAST: send it as retry-after-ms."""

    id: str
    name: str
    location_segment: str
    status: str
    start_time: datetime
    error: tuple[str, str] | None
    resource_id: str
    retry_after_seconds: float
    method: str = "PUT"

    @property
    def wire_start_time(self) -> str:
        """`startTime` as the 202 and every poll spell it."""
        return times.operation_time(self.start_time)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What an operation is to do.

    `server` is the key that may have one operation at a time (None: no such limit). `accept` marks the model when the request is
    taken, `verify` may refuse in the first poll, `apply` does the work when its time has come, `undo` puts the model right after
    a failure.
    """

    name: str
    resource_id: str
    segment: str
    timing: Timing
    apply: Callable[[], None]
    method: str = "PUT"
    server: str | None = None
    accept: Callable[[], None] | None = None
    verify: Callable[[], None] | None = None
    undo: Callable[[], None] | None = None


class Operations:
    """All operations of one cloud."""

    def __init__(self, store: Store, clock: times.Clock, pace: Pace) -> None:
        self._store, self._clock, self._pace = store, clock, pace
        self._busy: dict[str, str] = {}
        self._changed = threading.Condition()
        self._awaited: set[str] = set()
        self._working = 0
        self._closed = False

    def running_on(self, server: str) -> str | None:
        """The name of the operation that a server is busy with."""
        found = self._busy.get(server)
        return self.get(found).name if found else None

    def refuse_if_busy(self, server: str) -> None:
        """Raises Refusal (409) while an operation runs on the server."""
        if running := self.running_on(server):
            raise refusal.busy(server.rsplit("/", 1)[-1], running)

    def begin(self, work: Work, fault: Fault | None = None) -> Operation:
        """Accepts the work. Raises Refusal (409) if its server is busy, and whatever `accept` refuses."""
        with self._store.held():
            if work.server is not None:
                self.refuse_if_busy(work.server)
            operation = self._new(work)
            if work.accept is not None:
                work.accept()
            self._keep(operation)
            if work.server is not None:
                self._busy[work.server] = operation.id
        threading.Thread(target=self._run, args=(work, operation, fault), name=work.name, daemon=True).start()
        return operation

    def get(self, operation_id: str) -> Operation:
        """The operation as it stands. Raises Refusal (404)."""
        found = self._store.operations().get(operation_id.lower())
        if found is None:
            raise Refusal(404, "OperationNotFound", f"there is no operation {operation_id}")
        return _from_json(found)

    def wait(self, operation_id: str) -> Operation:
        """Blocks until the operation has ended."""
        with self._changed:
            self._awaited.add(operation_id)
            self._changed.notify_all()
            while (found := self.get(operation_id)).status == Status.RUNNING and not self._closed:
                self._changed.wait(timeout=1.0)
            self._awaited.discard(operation_id)
        return found

    def interrupted(self) -> list[Operation]:
        """At load: fails the operations whose worker died with its process, and says which they were."""
        ended = [_from_json(each) for each in self._store.operations().values() if each["status"] == Status.RUNNING]
        for operation in ended:
            self._keep(replace(operation, status=Status.FAILED, error=("OperationInterrupted", "the local Azure stopped meanwhile")))
        return ended

    def close(self, patience_seconds: float = 30.0) -> None:
        """Lets work in hand end, starts none that still waits for its time."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._working == 0, timeout=patience_seconds)

    def _new(self, work: Work) -> Operation:
        poll = work.timing.poll_seconds if self._pace is Pace.RECORDED else FAST_POLL_SECONDS
        return Operation(
            id=str(uuid.uuid4()), name=work.name, location_segment=work.segment, status=Status.RUNNING, start_time=self._clock.now(),
            error=None, resource_id=work.resource_id, retry_after_seconds=poll, method=work.method,
        )  # fmt: skip

    def _run(self, work: Work, operation: Operation, fault: Fault | None) -> None:
        error: Refusal | None = None
        try:
            if fault is not None and fault.effect is Effect.FAIL:
                raise fault.refusal()
            if work.verify is not None:
                work.verify()
            self._let_time_go_by(work, operation, fault)
            if not self._take_turn():
                return
            try:
                work.apply()
            finally:
                self._end_turn()
        except Refusal as refused:
            error = refused
        except Trouble as trouble:
            log.warning("%s on %s: %s", work.name, work.resource_id, trouble)
            error = Refusal(500, "LocalAzureTrouble", str(trouble))
        except Exception:
            log.exception("%s on %s failed", work.name, work.resource_id)
            error = refusal.internal_error()
        self._finish(work, operation, error)

    def _let_time_go_by(self, work: Work, operation: Operation, fault: Fault | None) -> None:
        """At Pace.FAST nobody polls what this process itself waits for, so there is no reason to let that one last."""
        slow = fault.seconds or 0.0 if fault is not None and fault.effect is Effect.SLOW else 0.0
        if self._pace is Pace.FAST and not slow:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or operation.id in self._awaited, timeout=FAST_SECONDS)
        else:
            length = slow + (work.timing.seconds if self._pace is Pace.RECORDED else FAST_SECONDS)
            self._clock.sleep_until(operation.start_time + timedelta(seconds=length))

    def _take_turn(self) -> bool:
        with self._changed:
            self._working += 0 if self._closed else 1
            return not self._closed

    def _end_turn(self) -> None:
        with self._changed:
            self._working -= 1
            self._changed.notify_all()

    def _finish(self, work: Work, operation: Operation, error: Refusal | None) -> None:
        if error is not None and work.undo is not None:
            try:
                work.undo()
            except Exception:
                log.exception("%s on %s could not be put right", work.name, work.resource_id)
        with self._store.held():
            status = Status.DONE if error is None else Status.FAILED
            self._busy.pop(work.server or "", None)
            self._keep(replace(operation, status=status, error=None if error is None else (error.code, error.message)))
        with self._changed:
            self._changed.notify_all()

    def _keep(self, operation: Operation) -> None:
        with self._store.change() as data:
            kept: dict[str, Any] = data["operations"]
            kept[operation.id] = _to_json(operation)
            for each in [key for key, value in kept.items() if value["status"] != Status.RUNNING][:-KEPT]:
                del kept[each]


def _to_json(operation: Operation) -> dict[str, Any]:
    return {**operation.__dict__, "start_time": times.stored(operation.start_time), "error": operation.error and list(operation.error)}


def _from_json(values: dict[str, Any]) -> Operation:
    error = values["error"]
    return Operation(**{**values, "start_time": times.moment(values["start_time"]), "error": tuple(error) if error else None})
