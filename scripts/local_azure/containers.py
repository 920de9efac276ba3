"""One-off containers as processes of this machine: `agentmem …` of this very installation, and no other command.

A container here has no image, no file system and no address of its own. It has the environment that leads to the local Azure, the
variables and secret files of its description, and a log; it dies with the stand-in, and whoever removes it ends its process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scripts.local_azure.certificates import write_secret
from scripts.local_azure.setpriv import held
from scripts.local_azure.times import Clock

WORD = "agentmem"
FOLDER = "containers"
KILLED = 128 + signal.SIGKILL
# A verb that is told to end closes its sessions; Azure gives a container half a minute.
LEAVING_SECONDS = 5.0
# Azure keeps 4 MB of a container's log and forgets what is older.
LOG_BYTES = 4 * 1024 * 1024
# Where our own modules are, whatever folder the command runs in.
_OURS = Path(__file__).resolve().parents[2]
# As in postmasters: the parent-death signal follows the thread that forked.
_starter = ThreadPoolExecutor(1, thread_name_prefix="containers")


@dataclass(frozen=True)
class Description:
    """What to run: the command's words, its variables, and the files of each secret volume by the path where it is mounted."""

    command: Sequence[str]
    variables: Mapping[str, str]
    volumes: Mapping[str, Mapping[str, bytes]]


@dataclass
class Running:
    """One container: its process, and when it began and ended."""

    process: subprocess.Popen[bytes]
    folder: Path
    started: datetime
    ended: datetime | None = None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 and the signal for one that was ended."""
        code = self.process.poll()
        return code if code is None or code >= 0 else 128 - code


class Containers:
    """All containers of one cloud, by key. `environment` leads to its doors, and is known once they are open."""

    def __init__(self, state: Path, clock: Clock) -> None:
        self.environment: dict[str, str] = {}
        self._folder, self._clock = state / FOLDER, clock
        self._running: dict[str, Running] = {}
        self._lock = threading.Lock()
        shutil.rmtree(self._folder, ignore_errors=True)  # of a stand-in that was killed

    def start(self, key: str, described: Description) -> None:
        """Start it; its words go to its log. What ran under this key before is forgotten."""
        self.remove(key)
        folder = self._folder / key.strip("/").replace("/", "_")
        folder.mkdir(mode=0o700, parents=True)
        places = {where: _written(folder / f"volume-{number}", files) for number, (where, files) in enumerate(described.volumes.items())}
        variables = {name: places.get(value, value) for name, value in described.variables.items()}
        words = [places.get(word, word) for word in described.command[1:]]
        environment = {"PATH": os.defpath, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(_OURS), **self.environment, **variables}
        process = _starter.submit(_launch, [sys.executable, "-m", "scripts.cli", *words], environment, folder).result()
        with self._lock:
            self._running[key] = Running(process, folder, self._clock.now())

    def find(self, key: str) -> Running | None:
        """The container, with the moment of its end noted; None for one of an earlier stand-in."""
        with self._lock:
            found = self._running.get(key)
            if found is not None and found.ended is None and found.exit_code is not None:
                found.ended = self._clock.now()
            return found

    def log(self, key: str, tail: int | None = None) -> str:
        """What it said, the last `tail` lines of it if that is given."""
        found = self.find(key)
        if found is None:
            return ""
        text = (found.folder / "log").read_bytes()[-LOG_BYTES:].decode("utf-8", "replace")
        return text if tail is None else "".join(text.splitlines(keepends=True)[-tail:])

    def remove(self, key: str) -> None:
        """End its process if it runs, and forget its log and its secrets."""
        with self._lock:
            found = self._running.pop(key, None)
        if found is None:
            return
        _end(found.process)
        shutil.rmtree(found.folder, ignore_errors=True)

    def close(self) -> None:
        """End them all."""
        for key in list(self._running):
            self.remove(key)


def _written(folder: Path, files: Mapping[str, bytes]) -> str:
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        write_secret(folder / Path(name).name, content)
    return str(folder)


def _launch(command: list[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with open(os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
        return subprocess.Popen(
            **held(command, at_our_end="KILL"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LEAVING_SECONDS)
