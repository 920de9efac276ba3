"""The commands of `agentmem prices`: their options, and which file does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.options import AsJson, DryRun, Folder, Stack, project_folder

app = typer.Typer(
    help="What a server costs a month: the dated price table, and the bill of a stack by it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Regions = Annotated[list[str] | None, typer.Option("--region", "-r", help="May stand several times; default: those of all stack files.")]


@app.command()
def refresh(region: Regions = None, dry_run: DryRun = False, as_json: AsJson = False, folder: Folder = Path()) -> None:
    """Read the prices of PostgreSQL from Azure's public price service, without a login, and show what changed."""
    from scripts.prices import refresh as run

    raise typer.Exit(run(project_folder(folder), regions=region or [], dry_run=dry_run, as_json=as_json))


@app.command()
def show(stack: Stack, as_json: AsJson = False, folder: Folder = Path()) -> None:
    """Show what the declared server of a stack costs a month, line by line; what is not known is said."""
    from scripts.edges.stack_file import known_stack
    from scripts.prices import show as run

    raise typer.Exit(run(known_stack(stack), project_folder(folder), as_json=as_json))
