"""A database with one declared vector set, to be made ill: how to fill it, to cut builds off at a phase, and to ask for its health."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from infra.domain.environment import Environment, Hnsw, IvfFlat, VectorSet
from scripts.edges import memories, vector_tables
from scripts.indexes import repair as repairing, status as looking
from tests.live.conftest import PASSWORD, Database

TABLE, INDEX = "zep_embeddings", "zep_embeddings_embedding_ann_idx"
DIMENSIONS, ROWS = 64, 2500
HNSW = Hnsw(kind="hnsw", m=16, ef_construction=64)
LISTS = IvfFlat(kind="ivfflat", lists=20)
_STATES = """
SELECT coalesce(json_object_agg(relname, indisvalid::text || ' ' || indisready::text), '{}')
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam WHERE amname IN ('hnsw', 'ivfflat')
"""
# What a build waits for that only an old transaction holds up, and what it is at before that.
WAITING, BUILDING = "waiting for old snapshots", "building index: loading tuples"


class Patient:
    """The database, what is declared for it, and the sessions of a person who looks after it."""

    def __init__(self, database: Database, environment: Environment, output: pytest.CaptureFixture[str]) -> None:
        self.database, self.environment, self._output = database, environment, output

    @property
    def login(self) -> dict[str, Any]:
        return {"dsn": self.database.dsn(), "password": PASSWORD, "entra": False, "user": None}

    @property
    def vector_set(self) -> VectorSet:
        return self.environment.vector_sets[0]

    def declare(self, **changes: Any) -> None:
        """Declare the set otherwise."""
        self.environment = self.environment.model_copy(update={"vector_sets": (self.vector_set.model_copy(update=changes),)})

    def execute(self, *statements: str) -> None:
        with self.database.session() as session:
            for statement in statements:
                session.execute(statement.encode())

    def fill(self, rows: int = ROWS, *, seed: int = 5) -> None:
        """More memories."""
        with self.database.session() as session:
            vector_tables.load(session, self.vector_set, memories.make(rows, self.vector_set.dimensions, seed=seed), lambda count: None)

    def index(self, name: str = INDEX, expression: str = "hnsw (embedding vector_cosine_ops)", settings: str = "") -> None:
        """An index, made by somebody with plain SQL."""
        self.execute(f"CREATE INDEX {name} ON {TABLE} USING {expression} {settings}")

    def states(self) -> dict[str, str]:
        """Each vector index with its `indisvalid indisready`."""
        found: dict[str, str] = self.database.value(_STATES)
        return found

    def status(self, **how: Any) -> tuple[int, dict[str, list[str]]]:
        """The exit code of `indexes status`, and the sentences by rule."""
        self._output.readouterr()
        code = looking.status(self.environment, **{"unused_days": 30, "probe": True, "login": self.login, "as_json": True, **how})
        found: dict[str, list[str]] = {}
        for finding in json.loads(self._output.readouterr().out)["findings"]:
            found.setdefault(finding["rule"], []).append(f"{finding['severity']}: {finding['says']} => {finding['mend']}")
        found.pop("I15", None)  # Every pgvector there is has a defect by now; it has tests of its own.
        return code, found

    def repair(self, **how: Any) -> tuple[int, dict[str, Any]]:
        """The exit code of `indexes repair`, and its document."""
        self._output.readouterr()
        code = repairing.repair(self.environment, **{"yes": True, "dry_run": False, "login": self.login, "as_json": True, **how})
        document: dict[str, Any] = json.loads(self._output.readouterr().out)
        return code, document

    def mended(self, *done: str) -> None:
        """Repair does exactly this, and afterwards nothing is wrong."""
        code, document = self.repair()
        assert [each["says"].partition(":")[0].partition(", with")[0] for each in document["done"]] == list(done), document
        assert code == 0, document
        assert self.status() == (0, {})

    @contextmanager
    def old_transaction(self) -> Iterator[None]:
        """Somebody who has a snapshot and forgot about it: a concurrent build waits for him at its end."""
        with self.database.session() as other:
            other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            other.execute("SELECT count(*) FROM pg_class")
            yield
            other.execute("ROLLBACK")

    def cut_off(self, statement: str, phase: str) -> None:
        """Run a build and cancel it in a phase."""
        errors: list[psycopg.Error] = []
        with self.database.session() as session:
            pid = session.info.backend_pid

            def work() -> None:
                try:
                    session.execute(statement.encode())
                except psycopg.Error as error:
                    errors.append(error)

            build = threading.Thread(target=work)
            build.start()
            with self.database.superuser() as watching:
                end = time.monotonic() + 20
                while build.is_alive() and time.monotonic() < end:
                    row = watching.execute("SELECT phase FROM pg_stat_progress_create_index WHERE pid = %s", (pid,)).fetchone()
                    if row is not None and row[0] == phase:
                        watching.execute("SELECT pg_cancel_backend(%s)", (pid,))
                        break
                    time.sleep(0.01)
            build.join(20)
        assert [type(error) for error in errors] == [psycopg.errors.QueryCanceled], f"the build was not cut off in: {phase}"


def declared(prod: Environment, **changes: Any) -> Environment:
    """Production with its first vector set, made small."""
    values = {"dimensions": DIMENSIONS, "expected_rows": ROWS, "index": HNSW, "index_if_memory_is_short": None, "recall_floor": 0.9}
    one = prod.vector_sets[0].model_copy(update={**values, **changes})
    return prod.model_copy(update={"vector_sets": (one,)})


@contextmanager
def admitted(prod: Environment, database: Database, output: pytest.CaptureFixture[str], **changes: Any) -> Iterator[Patient]:
    """A patient with a table and no index yet."""
    patient = Patient(database, declared(prod, **changes), output)
    with database.session() as session:
        session.execute("CREATE EXTENSION vector")
        vector_tables.create_tables(session, patient.environment.vector_sets)
    yield patient
