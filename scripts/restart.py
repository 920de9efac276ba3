"""`agentmem restart`: restarts a server so that its static parameters take effect, and tells which waited and how long it took."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from infra.domain import names
from infra.domain.environment import Environment
from scripts.edges import arm, screen
from scripts.edges.exits import BAD, GOOD, REFUSED, Exit, Failure

# Where people work with the memory: a restart ends every session there.
ASKED = frozenset({"uat", "prod"})


def typed(question: str) -> str:
    """What a person types after the question, without the white space around it; nothing if nobody is there."""
    screen.talk(question)
    return sys.stdin.readline().strip()


def restart(
    environment: Environment,
    *,
    if_pending: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    connect: Callable[[], arm.Arm] = arm.connect,
    ask: Callable[[str], str] = typed,
) -> int:
    """Restart the server of the environment once, and wait until it is Ready. Returns the exit code; raises Failure.

    BAD if a parameter still waits afterwards. `if_pending`: do nothing unless one waits. `yes`: do not ask for the server's name.
    """
    group, name = names.resource_group(environment), environment.server.name
    azure = connect()
    azure.server(group, name)  # a server that is not there shall not look like one with nothing to do
    pending = azure.pending_restart(group, name)
    if not pending and if_pending:
        return _told(environment, pending, f"{name}: no parameter waits for a restart", as_json)
    waits = f"{len(pending)} wait: {', '.join(pending)}" if pending else "no parameter waits for one"
    if dry_run:
        return _told(environment, pending, f"{name} would be restarted; {waits}", as_json)
    if environment.name in ASKED and not yes:
        _confirm(name, waits, ask)
    screen.talk(f"restarting {name}; {waits}")
    clock = screen.Stopwatch()
    azure.restart(group, name)
    facts = azure.wait_ready(group, name)
    seconds, left = clock.seconds, azure.pending_restart(group, name)
    still = f"; still waiting: {', '.join(left)}" if left else ""
    says = f"{name} restarted and {facts.state} after {seconds:.1f} s{still}"
    return _told(environment, pending, says, as_json, BAD if left else GOOD, restarted=True, seconds=seconds, still_pending=list(left))


def _confirm(name: str, waits: str, ask: Callable[[str], str]) -> None:
    if ask(f"a restart of {name} ends every session on it ({waits}); type the server's name to go on:") != name:
        raise Failure(REFUSED, "the server's name was not typed, nothing was restarted", where=name, hint="--yes does not ask")


def _told(environment: Environment, pending: Sequence[str], says: str, as_json: bool, code: Exit = GOOD, **more: Any) -> int:
    facts = {"environment": environment.name, "server": environment.server.name, "pending": list(pending)}
    outcome = {"restarted": False, "seconds": 0.0, "still_pending": list(pending), **more}
    if as_json:
        screen.document("restart", {**facts, **outcome, "verdict": "ok" if code is GOOD else "bad", "reason": says})
    else:
        screen.say(says)
    return code
