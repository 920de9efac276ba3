"""`agentmem comment`, `agentmem reviewed` and `agentmem drift`: their options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scripts.options import AsJson, Dsn, Entra, Folder, Stack, User, project_folder

Repository = Annotated[str, typer.Option("--repository", help="OWNER/NAME at GitHub; the token comes from GITHUB_TOKEN.")]


def comment(
    repository: Repository,
    number: Annotated[int, typer.Option("--number", min=1, help="Of the pull request.")],
    file: Annotated[Path | None, typer.Option("--file", help="What agentmem preview --format markdown wrote.")] = None,
    failed: Annotated[str, typer.Option("--failed", help="There is no such file, and why: says so in the comment.")] = "",
) -> None:
    """Make the one comment of a preview under a pull request, or bring it up to date in place."""
    from scripts.comment import post

    raise typer.Exit(post(repository, number, file=file, failed=failed))


def reviewed(
    stack: Stack,
    given: Annotated[str | None, typer.Option("--hash", help="What was reviewed: plan_hash of agentmem preview --json.")] = None,
    repository: Annotated[str | None, typer.Option("--repository", help="OWNER/NAME at GitHub, to read the comment there.")] = None,
    commit: Annotated[str | None, typer.Option("--commit", help="The merged commit whose pull request has the comment.")] = None,
    folder: Folder = Path(),
) -> None:
    """Refuse (exit 5) what is not what was reviewed: the plan of this tree against the hash in the comment of its pull request."""
    from scripts.comment import reviewed as run
    from scripts.edges.stack_file import known_stack
    from scripts.preview import hash_of

    stack, place = known_stack(stack), project_folder(folder)
    raise typer.Exit(run(stack, lambda: hash_of(stack, place), given=given, repository=repository, commit=commit))


def drift(stack: Stack, dsn: Dsn = None, entra: Entra = False, user: User = None, as_json: AsJson = False, folder: Folder = Path()) -> None:
    """Tell how a database differs from what is declared: extension, settings, roles, indexes; each with its class. Changes nothing."""
    from scripts.drift import administrators, drift as run
    from scripts.edges.stack_file import known_stack, read
    from scripts.post_provision import bring

    environment = read(known_stack(stack), project_folder(folder))
    password = os.environ.get("PGPASSWORD")
    found = bring(environment, dsn=dsn, password=password, entra=entra, user=user, dry_run=True, quiet=True)
    onlooker = user is not None and user not in administrators(environment)
    raise typer.Exit(run(environment.name, found.target, found.steps, as_json=as_json, onlooker=onlooker))
