"""`agentmem promote`: its options."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.domain.promotion import POLICIES, Policy
from scripts.options import AsJson, DryRun, Entra, Folder, User, project_folder

if TYPE_CHECKING:
    from infra.domain.environment import Environment

Dsn = Annotated[str | None, typer.Option("--dsn", help="The target's database, if it is not the declared one; password in PGPASSWORD.")]
FromDsn = Annotated[
    str | None, typer.Option("--from-dsn", help="The source's database, if it is not the declared one; password in AGENTMEM_FROM_PASSWORD.")
]


def command(
    source: Annotated[str, typer.Option("--from", help="The environment that rows come from.")],
    target: Annotated[str, typer.Option("--to", help="The environment that is filled.")],
    copy: Annotated[Path | None, typer.Option("--copy", help="Take them from this portable copy of it, a folder.")] = None,
    rules: Annotated[Path | None, typer.Option("--rules", help="Masks, tenants and erased people: docs/guides/promotion.md.")] = None,
    unmasked: Annotated[str | None, typer.Option("--unmasked", help="Why prod's data may go down as it is; goes into the ledger.")] = None,
    replace: Annotated[str | None, typer.Option("--replace", help="The target's server: everything in its database goes first.")] = None,
    extension: Annotated[str, typer.Option("--extension", help=f"Versions of extensions: {', '.join(POLICIES)}.")] = "at-least",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=16, help="Sessions that copy.")] = 2,
    bridge: Annotated[bool, typer.Option("--bridge", help="An IVFFlat index answers until the HNSW index is built.")] = False,
    parameters: Annotated[bool, typer.Option(help="Raise the target's server parameters meanwhile, and put them back.")] = True,
    from_dsn: FromDsn = None,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    ledger: Annotated[str | None, typer.Option("--ledger", help="Folder or Blob of the ledger.", show_default=".agentmem")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Fill one environment's database from another's or from a copy: rows in binary, proof, then indexes; goes on where it was killed."""
    from scripts.edges.ledger_blob import open_ledger
    from scripts.edges.ledger_file import FOLDER
    from scripts.edges.sessions import sessions
    from scripts.edges.stack_file import known_stack, read
    from scripts.promote import Doors, Journey, promote
    from scripts.proof_server import proof_server

    project = project_folder(folder)
    into = read(known_stack(target), project)
    journey = Journey(
        source=known_stack(source), target=into, copy=copy, rules=rules, unmasked=unmasked, replace=replace, policy=_policy(extension),
        jobs=jobs, bridge=bridge, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    opened = None if copy else sessions(read(journey.source, project), from_dsn, _source_password(), entra, user)
    into_it = sessions(into, dsn, os.environ.get("PGPASSWORD"), entra, user)
    doors = Doors(opened, into_it, open_ledger(ledger or str(project / FOLDER)), where=_where(dsn), server=proof_server)
    if parameters and dsn is None:
        doors.raised = _raised(project / FOLDER)
    raise typer.Exit(promote(journey, doors))


def _policy(named: str) -> Policy:
    from scripts.edges.exits import USAGE, Failure

    policy = next((each for each in POLICIES if each == named), None)
    if policy is None:
        raise Failure(USAGE, f"--extension {named} is not known", hint=f"one of {', '.join(POLICIES)}")
    return policy


def _where(dsn: str | None) -> str:
    from scripts.edges import postgres

    return postgres.where(postgres.parameters_of(dsn)) if dsn else ""


def _source_password() -> str | None:
    return os.environ.get("AGENTMEM_FROM_PASSWORD") or os.environ.get("PGPASSWORD")


def _raised(folder: Path) -> Callable[[Environment], AbstractContextManager[None]]:
    """How the target's parameters are raised: the note of what they were stays on this machine."""
    from infra.domain import names
    from scripts.edges import arm, raised_parameters
    from scripts.edges.ledger_file import LedgerFile
    from scripts.promote import raises_for

    def raised(environment: Environment) -> AbstractContextManager[None]:
        group, server = names.resource_group(environment), environment.server.name
        return raised_parameters.raised(arm.connect(), group, server, raises_for(environment), LedgerFile(folder))

    return raised
