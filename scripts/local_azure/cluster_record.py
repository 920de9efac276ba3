"""What the state folder knows of each cluster: where it lies, the superuser's secret, and which process runs it for whom."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scripts.local_azure.binaries import root_place
from scripts.local_azure.certificates import write_secret
from scripts.local_azure.postmasters import Identity, Mode, Postmaster
from scripts.local_azure.trouble import Trouble, disk_trouble

SOCKET_PREFIX = "agentmem-"
OWNER = "state-folder"
"""The file beside clusters outside of their state folder that says whose they are."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass
class Record:
    """One cluster, in STATE/clusters/NAME.json (0600). `running` and `starter` are process identities, None when it is stopped."""

    name: str
    folder: str
    secret: str = field(repr=False)
    socket_folder: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    running: dict[str, Any] | None = None
    starter: dict[str, Any] | None = None

    def save(self, state: Path) -> None:
        """Writes the record, all or nothing. Raises Trouble."""
        try:
            _file(state, self.name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_secret(_file(state, self.name), json.dumps(asdict(self), indent=1).encode())
        except OSError as error:
            raise disk_trouble(error, state) from None

    @classmethod
    def load(cls, state: Path, name: str) -> Record | None:
        """The record, or None when there is no such cluster. Raises Trouble for a file that is none of ours."""
        try:
            return cls(**json.loads(_file(state, name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise Trouble(f"{_file(state, name)} is damaged", hint="start with --fresh: the local cloud is made anew") from None

    def drop(self, state: Path) -> None:
        """Removes data, socket folder and record, in this order: what is left half done is found by the next sweep."""
        self.drop_socket_folder()
        shutil.rmtree(self.folder, ignore_errors=True)
        place = Path(self.folder).parent
        if not any(path.name != OWNER for path in place.glob("*")):
            shutil.rmtree(place, ignore_errors=True)
        _file(state, self.name).unlink(missing_ok=True)

    def drop_socket_folder(self) -> None:
        """Removes the socket folder if it is one of ours: a damaged record must not delete anything else."""
        if Path(self.socket_folder).name.startswith(SOCKET_PREFIX):
            shutil.rmtree(self.socket_folder, ignore_errors=True)


def clusters_folder(state: Path) -> Path:
    """Where the clusters' data of this state folder live: in it, or for root where the server user can reach them."""
    if os.getuid() != 0:
        return state.absolute() / "clusters"
    return root_place() / "clusters" / hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:16]


def own(state: Path) -> None:
    """Notes beside data that lie outside the state folder whose they are, so that they can go when it is gone."""
    place = clusters_folder(state)
    if not place.is_relative_to(state.absolute()):
        (place / OWNER).write_text(str(state.resolve()), encoding="utf-8")


def remove_orphans() -> None:
    """Removes data outside of state folders whose state folder is gone: somebody deleted a clone, or a test folder."""
    _remove(lambda state: not state.exists())


def remove_data_of(folder: Path) -> None:
    """Removes the data of every state folder below `folder`, wherever they lie."""
    _remove(lambda state: state.is_relative_to(folder.resolve()))


def _remove(wanted: Callable[[Path], bool]) -> None:
    """Only root has data outside; those that a server runs on stay."""
    if os.getuid() != 0:
        return
    for owner in (root_place() / "clusters").glob(f"*/{OWNER}"):
        if wanted(Path(owner.read_text(encoding="utf-8"))) and not any(map(_lives, owner.parent.glob("*/postmaster.pid"))):
            shutil.rmtree(owner.parent, ignore_errors=True)


def _lives(pid_file: Path) -> bool:
    """Whether the process that PostgreSQL noted there runs, or another with its number: then the data stay, to be safe."""
    first = pid_file.read_text(encoding="utf-8").partition("\n")[0]
    return first.isdigit() and Path("/proc", first).exists()


def make_socket_folder() -> Path:
    """A short folder for the socket: a socket's path ends at 107 bytes, and a state folder may lie deep."""
    return Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir="/tmp"))


def names(state: Path) -> tuple[str, ...]:
    """The clusters that this state folder knows."""
    return tuple(sorted(path.stem for path in (state / "clusters").glob("*.json")))


def sweep(state: Path) -> tuple[str, ...]:
    """Stops servers whose starter is gone, and returns their names. Call it before anything is started.

    A process is stopped only if its number and its moment of start are the recorded ones; a server whose starter still lives is left alone.
    """
    return tuple(name for name in names(state) if _swept(state, name))


def discard(state: Path) -> None:
    """For a fresh start: sweeps, then removes every cluster's data and record, also what lies outside the state folder."""
    sweep(state)
    for name in names(state):
        record = Record.load(state, name)
        if record and record.running and Identity(**record.running).lives():
            raise Trouble(f"{name} still runs for process {(record.starter or {}).get('pid')}", hint="stop that local Azure first")
        if record:
            record.drop(state)
    shutil.rmtree(clusters_folder(state), ignore_errors=True)


def _swept(state: Path, name: str) -> bool:
    record = Record.load(state, name)
    if record is None or record.running is None:
        return False
    if record.starter and record.starter["pid"] != os.getpid() and Identity(**record.starter).lives():
        return False
    found = Identity(**record.running)
    lived = found.lives()
    if lived:
        with contextlib.suppress(PermissionError):
            Postmaster(found).stop(Mode.FAST)
    record.drop_socket_folder()
    record.running = record.starter = None
    record.socket_folder = ""
    record.save(state)
    return lived


def _file(state: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise Trouble(f"{name!r} is no name of a server")
    return state / "clusters" / f"{name}.json"
