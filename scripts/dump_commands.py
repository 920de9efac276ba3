"""`agentmem dump` and `agentmem verify`: their options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scripts.options import AsJson, DryRun, Dsn, Entra, Folder, Stack, User, project_folder


def register(app: typer.Typer) -> None:
    """Put both into the tree of commands."""
    app.command("dump")(dump)
    app.command("verify")(verify)


def dump(
    stack: Stack,
    to: Annotated[Path, typer.Option("--to", help="The folder in which the copy gets one of its own.")],
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=16, help="Sessions that read tables at once.")] = 2,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Write a portable copy of a database: schema as SQL, rows as compressed binary COPY, one snapshot, every digest in its manifest."""
    from scripts.dump import dump as run
    from scripts.edges.sessions import sessions
    from scripts.edges.stack_file import known_stack, read

    environment = read(known_stack(stack), project_folder(folder))
    connect = sessions(environment, dsn, os.environ.get("PGPASSWORD"), entra, user)
    raise typer.Exit(run(environment.name, connect, to, jobs=jobs, dry_run=dry_run, as_json=as_json))


def verify(
    copy: Annotated[Path, typer.Argument(help="A folder that agentmem dump wrote.", metavar="FOLDER")],
    restore: Annotated[bool, typer.Option("--restore", help="Restore it into a server of its own on this machine, and compare.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a portable copy without a server: every size and digest, every row decoded. With --restore, that it restores."""
    from scripts.proof_server import proof_server
    from scripts.verify import verify as run

    raise typer.Exit(run(copy, server=proof_server if restore else None, as_json=as_json))
