"""`agentmem inside`: its options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scripts.edges.exits import USAGE, Failure
from scripts.options import DryRun, Folder, Stack, project_folder


def inside(
    stack: Stack,
    command: Annotated[list[str], typer.Argument(help="A verb and its options; --stack is added.", metavar="VERB...")],
    replace: Annotated[bool, typer.Option("--replace", help="End what another run does there.")] = False,
    password: Annotated[bool, typer.Option("--password", help="Log in as the administrator, with PGPASSWORD of this terminal.")] = False,
    dry_run: DryRun = False,
    folder: Folder = Path(),
) -> None:
    """Run a verb in a container inside the environment's network, for example: post-provision. Exits with its code."""
    from scripts.edges.stack_file import known_stack
    from scripts.inside import inside as run

    given = os.environ.get("PGPASSWORD") if password else None
    if password and not given:
        raise Failure(USAGE, "PGPASSWORD is not set", hint="export PGPASSWORD; without --password the container logs in as its identity")
    stack = known_stack(stack)
    raise typer.Exit(int(run(stack, project_folder(folder), command, dry_run=dry_run, replace=replace, password=given)))
