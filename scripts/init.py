"""`agentmem init`: a stack, its own server name and its administrator's password, in the backend that Pulumi is logged in to.

Three steps, each looked at before it is done, so that a run that was broken off is finished by the next one.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.domain.environment import Environment
from infra.domain.problem import Invalid
from scripts.edges import doctor_probe, passwords, screen, stack_file, stack_seal
from scripts.edges.exits import BAD, CONFIGURATION, GOOD, REFUSED, USAGE, Failure
from scripts.edges.pulumi_stacks import Stacks

_GLOBAL = "server names are global in Azure, and outlive a deleted server for days"
Ask = Callable[[str, str], str]


@dataclass(frozen=True)
class Done:
    """One step: what it is about, whether something was or would be done, and what it says."""

    step: str
    changed: bool
    says: str


def typed(question: str, default: str) -> str:
    """What a person types after the question, else the default; the default where nobody is there."""
    if not sys.stdin.isatty():
        return default
    screen.talk(f"{question} [{default}]")
    return sys.stdin.readline().strip() or default


def init(
    stack: str, folder: Path, *, name: str | None, secrets_provider: str | None, dry_run: bool, as_json: bool, ask: Ask = typed
) -> int:
    """Make what is missing of a stack. Returns the exit code; raises Failure and Invalid."""
    if not dry_run:
        stack_seal.mend(folder / f"Pulumi.{stack}.yaml")
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    stacks = Stacks(folder)
    done = [_name(stack, folder, loaded.environment, name, dry_run, ask)]
    done.append(_stack(stacks, stack, folder, secrets_provider, dry_run))
    done.append(_password(stacks, stack, folder, loaded.environment, dry_run))
    changed = sum(step.changed for step in done)
    would = "would be done, nothing was changed" if dry_run else "done"
    says = f"{stack} is ready for up: {changed} of 3 steps {would}" if changed else f"{stack} was ready for up, nothing was to be done"
    if as_json:
        screen.document("init", {"environment": stack, "dry_run": dry_run, "steps": [asdict(step) for step in done], "reason": says})
    else:
        for line in screen.table(("  +" if step.changed else "   ", step.step, step.says) for step in done):
            screen.say(line)
        screen.say(f"{says}; next: agentmem up --stack {stack}")
    return GOOD


def _name(stack: str, folder: Path, environment: Environment, name: str | None, dry_run: bool, ask: Ask) -> Done:
    """Your own server name in the stack file, before anything is made."""
    before = environment.server.name
    shipped = f"zepmem-{stack}"
    wanted = name or (ask(f"{_GLOBAL}; a name for this one:", f"{shipped}-{secrets.token_hex(3)}") if before == shipped else before)
    if wanted == before:
        own = "" if name or before != shipped else ", the shipped one; choose your own with --name"
        return Done("server name", False, f"{before}{own}")
    path = folder / f"Pulumi.{stack}.yaml"
    text = path.read_text(encoding="utf-8")
    changed = renamed(text, before, wanted)
    _fit(stack, folder, changed, wanted)
    _free(wanted)
    if not dry_run:
        stack_seal.write(path, changed)
    return Done("server name", True, f"{before} becomes {wanted}")


def renamed(text: str, before: str, wanted: str) -> str:
    """The stack file with another server.name, and nothing else touched. Raises Failure where the line is not found."""
    # The section in one line, or the lines below it that are indented.
    section = r"(agent-memory:server[\"']?:(?:[^\n]*\{|[ \t]*(?:#[^\n]*)?\n(?:[ \t]+[^\n]*\n)*?)[^\n]*?\bname:[ \t]*)"
    pattern = re.compile(rf"{section}[\"']?{re.escape(before)}[\"']?")
    found, number = pattern.subn(rf"\g<1>{wanted}", text, count=1)
    if number != 1:
        says = f"server.name {before} is not where it was expected"
        raise Failure(CONFIGURATION, says, hint="write the name into the stack file yourself")
    return found


def _fit(stack: str, folder: Path, text: str, wanted: str) -> None:
    """Raises Failure unless the file would be as good as before with this name."""
    from tempfile import TemporaryDirectory

    from infra.domain import check as rules
    from infra.domain.problem import Severity

    with TemporaryDirectory() as trial:
        stack_seal.write(Path(trial) / f"Pulumi.{stack}.yaml", text)
        loaded = stack_file.load(stack, Path(trial))
    found = loaded.problems
    if loaded.environment is not None:
        judged = rules.judge(loaded.environment).problems
        found = tuple(each for each in judged if each.key == "server.name" and each.severity is Severity.REFUSE)
    if found:
        raise Failure(USAGE, f"{wanted} is no server name: {found[0].message}", hint=found[0].hint or "3 to 63 letters, digits and hyphens")


def _free(wanted: str) -> None:
    """Raises Failure for a name that Azure says is taken; where Azure cannot be asked, says so and goes on."""
    try:
        refusal = doctor_probe.azure().name_refusal(wanted)
    except Failure as failure:
        screen.talk(f"whether {wanted} is free was not asked: {failure.fact}")
        return
    if refusal is not None:
        raise Failure(REFUSED, refusal, hint=f"another --name; {_GLOBAL}")


def _stack(stacks: Stacks, stack: str, folder: Path, secrets_provider: str | None, dry_run: bool) -> Done:
    if stacks.exists(stack):
        return Done("stack", False, f"{stack} is there already")
    if not dry_run:
        with stack_seal.layout_kept(folder / f"Pulumi.{stack}.yaml"):
            stacks.make(stack, secrets_provider)
    return Done("stack", True, f"{stack}, with secrets by {secrets_provider or 'default of the backend'}")


def _password(stacks: Stacks, stack: str, folder: Path, environment: Environment, dry_run: bool) -> Done:
    """A made-up password, encrypted into the stack file. One that is there is never changed."""
    if not environment.access.password:
        return Done("password", False, "none is needed, logins are Entra's alone")
    if stack_file.load(stack, folder).password_is_set:
        return Done("password", False, "is set already, and stays")
    if not dry_run:
        with stack_seal.layout_kept(folder / f"Pulumi.{stack}.yaml"):
            stacks.set_secret(stack, f"{stack_file.NAMESPACE}{stack_file.PASSWORD}", passwords.made_up())
        if not stack_file.load(stack, folder).password_is_set:
            raise Failure(BAD, "Pulumi has set the password, but not in this stack file", hint="is this the folder with Pulumi.yaml?")
    return Done("password", True, "made up and encrypted, never shown")
