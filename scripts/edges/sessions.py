"""How to open sessions of an environment's database: where it is, and who logs in how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.domain import names
from infra.domain.environment import Environment
from scripts.edges import postgres
from scripts.edges.exits import UNREACHABLE, USAGE, Failure


def sessions(environment: Environment, dsn: str | None, password: str | None, entra: bool, user: str | None) -> Callable[[], Any]:
    """How to open a session: called once, and once more for an index build. Raises Failure for what cannot work."""
    if entra and user is None:
        principals = environment.access.entra_administrators
        if not principals:
            raise Failure(USAGE, "no Entra administrator is declared", hint="--user NAME, or access.entra_administrators in the stack file")
        user = principals[0].principal_name
    if dsn is None and user is None and environment.access.administrator is None:
        raise Failure(USAGE, "the server has no password administrator", hint="--entra, or --user NAME")
    target = dsn or names.dsn(environment)
    if str(postgres.parameters_of(target).get("port")) == str(names.POOLED_PORT):
        hint = f"port {names.PORT}: locks and settings need a session of their own"
        raise Failure(USAGE, "this DSN leads to the pooler, which shares sessions", hint=hint)

    def opened() -> Any:
        secret = postgres.entra_token() if entra else password
        try:
            return postgres.connect(target, password=secret, user=user, sslmode=environment.database.sslmode)
        except Failure as failure:
            if failure.code is UNREACHABLE and dsn is None and environment.network.mode != "public":
                raise _outside(environment) from failure
            raise

    return opened


def _outside(environment: Environment) -> Failure:
    """What it mostly means that a private server does not answer: its name resolves, and its port is open, in its network alone."""
    says = f"{environment.server.name} is private, and was not reached from here"
    if environment.network.job is not None:
        return Failure(UNREACHABLE, says, hint=f"run it inside the network: agentmem inside --stack {environment.name} -- VERB")
    return Failure(UNREACHABLE, says, hint="run it inside the network, as a one-off container job: docs/guides/inside-the-network.md")
