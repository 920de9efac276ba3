"""What stands in the way of an index build, looked at before it begins: a disk that is too small, a transaction that never ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from infra.domain import vectors
from infra.domain.azure import storage
from infra.domain.environment import Environment, Hnsw
from infra.domain.steps import BuildIndex
from scripts.edges import postgres
from scripts.edges.exits import REFUSED, Failure

# An index is written twice: into its file, and into the write-ahead log, which is not free again before the next checkpoint.
_WRITTEN = 2


@dataclass(frozen=True)
class Obstacles:
    """What a build meets. `used_bytes` of the disk; `waits_for` is the oldest open transaction in words, None where there is none."""

    used_bytes: int
    waits_for: str | None


def look(connection: psycopg.Connection[Any]) -> Obstacles:
    """Ask the server, in one round trip."""
    row = connection.execute(postgres.statement("read_build_obstacles")).fetchone()
    assert row is not None, "the statement always answers with a row"
    used, pid, seconds, application = row
    whose = f" ({application})" if application else ""
    waits = f"process {pid}{whose} has been in a transaction for {seconds // 60} min; the build ends after it" if pid else None
    return Obstacles(int(used), waits)


def disk_bytes(environment: Environment) -> int | None:
    """How much of the disk may be used before the server turns read-only; None where the disk grows by itself."""
    if environment.storage.autogrow:
        return None
    return int((environment.storage.size_gib << 30) * storage.read_only_percent(environment.storage.size_gib) / 100)


def refuse_full_disk(action: BuildIndex, rows: int, found: Obstacles, disk: int | None) -> None:
    """Raises Failure when the index and its write-ahead log would fill the disk, on which the server turns read-only."""
    if disk is None:
        return
    index, vector_set = action.index, action.vector_set
    if isinstance(index, Hnsw):
        size = vectors.index_bytes(rows, vector_set.dimensions, vector_set.type, index.m)
    else:
        size = vectors.ivfflat_index_bytes(rows, vector_set.dimensions, vector_set.type, index.lists)
    if found.used_bytes + _WRITTEN * size > disk:
        taken = f"{found.used_bytes >> 20} of {disk >> 20} usable MB are taken"
        says = f"{action.name} needs {size >> 20} MB and as much write-ahead log; {taken}"
        raise Failure(REFUSED, says, hint="storage.autogrow: true, or a larger storage.size_gib; past this mark the server is read-only")
