"""The options that many verbs share, and where the project is: each means the same wherever it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.domain.environment import STACKS

Stack = Annotated[str, typer.Option("--stack", "-s", help=f"One of {', '.join(STACKS)}.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Folder = Annotated[Path, typer.Option("--folder", help="Where Pulumi.yaml and the stack files are.", envvar="AGENTMEM_FOLDER")]
Dsn = Annotated[str | None, typer.Option("--dsn", help="Connect here instead; the password stays out of it, in PGPASSWORD.")]
Entra = Annotated[
    bool, typer.Option("--entra", help="Log in with a token of Microsoft Entra ID instead of a password.", envvar="AGENTMEM_ENTRA")
]
User = Annotated[str | None, typer.Option("--user", help="Log in as this role; default: the administrator.", envvar="AGENTMEM_USER")]


def project_folder(folder: Path) -> Path:
    """The given folder, or for none the nearest one upward that holds Pulumi.yaml, else this one."""
    if folder != Path():
        return folder
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / "Pulumi.yaml").exists()), here)
