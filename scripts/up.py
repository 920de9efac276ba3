"""`agentmem up`: doctor, check, preview and verdict, gate, `pulumi up`, wait for the standby, post-provision. Run again, it goes on.

Each phase is what a person would do by hand, in the order in which nothing is done that was not shown before.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.domain import check as rules, names
from infra.domain.changes import engine
from infra.domain.changes.change import Change, Danger, Operation, worst
from infra.domain.changes.classify import classify
from infra.domain.environment import Environment
from infra.domain.problem import Invalid, Severity
from scripts import doctor, gate
from scripts.edges import arm, capture, price_table, pulumi_cli, screen, stack_file
from scripts.edges.exits import BAD, BUSY, GOOD, REFUSED, UNREACHABLE, Exit, Failure
from scripts.edges.ledger_file import FOLDER
from scripts.edges.phases import Phases
from scripts.edges.pulumi_stacks import Stacks

# What is asked about before it is done, and what nobody gets without typing the server's name.
ASKED = frozenset(Danger) - {Danger.HARMLESS, Danger.COSTS_MORE}
FATAL = frozenset({Danger.DATA_LOSS})
# What a copy has to stand behind, and where: nobody keeps the memory of dev.
GATED = frozenset({Danger.DATA_LOSS, Danger.IRREVERSIBLE, Danger.UNKNOWN, Danger.OUTAGE})
GATED_STACKS = ("uat", "prod")
_INSIDE = "run it inside the network: docs/guides/inside-the-network.md"
_FIREWALL = "let this machine's address in: network.firewall in the stack file"
_SHOWN = 20
Ask = Callable[[str], str]


@dataclass
class Up:
    """An up as it goes on."""

    loaded: stack_file.Loaded
    environment: Environment
    folder: Path
    stacks: Stacks
    phases: Phases
    changes: tuple[Change, ...] = ()
    code: Exit = GOOD
    says: str = ""
    notes: list[str] = field(default_factory=list)


def typed(question: str) -> str:
    """What a person types after the question; nothing where nobody is there."""
    screen.talk(question)
    return sys.stdin.readline().strip() if sys.stdin.isatty() else ""


def up(stack: str, folder: Path, *, yes: bool, destroy: str | None, dry_run: bool, as_json: bool, ask: Ask = typed) -> int:
    """Bring an environment up; returns the exit code, raises Failure and Invalid. `destroy` names the server whose data may be lost."""
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    run = Up(loaded, loaded.environment, folder, Stacks(folder), Phases(as_json))
    if not as_json:
        screen.say(f"up {stack} · {names.server_host(run.environment)} · Pulumi {run.stacks.version}")
    _doctor(run)
    _check(run)
    _preview(run)
    if dry_run:
        run.says = f"nothing was changed; next: agentmem up --stack {stack}"
        return _end(run, as_json)
    _agree(run, yes, destroy, ask)
    _gate(run)
    _up(run)
    _healthy(run)
    _post_provision(run)
    return _end(run, as_json)


def _doctor(run: Up) -> None:
    with run.phases.phase("doctor") as done:
        rows = tuple(doctor.examine(run.loaded, run.environment, run.folder))
        wrong = [row for row in rows if row.critical and not row.ok]
        if wrong:
            more = f", and {len(wrong) - 1} more: agentmem doctor --stack {run.environment.name}" if wrong[1:] else ""
            raise Failure(REFUSED, f"{wrong[0].name}: {wrong[0].detail}{more}", hint=wrong[0].hint)
        told = [f"{row.name}: {row.detail}" for row in rows if not row.ok]
        done("; ".join([f"{len(rows) - len(told)} of {len(rows)} are as they should be", *told]))


def _check(run: Up) -> None:
    with run.phases.phase("check") as done:
        judgement = rules.judge(run.environment, price_table.load(run.folder))
        refusals = [problem for problem in judgement.problems if problem.severity is Severity.REFUSE]
        if refusals:
            raise Invalid(tuple(run.loaded.locate(problem) for problem in refusals))
        run.notes = [problem.message for problem in (*judgement.problems, *judgement.notes)]
        done(f"fit to deploy, {len(run.notes)} note{'' if len(run.notes) == 1 else 's'}")


def _preview(run: Up) -> None:
    with run.phases.phase("preview") as done:
        planned = pulumi_cli.preview(run.stacks.command, run.stacks.environment, run.folder, run.environment.name)
        try:
            steps = engine.steps_of_preview(planned.document, capture.PROJECT, run.environment.name)
        except engine.NotReadable as broken:
            raise Failure(BAD, f"the preview cannot be judged: {broken}", hint=f"pulumi preview --stack {run.environment.name}") from None
        run.changes = classify(steps)
        counts = Counter(step.operation for step in steps if step.operation is not Operation.SAME)
        told = ", ".join(f"{number} to {operation}" for operation, number in counts.items()) or "nothing changes"
        first = set(planned.changes) <= {"create"}  # what stays is counted, and not listed
        danger = None if first else worst(run.changes)
        done(f"{told}{f'; worst: {danger}' if danger else ''}")
    if not run.phases.quiet and not first:
        for line in _told(run.changes):
            screen.say(line)
    if first:
        run.changes = ()


def _told(changes: tuple[Change, ...]) -> list[str]:
    shown = [change for change in changes if change.danger is not Danger.HARMLESS]
    rows = [(f"    {change.danger}", change.name, change.path, change.why) for change in shown[:_SHOWN]]
    more = [f"    and {len(shown) - _SHOWN} more: agentmem preview"] if len(shown) > _SHOWN else []
    return [*screen.table(rows), *more]


def _agree(run: Up, yes: bool, destroy: str | None, ask: Ask) -> None:
    """Raises Failure unless somebody agrees to what the changes do; to lose data the server's name has to be given."""
    server, danger = run.environment.server.name, worst(run.changes)
    if danger in FATAL:
        given = destroy or ask(f"this loses data for good; type the server's name ({server}) to go on:")
        if given != server:
            raise Failure(
                REFUSED, f"{run.changes[0].name}: {run.changes[0].why}", hint=run.changes[0].instead or f"--destroy {server} to insist"
            )
    elif danger in ASKED and not yes and ask("go on? yes or no:") not in ("y", "yes"):
        raise Failure(REFUSED, f"{run.changes[0].name}: {run.changes[0].why}", hint="--yes goes on without asking")


def _gate(run: Up) -> None:
    """Raises Failure unless a verified copy stands behind a change that could cost memories. What it says is one line in the ledger."""
    environment, danger = run.environment, worst(run.changes)
    if danger not in GATED or environment.name not in GATED_STACKS:
        return
    with run.phases.phase("gate") as done:
        judged = gate.judge(environment, f"up: {run.changes[0].name} ({danger})", run.folder / FOLDER)
        if not judged.verdict.ok:
            raise Failure(REFUSED, f"{danger} in {environment.name}: {judged.verdict.reason}", hint=gate.way(environment))
        done(judged.verdict.reason)


def _up(run: Up) -> None:
    with run.phases.phase("up") as done, screen.progress(quiet=run.phases.quiet) as bar:
        task = bar.add_task("pulumi up", total=None)

        def hear(event: pulumi_cli.Event) -> None:
            bar.update(task, advance=1 if event.kind == "done" else 0, description=f"{event.step.operation} {event.name}")

        try:
            changed = pulumi_cli.up(run.stacks.command, run.stacks.environment, run.folder, run.environment.name, hear)
        except Failure as failure:
            raise _locked(failure, run.environment.name) from failure
        done(", ".join(f"{number} {operation}" for operation, number in sorted(changed.items())) or "nothing to do")


def _locked(failure: Failure, stack: str) -> Failure:
    """Two ups at once are no fault of either: who holds the lock is said, and how to take it from somebody who is gone."""
    _, locked, whose = failure.fact.partition("currently locked")
    if not locked:
        return failure
    who = whose.rpartition("created by ")[2].strip()
    return Failure(BUSY, f"{stack} is locked by {who}", hint=f"wait for it; if it is gone: pulumi cancel --stack {stack}, then again")


def _healthy(run: Up) -> None:
    environment = run.environment
    with run.phases.phase("server") as done, screen.progress(quiet=run.phases.quiet) as bar:
        azure, group, name = arm.connect(), names.resource_group(environment), environment.server.name
        task = bar.add_task(name, total=None)

        def watch(state: str) -> None:
            bar.update(task, description=f"{name}: {state}")

        facts = azure.wait_ready(group, name, watch=watch)
        if environment.availability.mode != "Disabled":
            facts = azure.wait_healthy(group, name, watch=watch)
        standby = f", standby in zone {facts.standby_zone} {facts.availability_state.lower()}" if facts.standby_zone else ""
        waiting = azure.pending_restart(group, name)
        restart = f"; {len(waiting)} parameters wait: agentmem restart --stack {environment.name} --if-pending" if waiting else ""
        done(f"{name} {facts.state.lower()} in zone {facts.zone}{standby}{restart}")


def _post_provision(run: Up) -> None:
    """The database, where it can be reached from here; a private one is told how to be reached, and that is no failure of the up."""
    from scripts import post_provision

    environment = run.environment
    password = os.environ.get("PGPASSWORD")
    if environment.access.password and not password and "PGPASSFILE" not in os.environ:
        password = run.stacks.secret(environment.name, f"{stack_file.NAMESPACE}{stack_file.PASSWORD}")
    with run.phases.phase("post-provision") as done:
        try:
            report = post_provision.bring(environment, password=password, entra=not environment.access.password, quiet=run.phases.quiet)
        except Failure as failure:
            # What Azure's firewall says of an address that it does not let in.
            shut_out = "no pg_hba.conf entry" in failure.fact
            if failure.code is not UNREACHABLE and not shut_out:
                raise
            where = _inside(environment) if environment.network.mode != "public" else f"{_FIREWALL}, then agentmem up again"
            done(f"{failure.fact}; {where}", False)
            run.code = failure.code
        else:
            done(report.summary, report.ok)
            run.code = GOOD if report.ok else REFUSED


def _inside(environment: Environment) -> str:
    return f"agentmem inside --stack {environment.name} -- post-provision" if environment.network.job else _INSIDE


def _end(run: Up, as_json: bool) -> int:
    stack, failed = run.environment.name, run.phases.failed
    says = run.says or (f"{stack} is up, but {failed.name}: {failed.evidence}" if failed else f"{stack} is up")
    if as_json:
        facts: dict[str, Any] = {"environment": stack, "phases": [phase.as_json() for phase in run.phases.done], "notes": run.notes}
        facts["changes"] = [change.as_json() for change in run.changes]
        screen.document("up", {**facts, "verdict": "failed" if failed else "ok", "reason": says})
    else:
        screen.say(says)
    return run.code
