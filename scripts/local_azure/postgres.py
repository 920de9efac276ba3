"""Real PostgreSQL behind each server of the local Azure: clusters made, started, stopped, with Azure's roles and a WAL archive.

    binaries = Binaries.install()
    sweep(state)                                             # what a killed process left
    cluster = Cluster.create(state, "zepmem-dev", binaries)  # runs
    cluster.create_administrator("cogadmin", password)
    gateway.open("zepmem-dev", cluster.socket, ...)

Servers listen on a unix socket in a folder that only the server user opens; the gateway is their network.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.local_azure import azure_roles, initialise, server_settings
from scripts.local_azure.binaries import Binaries
from scripts.local_azure.cluster_record import Record, clusters_folder, discard, make_socket_folder, names, own, remove_orphans, sweep
from scripts.local_azure.postmasters import Identity, Mode, Postmaster
from scripts.local_azure.server_catalogue import give_password, known_parameters, reload
from scripts.local_azure.server_settings import Applied, Known
from scripts.local_azure.trouble import Trouble

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

__all__ = ["Applied", "Binaries", "Cluster", "Database", "Known", "Mode", "Trouble", "discard", "names", "remove_orphans", "sweep"]

PORT = 5432
"""Only a part of the socket's name: nothing listens on a port here."""


@dataclass(frozen=True)
class Database:
    """One database as the catalogue tells it."""

    name: str
    owner: str
    charset: str
    collation: str


class Cluster:
    """One PostgreSQL. Its methods may be called from any thread, one works at a time; each may raise Trouble."""

    def __init__(self, state: Path, record: Record, binaries: Binaries) -> None:
        """Use `create` or `load`."""
        self.name = record.name
        self.binaries = binaries
        self._state = state
        self._record = record
        self._lock = threading.RLock()
        self._postmaster = Postmaster(Identity(**record.running)) if record.running else None

    @classmethod
    def create(cls, state: Path, name: str, binaries: Binaries) -> Cluster:
        """A new cluster with Azure's roles, system databases and allow-list; it runs when this returns. Takes 1 to 2 s."""
        if Record.load(state, name):
            raise Trouble(f"there is a cluster {name} in {state} already")
        record = Record(name, str(clusters_folder(state) / name), secrets.token_urlsafe(32))
        initialise.make_folder(Path(record.folder), binaries)
        own(state)
        cluster = cls(state, record, binaries)
        try:
            initialise.initialise(Path(record.folder), record.secret, binaries)
            cluster.start()
            cluster._settle()
        except BaseException:
            cluster.destroy()
            raise
        return cluster

    @classmethod
    def load(cls, state: Path, name: str, binaries: Binaries) -> Cluster:
        """The cluster that an earlier process made; not running unless something still runs it (`sweep` first)."""
        record = Record.load(state, name)
        if record is None or not Path(record.folder).is_dir():
            raise Trouble(f"there is no data of {name}", hint="start with --fresh: the local cloud is made anew")
        return cls(state, record, binaries)

    @property
    def running(self) -> bool:
        """True while its main process lives."""
        return self._postmaster is not None and self._postmaster.lives()

    @property
    def pid(self) -> int | None:
        """The main process, None when stopped."""
        return self._postmaster.identity.pid if self._postmaster and self.running else None

    @property
    def socket(self) -> Path:
        """The unix socket, for the gateway. Another path after each start, the same after a restart. Raises Trouble when stopped."""
        if not self._record.socket_folder:
            raise Trouble(f"{self.name} is stopped")
        return Path(self._record.socket_folder) / f".s.PGSQL.{PORT}"

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self._record.folder) / "data"

    @property
    def archive(self) -> Path:
        """Where finished WAL segments are kept, whole, by their names."""
        return Path(self._record.folder) / "archive"

    @property
    def log(self) -> Path:
        """What the server said."""
        return Path(self._record.folder) / "server.log"

    def start(self) -> None:
        """Starts it and waits until it takes connections; nothing to do when it runs."""
        with self._lock:
            if self.running:
                return
            if not self._record.socket_folder:
                made = make_socket_folder()
                self.binaries.own(made)
                self._record.socket_folder = str(made)
            initialise.put(self.data / "base.conf", server_settings.base(self.socket.parent, self.archive), self.binaries)
            self._write_settings(self._record.settings)
            self._launch()

    def stop(self, mode: Mode = Mode.FAST) -> None:
        """Stops it and waits: FAST ends sessions, SMART waits for them (20 s), IMMEDIATE is a power cut. Nothing to do when stopped."""
        with self._lock:
            self._halt(mode)
            self._record.drop_socket_folder()
            self._record.socket_folder = ""
            self._record.save(self._state)

    def restart(self) -> None:
        """Stops and starts: static parameters take effect. The socket stays where it is."""
        with self._lock:
            self._halt(Mode.FAST)
            self.start()

    def reload(self) -> None:
        """Lets it read its parameters again and waits until it has."""
        with self._lock, self.connect() as session:
            reload(session)

    def destroy(self) -> None:
        """Stops it and removes everything of it."""
        with self._lock:
            self._halt(Mode.IMMEDIATE)
            self._record.drop(self._state)

    @contextmanager
    def connect(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """A session as the superuser, past gateway and firewall, in autocommit. PostgreSQL's refusals become Trouble."""
        import psycopg

        try:
            with psycopg.connect(
                host=str(self.socket.parent),
                port=PORT,
                user=azure_roles.SUPERUSER,
                password=self._record.secret,
                dbname=database,
                sslmode="disable",
                connect_timeout=10,
                application_name="local-azure",
                autocommit=True,
            ) as session:
                yield session
        except psycopg.Error as error:
            raise Trouble(f"{self.name}: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}") from error

    def create_administrator(self, role: str, password: str | None = None) -> None:
        """A login role as Azure makes its administrators: CREATEDB, CREATEROLE, member of azure_pg_admin, no superuser.

        For an Entra principal leave the password out and give it each token with `set_password`: here the last token is the password.
        """
        from psycopg import sql

        make = sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(sql.Identifier(role))
        grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(sql.Identifier(azure_roles.ADMINS), sql.Identifier(role))
        with self._lock, self.connect() as session, session.transaction():
            self._run(session, make, grant)
            if password is not None:
                give_password(session, role, password)

    def drop_role(self, role: str) -> None:
        """Drops a role; what it owned in any database goes to azure_pg_admin. Nothing to do when there is none."""
        from psycopg import sql

        with self._lock:
            with self.connect() as session:
                if not session.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                    return
            for database in self.databases():
                with self.connect(database.name) as session:
                    give = sql.SQL("REASSIGN OWNED BY {} TO {}").format(sql.Identifier(role), sql.Identifier(azure_roles.ADMINS))
                    self._run(session, give, sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            with self.connect() as session:
                self._run(session, sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    def set_password(self, role: str, password: str) -> None:
        """Gives a role another password; only its SCRAM verifier leaves this process, so no log holds it."""
        with self._lock, self.connect() as session:
            give_password(session, role, password)

    def create_database(self, database: str, collation: str | None = None) -> None:
        """A UTF8 database owned by azure_pg_admin. A collation that this machine has not is replaced by the cluster's own."""
        from psycopg import sql

        make = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(azure_roles.ADMINS))
        wanted = initialise.plain(collation or initialise.cluster_locale())
        if wanted != initialise.plain(initialise.cluster_locale()) and wanted in initialise.machine_locales():
            make += sql.SQL(" TEMPLATE template0 LOCALE {}").format(sql.Literal(collation))
        with self._lock, self.connect() as session:
            self._run(session, make)

    def drop_database(self, database: str) -> None:
        """Drops a database with its sessions; nothing to do when there is none."""
        from psycopg import sql

        with self._lock, self.connect() as session:
            self._run(session, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def databases(self) -> tuple[Database, ...]:
        """All databases but the templates, by name."""
        with self.connect() as session:
            found = session.execute(
                "SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate"
                " FROM pg_database WHERE NOT datistemplate ORDER BY datname"
            )
            return tuple(Database(*row) for row in found)

    def known(self) -> dict[str, Known]:
        """Every parameter that this PostgreSQL knows, by name; values and pending restarts as they are now."""
        with self.connect() as session:
            return known_parameters(session)

    def apply(self, settings: Mapping[str, str | None]) -> Applied:
        """Sets parameters (None: back to the default) and reloads; those that were set before stay.

        The answer tells about all that are set now. A value that PostgreSQL does not take raises Trouble, and nothing changes.
        """
        with self._lock, self.connect() as session:
            wanted = {name: value for name, value in {**self._record.settings, **settings}.items() if value is not None}
            known = known_parameters(session)
            reaching = {name: value for name, value in wanted.items() if server_settings.reaches(name, known)}
            self._write_settings(reaching)
            refused = initialise.refused_settings(self.data, self.binaries)
            if refused:
                self._write_settings(self._record.settings)
                raise Trouble(f"{self.name}: {refused}")
            reload(session)
            waiting = frozenset(name for name, each in known_parameters(session).items() if each.pending_restart)
            self._record.settings = reaching
            self._record.save(self._state)
            return Applied(frozenset(reaching), frozenset(wanted) - frozenset(reaching), waiting)

    def _launch(self) -> None:
        self._postmaster = Postmaster.start(self.binaries, self.data, self.log)
        starter = Identity.of(os.getpid())
        self._record.running, self._record.starter = self._postmaster.identity.json(), starter.json() if starter else None
        self._record.save(self._state)
        try:
            self._postmaster.await_ready(self.data, self.log)
        except BaseException:
            self.stop(Mode.IMMEDIATE)
            raise

    def _halt(self, mode: Mode) -> None:
        if self._postmaster and self._postmaster.lives():
            self._postmaster.stop(mode)
        self._postmaster = None
        self._record.running = self._record.starter = None

    def _settle(self) -> None:
        """Azure's roles, the guard in the templates, and the databases that Azure brings."""
        with self.connect() as session:
            self._run(session, *azure_roles.ROLES, "ALTER DATABASE template0 ALLOW_CONNECTIONS true")
        for template in azure_roles.TEMPLATES:
            with self.connect(template) as session:
                self._run(session, ";".join(azure_roles.GUARD))
        with self.connect() as session:
            self._run(session, "ALTER DATABASE template0 ALLOW_CONNECTIONS false", *azure_roles.DATABASES)

    def _write_settings(self, settings: Mapping[str, str]) -> None:
        initialise.put(self.data / server_settings.AZURE_FILE, server_settings.render(settings), self.binaries)

    @staticmethod
    def _run(session: psycopg.Connection[Any], *statements: str | sql.Composed) -> None:
        for statement in statements:
            session.execute(statement.encode() if isinstance(statement, str) else statement)
