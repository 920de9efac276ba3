"""The target of a transfer: whose it is, how far an earlier transfer came, and one transaction for each step of it.

Each step notes itself in the schema `agent_memory_transfer`, in the transaction that does it. The schema is dropped as the last step, so
whoever finds it knows that this database is not complete.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from infra.domain.manifest import FAST_ALGORITHM, Sequence
from scripts.edges import index_records, table_digests
from scripts.edges.exits import BUSY, REFUSED, Failure
from scripts.edges.origin import Item, Origin
from scripts.edges.postgres import APPLICATION, statement, told
from scripts.edges.table_digests import Found

ROOM = "agent_memory_transfer"
# What is noted of the builds of indexes, in the database that they are in.
BUILDS = tuple(index_records.TABLE.split("."))
# "agme", and the second of our locks (database_steps has the first).
_LOCK = {"kind": 0x61676D65, "number": 2}
# The session of a transfer that was killed a moment ago ends within this time, unless it is not dead.
_LOCK_SECONDS, _LOCK_PAUSE_SECONDS = 5.0, 0.2
# A transfer is proved before it counts, and begun anew if the server dies: its commits need not wait for the disk. A client that is
# gone would leave its server process at work, with all its locks, in the way of the next run. Nothing that somebody has set against
# slow queries ends a transfer. A server that does not know a setting goes without.
_PACE = (
    ("synchronous_commit", "off"), ("client_connection_check_interval", "1s"), ("statement_timeout", "0"), ("transaction_timeout", "0"),
    ("idle_session_timeout", "0"), ("idle_in_transaction_session_timeout", "0"),
)  # fmt: skip
# pg_dump's own preamble, which would wait for ever where we do not.
_WAITS = b"SET lock_timeout = 0;\n"
_END_BUILDS = """SELECT pg_terminate_backend(progress.pid) FROM pg_stat_progress_create_index AS progress
JOIN pg_stat_activity AS activity ON activity.pid = progress.pid
WHERE progress.datname = current_database() AND activity.usename = current_user AND activity.application_name = %s"""


class Target:
    """A database that rows are brought into. `connect` opens a session of it; Failures of any step leave what the next run can use."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self.connect = connect
        self.session = self.opened()
        self.found: dict[tuple[str, str], Found] = {}

    def close(self) -> None:
        """Give the lock back."""
        self.session.close()

    def opened(self) -> Any:
        """A session of the target's own, for one step."""
        session = self.connect()
        with told("the target"):
            wanted = dict(_PACE, lock_timeout=f"{table_digests.LOCK_SECONDS}s")
            session.execute(statement("set_known_for_session"), {"names": [*wanted], "values": [*wanted.values()]})
        return session

    def lock(self) -> None:
        """Keep every other transfer from this database, for the life of the session. Raises Failure (BUSY)."""
        end = time.monotonic() + _LOCK_SECONDS
        with told("taking the lock of the target"):
            while not self.session.execute(statement("try_lock"), _LOCK).fetchone()[0]:
                if time.monotonic() > end:
                    holder = self.session.execute(statement("read_lock_holder"), _LOCK).fetchone()
                    who = f"process {holder[0]} of {holder[1]} from {holder[2]}" if holder else "somebody who has just gone"
                    raise Failure(BUSY, f"another transfer into this database is at work: {who}", hint="wait until it has ended")
                time.sleep(_LOCK_PAUSE_SECONDS)

    def foreign(self) -> tuple[str, ...]:
        """What stands in the database that is neither ours nor an extension's."""
        with told("reading the target"):
            return tuple(row[0] for row in self.session.execute(statement("read_foreign_tables")))

    def offered(self) -> dict[str, str]:
        """The extensions that the server has, each with the version that it makes."""
        with told("reading the target"):
            return dict(self.session.execute("SELECT name, default_version FROM pg_available_extensions").fetchall())

    def begun(self) -> dict[str, Any] | None:
        """What an earlier transfer that did not end noted, by step; None where there was none."""
        with told("reading the target"):
            if self.session.execute("SELECT to_regclass(%s) IS NULL", (f"{ROOM}.steps",)).fetchone()[0]:
                return None
            return dict(self.session.execute(f"SELECT step, facts FROM {ROOM}.steps").fetchall())

    def wipe(self) -> None:
        """Drop everything that no extension brought, in one transaction. Index builds of a client that is gone end first."""
        with told("emptying the target"):
            self.session.execute(_END_BUILDS, (APPLICATION,))
        with told("emptying the target"), self.session.transaction():
            for kind, name, _ in self.session.execute(statement("read_removable")).fetchall():
                self.session.execute(sql.SQL("DROP {} IF EXISTS {} CASCADE").format(sql.SQL(kind), sql.SQL(name)))

    def create_extension(self, name: str, version: str) -> None:
        """Create an extension at a version, unless it is there."""
        with told(f"extension {name}"):
            create = "CREATE EXTENSION IF NOT EXISTS {} VERSION {}"
            self.session.execute(sql.SQL(create).format(sql.Identifier(name), sql.Literal(version)))

    def begin(self, origin: Origin) -> None:
        """The schema before the rows, and our own notes, in one transaction. What post-provision made in a new database goes."""
        with told("schema"), self.opened() as session, session.transaction():
            session.execute("DROP SCHEMA IF EXISTS agent_memory CASCADE")
            session.execute(f"CREATE SCHEMA {ROOM}")
            session.execute(f"CREATE TABLE {ROOM}.steps (step text PRIMARY KEY, facts jsonb NOT NULL)")
            note(session, "origin", {"title": origin.title, "schema": fingerprint(origin)})
            session.execute(origin.schema.before.replace(_WAITS, b""))

    def learn(self) -> None:
        """Read the tables that are there now."""
        with self.opened() as session, told("reading the target"):
            table_digests.settle(session)
            self.found = {(table.schema, table.name): table for table in table_digests.tables(session) if table.schema != ROOM}

    def clear(self, item: Item) -> None:
        """No rows of a table, and no note that they were copied, before pieces of it come."""
        with told(f"emptying {item.title}"), self.session.transaction():
            self.session.execute(f"DELETE FROM {ROOM}.steps WHERE step = %s", (step_of(item),))
            truncate(self.session, item)

    def have(self, item: Item) -> None:
        """All pieces of a table are there."""
        self.note(step_of(item), {})

    def note(self, step: str, facts: dict[str, Any]) -> None:
        """Write down a step that is no transaction of its own."""
        with told("the target's notes"):
            note(self.session, step, facts)

    def set_sequences(self, sequences: tuple[Sequence, ...]) -> None:
        """Every sequence goes on where that of the source is."""
        with told("sequences"), self.session.transaction():
            for each in sequences:
                name = sql.Identifier(each.schema_name, each.name).as_string(self.session)
                used = each.last_value is not None
                self.session.execute("SELECT setval(%s, %s, %s)", (name, each.last_value if used else each.next_value, used))

    def finish_schema(self, origin: Origin, memory_kib: int) -> None:
        """Keys, constraints, ordinary indexes, triggers, in one transaction with its note."""
        with told("keys and constraints"), self.opened() as session, session.transaction():
            session.execute("SELECT set_config('maintenance_work_mem', %s, true)", (f"{memory_kib}kB",))
            session.execute(origin.schema.after.replace(_WAITS, b""))
            if BUILDS in self.found:  # of the source's indexes, by numbers that mean others here
                session.execute(sql.SQL("DELETE FROM {}").format(self.found[BUILDS].identifier))
            note(session, "constraints", {})

    def settle(self) -> None:
        """Fill materialized views in the order of their making, and the planner's statistics."""
        with told("statistics"), self.opened() as session:
            views = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'm' AND NOT relispopulated ORDER BY oid"
            for (name,) in session.execute(views).fetchall():
                session.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.SQL(name)))
            session.execute("ANALYZE")

    def end(self) -> None:
        """The database is complete, and all of it on the disk: a transaction that drops a table waits for that, whatever is set."""
        with told("the last step"):
            self.session.execute(f"DROP SCHEMA IF EXISTS {ROOM} CASCADE")


def note(session: Any, step: str, facts: dict[str, Any]) -> None:
    """Write down that a step is done, in the transaction that does it."""
    upsert = f"INSERT INTO {ROOM}.steps VALUES (%s, %s) ON CONFLICT (step) DO UPDATE SET facts = excluded.facts"
    session.execute(upsert, (step, Jsonb(facts)))


def is_copied(steps: dict[str, Any], item: Item) -> bool:
    """Whether an earlier transfer brought this table."""
    return step_of(item) in steps


def fingerprint(origin: Origin) -> str:
    """What tells one schema from another, vector indexes included, whatever their order."""
    indexes = "\0".join(sorted(index.definition for index in origin.schema.vector_indexes)).encode()
    return hashlib.sha256(b"\0".join((origin.schema.before, origin.schema.after, indexes))).hexdigest()


def algorithm_for(source_version: int, target_version: int) -> str | None:
    """The quick digest between two servers of one major version, None for the one that every version gives alike."""
    return FAST_ALGORITHM if source_version // 10_000 == target_version // 10_000 else None


def occupied(foreign: tuple[str, ...]) -> str:
    """That a target is not empty, with the first of what stands in it."""
    more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
    return f"the target is not empty: {', '.join(foreign[:3])}{more}"


def refuse_others(foreign: tuple[str, ...], hint: str) -> None:
    """Raises Failure (REFUSED) if a target is not empty."""
    if foreign:
        raise Failure(REFUSED, occupied(foreign), hint=hint)


def truncate(session: Any, item: Item) -> None:
    """No rows of a table."""
    session.execute(sql.SQL("TRUNCATE ONLY {}").format(item.identifier))


def step_of(item: Item) -> str:
    """The step whose note says that a table was copied."""
    return f"table {item.schema}.{item.name}"
