"""What the processes do that the tests kill, or let run at once."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from infra.domain.ledger import Kind, Record

ROOT = Path(__file__).resolve().parents[2]
# What a test that fails leaves, its fixture ends.
STARTED: list[subprocess.Popen[str]] = []
AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def record(name: str, **facts: str) -> Record:
    """A line for the ledger."""
    return Record(kind=Kind.COPY, at=AT, stack="prod", server="s", copy=name, facts=facts)


def put(where: str, folder: str) -> None:
    """Send a copy."""
    from scripts.edges.copy_store import open_store

    open_store(where).put(Path(folder), lambda size: None)


def fetch(where: str, name: str, into: str) -> None:
    """Bring a copy."""
    from scripts.edges.copy_store import open_store

    open_store(where).fetch(name, Path(into), lambda size: None)


def put_and_fetch(where: str, folder: str, into: str) -> None:
    """Both, and print by how many bytes the process grew at most."""
    from scripts.edges.copy_store import open_store

    store = open_store(where)
    store.names("uat")  # the SDK is loaded, and has its connections
    before = _most_memory()
    store.put(Path(folder), lambda size: None)
    store.fetch(Path(folder).name, Path(into), lambda size: None)
    print(_most_memory() - before)


def _most_memory() -> int:
    """The most bytes that this process ever had in memory; unlike getrusage this begins anew with the program."""
    line = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert line is not None
    return int(line[1]) * 1024


def append(where: str, name: str, count: str) -> None:
    """Write so many records, one after another."""
    from scripts.edges.ledger_blob import open_ledger

    for number in range(int(count)):
        open_ledger(where).append([record(f"{name}-{number}")])


def start(what: str, *arguments: object) -> subprocess.Popen[str]:
    """One of these in a process of its own."""
    code = f"import sys; from tests.blob.children import {what}; {what}(*sys.argv[1:])"
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    STARTED.append(child)
    return child


def kill(child: subprocess.Popen[str]) -> None:
    """End it as the kernel ends a process: without a word."""
    child.kill()  # nothing, if it has ended
    with child:
        pass  # its end is awaited, and its output closed
