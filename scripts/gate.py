"""`agentmem gate`: lets a schema migration through only behind a verified copy that is young enough and still there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.domain import copies, names
from infra.domain.copies import Choice, Copy, Form
from infra.domain.environment import Environment
from infra.domain.ledger import Kind, Record
from infra.domain.problem import Verdict
from scripts.edges import arm, backups, screen
from scripts.edges.exits import GOOD, REFUSED, USAGE, Failure
from scripts.edges.ledger_file import LedgerFile
from scripts.edges.phases import Phases

# The id of a migration is a file's name or a revision, not a document.
ID_LENGTH = 200


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def gate(
    environment: Environment,
    *,
    migration: str,
    folder: Path,
    dry_run: bool = False,
    as_json: bool = False,
    connect: Callable[[], arm.Arm] = arm.connect,
    now: Callable[[], datetime] = utc_now,
) -> int:
    """Accept a copy for a migration and say which; returns GOOD or REFUSED, raises Failure.

    A copy counts if the ledger holds its proof, it is younger than `backup.migration_gate_hours`, and Azure still has it as it was
    proved. What was accepted is written into the ledger, unless `dry_run`.
    """
    migration = " ".join(migration.split())[:ID_LENGTH]
    if not migration:
        raise Failure(USAGE, "the id of the migration is empty", hint="--migration 0042_add_facts")
    ledger, phases, fits = LedgerFile(folder), Phases(quiet=True), copies.choice(environment)
    hours = environment.backup.migration_gate_hours
    with phases.phase("ledger") as done:
        records = ledger.read().records
        done(f"{len(records)} lines, unbroken")
    with phases.phase("copies") as done:
        shelf = backups.Backups(connect(), names.resource_group(environment), environment.server.name).look()
        known = copies.copies_of(records, environment.name, shelf.facts.id)
        there = copies.still_there(known, shelf.backups, shelf.earliest)
        done(f"{len(known)} in the ledger, {len(there)} of them still there")
    with phases.phase("gate") as done:
        accepted, verdict = copies.admitted(there, hours, now())
        done(verdict.reason, verdict.ok)
    if accepted is not None and not dry_run:
        facts = {"migration": migration, "evidence": verdict.reason}
        about: dict[str, Any] = {"stack": environment.name, "server": shelf.facts.id, "copy": accepted.name}
        ledger.append([Record(kind=Kind.GATE, at=now(), facts=facts, **about)])
    return _told(environment, migration, accepted, verdict, phases, fits, as_json)


def _told(
    environment: Environment, migration: str, accepted: Copy | None, verdict: Verdict, phases: Phases, fits: Choice, as_json: bool
) -> int:
    server, hint = environment.server.name, _way(environment, fits)
    if as_json:
        copy = {"name": accepted.name, "form": accepted.form, "completed": accepted.completed.isoformat()} if accepted else None
        told = {
            "phases": [phase.as_json() for phase in phases.done],
            "verdict": "ok" if verdict.ok else "refused",
            "reason": verdict.reason,
        }
        facts = {
            "environment": environment.name,
            "server": server,
            "migration": migration,
            "copy": copy,
            "hint": "" if verdict.ok else hint,
        }
        screen.document("gate", {**facts, **told})
        return int(GOOD if verdict.ok else REFUSED)
    if not verdict.ok:
        raise Failure(REFUSED, f"migration {migration} stays out: {verdict.reason}", where=server, hint=hint)
    screen.say(f"migration {migration} of {server} may go on: {verdict.reason}")
    return int(GOOD)


def _way(environment: Environment, fits: Choice) -> str:
    if fits.form is Form.ON_DEMAND:
        return f'agentmem snapshot create --stack {environment.name} --reason "before a migration"'
    return f"{fits.why}; a verified {fits.form} is wanted here, which agentmem cannot make yet: a pg_dump by hand is none"
