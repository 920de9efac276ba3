"""A database of everything that is hard to copy, and a server for the proof of its copy that costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.dump import Wanted, dump
from scripts.edges import postgres, stack_file
from scripts.edges.ledger_file import LedgerFile
from scripts.local_azure.postgres import Cluster
from scripts.verify import Server
from tests.live.conftest import PASSWORD, Database, new_database

SCHEMA = """
CREATE EXTENSION vector;
CREATE SCHEMA "Odd ""Room";
CREATE TYPE mood AS ENUM ('calm', 'angry');
CREATE TYPE pair AS (feels mood, much integer);
CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE "Odd ""Room"."Mixed Case" (
    "Key" integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "a;b" text, twice text GENERATED ALWAYS AS ("a;b" || "a;b") STORED,
    feels mood, tags text[], happened timestamptz);
INSERT INTO "Odd ""Room"."Mixed Case" ("a;b", feels, tags, happened)
    SELECT 'it''s ' || n, 'angry', ARRAY['x', NULL], '2026-01-01' FROM generate_series(1, 40) AS n;
CREATE TABLE numbered (id bigint PRIMARY KEY, moods mood[], couple pair, couples pair[], kind regclass, address mail, span int4range);
INSERT INTO numbered SELECT n, ARRAY['calm', 'angry']::mood[],
    ROW('calm', n)::pair, ARRAY[ROW('angry', n)::pair], 'numbered', E'a\\n\\\\@' || n,
    int4range(n, n + 2) FROM generate_series(1, 20) AS n;
CREATE TABLE hens (id integer PRIMARY KEY, egg integer);
CREATE TABLE eggs (id integer PRIMARY KEY, hen integer REFERENCES hens);
INSERT INTO hens VALUES (1, 1); INSERT INTO eggs VALUES (1, 1);
ALTER TABLE hens ADD FOREIGN KEY (egg) REFERENCES eggs;
CREATE TABLE days (day date, what text) PARTITION BY RANGE (day);
CREATE TABLE days_old PARTITION OF days FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE days_new PARTITION OF days FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
INSERT INTO days VALUES ('2025-05-05', 'then'), ('2026-05-05', 'now'), ('2026-05-05', 'now');
CREATE TABLE nothing (id integer);
CREATE TABLE bare ();
INSERT INTO bare DEFAULT VALUES;
CREATE TABLE facts (id bigserial PRIMARY KEY, embedding vector(3), short halfvec(3));
INSERT INTO facts (embedding, short)
    SELECT CASE WHEN n % 7 = 0 THEN NULL WHEN n % 7 = 1 THEN '[0,0,0]' ELSE format('[%s,1,0.1]', n)::vector END, '[1,2,3]'
    FROM generate_series(1, 60) AS n;
CREATE INDEX facts_index ON facts USING hnsw (embedding vector_cosine_ops);
COMMENT ON INDEX facts_index IS 'ours';
CREATE INDEX "facts; few" ON facts USING hnsw (embedding vector_l2_ops) WITH (m = 8) WHERE id > 10;
CREATE TABLE long_ones (id integer PRIMARY KEY, embedding vector(3072));
INSERT INTO long_ones SELECT n, array_fill(n::real, ARRAY[3072])::vector FROM generate_series(1, 30) AS n;
CREATE INDEX long_index ON long_ones USING hnsw ((embedding::halfvec(3072)) halfvec_cosine_ops);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.short := NEW.short; RETURN NEW; END';
CREATE TRIGGER moved BEFORE UPDATE ON facts FOR EACH ROW WHEN (OLD.embedding IS DISTINCT FROM NEW.embedding) EXECUTE FUNCTION stamp();
CREATE VIEW moods AS SELECT feels FROM "Odd ""Room"."Mixed Case";
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS facts FROM facts;
CREATE SEQUENCE unused; SELECT setval('unused', 7, false); CREATE SEQUENCE "Used Up"; SELECT setval('"Used Up"', 41);
"""


def connect(database: Database) -> Any:
    """A session as the verbs open them."""
    return postgres.connect(database.dsn(), password=PASSWORD)


def taken(database: Database, to: Path, stack: str = "dev", **wish: Any) -> int:
    """`agentmem dump` of a database as that of an environment; its exit code. The ledger is in the folder beside `to`."""
    environment = stack_file.read(stack, Path(__file__).parents[2])
    opened = wish.pop("opened", lambda: connect(database))
    return dump(Wanted(environment=environment, to=str(to), work=to / "work", **wish), opened, ledger_of(to))


def ledger_of(to: Path) -> LedgerFile:
    """The ledger of the copies in a folder."""
    return LedgerFile(to.with_name(f"{to.name}-ledger"))


def server_of(cluster: Cluster, kept: list[Database] | None = None) -> Server:
    """A new database on a running server as the server for a proof; `kept` gets it before it is dropped."""

    @contextmanager
    def server() -> Iterator[Callable[[], Any]]:
        with new_database(cluster) as made:
            if kept is not None:
                kept.append(made)
            yield lambda: connect(made)

    return server
