"""Rows on a journey, for tests: a session that reads under travel rules as a promotion does, and tables to read from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from infra.domain.travel_plan import TravelPlan, plan
from infra.domain.travel_rules import parse
from scripts.edges import travelling
from scripts.edges.table_digests import settle
from tests.live.conftest import Database

SALT = "a salt that nobody would guess"
SESSIONS = """
CREATE EXTENSION vector;
CREATE SCHEMA "Odd ""Room";
CREATE TYPE mood AS ENUM ('calm', 'angry');
CREATE DOMAIN handle AS varchar(80) NOT NULL;
CREATE TABLE tenants (id text PRIMARY KEY);
CREATE TABLE sessions (
    id integer PRIMARY KEY, tenant_id text REFERENCES tenants, user_id text, email text NOT NULL, name varchar(80), notes text,
    feels mood, score numeric(6, 2), padded char(70), owner handle, embedding vector(3),
    shouted text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE messages (id integer PRIMARY KEY, session_id integer NOT NULL REFERENCES sessions, body text);
CREATE TABLE parts (id integer PRIMARY KEY, message_id integer REFERENCES messages, body text);
INSERT INTO tenants VALUES ('a'), ('b'), ('c');
INSERT INTO sessions SELECT n, (ARRAY['a', 'b', 'c'])[n], 'u' || n, n || '@b', 'same', 'note', 'calm', n, 'x', 'me' || n, '[1,2,3]'
    FROM generate_series(1, 3) AS n;
INSERT INTO sessions (id, email, owner) VALUES (4, 'nobody', 'me4');
INSERT INTO messages SELECT 10 * n, n, 'hello' FROM generate_series(1, 4) AS n;
INSERT INTO parts SELECT 100 * n, 10 * n, 'part' FROM generate_series(1, 4) AS n;
INSERT INTO parts VALUES (999, NULL, 'of nothing');
"""


PARTITIONED = """
CREATE TABLE sessions (id integer PRIMARY KEY, tenant_id text);
CREATE TABLE days (id integer, day date, session_id integer REFERENCES sessions, free text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE days_old PARTITION OF days FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE days_new (day date NOT NULL, free text, session_id integer, id integer NOT NULL);
ALTER TABLE days ATTACH PARTITION days_new FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
CREATE TABLE notes (id integer PRIMARY KEY, day_id integer, day date, FOREIGN KEY (day_id, day) REFERENCES days);
INSERT INTO sessions VALUES (1, 'a'), (2, 'c');
INSERT INTO days SELECT n, '2025-12-30'::date + n, 1 + n % 2, 'free' FROM generate_series(1, 6) AS n;
INSERT INTO notes SELECT 10 * id, id, day FROM days;
INSERT INTO notes VALUES (7, NULL, '2026-01-01');
"""


@dataclass
class Journey:
    """A session that reads as a promotion does."""

    session: psycopg.Connection[Any]

    def plan(self, values: dict[str, Any]) -> TravelPlan:
        """The plan for the database as it is."""
        return plan(parse(values), travelling.shapes(self.session))

    def rows(self, values: dict[str, Any], table: str, schema: str = "public") -> list[dict[str, Any]]:
        """The rows of a table that travel, by COPY, under the names of their columns."""
        selection = self.plan(values).of(schema, table)
        read = sql.SQL("SELECT {} FROM ONLY {} {}").format(
            travelling.columns(selection), travelling.identifier(selection.table), travelling.where(selection)
        )
        with self.session.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(read)) as copy:
            names = [sent.column.name for sent in selection.columns]
            return sorted((dict(zip(names, row, strict=True)) for row in copy.rows()), key=lambda row: str(row[names[0]]))

    def ids(self, values: dict[str, Any], table: str) -> list[int]:
        """The ids of the rows that travel, ascending."""
        return sorted(int(row["id"]) for row in self.rows(values, table))


@contextmanager
def begun(database: Database) -> Iterator[Journey]:
    """A journey from this database, its session as a promotion prepares it."""
    with database.session() as session:
        settle(session)
        travelling.keep_salt(session, SALT)
        yield Journey(session)


def prepare(journey: Journey, statements: str) -> None:
    """Make tables, as an application would, in the public schema."""
    journey.session.execute("SET search_path = public")
    journey.session.execute(statements.encode())
    journey.session.execute("SET search_path = pg_catalog")


def tenants(*keep: str, **tables: str) -> dict[str, Any]:
    return {"tenants": {"column": "tenant_id", "keep": list(keep), "tables": {f"public.{name}": column for name, column in tables.items()}}}


def subjects(*erased: str) -> dict[str, Any]:
    return {"subjects": {"column": "user_id", "erased": list(erased)}}


def masks(table: str, **columns: dict[str, Any]) -> dict[str, Any]:
    return {"mask": {table: columns}}
