"""A target whose tables or indexes cannot grow any more in the middle of a transfer: told as the disk, and finished once there is room.

A disk that is really full wants a file system of its own, and whoever mounts one must be root. Here the server's processes may not write
a file beyond a size (RLIMIT_FSIZE), which they meet at the same place, where a file is extended. What differs: the limit counts one
file and not all of them; the system's words are "File too large" instead of "No space left on device"; and the WAL, whose files have
16 MiB, can go on. On a full disk of Azure the server becomes read-only before that; one whose WAL cannot be written stops, and that is
a server lost, as in test_transfer_faults.py.
"""

from __future__ import annotations

import pwd
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.edges import copy_origin
from scripts.edges.exits import GOOD, REFUSED, Failure
from scripts.edges.index_builds import Room
from scripts.edges.restored_copy import restoring
from scripts.edges.transfer import Watching
from scripts.local_azure.postgres import Binaries, Cluster
from scripts.local_azure.setpriv import held
from tests.engine.faults import seed
from tests.live.conftest import Database, new_cluster, new_database
from tests.live.hard_to_copy import server_of, taken
from tests.live.transfers import MEMORIES, assert_whole, at, brought, contents, refused

pytestmark = pytest.mark.live

# A file of WAL: the limit must let it be made.
WAL_BYTES = 16 << 20
ROWS, DIMENSIONS = 2_600, 1_900  # one vector a page, beside the table and in the index: 20 MiB each, more than any limit below
LARGE = f"""
CREATE EXTENSION vector;
{MEMORIES}
CREATE TABLE large (id integer PRIMARY KEY, embedding vector({DIMENSIONS}));
INSERT INTO large SELECT n, (ARRAY[n::real, n % 7] || array_fill(1::real, ARRAY[{DIMENSIONS - 2}]))::vector
    FROM generate_series(1, {ROWS}) AS n;
CREATE INDEX large_index ON large USING hnsw (embedding vector_l2_ops) WITH (m = 2, ef_construction = 4);
"""


@pytest.fixture(scope="module")
def large(cluster: Cluster) -> Iterator[Database]:
    """A source with a table and an index that are larger than a file of WAL."""
    with new_database(cluster) as made:
        with made.session() as session:
            session.execute(LARGE.encode())
        yield made


@pytest.fixture(scope="module")
def other(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server whose files may be limited."""
    with new_cluster(tmp_path_factory.mktemp("full"), "zepmem-full", binaries) as running:
        yield running


def limit(server: Cluster, size: int | None) -> None:
    """From now on no process of the server writes a file beyond this size; done as its own user, for root itself may not do that here."""
    account = pwd.getpwnam(server.binaries.user) if server.binaries.user else None
    most = "unlimited" if size is None else str(size)

    def limited(pid: str) -> None:
        command = ["prlimit", f"--pid={pid}", f"--fsize={most}:"]
        done = subprocess.run(**held(command, account=account), capture_output=True, text=True, check=False)
        assert not done.returncode or "No such process" in done.stderr, done.stderr  # a session may have ended meanwhile

    limited(str(server.pid))  # first: those that it starts from now on have the limit from it
    for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
        limited(pid)


@pytest.fixture
def full(other: Cluster) -> Iterator[Callable[[], None]]:
    """Makes the disk full for all that grows beyond a seeded size; there is room again afterwards."""
    number = seed()
    size = random.Random(number).randint(WAL_BYTES + 1, WAL_BYTES + (2 << 20))
    print(f"AGENTMEM_SEED={number}: {size} bytes")
    yield lambda: limit(other, size)
    limit(other, None)


# Whose step it was, as it is told.
INDEXES = "building large_index"


@pytest.mark.parametrize(("moment", "bridge", "where"), [
    ("schema", False, "writing public.large"), ("keys", False, INDEXES), ("bridged", True, INDEXES),
])  # fmt: skip
def test_a_full_disk_is_told_and_with_room_the_next_run_finishes(
    large: Database, other: Cluster, full: Callable[[], None], moment: str, bridge: bool, where: str
) -> None:
    # Without a worker beside it a build needs no shared memory, which is a file as well and would meet the limit first.
    wishes: dict[str, Any] = {"room": Room(allowed_kib=65_536, workers=0, server_kib=65_536), "bridge": bridge}
    with new_database(other) as target:
        failure = refused(REFUSED, f"^{where}: could not extend file", large, target, at(moment, full), **wishes)
        assert failure.hint.startswith("the disk is full: storage.size_gib")
        assert len(str(failure).splitlines()) == 2
        noted = target.value("SELECT json_object_agg(step, facts) FROM agent_memory_transfer.steps")
        assert "origin" in noted and ("table public.large" in noted) == ("constraints" in noted) == (moment != "schema")
        limit(other, None)
        result = brought(large, target, **wishes)
        assert "large_index" in result.built and (result.taken_over == len(contents(large)) + 1) == (moment != "schema")
        assert_whole(large, target)


def test_a_full_disk_of_this_machine_is_told_as_ours(large: Database, other: Cluster, full: Callable[[], None], tmp_path: Path) -> None:
    """Where a copy is restored for rules, the disk is not that of any stack."""
    assert taken(large, tmp_path / "copies") == GOOD
    (folder,) = (tmp_path / "copies").iterdir()
    with restoring(folder, copy_origin.opened(folder), lambda need_bytes: server_of(other)(), 2) as restored:
        restored.lay_out()
        full()
        with pytest.raises(Failure, match=r"writing public\.large: could not extend file") as failure:
            restored.fill(Watching())
    assert failure.value.code is REFUSED and failure.value.hint == "free some space on this machine"
    assert failure.value.where == f"{folder.name}, restored into a PostgreSQL of our own"
