"""The commands of `agentmem indexes`: their options, and which file does the work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.domain.environment import Environment
from scripts.options import AsJson, DryRun, Dsn, Entra, Folder, Stack, User, Yes, project_folder

app = typer.Typer(
    help="Vector indexes as living objects: advise, recall, status, repair.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
VectorSetName = Annotated[str | None, typer.Option("--vector-set", help="One vector set, TABLE or TABLE.COLUMN; default: all.")]


@app.command()
def advise(
    stack: Stack,
    only: VectorSetName = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows to plan for; default: expected_rows, or what the table holds.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Calibrate build times by a short build on the server.")] = False,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Say before a build which index fits: kind, type, settings, memory, size, time, and the query to write."""
    from scripts.indexes.advise import advise as run

    login = {"dsn": dsn, "password": os.environ.get("PGPASSWORD"), "entra": entra, "user": user} if sample or dsn else None
    raise typer.Exit(int(run(_environment(stack, folder), only=only, rows=rows, sample=sample, login=login, as_json=as_json)))


@app.command()
def recall(
    stack: Stack,
    only: VectorSetName = None,
    queries: Annotated[int, typer.Option(min=1, max=2000, help="Stored rows to ask with.")] = 200,
    plot: Annotated[Path | None, typer.Option(help="Write recall against latency as a picture, .png or .svg.")] = None,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Measure recall@10 against exact search over a sweep of search settings, and recommend the smallest that meets the floor."""
    from scripts.indexes.recall import recall as run

    login = {"dsn": dsn, "password": os.environ.get("PGPASSWORD"), "entra": entra, "user": user}
    raise typer.Exit(int(run(_environment(stack, folder), only=only, queries=queries, plot=plot, login=login, as_json=as_json)))


@app.command()
def status(
    stack: Stack,
    unused_days: Annotated[int, typer.Option(min=1, help="An index that no query used for so long is reported.")] = 30,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Ask with stored rows: recall and self-retrieval.")] = True,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Tell what is wrong with the vector indexes of a database, each with the command that mends it."""
    from scripts.indexes.status import status as run

    login = {"dsn": dsn, "password": os.environ.get("PGPASSWORD"), "entra": entra, "user": user}
    raise typer.Exit(int(run(_environment(stack, folder), unused_days=unused_days, probe=probe, login=login, as_json=as_json)))


@app.command()
def repair(
    stack: Stack,
    yes: Yes = False,
    dry_run: DryRun = False,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Show what mends the vector indexes, ask, and do it: drop what is broken, build what is missing, rebuild what degraded."""
    from scripts.indexes.repair import repair as run

    login = {"dsn": dsn, "password": os.environ.get("PGPASSWORD"), "entra": entra, "user": user}
    raise typer.Exit(int(run(_environment(stack, folder), yes=yes, dry_run=dry_run, login=login, as_json=as_json, ask=_typed)))


@app.command()
def reembed(
    stack: Stack,
    vector_set: Annotated[str, typer.Option("--vector-set", help="TABLE.COLUMN that serves until now.")],
    to_column: Annotated[str, typer.Option("--to-column", help="The column of the new model; declared in the stack file.")],
    embed: Annotated[
        str, typer.Option("--embed", help="MODULE:FUNCTION of yours that takes a list of texts and returns their embeddings.")
    ],
    text: Annotated[str, typer.Option("--text", help="The column of the texts.")] = "content",
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Texts at a time.")] = 64,
    yes: Yes = False,
    dry_run: DryRun = False,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Embed a table's texts anew into another column, index it, prove it, and cut over; goes on where it was killed."""
    from scripts.indexes.reembed import reembed as run

    login = {"dsn": dsn, "password": os.environ.get("PGPASSWORD"), "entra": entra, "user": user}
    what: dict[str, Any] = {"vector_set": vector_set, "to_column": to_column, "embed": embed, "text": text, "batch": batch}
    how: dict[str, Any] = {"yes": yes, "dry_run": dry_run, "login": login, "as_json": as_json, "ask": _typed}
    raise typer.Exit(int(run(_environment(stack, folder), **what, **how, folder=Path.cwd())))


def _typed(question: str) -> str:
    """What a person types after the question; nothing if nobody is there."""
    typer.echo(question, err=True)
    return typer.get_text_stream("stdin").readline().strip()


def _environment(stack: str, folder: Path) -> Environment:
    from scripts.edges.stack_file import known_stack, read

    return read(known_stack(stack), project_folder(folder))
