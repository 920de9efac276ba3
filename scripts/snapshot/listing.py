"""`agentmem snapshot list`: what Azure has of a server, what the ledger knows of it, and what the platform does by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.domain import copies, names
from infra.domain.copies import Copy, Form, Listed
from infra.domain.environment import Environment
from infra.domain.rules.copies import MOST_ON_DEMAND
from scripts.edges import arm, backups, screen
from scripts.edges.clock import utc_now
from scripts.edges.exits import GOOD
from scripts.edges.ledger_blob import open_ledger


def listing(
    environment: Environment,
    *,
    folder: Path | str,
    as_json: bool = False,
    connect: Callable[[], arm.Arm] = arm.connect,
    now: Callable[[], datetime] = utc_now,
) -> int:
    """Show the backups and copies of a server; returns the exit code, raises Failure. `folder` is that of the ledger, here or in Blob."""
    ledger = open_ledger(str(folder))
    known = ledger.read().records
    shelf = backups.Backups(connect(), names.resource_group(environment), environment.server.name).look()
    mine = {copy.name: copy for copy in copies.copies_of(known, environment.name, shelf.facts.id, environment.server.name)}
    at = now()
    rows = [_of_azure(each, mine.get(each.name), at) for each in shelf.backups]
    listed = {each.name for each in shelf.backups}
    rows += [_of_ledger(copy, at) for copy in mine.values() if copy.name not in listed and not copy.removed]
    left = ledger.under_way(environment.server.name)
    if as_json:
        facts: dict[str, Any] = {
            "environment": environment.name,
            "server": environment.server.name,
            "form": copies.choice(environment).form,
        }
        window = {"earliest_restore": shelf.earliest and shelf.earliest.isoformat(), "retention_days": shelf.facts.retention_days}
        screen.document("snapshot-list", {**facts, **window, "under_way": left and left["name"], "copies": rows})
    else:
        _shown(environment, shelf, rows, str(left["name"]) if left else None)
    return int(GOOD)


def _of_azure(backup: Listed, copy: Copy | None, at: datetime) -> dict[str, Any]:
    kind = Form.ON_DEMAND.value if backup.on_demand else "automatic"
    proof = copy.proof if copy else "not in the ledger" if backup.on_demand else "the service's own"
    return _row(backup.name, kind, backup.completed, at, copy, proof)


def _of_ledger(copy: Copy, at: datetime) -> dict[str, Any]:
    gone = copy.form == Form.ON_DEMAND
    return {**_row(copy.name, copy.form, copy.completed, at, copy, "gone from Azure" if gone else copy.proof), "gone": gone}


def _row(name: str, kind: str, completed: datetime | None, at: datetime, copy: Copy | None, proof: str) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "completed": completed and completed.isoformat(),
        "age_hours": completed and round(copies.age_hours(completed, at), 2),
        "verified": bool(copy and copy.verified and copy.completed == completed),
        "proof": proof,
        "reason": copy.reason if copy else "",
        "gone": False,
    }


def _shown(environment: Environment, shelf: backups.Shelf, rows: list[dict[str, Any]], left: str | None) -> None:
    since = shelf.earliest.isoformat() if shelf.earliest else "nothing yet: the first backup comes 5 to 21 minutes after creation"
    screen.say(f"{names.server_host(environment)} · restorable since {since} · kept {shelf.facts.retention_days} days")
    heads = ("name", "kind", "completed (UTC)", "age", "proof", "reason")
    table = [(each["name"], each["kind"], *_when(each), _proof(each), each["reason"]) for each in rows]
    for line in screen.table([heads, *table]):
        screen.say(line)
    screen.say("by the platform: one snapshot a day and the log all the time (at most 5 minutes lost); there is no hourly snapshot")
    if left:
        screen.say(f"under way: {left}; agentmem snapshot create goes on with it")
    fits = copies.choice(environment)
    number = sum(each["kind"] == Form.ON_DEMAND and not each["gone"] for each in rows)
    last = f"{number} of {MOST_ON_DEMAND} on-demand backups" if fits.form is Form.ON_DEMAND else f"{fits.why}; its copy is a {fits.form}"
    screen.say(last)


def _proof(row: dict[str, Any]) -> str:
    return "verified" if row["verified"] and not row["gone"] else str(row["proof"])


def _when(row: dict[str, Any]) -> tuple[str, str]:
    if row["completed"] is None:
        return "running", ""
    completed = datetime.fromisoformat(row["completed"]).astimezone(UTC)
    return completed.strftime("%Y-%m-%d %H:%M:%S"), f"{row['age_hours']:.1f} h"
