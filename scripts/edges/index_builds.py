"""Builds a vector index on a live server: memory sized to the graph, progress told, broken builds cleaned up, the result proved."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from infra.domain import vectors
from infra.domain.catalogue import APPLICATION_SCHEMA
from infra.domain.environment import Hnsw, IvfFlat
from infra.domain.steps import BuildIndex
from scripts.edges import build_preflight, index_records, postgres
from scripts.edges.database_steps import drop_index
from scripts.edges.exits import BAD, Failure
from scripts.edges.workers import Worker

# Often enough for a bar that moves, seldom enough for the server not to notice.
_PAUSE_SECONDS = 0.25
# The planner gives each participant of a parallel build 32 MB or starts no workers at all.
_LEAST_KIB_PER_PARTICIPANT = 32 * 1024
# The levels of a graph are drawn at random: the formula gives the mean, and a build that was given exactly that has spilled.
_MARGIN = 1 / 50
# A build without workers has no shared area but keeps an address for each vector: 32 bytes more.
_SERIAL_BYTES_PER_VECTOR = 32
# Dropping waits for every transaction that knows the index; somebody who pressed Ctrl-C does not.
_CLEAN_MILLISECONDS = "3000"
# A build looks for a cancel at every tuple and page; a server that does not answer is not waited for.
_CANCEL_SECONDS = 30.0
_SPILLED = "no longer fits into maintenance_work_mem"


class TooFewRows(Exception):
    """An IVFFlat index would be built on too few rows; `.rows` is how many there are."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"{rows} rows are too few")
        self.rows = rows


@dataclass(frozen=True)
class Progress:
    """How far a build is: `done` of `total` in whatever the phase counts, total None where it counts nothing."""

    phase: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Built:
    """A finished build. Memory in KiB: what the graph needed, what this build was given, what it may have had."""

    name: str
    kind: str
    rows: int
    needed_kib: int
    given_kib: int
    allowed_kib: int
    workers: int
    size_bytes: int
    spilled: bool
    fell_back: bool


@dataclass(frozen=True)
class Room:
    """What a build may take: KiB of memory, workers beside the leader; the server's own maintenance_work_mem in KiB; bytes of disk.

    `disk_bytes` is None where the disk grows by itself.
    """

    allowed_kib: int
    workers: int
    server_kib: int
    disk_bytes: int | None = None


Watch = Callable[[Progress], None]


def build(
    connection: psycopg.Connection[Any],
    second: Callable[[], psycopg.Connection[Any]],
    action: BuildIndex,
    room: Room,
    watch: Watch,
    *,
    live: bool = True,
) -> Built:
    """Build the index on a connection of its own (`second` opens one) while this one watches. Raises Failure, TooFewRows.

    With `live` others go on writing to the table meanwhile; without, as in a restore, the table is scanned once instead of
    twice and locked against writes. An interruption cancels the server's side too and drops what is left of it.
    """
    with postgres.told(f"building {action.name}"):
        rows = build_preflight.count(connection, action.vector_set)
        if isinstance(action.index, IvfFlat) and rows < vectors.minimum_rows(action.index.lists):
            raise TooFewRows(rows)
        found = build_preflight.look(connection)
        build_preflight.refuse_full_disk(action, rows, found, room.disk_bytes)
        if live and found.waits_for:
            watch(Progress(found.waits_for, 0, None))
        return carry_out(connection, second, action, create_statement(action, live), action.name, rows, room, watch)


def carry_out(
    connection: psycopg.Connection[Any],
    second: Callable[[], psycopg.Connection[Any]],
    action: BuildIndex,
    statement: sql.Composed,
    half: str,
    rows: int,
    room: Room,
    watch: Watch,
    *,
    recorded: bool = True,
) -> Built:
    """Execute a statement that builds the index over so many rows, prove the index and record it, unless it is soon to be dropped.

    `half` is the name of what a broken-off build leaves. Raises Failure and psycopg.Error.
    """
    planned = _planned(action, rows, room)
    try:
        done = _attempt(connection, second, statement, half, planned, watch)
    except psycopg.errors.DiskFull as error:
        if planned.workers == 0 or "shared memory" not in str(error):
            raise
        # A container's /dev/shm is often smaller than a parallel build wants at once; a serial one takes none of it.
        alone = replace(_planned(action, rows, replace(room, workers=0)), fell_back=True)
        done = _attempt(connection, second, statement, half, alone, watch)
    proved = _proved(connection, action, done)
    if recorded:
        index_records.record(connection, action.vector_set, proved)
    return proved


def join(connection: psycopg.Connection[Any], pid: int, watch: Watch) -> None:
    """Wait until the server process `pid` is no longer building an index."""
    with postgres.told(f"waiting for process {pid}"):
        while (progress := read_progress(connection, pid, None)) is not None:
            watch(progress)
            time.sleep(_PAUSE_SECONDS)


def read_progress(connection: psycopg.Connection[Any], pid: int, rows: int | None) -> Progress | None:
    """How far the build of a server process is, None when it builds nothing. `rows` is what an HNSW build counts up to."""
    row = connection.execute(postgres.statement("read_build"), {"pid": pid}).fetchone()
    if row is None:
        return None
    phase, tuples, blocks, all_blocks, locker = row
    if locker:
        return Progress(f"{phase or 'waiting'}, process {locker}", 0, None)
    if rows and tuples:
        return Progress(phase, min(tuples, rows), rows)
    return Progress(phase or "starting", blocks or 0, all_blocks or None)


def create_statement(action: BuildIndex, live: bool) -> sql.Composed:
    """The statement that builds the index; with `live` others may write to the table meanwhile."""
    settings = {name: value for name, value in action.index.model_dump().items() if name != "kind"}
    options = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in settings.items())
    return postgres.statement(
        "create_index",
        concurrently=sql.SQL("CONCURRENTLY" if live else ""),
        index=sql.Identifier(action.name),
        **_place(action),
        method=sql.Identifier(action.index.kind),
        expression=expression(action),
        operator_class=sql.Identifier(vectors.operator_class(action.vector_set.type, action.vector_set.distance)),
        options=options,
    )


def expression(action: BuildIndex) -> sql.Composed:
    """What the index stores: the column, or its cast in brackets."""
    column = sql.Identifier(action.vector_set.column)
    return sql.SQL("({}::{})").format(column, _stored(action)) if action.cast else sql.Composed([column])


def _attempt(
    connection: psycopg.Connection[Any],
    second: Callable[[], psycopg.Connection[Any]],
    create: sql.Composed,
    name: str,
    planned: Built,
    watch: Watch,
) -> Built:
    """One try; whatever ends it early, no half of an index stays."""
    spilled = threading.Event()

    def heard(notice: psycopg.errors.Diagnostic) -> None:
        if _SPILLED in (notice.message_primary or ""):
            spilled.set()

    def told(progress: Progress) -> None:
        slow = f"{progress.phase}, on disk from here on: many times slower" if spilled.is_set() else progress.phase
        watch(replace(progress, phase=slow))

    try:
        with second() as builder:
            builder.add_notice_handler(heard)
            builder.execute(postgres.statement("prepare_build"), {"memory": f"{planned.given_kib}kB", "workers": str(planned.workers)})
            _run(connection, builder, create, planned.rows, told)
    except BaseException:
        _clean(connection, name)
        raise
    return replace(planned, spilled=spilled.is_set())


def _run(connection: psycopg.Connection[Any], builder: psycopg.Connection[Any], create: sql.Composed, rows: int, watch: Watch) -> None:
    """Execute the build in a thread, and watch it from this one, which receives the Ctrl-C and then waits until the build is over.

    Only then is its lock gone, so that what it left can be dropped.
    """
    pid = builder.info.backend_pid
    worker = Worker("index build", lambda: builder.execute(create))
    try:
        worker.start()
        while not worker.ends_within(_PAUSE_SECONDS):
            watch(read_progress(connection, pid, rows) or Progress("starting", 0, None))
    except BaseException:
        builder.cancel_safe()
        worker.ends_within(_CANCEL_SECONDS)
        raise
    worker.wait()


def _clean(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop what a failed build left, if the server listens and nobody is in the way for long; else the next run finds it."""
    with contextlib.suppress(psycopg.Error):
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (_CLEAN_MILLISECONDS,))
        drop_index(connection, name)
    with contextlib.suppress(psycopg.Error):
        connection.execute("RESET statement_timeout")


def _proved(connection: psycopg.Connection[Any], action: BuildIndex, done: Built) -> Built:
    """The index is valid, and the planner uses it for the query that it was built for."""
    row = connection.execute(postgres.statement("read_index"), {"schema": APPLICATION_SCHEMA, "index": action.name}).fetchone()
    if row is None or not row[0]:
        raise Failure(BAD, f"{action.name} was built, but is not valid", hint="run it again: it is dropped and built anew")
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute(_nearest(action)).fetchone()
    used = _index_of(plan[0][0]["Plan"]) if plan else None
    if used not in {action.name, action.beside}:
        raise Failure(BAD, f"{action.name} is valid, but a search for the nearest uses {used or 'no index'}", hint="drop the other index")
    return replace(done, size_bytes=int(row[1]))


def _index_of(node: dict[str, Any]) -> str | None:
    if "Index Name" in node:
        return str(node["Index Name"])
    return next((found for child in node.get("Plans", ()) if (found := _index_of(child))), None)


def _planned(action: BuildIndex, rows: int, room: Room) -> Built:
    """The build as it will be tried: memory for the graph, at least the server's own setting, at most what the SKU allows."""
    needed = vectors.build_bytes(rows, action.vector_set, action.index)
    if room.workers == 0 and isinstance(action.index, Hnsw):
        needed += rows * _SERIAL_BYTES_PER_VECTOR
    needed_kib = -(-needed // 1024)
    floor = max(room.server_kib, (room.workers + 1) * _LEAST_KIB_PER_PARTICIPANT if room.workers else 0)
    given = max(room.server_kib, min(max(needed_kib + int(needed_kib * _MARGIN), floor), room.allowed_kib))
    kept = {"needed_kib": needed_kib, "given_kib": given, "allowed_kib": max(room.allowed_kib, room.server_kib)}
    return Built(
        name=action.name, kind=action.index.kind, rows=rows, workers=room.workers, size_bytes=0, spilled=False, fell_back=False, **kept
    )


def _nearest(action: BuildIndex) -> sql.Composed:
    return postgres.statement(
        "explain_nearest",
        **_place(action),
        expression=expression(action),
        operator=sql.SQL(vectors.operator(action.vector_set.distance)),
        dimensions=sql.Literal(action.vector_set.dimensions),
        stored=_stored(action),
    )


def _place(action: BuildIndex) -> dict[str, sql.Composable]:
    return {"schema": sql.Identifier(APPLICATION_SCHEMA), "table": sql.Identifier(action.vector_set.table)}


def _stored(action: BuildIndex) -> sql.Composed:
    return sql.SQL("{}({})").format(sql.Identifier(action.vector_set.type), sql.Literal(action.vector_set.dimensions))
