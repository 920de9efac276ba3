"""`agentmem gate`: lets a schema migration through only behind a verified copy that is young enough and still there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.domain import copies, names
from infra.domain.copies import Copy, Form
from infra.domain.environment import Environment
from infra.domain.ledger import Kind, Record
from infra.domain.problem import Verdict
from scripts.edges import arm, backups, dumps_there, screen
from scripts.edges.clock import utc_now
from scripts.edges.exits import GOOD, REFUSED, USAGE, Failure
from scripts.edges.ledger_blob import open_ledger
from scripts.edges.phases import Phases

# The id of a migration is a file's name or a revision, not a document.
ID_LENGTH = 200


@dataclass(frozen=True)
class Judged:
    """What the gate found: the copy that it accepts, None where it refuses, with the reason and how it was come by."""

    copy: Copy | None
    verdict: Verdict
    phases: Phases


def judge(
    environment: Environment,
    migration: str,
    folder: Path | str,
    *,
    dry_run: bool = False,
    connect: Callable[[], arm.Arm] = arm.connect,
    now: Callable[[], datetime] = utc_now,
) -> Judged:
    """Look for a copy that counts: the ledger (in `folder`) holds its proof, it is younger than `backup.migration_gate_hours`, and Azure
    still has it as it was proved. What was accepted is written into the ledger, unless `dry_run`. Raises Failure.
    """
    ledger, phases = open_ledger(str(folder)), Phases(quiet=True)
    hours = environment.backup.migration_gate_hours
    with phases.phase("ledger") as done:
        records = ledger.read().records
        done(f"{len(records)} lines, unbroken")
    with phases.phase("copies") as done:
        shelf = backups.Backups(connect(), names.resource_group(environment), environment.server.name).look()
        known = copies.copies_of(records, environment.name, shelf.facts.id, environment.server.name)
        there = copies.still_there(known, shelf.backups, shelf.earliest, dumps_there.found(known))
        done(f"{len(known)} in the ledger, {len(there)} of them still there")
    with phases.phase("gate") as done:
        accepted, verdict = copies.admitted(there, hours, now())
        done(verdict.reason, verdict.ok)
    if accepted is not None and not dry_run:
        facts = {"migration": migration, "evidence": verdict.reason}
        about: dict[str, Any] = {"stack": environment.name, "server": shelf.facts.id, "copy": accepted.name}
        ledger.append([Record(kind=Kind.GATE, at=now(), facts=facts, **about)])
    return Judged(accepted, verdict, phases)


def gate(
    environment: Environment, *, migration: str, folder: Path | str, dry_run: bool = False, as_json: bool = False, **azure: Any
) -> int:
    """Accept a copy for a migration and say which; returns GOOD or REFUSED, raises Failure. `azure`: `connect` and `now` of `judge`."""
    migration = " ".join(migration.split())[:ID_LENGTH]
    if not migration:
        raise Failure(USAGE, "the id of the migration is empty", hint="--migration 0042_add_facts")
    return _told(environment, migration, judge(environment, migration, folder, dry_run=dry_run, **azure), as_json)


def _told(environment: Environment, migration: str, judged: Judged, as_json: bool) -> int:
    server, hint, verdict = environment.server.name, way(environment), judged.verdict
    if as_json:
        copy = {"name": judged.copy.name, "form": judged.copy.form, "completed": judged.copy.completed.isoformat()} if judged.copy else None
        told = {
            "phases": [phase.as_json() for phase in judged.phases.done],
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


def way(environment: Environment) -> str:
    """How to come by a copy that the gate accepts."""
    fits = copies.choice(environment)
    create = f'agentmem snapshot create --stack {environment.name} --reason "before a migration"'
    return create if fits.form is Form.ON_DEMAND else f"{create}: a {fits.form}, restored once to prove it; {fits.why}"
