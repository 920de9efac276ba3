"""The commands of `agentmem snapshot`, and `agentmem gate`: their options, and which file does the work."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.domain.environment import Environment
from scripts.options import AsJson, DryRun, Dsn, Entra, Folder, Stack, User, Yes, project_folder

app = typer.Typer(
    help="Copies before a risk: the one that fits the tier, taken, proved, listed, pruned.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Ledger = Annotated[str | None, typer.Option("--ledger", help="Folder or Blob of the ledger.", show_default=".agentmem in the project")]
COPIES = ".agentmem/portable in the project"
Reason = Annotated[str, typer.Option("--reason", help="Why; goes into the copy's name and the ledger.")]
WaitMinutes = Annotated[int, typer.Option(min=1, help="The longest wait for Azure; afterwards the same command goes on waiting.")]


@app.command()
def create(
    stack: Stack,
    reason: Reason,
    prune_oldest: Annotated[bool, typer.Option("--prune-oldest", help="Delete the oldest of ours first where seven are there.")] = False,
    wait_minutes: WaitMinutes = 30,
    to: Annotated[str | None, typer.Option("--to", help="Where a logical dump goes: a folder or Blob.", show_default=COPIES)] = None,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    ledger: Ledger = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Take the copy that fits the tier, wait for it, prove it, write it down; goes on where it was killed."""
    from infra.domain import copies
    from scripts.snapshot.create import create as run

    place, seconds = _ledger(ledger, folder), wait_minutes * 60.0
    environment = _environment(stack, folder)
    if copies.choice(environment).form is copies.Form.LOGICAL:
        home = Path(_ledger(None, folder))
        wish = {"reason": reason, "to": to or str(home / "portable"), "work": home / "copies", "dry_run": dry_run, "as_json": as_json}
        raise typer.Exit(_dump(environment, place, _sessions(environment, dsn, entra, user), **wish))
    code = run(environment, reason=reason, folder=place, prune_oldest=prune_oldest, dry_run=dry_run, as_json=as_json, seconds=seconds)
    raise typer.Exit(code)


@app.command("list")
def list_copies(stack: Stack, ledger: Ledger = None, as_json: AsJson = False, folder: Folder = Path()) -> None:
    """Show what Azure has of a server, what the ledger knows of it, and what the platform does by itself."""
    from scripts.snapshot.listing import listing as run

    raise typer.Exit(run(_environment(stack, folder), folder=_ledger(ledger, folder), as_json=as_json))


@app.command()
def prune(
    stack: Stack,
    reason: Reason,
    keep: Annotated[int, typer.Option(min=1, help="On-demand backups that stay.")] = 6,
    yes: Yes = False,
    ledger: Ledger = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Delete the oldest on-demand backups of ours beyond the number to keep."""
    from scripts.snapshot.prune import prune as run

    place = _ledger(ledger, folder)
    raise typer.Exit(run(_environment(stack, folder), folder=place, reason=reason, keep=keep, yes=yes, dry_run=dry_run, as_json=as_json))


def gate(
    stack: Stack,
    migration: Annotated[str, typer.Option("--migration", help="The id of the migration; goes into the ledger.")],
    ledger: Ledger = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Let a schema migration through only behind a verified copy that is young enough: backup.migration_gate_hours."""
    from scripts.gate import gate as run

    place = _ledger(ledger, folder)
    raise typer.Exit(run(_environment(stack, folder), migration=migration, folder=place, dry_run=dry_run, as_json=as_json))


def _dump(environment: Environment, ledger: str, connect: Callable[[], Any], **wish: Any) -> int:
    """The copy of a tier without on-demand backups: a logical dump, proved by a restore."""
    from infra.domain import copies, names
    from scripts.dump import Wanted, dump
    from scripts.edges import screen
    from scripts.edges.ledger_blob import open_ledger
    from scripts.proof_server import proof_server
    from scripts.verify import prove

    if not wish["as_json"]:
        fits = copies.choice(environment)
        screen.say(f"snapshot {environment.name} · {names.server_host(environment)} · {fits.form}: {fits.why}")
    proof = functools.partial(prove, proof_server)
    wanted = Wanted(environment=environment, verb="snapshot-create", prove=proof, **wish)
    return dump(wanted, connect, open_ledger(ledger))


def _sessions(environment: Environment, dsn: str | None, entra: bool, user: str | None) -> Callable[[], Any]:
    from scripts.edges.sessions import sessions

    return sessions(environment, dsn, os.environ.get("PGPASSWORD"), entra, user)


def _ledger(given: str | None, folder: Path) -> str:
    from scripts.edges.ledger_file import FOLDER

    return given or str(project_folder(folder) / FOLDER)


def _environment(stack: str, folder: Path) -> Environment:
    from scripts.edges.stack_file import known_stack, read

    return read(known_stack(stack), project_folder(folder))
