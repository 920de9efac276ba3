"""Watches a target from outside while somebody fills it: when rows are there, when indexes answer. The same for us and for every peer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from pgvector import Vector
from pgvector.psycopg import register_vector
from psycopg import sql

from benchmarks import servers
from benchmarks.promotion_ground import Ground, Part
from infra.domain import vectors
from scripts.edges import vector_tables

# A hundredth of the smallest figure that is measured so, two hundredths with `--quick`. A look reads a few rows of the catalogue, on cores
# that whoever is observed wants.
_PAUSE_SECONDS = 0.1
# A look must not stand in the queue behind a restore's ALTER TABLE.
_PATIENCE = "20ms"
# Nothing gets better after the end of whoever fills the target; so long the last look may take on a busy machine.
_GRACE_SECONDS = 30.0
RECALL_FLOOR = 0.95
# What the product sets for a higher floor: with that for 0.95 one of 20 builds, whose levels are drawn at random, found 0.93.
_EF_SEARCH = vectors.ef_search_for(0.97)
_INDEXES = """SELECT r.relname, i.relname, a.amname FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_class AS r ON r.oid = x.indrelid JOIN pg_am AS a ON a.oid = i.relam
WHERE a.amname IN ('hnsw', 'ivfflat') AND x.indisvalid AND x.indisready"""


class Seen:
    """What was seen, by time.monotonic: `rows` in every table, `indexed` (a vector index of each answers), `final` (HNSW alone)."""

    def __init__(self, ground: Ground) -> None:
        self.moments: dict[str, float] = {}
        self.recall: dict[str, float] = {}
        self._served: list[str | None] = []
        self._ground = ground
        self._error: BaseException | None = None
        self._ended_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def ended(self) -> None:
        """Whoever filled the target has ended: look for a little longer, then say what is missing. Ends the measuring if something is."""
        self._ended_at = time.monotonic()
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            with servers.open_on(self._ground.target) as session:
                session.execute("SELECT set_config('lock_timeout', %s, false)", (_PATIENCE,))
                while "final" not in self.moments:
                    self._look(session)
                    if self._ended_at and time.monotonic() - self._ended_at > _GRACE_SECONDS:
                        seen = f"{sorted(self.moments)} were seen, served by {self._served}, recall {self.recall}"
                        raise SystemExit(f"the vector indexes do not answer well: {seen}")
                    time.sleep(_PAUSE_SECONDS)
        except BaseException as error:
            self._error = error

    def _look(self, session: psycopg.Connection[Any]) -> None:
        if "rows" not in self.moments and self._has_rows(session):
            self.moments["rows"] = time.monotonic()
        found: dict[str, dict[str, str]] = {part.table: {} for part in self._ground.parts}
        for table, index, method in session.execute(_INDEXES).fetchall():
            found.setdefault(table, {})[index] = method
        alone = all(list(found[part.table].values()) == ["hnsw"] for part in self._ground.parts)
        if "indexed" not in self.moments and all(found[part.table] for part in self._ground.parts):
            self._answer("indexed", found)
            if alone and "indexed" in self.moments:
                self.moments["final"] = self.moments["indexed"]
        elif alone:
            self._answer("final", found)

    def _has_rows(self, session: psycopg.Connection[Any]) -> bool:
        """Whether every table has: peers fill each in one transaction, and ours says itself when all are full."""
        try:
            for table in ("sessions", *(part.table for part in self._ground.parts)):
                row = session.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))).fetchone()
                if not row or not row[0]:
                    return False
        except (psycopg.errors.UndefinedTable, psycopg.errors.LockNotAvailable):
            return False
        return True

    def _answer(self, moment: str, found: dict[str, dict[str, str]]) -> None:
        """Ask in a new session, as an application would: the first answers are the moment, if the indexes gave them and all are good.

        Sequential scans are off for everybody: on a small table the planner would prefer one.
        """
        settings = {"hnsw.ef_search": _EF_SEARCH, "enable_seqscan": "off"}
        with servers.open_on(self._ground.target) as session:
            register_vector(session)
            for name, value in settings.items():
                session.execute("SELECT set_config(%s, %s, false)", (name, str(value)))
            first = [self._distances(session, part, 0) for part in self._ground.parts]
            at = time.monotonic()
            self._served = [self._index_of(session, part, found[part.table]) for part in self._ground.parts]
            recalls = [self._recall(session, part, near) for part, near in zip(self._ground.parts, first, strict=True)]
        self.recall[moment] = min(recalls)
        if None not in self._served and self.recall[moment] >= RECALL_FLOOR:
            self.moments[moment] = at

    def _distances(self, session: psycopg.Connection[Any], part: Part, number: int) -> list[float]:
        questions = self._ground.questions[part.table]
        return [row[0] for row in session.execute(questions.statement, {"query": Vector(questions.asked[number])}).fetchall()]

    def _index_of(self, session: psycopg.Connection[Any], part: Part, indexes: dict[str, str]) -> str | None:
        """The one of these indexes that the search uses, None where it uses none of them."""
        questions = self._ground.questions[part.table]
        served = vector_tables.served_by(session, questions.statement, questions.asked[0], {})
        return served if served in indexes else None

    def _recall(self, session: psycopg.Connection[Any], part: Part, first: list[float]) -> float:
        """recall@10 of a part's questions."""
        exact = self._ground.questions[part.table].exact
        near = [first, *(self._distances(session, part, number) for number in range(1, len(exact)))]
        hits = sum(vector_tables.found(mine, truth) for mine, truth in zip(near, exact, strict=True))
        return hits / sum(map(len, exact))


@contextmanager
def observed(ground: Ground) -> Iterator[Seen]:
    """Watch the target while the block fills it; when the block is left, everything has been seen."""
    seen = Seen(ground)
    seen.start()
    yield seen
    seen.ended()
