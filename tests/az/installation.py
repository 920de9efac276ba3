"""Which Azure CLI the tests run: the installed one if it is new enough, else the one that `make tools` installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# From here on --name names the backup, database or rule itself, and --server-name its server.
OLDEST = (2, 86, 0)


@cache
def az() -> Path | None:
    """The first az that is new enough, or None."""
    places = (shutil.which("az"), str(ROOT / ".tools" / "bin" / "az"))
    return next((Path(place) for place in places if place is not None and _version(place) >= OLDEST), None)


def _version(command: str) -> tuple[int, ...]:
    """(0,) for what is no Azure CLI. It is asked with a profile of its own: it would write into that of whoever runs the tests."""
    with tempfile.TemporaryDirectory() as profile:
        environment = {**os.environ, "AZURE_CONFIG_DIR": profile, "AZURE_CORE_COLLECT_TELEMETRY": "no"}
        try:
            done = subprocess.run([command, "version"], env=environment, capture_output=True, text=True, timeout=60, check=False)
            return tuple(map(int, json.loads(done.stdout)["azure-cli"].split(".")))
        except (OSError, ValueError, KeyError):
            return (0,)
