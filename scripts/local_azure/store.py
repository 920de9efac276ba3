"""The model in a folder: every resource and operation as one JSON file, so that a cloud outlives the process that plays it."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.local_azure.trouble import Trouble

FORM = 1
"""Version of the file's form; a folder of another form is refused instead of being misread."""

Record = dict[str, Any]
"""One resource: `id`, `type`, `body` (as ARM answers it) and `hidden` (what the model knows and ARM does not tell; never a secret)."""


class StateInUse(Exception):
    """Another process plays the cloud of this folder: two would overwrite each other."""


class Store:
    """Records by key. Reading gives copies; changing happens inside `change()`, which writes the file when it ends well."""

    def __init__(self, state: Path) -> None:
        """Loads the folder, made if missing (0700). Raises StateInUse, or Trouble for a file of another form or none at all."""
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = state
        self._file = state / "cloud.json"
        self._lock = threading.RLock()
        self._claim = _claim(state / "cloud.lock")
        self._data = self._load()

    def close(self) -> None:
        """Gives the folder free for another process."""
        with contextlib.suppress(OSError):
            os.close(self._claim)

    def get(self, key: str) -> Record | None:
        """A copy of the record, or None."""
        with self._lock:
            found: Record | None = self._data["resources"].get(key)
            return copy.deepcopy(found)

    def has(self, key: str) -> bool:
        """True if there is such a record."""
        with self._lock:
            return key in self._data["resources"]

    def records(self) -> list[Record]:
        """Copies of all records, in the order of their creation."""
        with self._lock:
            return copy.deepcopy(list(self._data["resources"].values()))

    def under(self, key: str) -> list[str]:
        """The keys of everything below `key`, without itself."""
        with self._lock:
            return [each for each in self._data["resources"] if each.startswith(key + "/")]

    def operations(self) -> dict[str, Record]:
        """Copies of all operations by their id."""
        with self._lock:
            return copy.deepcopy(self._data["operations"])

    @contextlib.contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """The live data {"resources", "operations"} under the lock; put back as it was if the block raises, else written."""
        with self._lock:
            before = copy.deepcopy(self._data)
            try:
                yield self._data
                self._write()
            except BaseException:
                self._data = before
                raise

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps others out while a decision is made and acted on (busy or not, exists or not)."""
        with self._lock:
            yield

    def put(self, key: str, record: Record) -> None:
        """Keeps one record."""
        with self.change() as data:
            data["resources"][key] = copy.deepcopy(record)

    def drop(self, key: str) -> None:
        """Forgets a record and everything below it."""
        with self.change() as data:
            for each in [key, *self.under(key)]:
                data["resources"].pop(each, None)

    def _load(self) -> dict[str, Any]:
        if not self._file.exists():
            return {"form": FORM, "resources": {}, "operations": {}}
        try:
            data = json.loads(self._file.read_text(encoding="utf-8"))
        except ValueError:  # no JSON, or no UTF-8
            data = None
        if isinstance(data, dict) and data.get("form", FORM) != FORM:
            says = f"{self._file} has form {data['form']}, this version reads form {FORM}"
            raise Trouble(says, hint="--fresh begins anew, without its servers; or give another --state")
        if not isinstance(data, dict) or not _whole(data):
            raise Trouble(f"{self._file} is not whole", hint="--fresh begins anew, without its servers; or bring the file back from a copy")
        return data

    def _write(self) -> None:
        beside = self._file.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._data, file)
        os.replace(beside, self._file)


def _whole(data: Record) -> bool:
    """Whether everything is there that is read without asking: only a hand, or a disk that lost its end, writes another file."""
    sections = (data.get("resources"), data.get("operations"))
    return "form" in data and all(isinstance(each, dict) and all(isinstance(one, dict) for one in each.values()) for each in sections)


def _claim(path: Path) -> int:
    """An exclusive hold on the folder that ends with the process, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StateInUse(f"{path.parent} is played by another process") from error
    return descriptor
