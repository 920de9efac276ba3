"""Builds an index again while it serves, with memory for the whole graph; what is left of a rebuild that was cut off is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from infra.domain.catalogue import APPLICATION_SCHEMA
from infra.domain.health_facts import RebuildIndex
from scripts.edges import build_preflight, index_builds, postgres
from scripts.edges.index_builds import Built, Room, Watch

# PostgreSQL cuts the name so that it fits with its ending.
_NEW, _NAME_BYTES = "_ccnew", 63


def rebuild(
    connection: psycopg.Connection[Any], second: Callable[[], psycopg.Connection[Any]], mend: RebuildIndex, room: Room, watch: Watch
) -> Built:
    """REINDEX CONCURRENTLY on a connection of its own (`second` opens one) while this one watches, then proof. Raises Failure.

    The old index serves until the new one is complete. An interruption cancels the server's side and drops the unfinished half.
    """
    action = mend.build
    with postgres.told(f"rebuilding {action.name}"):
        rows = build_preflight.count(connection, action.vector_set)
        build_preflight.refuse_full_disk(action, rows, build_preflight.look(connection), room.disk_bytes)
        again = postgres.statement("reindex", schema=sql.Identifier(APPLICATION_SCHEMA), index=sql.Identifier(action.name))
        half = f"{action.name[: _NAME_BYTES - len(_NEW)]}{_NEW}"
        return index_builds.carry_out(connection, second, action, again, half, rows, room, watch)
