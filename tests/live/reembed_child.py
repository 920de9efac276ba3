"""A process of its own that re-embeds and is killed, or whose server process is ended, before it enters a phase."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from infra.domain.environment import Environment
from scripts.edges import reembedding
from scripts.edges.exits import Failure
from scripts.indexes import reembed

_END_OURS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'agentmem'"


def killed(dsn: str, phase: Callable[..., Any]) -> Callable[..., Any]:
    """A phase that does not come to its first statement."""

    def ended(*arguments: Any, **named: Any) -> Any:
        if os.environ["KILL_HOW"] == "client":
            os.kill(os.getpid(), signal.SIGKILL)
        with psycopg.connect(dsn, password=os.environ["PGPASSWORD"], autocommit=True) as other:
            other.execute(_END_OURS)
        return phase(*arguments, **named)

    return ended


def main(dsn: str, embed: str, environment: str) -> int:
    """Exit code 1 for a Failure."""
    place = os.environ.get("KILL_BEFORE")
    if place:
        module: Any = reembed if place.startswith("_") else reembedding
        setattr(module, place, killed(dsn, getattr(module, place)))
    try:
        return reembed.reembed(
            Environment.model_validate_json(environment),
            vector_set="memories.embedding",
            to_column="embedding_v2",
            embed=f"tests.live.embedders:{embed}",
            text="content",
            batch=50,
            folder=Path.cwd(),
            dry_run=False,
            yes=True,
            login={"dsn": dsn, "password": os.environ["PGPASSWORD"], "entra": False, "user": None},
            as_json=True,
            ask=lambda question: "",
        )
    except Failure:
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
