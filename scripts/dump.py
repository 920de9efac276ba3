"""`agentmem dump`: a portable copy of a database in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.domain.manifest import Manifest, sizes
from scripts.edges import dumping, portable_schema, screen, transfer_bar
from scripts.edges.exits import GOOD
from scripts.edges.origin import Item, live


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def dump(
    environment: str,
    connect: Callable[[], Any],
    to: Path,
    *,
    jobs: int = 2,
    dry_run: bool = False,
    as_json: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> int:
    """Write a copy into a new folder below `to`; returns the exit code, raises Failure. The folder's name has environment and time."""
    at = now()
    target = to / f"{environment}-{at:%Y%m%dT%H%M%SZ}"
    with live(connect, described=False) as origin:
        items = origin.items
        if dry_run:  # the absence of the tools belongs into the plan
            portable_schema.pg_tools(origin.version // 10_000, origin.session.pgconn.ssl_in_use)
    if dry_run:
        return _plan(environment, target, items, as_json)
    with transfer_bar.watching(items, as_json) as watching:
        manifest = dumping.write(connect, target, environment, at.isoformat(), watching.on_bytes, jobs)
    return _written(target, manifest, as_json)


def _plan(environment: str, target: Path, items: tuple[Item, ...], as_json: bool) -> int:
    if as_json:
        tables = [{"table": item.title, "bytes": item.size} for item in items]
        screen.document("dump", {"environment": environment, "folder": str(target), "tables": tables, "written": False})
        return GOOD
    for line in screen.table([(item.title, f"{item.size:,} bytes on the server") for item in items]):
        screen.say(line)
    screen.say(f"{len(items)} tables would be written to {target}; nothing was written")
    return GOOD


def _written(target: Path, manifest: Manifest, as_json: bool) -> int:
    if as_json:
        tables = [{"table": f"{each.schema_name}.{each.name}", "rows": each.rows, "digest": each.digest} for each in manifest.tables]
        screen.document("dump", {"environment": manifest.environment, "folder": str(target), "tables": tables, "written": True})
    else:
        screen.say(f"{target}: {sizes(manifest)}, read back")
    return GOOD
