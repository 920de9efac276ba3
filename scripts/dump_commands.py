"""`agentmem dump` and `agentmem verify`: their options, and the place in the tree of `agentmem promote`."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from scripts.options import AsJson, DryRun, Dsn, Entra, Folder, Stack, User, project_folder
from scripts.promote_command import command as promote

Ledger = Annotated[str | None, typer.Option("--ledger", help="Folder or Blob of the ledger.", show_default=".agentmem in the project")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=16, help="Sessions that read tables at once.")]
Place = Annotated[str, typer.Option("--to", help="A folder, or https://ACCOUNT.blob.core.windows.net/CONTAINER[/FOLDER].")]
Work = Annotated[Path | None, typer.Option("--work", help="Where a copy for Blob is made or fetched to.", envvar="AGENTMEM_WORK")]
# The same where nothing is said: in the folder of the ledger.
WORK = "copies"


def register(app: typer.Typer) -> None:
    """Put them into the tree of commands."""
    app.command("dump")(dump)
    app.command("verify")(verify)
    app.command("promote")(promote)


def dump(
    stack: Stack,
    to: Place,
    reason: Annotated[str, typer.Option("--reason", help="Why; goes into the ledger.")] = "portable copy",
    restore: Annotated[bool, typer.Option("--restore", help="Prove it: restore it into a server of its own on this machine.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Delete copies there beyond backup.portable_copies.")] = False,
    jobs: Jobs = 2,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    work: Work = None,
    ledger: Ledger = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Write a portable copy of a database: schema as SQL, rows as compressed binary COPY, one snapshot, every digest in its manifest."""
    from scripts.dump import Wanted, dump as run
    from scripts.edges.ledger_blob import open_ledger
    from scripts.edges.sessions import sessions
    from scripts.edges.stack_file import known_stack, read
    from scripts.proof_server import proof_server
    from scripts.verify import prove

    project = project_folder(folder)
    environment = read(known_stack(stack), project)
    proof = functools.partial(prove, proof_server) if restore else None
    wanted = Wanted(
        environment=environment, to=to, work=work or _home(project) / WORK, reason=reason, prove=proof, prune=prune, jobs=jobs,
        dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    connect = sessions(environment, dsn, os.environ.get("PGPASSWORD"), entra, user)
    raise typer.Exit(run(wanted, connect, open_ledger(ledger or str(_home(project)))))


def verify(
    copy: Annotated[str, typer.Argument(help="A folder that agentmem dump wrote; with --stack, the place of copies.", metavar="COPY")],
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="Take the newest copy of this environment at the place.")] = None,
    restore: Annotated[bool, typer.Option("--restore", help="Restore it into a server of its own on this machine, and compare.")] = False,
    work: Work = None,
    ledger: Ledger = None,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Check a portable copy without a server: every size and digest, every row decoded. With --restore, that it restores."""
    from scripts.edges.ledger_blob import open_ledger
    from scripts.proof_server import proof_server
    from scripts.verify import verify as run

    home = _home(project_folder(folder))
    with _copy(copy, stack, work or home / WORK) as here:
        raise typer.Exit(run(here, server=proof_server if restore else None, ledger=open_ledger(ledger or str(home)), as_json=as_json))


@contextmanager
def _copy(place: str, stack: str | None, work: Path) -> Iterator[Path]:
    """The folder of a copy on this machine; one that was fetched goes again."""
    import shutil

    from scripts.edges.blob_place import is_blob
    from scripts.edges.copy_store import open_store
    from scripts.edges.exits import USAGE, Failure
    from scripts.edges.stack_file import known_stack

    if stack is None and not is_blob(place):
        yield Path(place)
        return
    where, _, name = (place, "", "") if stack is not None else place.rpartition("/")
    store = open_store(where)
    if stack is not None:
        found = store.names(known_stack(stack))
        if not found:
            raise Failure(USAGE, f"holds no complete copy of {stack}", where=where, hint=f"agentmem dump --stack {stack} --to {where}")
        name = found[-1]
    if not is_blob(where):
        yield Path(where) / name
        return
    store.fetch(name, work, lambda size: None)
    try:
        yield work / name
    finally:
        shutil.rmtree(work / name, ignore_errors=True)


def _home(project: Path) -> Path:
    from scripts.edges.ledger_file import FOLDER

    return project / FOLDER
