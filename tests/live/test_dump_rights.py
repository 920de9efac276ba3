"""The login that the guide makes for the workflow dump may read all that a copy holds, and nothing lets it write."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from scripts.edges import dump_files, postgres
from scripts.edges.exits import GOOD, REFUSED, Failure
from tests.live.conftest import PASSWORD, Database
from tests.live.hard_to_copy import taken

LOGIN = "id-rg-zepmem-prod-copies"
SCHEMA = """CREATE EXTENSION vector; CREATE SCHEMA agent_memory; CREATE TABLE agent_memory.index_builds (name text);
CREATE TABLE facts (id bigserial PRIMARY KEY, embedding vector(3));
INSERT INTO facts (embedding) SELECT format('[%s,1,0.1]', n)::vector FROM generate_series(1, 60) AS n;
CREATE INDEX facts_index ON facts USING hnsw (embedding vector_cosine_ops)"""
LATER = "CREATE TABLE later (id serial); INSERT INTO later DEFAULT VALUES"


@pytest.fixture
def database_of_memories(database: Database) -> Database:
    """A database with tables of the application and of ours, and a login that may nothing yet."""
    database.login(f'"{LOGIN}"')
    with database.session() as session:
        session.execute(SCHEMA.encode())
    return database


def grants(root: Path) -> list[str]:
    """What the guide tells the administrator to run in the database of the memories."""
    guide = (root / "docs" / "guides" / "pull-requests.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)
    first, *rest = [line for line in block.splitlines() if line]
    assert "pgaadauth_create_principal" in first and all(LOGIN in line for line in (first, *rest))
    return rest


def dumped(database: Database, to: Path, user: str) -> Path:
    assert taken(database, to, opened=lambda: postgres.connect(database.dsn(user), password=PASSWORD)) == GOOD
    (folder,) = to.glob("dev-*")
    return folder


def test_the_login_of_the_guide_copies_everything_and_writes_nothing(database_of_memories: Database, tmp_path: Path, root: Path) -> None:
    with database_of_memories.session() as session:
        for grant in grants(root):
            session.execute(grant.encode())
        session.execute(LATER.encode())
    ours, theirs = (dump_files.read_manifest(dumped(database_of_memories, tmp_path / user, user)) for user in (LOGIN, "cogadmin"))
    assert {table.name for table in ours.tables} == {"facts", "index_builds", "later"}
    assert ours.tables == theirs.tables
    assert ours.sequences == theirs.sequences and {each.last_value for each in ours.sequences} == {60, 1}
    for writes in ("DELETE FROM facts", "SELECT nextval('facts_id_seq')"):
        with database_of_memories.session(LOGIN) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(writes.encode())


def test_a_login_that_may_not_read_a_table_writes_no_copy(database_of_memories: Database, tmp_path: Path, root: Path) -> None:
    with database_of_memories.session() as session:
        for grant in grants(root):
            session.execute(grant.encode())
        session.execute(f'REVOKE SELECT ON facts FROM "{LOGIN}"'.encode())
    with pytest.raises(Failure, match="permission denied for table facts") as refused:
        dumped(database_of_memories, tmp_path, LOGIN)
    assert refused.value.code is REFUSED
    assert not list(tmp_path.glob("dev-*"))


def test_a_login_that_may_not_read_a_sequence_writes_no_copy(database_of_memories: Database, tmp_path: Path, root: Path) -> None:
    with database_of_memories.session() as session:
        for grant in grants(root):
            session.execute(grant.encode())
        session.execute(f'REVOKE ALL ON SEQUENCE facts_id_seq FROM "{LOGIN}"'.encode())
    with pytest.raises(Failure, match=r"permission denied for sequence public\.facts_id_seq") as refused:
        dumped(database_of_memories, tmp_path, LOGIN)
    assert refused.value.code is REFUSED
    assert not list(tmp_path.glob("dev-*"))
