"""A local Azure without PostgreSQL behind its servers: for tests that judge the road of the engine, many times over, and no SQL."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from scripts.local_azure.certificates import Certificates
from scripts.local_azure.serve import LocalAzure
from scripts.local_azure.world import NoServers


class Records(NoServers):
    """What is asked of a server leaves a record in the model, and nothing else."""

    def __init__(self, state: Path, certificates: Certificates) -> None:
        """Nothing is started."""

    def database_token(self, object_id: str, token: str, expires: datetime) -> None:
        """Nobody could log in with it."""


class RecordsOnly(LocalAzure):
    """The stand-in as every test starts it, but for what is behind it: ready in a second, killed without a trace."""

    def __enter__(self) -> RecordsOnly:
        super().__enter__()
        return self

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "tests.engine.records_only", *super()._command()[3:]]

    def faults_left(self) -> list[str]:
        """The ids at which a planned fault has not been met yet. (The answer to another plan, of which nothing comes.)"""
        left = self._ask("fault " + json.dumps({"effect": "slow", "method": "NEVER", "pattern": "never"}))["faults"]
        return [str(each["pattern"]) for each in left if each["pattern"] != "never"]


def main() -> int:
    """The child. Returns its exit code."""
    # As in scripts/local_azure/serve.py: read when gRPC is loaded.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    from scripts.local_azure import doors

    return doors.serve(Path(sys.argv[2]), fresh=False, pace="fast", behind=Records)


if __name__ == "__main__":
    sys.exit(main())
