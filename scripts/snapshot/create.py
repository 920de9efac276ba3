"""`agentmem snapshot create`: takes the copy that fits the tier, waits for it, proves it, and writes both into the ledger.

What it is about to do is noted beside the ledger first, so that a command that was killed goes on with the same operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from infra.domain import copies, names
from infra.domain.copies import Form, Listed
from infra.domain.environment import Environment
from infra.domain.ledger import Kind, Record
from infra.domain.rules import copies as rules
from scripts.edges import arm, backups, screen
from scripts.edges.clock import utc_now
from scripts.edges.exits import BAD, BUSY, GOOD, REFUSED, UNREACHABLE, USAGE, Exit, Failure
from scripts.edges.ledger_blob import AnyLedger, open_ledger
from scripts.edges.phases import Phases
from scripts.edges.removal import remove

# What a killed command left behind is the same wish for an hour; the operation itself ends within half of it.
SAME_WISH = timedelta(hours=1)
# A reason is a line in a ledger, not a document.
REASON_LENGTH = 200
Watch = Callable[[str], None]


@dataclass
class Making:
    """A copy in the making."""

    environment: Environment
    reason: str
    ledger: AnyLedger
    shelf: backups.Backups
    phases: Phases
    now: Callable[[], datetime]
    seconds: float
    watch: Watch
    pruned: list[str] = field(default_factory=list)
    copy: dict[str, Any] = field(default_factory=dict)
    code: Exit = GOOD
    says: str = ""

    @property
    def server(self) -> str:
        """The name of the server."""
        return self.environment.server.name


def create(
    environment: Environment,
    *,
    reason: str,
    folder: Path | str,
    prune_oldest: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
    seconds: float = backups.TAKE_SECONDS,
    connect: Callable[[], arm.Arm] = arm.connect,
    now: Callable[[], datetime] = utc_now,
    watch: Watch = lambda moment: None,
) -> int:
    """Take a copy and prove it; returns the exit code, raises Failure. `folder`: the ledger, here or in Blob; `seconds`: the longest wait.

    `watch` hears the moments at which a kill would hurt most: noted, asked, kept, complete, written.
    """
    reason = " ".join(reason.split())[:REASON_LENGTH]
    if not reason:
        raise Failure(USAGE, "the reason is empty", hint='--reason "before migration 0042"')
    _refuse_what_does_not_fit(environment)
    shelf = backups.Backups(
        connect(), names.resource_group(environment), environment.server.name, lambda fact: screen.talk(f"waits: {fact}")
    )
    run = Making(environment, reason, open_ledger(str(folder)), shelf, Phases(as_json), now, seconds, watch)
    run.ledger.read()  # a broken ledger is told before anything is begun
    if not as_json:
        screen.say(f"snapshot {environment.name} · {names.server_host(environment)} · {Form.ON_DEMAND}")
    if dry_run:
        _plan(run, prune_oldest)
    else:
        take(run, prune_oldest)
    return _end(run, as_json)


def take(run: Making, prune_oldest: bool = False) -> None:
    """The copy, without a word on stdout but for those of the run's phases; `run.code` and `run.says` tell how it went. Raises Failure."""
    with run.ledger.alone_with(run.server):
        if not _finished_earlier(run):
            _take_new(run, prune_oldest)


def _refuse_what_does_not_fit(environment: Environment) -> None:
    fits = copies.choice(environment)
    if fits.form is not Form.ON_DEMAND:
        hint = f"agentmem dump --stack {environment.name} --to FOLDER --restore"
        raise Failure(REFUSED, f"{fits.why}; its copy is a verified {fits.form}", where=environment.server.name, hint=hint)


def _plan(run: Making, prune_oldest: bool) -> None:
    name = copies.copy_name(run.environment.name, run.reason, run.now())
    with run.phases.phase("plan") as done:
        shelf = run.shelf.look()
        going = _room(run, shelf, name, prune_oldest)
        first = f"{', '.join(going)} would be deleted, then " if going else ""
        run.says = f"{first}{name} would be taken; nothing was changed"
        done(_seen(shelf))


def _finished_earlier(run: Making) -> bool:
    """Ends what a killed command began. True if that is the copy that was asked for now."""
    left = run.ledger.under_way(run.server)
    if left is None:
        return False
    name, begun = str(left["name"]), datetime.fromisoformat(str(left["begun"]))
    young = run.now() - begun < SAME_WISH
    with run.phases.phase("resume") as done:
        known = any(record.copy == name and record.kind is Kind.PROOF for record in run.ledger.read().records)
        listed = next((each for each in run.shelf.look().backups if each.name == name), None)
        if not known and not young and (listed is None or listed.completed is None):
            run.ledger.keep_under_way(run.server, None)
            done(f"{name}, begun {begun.isoformat()} by a command that did not end, was never made")
            return False
        done(f"{name} was begun by a command that did not end")
    if not known:
        _take(run, left)
    elif listed is not None:
        run.ledger.keep_under_way(run.server, None)
        run.copy, run.says = _facts(listed, str(left["reason"])), f"{name} was written into the ledger already"
    return young and left["reason"] == run.reason and (not known or listed is not None)


def _take_new(run: Making, prune_oldest: bool) -> None:
    begun = run.now()
    name = copies.copy_name(run.environment.name, run.reason, begun)
    with run.phases.phase("look") as done:
        shelf = run.shelf.look()
        going = _room(run, shelf, name, prune_oldest)
        done(_seen(shelf))
    if going:
        with run.phases.phase("prune") as done:
            for each in going:
                remove(run.environment, run.shelf, run.ledger, shelf.facts.id, each, f"room for {name}", run.now())
                run.pruned.append(each)
            done(f"{', '.join(going)} deleted")
    left = {"name": name, "reason": run.reason, "begun": begun.isoformat(), "server": shelf.facts.id, "token": None}
    run.ledger.keep_under_way(run.server, left)
    run.watch("noted")
    _take(run, left)


def _room(run: Making, shelf: backups.Shelf, name: str, prune_oldest: bool) -> tuple[str, ...]:
    """The names of the backups that have to go first. Raises Failure where there is no room, or nothing could be restored."""
    if shelf.earliest is None:
        says = "has no earliestRestoreDate yet: nothing can be restored from it before its first backup"
        raise Failure(BUSY, says, where=run.server, hint="that comes 5 to 21 minutes after creation; run this again later")
    going = _surplus(run, shelf.backups) if prune_oldest else ()
    stay = [each for each in shelf.backups if each.name not in going]
    live = rules.LiveServer(
        name=run.server, location=shelf.facts.location, sku=shelf.facts.sku, storage_kind=run.environment.storage.kind,
        size_gib=shelf.facts.storage_gib, private=run.environment.network.mode == "private",
        geo_redundant=shelf.facts.geo_redundant, earliest_restore=shelf.earliest,
    )  # fmt: skip
    known = [rules.Backup(name=each.name, on_demand=each.on_demand, running=each.completed is None) for each in stay]
    for problem in rules.on_demand_backup(live, known, name):
        full = sum(each.on_demand for each in stay) >= rules.MOST_ON_DEMAND
        hint = f"--prune-oldest deletes the oldest of ours first, or agentmem snapshot prune --stack {run.environment.name}"
        code = BUSY if any(each.running for each in known) else REFUSED
        raise Failure(code, f"{problem.message} ({problem.rule})", where=run.server, hint=hint if full else problem.hint)
    return going


def _surplus(run: Making, listed: tuple[Listed, ...]) -> tuple[str, ...]:
    return tuple(each.name for each in copies.to_prune(run.environment.name, listed, rules.MOST_ON_DEMAND - 1))


def _take(run: Making, left: dict[str, Any]) -> None:
    """Takes what was noted, proves it, writes it down; then the note has done its work."""
    name, asked_at = str(left["name"]), datetime.fromisoformat(str(left["begun"]))

    def keep(token: str | None) -> None:
        run.ledger.keep_under_way(run.server, {**left, "token": token})

    with run.phases.phase("take") as done, screen.progress(quiet=run.phases.quiet) as bar:
        bar.add_task(f"Azure copies {run.server}", total=None)
        try:
            made = run.shelf.take(name, left["token"], keep, run.seconds, run.watch)
        except Failure as failure:
            begun = (run.ledger.under_way(run.server) or {}).get("token")
            if not begun and failure.code not in (BUSY, UNREACHABLE):  # Azure has answered, and goes on with nothing
                run.ledger.keep_under_way(run.server, None)
            raise
        done(f"{name} complete")
    run.watch("complete")
    with run.phases.phase("prove") as done:
        shelf = run.shelf.look()
        verdict = copies.in_window(made.completed, asked_at, shelf.earliest, run.now())
        done(verdict.reason, verdict.ok)
    _write(run, shelf.facts.id, made, str(left["reason"]), verdict.ok, verdict.reason)
    run.watch("written")
    run.ledger.keep_under_way(run.server, None)


def _write(run: Making, server_id: str, made: Listed, reason: str, ok: bool, evidence: str) -> None:
    about: dict[str, Any] = {"at": run.now(), "stack": run.environment.name, "server": server_id, "copy": made.name}
    completed = made.completed.isoformat() if made.completed else ""
    told = {"form": Form.ON_DEMAND.value, "completed": completed, "reason": reason}
    proof = {"verdict": "ok" if ok else "failed", "evidence": evidence}
    run.ledger.append([Record(kind=Kind.COPY, facts=told, **about), Record(kind=Kind.PROOF, facts=proof, **about)])
    run.copy = _facts(made, reason)
    run.code = GOOD if ok else BAD
    run.says = f"{made.name} is proved and in the ledger" if ok else f"{made.name} proves nothing: {evidence}"


def _facts(made: Listed, reason: str) -> dict[str, Any]:
    return {"name": made.name, "form": Form.ON_DEMAND.value, "completed": made.completed and made.completed.isoformat(), "reason": reason}


def _seen(shelf: backups.Shelf) -> str:
    number = sum(each.on_demand for each in shelf.backups)
    return f"{number} of {rules.MOST_ON_DEMAND} on-demand backups, restorable since {shelf.earliest and shelf.earliest.isoformat()}"


def _end(run: Making, as_json: bool) -> int:
    if as_json:
        facts: dict[str, Any] = {"environment": run.environment.name, "server": run.server, "copy": run.copy or None, "pruned": run.pruned}
        phases = [phase.as_json() for phase in run.phases.done]
        verdict = "ok" if run.code is GOOD else "bad"
        screen.document("snapshot-create", {**facts, "phases": phases, "verdict": verdict, "reason": run.says})
    else:
        screen.say(run.says)
    return int(run.code)
