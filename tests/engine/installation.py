"""Which Pulumi the tests run: the installed one if it is new enough, else the one that `make tools` built; and its language host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The program asks for it: older engines hand only some of the provider's errors to its hook.
OLDEST = (3, 244, 0)
HOST = "pulumi-language-python"
LANGUAGE_HOST = Path(__file__).resolve().with_name("language_host.py")
WARM_PYTHON = LANGUAGE_HOST.with_name("warm_python.py")


@dataclass(frozen=True)
class Engine:
    """An engine: the command, its version, and whether a language host of its own is with it."""

    command: Path
    version: str
    has_host: bool

    def __str__(self) -> str:
        return f"{self.version} ({'its own' if self.has_host else 'our stand-in of the'} language host)"


@cache
def engine() -> Engine | None:
    """The first engine that is new enough, or None."""
    places = (shutil.which("pulumi"), str(ROOT / ".tools" / "bin" / "pulumi"))
    found = (_engine(Path(place)) for place in places if place is not None)
    return next((one for one in found if one is not None), None)


def _engine(command: Path) -> Engine | None:
    version = _version(command)
    if version is None or tuple(map(int, version.split("."))) < OLDEST:
        return None
    hosts = (command.parent / HOST, command.resolve().parent / HOST, Path(shutil.which(HOST) or os.devnull))
    ours = ROOT / ".tools" / "bin" / HOST
    return Engine(command, version, any(host.is_file() and host != ours for host in hosts))


def _version(command: Path) -> str | None:
    try:
        # It would leave a log in the home of whoever runs the tests.
        environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_HOME": os.devnull}
        done = subprocess.run([command, "version"], env=environment, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return None
    answer = re.match(r"v(\d+\.\d+\.\d+)", done.stdout)
    return answer[1] if answer else None
