"""`agentmem snapshot prune`: deletes the oldest on-demand backups of ours beyond the number to keep, and writes that down."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from infra.domain import copies, names
from infra.domain.environment import Environment
from infra.domain.rules.copies import MOST_ON_DEMAND
from scripts.edges import arm, backups, screen
from scripts.edges.exits import GOOD, REFUSED, Failure
from scripts.edges.ledger_blob import open_ledger
from scripts.edges.phases import Phases
from scripts.edges.removal import remove

# Room for one more.
KEPT = MOST_ON_DEMAND - 1
# Where the memory of real people is: nothing of it goes without the server's name.
ASKED = frozenset({"uat", "prod"})


def typed(question: str) -> str:
    """What a person types after the question; nothing if nobody is there."""
    screen.talk(question)
    return sys.stdin.readline().strip()


def prune(
    environment: Environment,
    *,
    folder: Path | str,
    reason: str,
    keep: int = KEPT,
    yes: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
    connect: Callable[[], arm.Arm] = arm.connect,
    ask: Callable[[str], str] = typed,
) -> int:
    """Delete the oldest of ours beyond the newest `keep`; returns the exit code, raises Failure: BUSY where a lock forbids it."""
    server, ledger, phases = environment.server.name, open_ledger(str(folder)), Phases(as_json)
    shelf = backups.Backups(connect(), names.resource_group(environment), server, lambda fact: screen.talk(f"waits: {fact}"))
    found = shelf.look()
    going = [each.name for each in copies.to_prune(environment.name, found.backups, keep)]
    if not going or dry_run:
        told = f"{', '.join(going)} would be deleted; nothing was changed" if going else f"no more than {keep} of ours: nothing to delete"
        return _told(environment, [], phases, told, as_json)
    if environment.name in ASKED and not yes and ask(f"{', '.join(going)} will be deleted; type the server's name to go on:") != server:
        raise Failure(REFUSED, "the server's name was not typed, nothing was deleted", where=server, hint="--yes does not ask")
    with ledger.alone_with(server):
        for name in going:
            with phases.phase("prune") as done:
                remove(environment, shelf, ledger, found.facts.id, name, reason, datetime.now(UTC))
                done(f"{name} deleted")
    return _told(environment, going, phases, f"{len(going)} deleted, {keep} kept", as_json)


def _told(environment: Environment, gone: list[str], phases: Phases, says: str, as_json: bool) -> int:
    if as_json:
        facts = {"environment": environment.name, "server": environment.server.name, "deleted": gone}
        told = {"phases": [phase.as_json() for phase in phases.done], "verdict": "ok", "reason": says}
        screen.document("snapshot-prune", {**facts, **told})
    else:
        screen.say(says)
    return int(GOOD)
