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
    raise typer.Exit(run(environment.name, connect, to, dry_run=dry_run, as_json=as_json))


def verify(
    copy: Annotated[Path, typer.Argument(help="A folder that agentmem dump wrote.", metavar="FOLDER")],
    as_json: AsJson = False,
) -> None:
    """Check a portable copy without a server: every size and digest, every row decoded."""
    from scripts.dump import verify as run

    raise typer.Exit(run(copy, as_json=as_json))
