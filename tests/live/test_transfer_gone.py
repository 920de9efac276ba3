"""A transfer that is killed leaves no server process at work in its target: one that would go on keeps its locks from the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.conftest import PASSWORD, Database
from tests.live.transfers import target
from tests.waiting import until

__all__ = ["target"]
pytestmark = pytest.mark.live

# The server looks once in a second whether its client is there; the rest is for a busy machine.
GONE_SECONDS = 5.0
AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = %s AND state = 'active'"
# A session as each step of a transfer opens one, in a process that somebody kills. It says when its statement has begun.
CHILD = """
import os, sys
from scripts.edges import postgres
from scripts.edges.transfer_target import Target

dsn, statement = sys.argv[1:]
session = Target(lambda: postgres.connect(dsn, password=os.environ["PGPASSWORD"])).opened()
session.execute(statement)
"""
# A long build hears of its client only as the server's settings tell it to, and so does a statement that waits for a lock.
STATEMENTS = {
    "sleeps": "SELECT pg_sleep(600)",
    "builds": "CREATE INDEX ON many USING hnsw (embedding vector_l2_ops)",
    "waits": "DROP TABLE many",
}
MANY = """CREATE EXTENSION vector; CREATE TABLE many (embedding vector(64));
INSERT INTO many SELECT ARRAY(SELECT random() FROM generate_series(1, 64 + 0 * n))::vector FROM generate_series(1, 20000) AS n"""


@contextmanager
def at_work(target: Database, statement: str, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process whose statement runs in the target; gone at the end, whatever happens."""
    command = [sys.executable, "-c", CHILD, target.dsn(), statement]
    with subprocess.Popen(command, cwd=root, env={**os.environ, "PGPASSWORD": PASSWORD}, stderr=subprocess.DEVNULL) as child:
        try:
            until(lambda: target.value(AT_WORK, statement) == 1)
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("name", STATEMENTS)
def test_nothing_goes_on_for_a_client_that_was_killed(target: Database, root: Path, name: str) -> None:
    with target.session() as session:
        session.execute(MANY.encode())
        session.execute("BEGIN; SELECT FROM many LIMIT 1")  # what keeps DROP TABLE waiting
        with at_work(target, STATEMENTS[name], root) as child:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            until(lambda: target.value(AT_WORK, STATEMENTS[name]) == 0, GONE_SECONDS)
