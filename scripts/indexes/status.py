"""`agentmem indexes status`: what is wrong with the vector indexes of a database, each finding with the command that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.domain.environment import Environment
from scripts.edges import screen
from scripts.edges.exits import BAD, GOOD


def status(environment: Environment, *, unused_days: float, probe: bool, login: Mapping[str, Any], as_json: bool) -> int:
    """Examine, tell, and return bad when something declared is not true."""
    from scripts.edges import index_checkup
    from scripts.edges.sessions import sessions

    told = (lambda line: None) if as_json else screen.talk
    with sessions(environment, **login)() as connection:
        found = index_checkup.look(connection, environment, unused_days=unused_days, probe=probe, tell=told)
    if as_json:
        screen.document("indexes-status", {"environment": environment.name, **index_checkup.as_facts(found)})
    else:
        for line in index_checkup.lines(found, index_checkup.where(environment, login)):
            screen.say(line)
    return GOOD if found.ok else BAD
