"""An empty PostgreSQL on this machine for as long as a copy is proved: it is restored there, compared, and thrown away."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAME, _DATABASE, _ADMINISTRATOR = "agentmem-proof", "proof", "agentmem"


@contextmanager
def proof_server() -> Iterator[Callable[[], Any]]:
    """How to open sessions of a new, empty database, as an administrator with Azure's rights. Raises Failure where none can be started."""
    from scripts.edges import postgres
    from scripts.edges.exits import UNREACHABLE, Failure
    from scripts.local_azure.postgres import Binaries, Cluster
    from scripts.local_azure.trouble import Trouble

    with tempfile.TemporaryDirectory(prefix="agentmem-proof-") as folder:
        try:
            cluster = Cluster.create(Path(folder), _NAME, Binaries.install())
        except Trouble as trouble:
            raise Failure(UNREACHABLE, str(trouble), where="the server for the proof", hint="see what it says, and try again") from None
        try:
            password = secrets.token_urlsafe()
            # What Azure's allow-list keeps out is no question here: what this server does not have, it does not have.
            cluster.apply({"azure.extensions": ",".join(_offered(cluster)), "max_wal_size": "4GB"})
            cluster.create_administrator(_ADMINISTRATOR, password)
            cluster.create_database(_DATABASE)
            dsn = f"host={cluster.socket.parent} port=5432 dbname={_DATABASE} user={_ADMINISTRATOR} sslmode=disable"
            yield lambda: postgres.connect(dsn, password=password)
        finally:
            cluster.destroy()


def _offered(cluster: Any) -> list[str]:
    with cluster.connect() as session:
        return [name for (name,) in session.execute("SELECT name FROM pg_available_extensions")]
