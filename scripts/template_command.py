"""`agentmem template`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.options import Folder, Stack, project_folder


def template(
    stack: Stack,
    output: Annotated[Path | None, typer.Option("--output", help="Write it to this file.", show_default="stdout")] = None,
    folder: Folder = Path(),
) -> None:
    """Show what the Pulumi program asks for as an ARM template, for scanners such as Checkov and PSRule; without credentials."""
    from scripts.edges.stack_file import known_stack
    from scripts.template import run

    raise typer.Exit(int(run(known_stack(stack), project_folder(folder), output=output)))
