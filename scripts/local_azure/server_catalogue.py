"""What a session as the superuser asks and tells a running server: parameters, reload, passwords."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from scripts.local_azure.server_settings import Known
from scripts.local_azure.trouble import Trouble

if TYPE_CHECKING:
    import psycopg

RELOAD_SECONDS = 10.0
"""A reload takes milliseconds; a server that does not answer for so long hangs."""
POLL_SECONDS = 0.005


def known_parameters(session: psycopg.Connection[Any]) -> dict[str, Known]:
    """Every parameter that PostgreSQL knows, by name."""
    found = session.execute("SELECT name, context, setting, unit, pending_restart FROM pg_settings")
    return {name: Known(*rest) for name, *rest in found}


def reload(session: psycopg.Connection[Any]) -> None:
    """Lets the server read its files again; when this returns, the main process and this session have. Raises Trouble."""
    # The time of the last load has microseconds and this session gets it from its own reload, which comes after the main process's.
    loaded = "SELECT pg_conf_load_time()"
    before = session.execute(loaded).fetchone()
    session.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + RELOAD_SECONDS
    while session.execute(loaded).fetchone() == before:
        if time.monotonic() > deadline:
            raise Trouble(f"PostgreSQL did not read its parameters within {RELOAD_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def give_password(session: psycopg.Connection[Any], role: str, password: str) -> None:
    """Sets a role's password; only the SCRAM verifier travels, so neither the log nor pg_stat_activity sees the password."""
    from psycopg import sql

    verifier = session.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    session.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
