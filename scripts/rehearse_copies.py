"""The part of a rehearsal that is about copies: the one that fits the tier, proved, and a promotion into a second database."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.domain import copies, names
from infra.domain.environment import STACKS, Environment

if TYPE_CHECKING:
    from scripts.edges.phases import Phases

# The local Azure makes a first backup a moment after the server; the real one takes 5 to 21 minutes, and says so by its absence.
_FIRST_BACKUP_SECONDS = 30.0
_REASON = "a rehearsal"


def snapshot(environment: Environment, phases: Phases, password: str, folder: Path) -> None:
    """Take the copy that fits the tier and prove it; the ledger is in `folder`. Raises Failure."""
    taken = _on_demand if copies.choice(environment).form is copies.Form.ON_DEMAND else _logical
    with phases.phase("snapshot") as done:
        done(*taken(environment, password, folder))


def promotion(environment: Environment, phases: Phases, password: str, folder: Path) -> None:
    """Fill a second database of the server from the first, as if it were another environment's. Raises Failure."""
    from scripts.edges.exits import GOOD
    from scripts.edges.ledger_file import LedgerFile
    from scripts.edges.postgres import new_database
    from scripts.promote import Doors, Journey, bring

    with phases.phase("promotion") as done:
        other = next(stack for stack in STACKS if stack != environment.name)
        database = environment.database.model_copy(update={"name": f"{environment.database.name}_{other}"})
        target = environment.model_copy(update={"name": other, "database": database})
        with _sessions(environment, password)() as session:
            new_database(session, database.name)
        doors = Doors(_sessions(environment, password), _sessions(target, password), LedgerFile(folder))
        journey = Journey(source=environment.name, target=target, unmasked="made-up memories of a rehearsal")
        run = bring(journey, doors, _quiet())
        recall = next((phase.evidence for phase in run.phases.done if phase.name == "recall"), "")
        rows = f"{run.result.rows:,} rows in {len(run.result.tables)} tables equal" if run.result else ""
        done(f"{rows}; {recall}" if run.code is GOOD else run.says, run.code is GOOD)


def _on_demand(environment: Environment, password: str, folder: Path) -> tuple[str, bool]:
    from scripts.edges import arm, backups
    from scripts.edges.clock import utc_now
    from scripts.edges.exits import GOOD
    from scripts.edges.ledger_file import LedgerFile
    from scripts.snapshot.create import Making, take

    shelf = backups.Backups(arm.connect(), names.resource_group(environment), environment.server.name)
    end = time.monotonic() + _FIRST_BACKUP_SECONDS
    while shelf.look().earliest is None and time.monotonic() < end:
        time.sleep(0.2)
    seconds = timedelta(minutes=5).total_seconds()
    run = Making(environment, _REASON, LedgerFile(folder), shelf, _quiet(), utc_now, seconds, lambda moment: None)
    take(run)
    return run.says, run.code is GOOD


def _logical(environment: Environment, password: str, folder: Path) -> tuple[str, bool]:
    import functools

    from infra.domain.manifest import sizes
    from scripts.dump import Run, Wanted, take
    from scripts.edges.clock import utc_now
    from scripts.edges.ledger_file import LedgerFile
    from scripts.proof_server import proof_server
    from scripts.verify import prove

    proof = functools.partial(prove, proof_server)
    wanted = Wanted(environment=environment, to=str(folder / "portable"), work=folder / "copies", reason=_REASON, prove=proof)
    run = Run(wanted, LedgerFile(folder), _quiet(), utc_now)
    manifest = take(run, _sessions(environment, password))
    return f"{sizes(manifest)}, {run.wrong[0] if run.wrong else 'restored once to prove it'}", not run.wrong


def _sessions(environment: Environment, password: str) -> Callable[[], Any]:
    from scripts.edges.sessions import sessions

    return sessions(environment, None, password, False, None)


def _quiet() -> Phases:
    from scripts.edges.phases import Phases

    return Phases(quiet=True)
