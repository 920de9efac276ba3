"""`agentmem dump` and `agentmem verify`: a portable copy of a database in a folder, and the proof without a server that it is whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.domain.manifest import Manifest
from scripts.edges import dump_files, dumping, screen
from scripts.edges.exits import BAD, GOOD


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def dump(
    environment: str,
    connect: Callable[[], Any],
    to: Path,
    *,
    dry_run: bool = False,
    as_json: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> int:
    """Write a copy into a new folder below `to`; returns the exit code, raises Failure. The folder's name has environment and time."""
    at = now()
    target = to / f"{environment}-{at:%Y%m%dT%H%M%SZ}"
    with dumping.snapshot(connect) as (session, source, found):
        plan = [(f"{table.schema}.{table.name}", table.size) for table in found]
        if dry_run:
            dumping.pg_dump(source.server_version_num // 10_000, session.pgconn.ssl_in_use)  # its absence belongs into the plan
    if dry_run:
        return _plan(environment, target, plan, as_json)
    with screen.progress(quiet=as_json) as bar:
        # what COPY sends is not what lies on the disk: the bar is an estimate until it is full
        task = bar.add_task("bytes", total=sum(size for _, size in plan) or 1)
        manifest = dumping.write(connect, target, environment, at.isoformat(), lambda size: bar.advance(task, size))
    return _written(target, manifest, as_json)


def verify(folder: Path, *, as_json: bool = False) -> int:
    """Check a copy without a server: 0 if it is whole, 1 with each fault. Raises Failure where there is no copy."""
    wrong = dump_files.faults(folder)
    if as_json:
        screen.document("verify", {"copy": str(folder), "whole": not wrong, "faults": wrong})
        return BAD if wrong else GOOD
    for each in wrong:
        screen.say(each)
    if wrong:
        screen.say(f"{len(wrong)} fault{'' if len(wrong) == 1 else 's'}: {folder} is no copy to rely on")
        return BAD
    manifest = dump_files.read_manifest(folder)
    screen.say(f"{manifest.id} is whole: {_sizes(manifest)}; that it restores is not proved by this")
    return GOOD


def _plan(environment: str, target: Path, plan: list[tuple[str, int]], as_json: bool) -> int:
    if as_json:
        tables = [{"table": name, "bytes": size} for name, size in plan]
        screen.document("dump", {"environment": environment, "folder": str(target), "tables": tables, "written": False})
        return GOOD
    for line in screen.table([(name, f"{size:,} bytes on the server") for name, size in plan]):
        screen.say(line)
    screen.say(f"{len(plan)} tables would be written to {target}; nothing was written")
    return GOOD


def _written(target: Path, manifest: Manifest, as_json: bool) -> int:
    if as_json:
        tables = [{"table": f"{each.schema_name}.{each.name}", "rows": each.rows, "digest": each.digest} for each in manifest.tables]
        screen.document("dump", {"environment": manifest.environment, "folder": str(target), "tables": tables, "written": True})
    else:
        screen.say(f"{target}: {_sizes(manifest)}, read back")
    return GOOD


def _sizes(manifest: Manifest) -> str:
    rows, size = sum(table.rows for table in manifest.tables), sum(artifact.size for artifact in manifest.artifacts)
    return f"{len(manifest.tables)} tables, {rows:,} rows, {size:,} bytes"
