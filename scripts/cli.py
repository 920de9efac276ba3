"""The command `agentmem`: the tree of verbs, and the one place that turns an error into a line and an exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from typer.exceptions import TyperException

from infra.domain.environment import STACKS
from infra.domain.problem import Invalid
from scripts import price_commands as prices
from scripts.dump_commands import register as register_dumps
from scripts.edges.exits import BUG, CONFIGURATION, GOOD, USAGE, Failure
from scripts.indexes import commands as indexes
from scripts.inside_command import inside
from scripts.options import AsJson, DryRun, Dsn, Entra, Folder, Stack, User, project_folder
from scripts.review_commands import comment, drift, reviewed
from scripts.snapshot import commands as snapshot
from scripts.template_command import template

app = typer.Typer(
    name="agentmem",
    help="The memory of AI agents in Azure Database for PostgreSQL, as code: checked, planned, built and proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

State = Annotated[Path | None, typer.Option("--state", help="Where cloud and servers are kept.", show_default=".local-azure")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin with an empty cloud: forget what earlier runs made.")]

Engine = Annotated[
    Literal["auto", "pulumi", "capture"],
    typer.Option("--engine", help="Who creates: pulumi, or we ourselves from captured registrations; auto: pulumi where there is one."),
]
# Beside the project's files, and ignored by git.
LOCAL_STATE = ".local-azure"
# What a shell makes of Ctrl-C.
INTERRUPTED = 130


def _end(code: int) -> NoReturn:
    raise typer.Exit(int(code))


@app.command()
def check(
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="One environment.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All five environments, side by side.")] = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Judge stack files against what Azure does and against their own recovery targets. Touches nothing."""
    from scripts.check import check as run
    from scripts.edges.stack_file import known_stack

    if (stack is None) == (not every):
        raise Failure(USAGE, "name one environment or all of them", hint="agentmem check --stack prod, or agentmem check --all")
    _end(run(list(STACKS) if stack is None else [known_stack(stack)], project_folder(folder), as_json))


@app.command()
def explain(
    stack: Stack,
    key: Annotated[str | None, typer.Argument(help="A key or the beginning of one, for example backup or parameters.")] = None,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Show each effective value of an environment, where it comes from, and the rule or formula behind it."""
    from scripts.edges.stack_file import known_stack
    from scripts.explain import explain as run

    _end(run(known_stack(stack), project_folder(folder), key, as_json))


@app.command()
def preview(
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="One environment.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All five environments, in one report.")] = False,
    against: Annotated[str | None, typer.Option("--against", help="A commit to compare with, for example main.")] = None,
    state: Annotated[Path | None, typer.Option("--state", help="A file of `pulumi stack export` to compare with.")] = None,
    engine_preview: Annotated[Path | None, typer.Option("--engine-preview", help="A file of `pulumi preview --json` to judge.")] = None,
    form: Annotated[Literal["text", "markdown", "json", "html"], typer.Option("--format", help="How to tell it.")] = "text",
    output: Annotated[Path | None, typer.Option("--output", help="Write it to this file.", show_default="stdout")] = None,
    as_json: AsJson = False,
    unknown: Annotated[bool, typer.Option("--unknown", help="As a first preview sees it: Azure has answered nothing yet.")] = False,
    folder: Folder = Path(),
) -> None:
    """Show what the Pulumi program asks for, or what a change of it does to data, service and recovery; without credentials."""
    from scripts.edges.stack_file import known_stack
    from scripts.preview import Sources, run

    if (stack is None) == (not every):
        raise Failure(USAGE, "name one environment or all of them", hint="agentmem preview --stack prod, or agentmem preview --all")
    stacks = list(STACKS) if stack is None else [known_stack(stack)]
    sources = Sources(against=against, state=state, engine_preview=engine_preview)
    _end(run(stacks, project_folder(folder), sources, form="json" if as_json else form, output=output, unknown=unknown))


@app.command("post-provision")
def post_provision(
    stack: Stack,
    dsn: Dsn = None,
    entra: Entra = False,
    user: User = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Bring the database to what is declared: extension, provenance, roles, vector indexes. Safe to run again."""
    from scripts.edges.stack_file import known_stack, read
    from scripts.post_provision import main as run

    environment = read(known_stack(stack), project_folder(folder))
    _end(run(environment, dsn=dsn, password=os.environ.get("PGPASSWORD"), entra=entra, user=user, dry_run=dry_run, as_json=as_json))


@app.command()
def rehearse(
    stack: Stack = "prod",
    data: Annotated[Path | None, typer.Option(help='Own memories, JSON lines of {"id", "text", "embedding"}.')] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server up and print its DSN; Ctrl-C stops it.")] = False,
    engine: Engine = "auto",
    rows: Annotated[int, typer.Option(min=1, help="Memories to make for the first vector set; a quarter of it for the others.")] = 20_000,
    as_json: AsJson = False,
    dry_run: DryRun = False,
    folder: Folder = Path(),
) -> None:
    """Live through an environment on this machine: check, plan, create, provision, load, search, report."""
    from scripts.edges.stack_file import known_stack
    from scripts.rehearse import rehearse as run

    _end(run(known_stack(stack), project_folder(folder), engine=engine, data=data, keep=keep, rows=rows, as_json=as_json, dry_run=dry_run))


@app.command("init")
def init_stack(
    stack: Stack,
    name: Annotated[str | None, typer.Option("--name", help="Your own name of the server; names are global in Azure.")] = None,
    secrets_provider: Annotated[str | None, typer.Option(help="passphrase, or the address of a key; default: the backend's own.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Make a stack ready for its first up: the stack, your own server name, an administrator password that nobody sees."""
    from scripts.edges.stack_file import known_stack
    from scripts.init import init as run

    _end(run(known_stack(stack), project_folder(folder), name=name, secrets_provider=secrets_provider, dry_run=dry_run, as_json=as_json))


@app.command("up")
def bring_up(
    stack: Stack,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask about outages and restarts.")] = False,
    destroy: Annotated[str | None, typer.Option("--destroy", help="The name of the server whose data may be lost.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Bring an environment up: doctor, check, preview and its verdict, pulumi up, wait for the standby, post-provision."""
    from scripts.edges.stack_file import known_stack
    from scripts.up import up as run

    _end(run(known_stack(stack), project_folder(folder), yes=yes, destroy=destroy, dry_run=dry_run, as_json=as_json))


@app.command()
def doctor(stack: Stack, as_json: AsJson = False, folder: Folder = Path()) -> None:
    """Look whether this machine, the subscription and the region are ready for an up; each lack with the command that mends it."""
    from scripts.doctor import doctor as run
    from scripts.edges.stack_file import known_stack

    _end(run(known_stack(stack), project_folder(folder), as_json))


@app.command()
def restart(
    stack: Stack,
    if_pending: Annotated[bool, typer.Option("--if-pending", help="Only if a static parameter waits for it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for the server's name in uat and prod.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """Restart a server so that its static parameters take effect, and wait until it is ready again."""
    from scripts.edges.stack_file import known_stack, read
    from scripts.restart import restart as run

    environment = read(known_stack(stack), project_folder(folder))
    _end(run(environment, if_pending=if_pending, yes=yes, dry_run=dry_run, as_json=as_json))


@app.command()
def resume(
    stack: Stack,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Also take over what exists in Azure and is declared, but not in the state.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for the stack's name.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    folder: Folder = Path(),
) -> None:
    """The way back after an up that was killed: break its lock, find out in Azure what was made, and bring the state in line."""
    from scripts.edges.pulumi_state import StackState
    from scripts.edges.stack_file import known_stack
    from scripts.resume import resume as run

    _end(run(StackState(project_folder(folder), known_stack(stack)), adopt=adopt, yes=yes, dry_run=dry_run, as_json=as_json))


app.add_typer(indexes.app, name="indexes")
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(prices.app, name="prices")
app.command("gate")(snapshot.gate)
app.command("template")(template)
app.command("comment")(comment)
app.command("reviewed")(reviewed)
app.command("drift")(drift)
register_dumps(app)
# What follows the first word is the verb's own, with or without `--` before it.
app.command("inside", context_settings={"allow_interspersed_args": False})(inside)
local_azure = typer.Typer(
    help="Azure on this machine, with real PostgreSQL behind its servers: run one command on it, or keep it up. Touches nothing real.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(local_azure, name="local-azure")


# What follows the first word is the command's own, with or without `--` before it.
@local_azure.command("run", context_settings={"allow_interspersed_args": False})
def local_azure_run(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments.", metavar="COMMAND...")],
    state: State = None,
    fresh: Fresh = False,
    folder: Folder = Path(),
) -> None:
    """Run a command on the local Azure, in a shadow of this project, for example: pulumi up --stack prod. Exits with its code."""
    from scripts.on_local_azure import run

    _end(run(command, project_folder(folder), state or project_folder(folder) / LOCAL_STATE, fresh=fresh))


@local_azure.command("serve")
def local_azure_serve(state: State = None, fresh: Fresh = False, as_json: AsJson = False, folder: Folder = Path()) -> None:
    """Keep the local Azure up until Ctrl-C; commands run on the same state in other terminals join it."""
    from scripts.on_local_azure import serve

    _end(serve(state or project_folder(folder) / LOCAL_STATE, fresh=fresh, as_json=as_json))


def main() -> None:
    """Entry of the command: every expected error is a line and an exit code, never a traceback."""
    try:
        code = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        sys.exit(_told(error))
    if code == INTERRUPTED:  # Typer has swallowed most of them, and returns the code
        sys.stderr.write("interrupted; run it again to go on\n")
    sys.exit(code or GOOD)


def _told(error: Exception) -> int:
    """Say what went wrong on stderr; the exit code."""
    if isinstance(error, Failure):
        sys.stderr.write(f"{error}\n")
        return error.code
    if isinstance(error, Invalid):
        number = len(error.problems)
        sys.stderr.write(f"{error}\n{number} problem{'' if number == 1 else 's'}, nothing was changed\n")
        return CONFIGURATION
    if isinstance(error, TyperException):
        says = getattr(error, "format_message", error.__str__)()  # names the option, where there is one
        sys.stderr.write(f"{says.rstrip('.')}\nhint: agentmem --help\n")
        return USAGE
    return _bug(error)


def _bug(error: Exception) -> int:
    import traceback

    if os.environ.get("AGENTMEM_TRACEBACK"):
        traceback.print_exception(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    sys.stderr.write(f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: this is a bug of ours\n")
    sys.stderr.write("hint: AGENTMEM_TRACEBACK=1 shows where; please report it\n")
    return BUG


if __name__ == "__main__":
    main()
