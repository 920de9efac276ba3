"""Connections to PostgreSQL, and its errors as facts with an exit code.

with connect(names.dsn(environment), password=secret) as connection, told("loading memories"):
    connection.execute(...)
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, sql

from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, USAGE, Exit, Failure

APPLICATION = "agentmem"
# What a token must be for, so that the flexible server takes it as a password (every cloud region of the public Azure).
ENTRA_SCOPE = "https://ossrdbms-aad.database.windows.net/.default"
# A reachable server answers in milliseconds; one behind a closed firewall never does.
_CONNECT_SECONDS = 10
# Azure's load balancers forget a silent connection after four minutes, and an index build is silent for longer.
_KEEPALIVE_SECONDS = 60
_SQL = Path(__file__).resolve().parents[1] / "sql"
_VERIFYING = ("verify-ca", "verify-full")


def connect(dsn: str, *, password: str | None = None, user: str | None = None, sslmode: str | None = None) -> psycopg.Connection[Any]:
    """A session in autocommit. The password comes beside the DSN, never in it; `sslmode` holds where the DSN says nothing.

    Server names in AGENTMEM_HOSTS are reached where it says, and still verified by their names. Raises Failure.
    """
    parameters = parameters_of(dsn, user=user, sslmode=sslmode)
    try:
        return psycopg.connect(**parameters, password=password, autocommit=True)
    except psycopg.Error as error:
        raise failure_of(error, where=where(parameters)) from None


def parameters_of(dsn: str, *, user: str | None = None, sslmode: str | None = None) -> dict[str, Any]:
    """What libpq is told about a DSN: trust, real address, patience. Raises Failure for a DSN that is none or holds a password."""
    try:
        given = conninfo.conninfo_to_dict(dsn)
    except psycopg.Error:
        raise Failure(USAGE, "the DSN cannot be read", hint="postgresql://USER@HOST:5432/DATABASE?sslmode=verify-full") from None
    if given.get("password"):
        raise Failure(
            USAGE, "the DSN holds a password, and arguments can be read by others", hint="export PGPASSWORD, and leave it out of the DSN"
        )
    if user is not None:
        given["user"] = user
    if sslmode is not None:
        given.setdefault("sslmode", os.environ.get("PGSSLMODE") or sslmode)
    # With sslmode=require a root certificate would quietly turn it into verify-ca, so it is given only where it was asked for.
    if given.get("sslmode") in _VERIFYING and not os.environ.get("PGSSLROOTCERT"):
        given.setdefault("sslrootcert", _certificates())
    address, port = _real_address(str(given.get("host", "")), _listed_hosts())
    if address:
        given["hostaddr"] = address
        given.update({"port": port} if port else {})
    patience = {"connect_timeout": _CONNECT_SECONDS, "keepalives_idle": _KEEPALIVE_SECONDS, "application_name": APPLICATION}
    return {**patience, **given}


def _listed_hosts() -> str:
    """AGENTMEM_HOSTS, or with @FILE what stands in that file now: servers may appear while a command runs."""
    text = os.environ.get("AGENTMEM_HOSTS", "")
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except OSError:
        return ""


def where(parameters: Mapping[str, Any]) -> str:
    """The server and database that parameters lead to, for people."""
    host = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST") or "this machine"
    database = parameters.get("dbname") or os.environ.get("PGDATABASE")
    return f"{host}/{database}" if database else str(host)


def entra_token() -> str:
    """A token of Microsoft Entra ID that the server takes as a password; it lives for about an hour. Raises Failure."""
    from azure.core.exceptions import AzureError
    from azure.identity import DefaultAzureCredential

    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)  # it would tell the same on ten lines
    try:
        with DefaultAzureCredential() as credential:
            return credential.get_token(ENTRA_SCOPE).token
    except AzureError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise Failure(REFUSED, f"no token from Microsoft Entra ID: {reason}", hint="az login, or run where a managed identity is") from None


@contextmanager
def told(what: str) -> Iterator[None]:
    """Errors of PostgreSQL in the block become Failures that say at what they happened."""
    try:
        yield
    except psycopg.Error as error:
        raise failure_of(error, where=what) from None


def new_database(connection: psycopg.Connection[Any], name: str) -> None:
    """An empty database of this name, in place of the one that may be there."""
    with told(f"database {name}"):
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def statement(name: str, /, **parts: sql.Composable) -> sql.Composed:
    """The statement in `scripts/sql/NAME.sql`, with its {parts} filled in."""
    return sql.SQL(_text(name)).format(**parts)


def failure_of(error: psycopg.Error, *, where: str = "") -> Failure:
    """What an error of PostgreSQL means to a person: exit code, fact and hint; never a statement's text or a password."""
    fact = _fact(error)
    code, hint = _by_state(error.sqlstate, fact) if error.sqlstate else _by_words(fact)
    return Failure(code, fact, hint=hint, where=where)


def _fact(error: psycopg.Error) -> str:
    """The server's own first sentence; for a failed connection the last one, which is about the last address tried."""
    if error.diag.message_primary:
        return error.diag.message_primary
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Multiple connection attempts")]
    text = lines[0] if lines else type(error).__name__
    for mark in ("FATAL:", "ERROR:", " failed: "):
        _, found, after = text.rpartition(mark)
        text = after.strip() if found and after.strip() else text
    return text


def _by_state(state: str, fact: str) -> tuple[Exit, str]:
    """Exit code and hint of an error that has an SQLSTATE."""
    if "allow-list" in fact:
        return REFUSED, "add it to the server parameter azure.extensions: database.extensions in the stack file, then pulumi up"
    if state == "53100" and "shared memory" in fact:
        return REFUSED, "the server's shared memory is too small for a parallel build: max_parallel_maintenance_workers 0"
    if fact.startswith("could not extend file"):  # a quota or a limit of the system says it without the state of a full disk
        return _STATES["53100"]
    exact = _STATES.get(state)
    return exact or _CLASSES.get(state[:2], (REFUSED, ""))


_RIGHTS = "log in as the server's administrator, or let it grant the right"
_STATES: dict[str, tuple[Exit, str]] = {
    "28P01": (REFUSED, "the password: export PGPASSWORD, or use --entra"),
    "28000": (REFUSED, "this login, network or encryption is not let in"),
    "42501": (REFUSED, _RIGHTS),
    "53100": (REFUSED, "the disk is full: storage.size_gib in the stack file, then pulumi up"),
    "53200": (REFUSED, "the server is out of memory: a smaller index, or a larger SKU"),
    "53300": (BUSY, "all connections are taken: try again, or close some"),
    "25006": (REFUSED, "the server is a replica, or its disk is nearly full and it takes no writes"),
    "55P03": (BUSY, "something holds a lock: try again"),
    "55006": (BUSY, "something is using it: try again"),
    "40P01": (BUSY, "two transactions waited for each other: try again"),
    "57014": (BUSY, "somebody or a timeout ended the statement: try again"),
    "3D000": (REFUSED, "pulumi up creates the database"),
    "54000": (REFUSED, "a limit of the server: memory or dimensions do not suffice"),
}
# Server shutting down or starting, and a connection that broke.
_CLASSES: dict[str, tuple[Exit, str]] = {"57": (UNREACHABLE, "try again"), "08": (UNREACHABLE, "try again"), "40": (BUSY, "try again")}
# A refused connection has no SQLSTATE, only words.
_WORDS: tuple[tuple[str, Exit, str], ...] = (
    ("authentication failed", *_STATES["28P01"]),
    ("no password supplied", *_STATES["28P01"]),
    ("no pg_hba.conf entry", *_STATES["28000"]),
    ("is not permitted to log in", *_STATES["28000"]),
    ("permission denied for database", *_STATES["42501"]),
    (
        "certificate verify failed",
        REFUSED,
        "its certificate is signed by nobody whom we trust: PGSSLROOTCERT=system, or the file of its authority",
    ),
    ("does not match host name", REFUSED, "another server answers under this name"),
    ("root certificate file", REFUSED, "PGSSLROOTCERT names no readable file"),
    ("too many connections", *_STATES["53300"]),
    ("remaining connection slots", *_STATES["53300"]),
    ("database", *_STATES["3D000"]),
)
_UNREACHABLE = "is the server running, and may this machine reach it? firewall, private network, DNS; then try again"


def _by_words(fact: str) -> tuple[Exit, str]:
    """Exit code and hint of an error without an SQLSTATE: a connection that did not come about, or broke."""
    for words, code, hint in _WORDS:
        if words in fact and (words != "database" or "does not exist" in fact):
            return code, hint
    return UNREACHABLE, _UNREACHABLE


def _certificates() -> str:
    import certifi

    return certifi.where()


def _real_address(host: str, hosts: str) -> tuple[str | None, str | None]:
    """Address and port where a server name really listens, by `name=address[:port],...`; (None, None) for one not named."""
    for entry in filter(None, (item.strip() for item in hosts.split(","))):
        name, _, address = entry.partition("=")
        if name.strip() == host:
            real, _, port = address.strip().partition(":")
            return real, port or None
    return None, None


@cache
def _text(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
