"""An empty PostgreSQL on this machine for as long as a copy is in it: to be proved, or for rules to choose rows from; then thrown away.

What it holds may be real data: its folder is its own (0700) and goes with it, also after Ctrl-C or a signal that ends us. That of a
process that was killed goes when the next one starts a server.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAME, _DATABASE, _ADMINISTRATOR = "agentmem-proof", "proof", "agentmem"
_PREFIX = "agentmem-proof-"
_MIB = 1024**2


@contextmanager
def proof_server(need_bytes: int = 0) -> Iterator[Callable[[], Any]]:
    """How to open sessions of a new, empty database, as an administrator with Azure's rights. Raises Failure where none can be started.

    None is started where less than `need_bytes` are free.
    """
    from scripts.edges import postgres
    from scripts.edges.interruptions import ending_in_order, uninterrupted
    from scripts.local_azure.postgres import Cluster

    _sweep()
    with ending_in_order(), tempfile.TemporaryDirectory(prefix=_PREFIX) as folder, _held(Path(folder)):
        cluster: Cluster | None = None
        _judge_room(Path(folder), need_bytes)
        try:
            cluster = _started(Path(folder))
            password = secrets.token_urlsafe()
            # What Azure's allow-list keeps out is no question here: what this server does not have, it does not have.
            cluster.apply({"azure.extensions": ",".join(_offered(cluster)), "max_wal_size": "4GB"})
            cluster.create_administrator(_ADMINISTRATOR, password)
            cluster.create_database(_DATABASE)
            dsn = f"host={cluster.socket.parent} port=5432 dbname={_DATABASE} user={_ADMINISTRATOR} sslmode=disable"
            yield lambda: postgres.connect(dsn, password=password)
        finally:
            if cluster is not None:
                with uninterrupted():
                    cluster.destroy()


def _started(folder: Path) -> Any:
    from scripts.edges.exits import UNREACHABLE, Failure
    from scripts.local_azure.postgres import Binaries, Cluster
    from scripts.local_azure.trouble import Trouble

    try:
        return Cluster.create(folder, _NAME, Binaries.install())
    except Trouble as trouble:
        raise Failure(UNREACHABLE, str(trouble), where="the server of our own", hint="see what it says, and try again") from None


def _judge_room(folder: Path, need_bytes: int) -> None:
    """Raises Failure (REFUSED) if the disk that the server would lie on has less than so much."""
    from scripts.edges.exits import REFUSED, Failure
    from scripts.local_azure.cluster_record import clusters_folder

    meant = clusters_folder(folder)
    place = next(each for each in (meant, *meant.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if free < need_bytes:
        says = f"a copy needs at least {need_bytes // _MIB:,} MiB for a PostgreSQL of our own, {free // _MIB:,} MiB are free"
        hint = "free some space there" if os.getuid() == 0 else "free some space there, or name another folder with TMPDIR"
        raise Failure(REFUSED, says, where=str(place), hint=hint)


@contextmanager
def _held(folder: Path, mode: int = fcntl.LOCK_EX) -> Iterator[None]:
    """The folder is in use for as long as the block runs, or its process lives: nobody else sweeps it, also not before a server runs."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, mode)
        yield
    finally:
        os.close(held)


def _sweep() -> None:
    """Remove servers of processes that are gone, with what was in them; one whose process lives stays."""
    from scripts.local_azure.postgres import Trouble, discard, names, remove_orphans

    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(Trouble, OSError), _held(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if left.stat().st_uid == os.getuid() and names(left):
                discard(left)
                shutil.rmtree(left, ignore_errors=True)
    remove_orphans()


def _offered(cluster: Any) -> list[str]:
    with cluster.connect() as session:
        return [name for (name,) in session.execute("SELECT name FROM pg_available_extensions")]
