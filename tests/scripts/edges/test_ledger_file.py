"""The ledger on disk: written whole or not at all, by one at a time, whatever happens to the process or the disk."""

from __future__ import annotations

import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.domain.ledger import Kind, Record
from scripts.edges.exits import BUSY, REFUSED, UNREACHABLE, Failure
from scripts.edges.ledger_file import LedgerFile

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
WRITERS, EACH = 4, 5


def record(name: str, **facts: str) -> Record:
    return Record(kind=Kind.COPY, at=AT, stack="prod", server="s", copy=name, facts=facts)


def write(folder: str, writer: str) -> None:
    """What each process of the test below does."""
    for number in range(EACH):
        LedgerFile(Path(folder)).append([record(f"{writer}-{number}")])


def test_a_ledger_that_nobody_wrote_is_empty_and_leaves_no_trace(tmp_path: Path) -> None:
    assert LedgerFile(tmp_path / "none").read().records == ()
    assert not (tmp_path / "none").exists()


def test_several_processes_write_one_history(tmp_path: Path, root: Path) -> None:
    code = "import sys; from tests.scripts.edges.test_ledger_file import write; write(*sys.argv[1:])"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(each)], cwd=root) for each in range(WRITERS)]
    assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    found = [each.copy for each in LedgerFile(tmp_path).read().records]
    assert sorted(found) == sorted(f"{writer}-{number}" for writer in range(WRITERS) for number in range(EACH))


def test_a_write_that_does_not_fit_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    ledger = LedgerFile(tmp_path)
    ledger.append([record("first")])
    before = (tmp_path / "copies.jsonl").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(Failure, match="cannot be written: File too large") as caught:
            ledger.append([record("second", reason="x" * 400)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code is UNREACHABLE
    assert (tmp_path / "copies.jsonl").read_bytes() == before
    ledger.append([record("third")])
    assert [each.copy for each in ledger.read().records] == ["first", "third"]


def test_what_is_under_way_is_kept_and_forgotten(tmp_path: Path) -> None:
    ledger = LedgerFile(tmp_path)
    assert ledger.under_way("zepmem") is None
    ledger.keep_under_way("zepmem", {"name": "a", "token": None})
    assert ledger.under_way("zepmem") == {"name": "a", "token": None}
    assert (tmp_path / "zepmem.pending.json").stat().st_mode & 0o777 == 0o600
    ledger.keep_under_way("zepmem", None)
    ledger.keep_under_way("zepmem", None)
    assert ledger.under_way("zepmem") is None


def test_a_note_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "zepmem.pending.json").write_text("{", encoding="utf-8")
    with pytest.raises(Failure, match="is not readable") as caught:
        LedgerFile(tmp_path).under_way("zepmem")
    assert caught.value.code is REFUSED


def test_one_server_has_one_command_at_a_time_and_two_servers_two(tmp_path: Path) -> None:
    ledger = LedgerFile(tmp_path)
    with ledger.alone_with("a"), ledger.alone_with("b"):
        with pytest.raises(Failure) as caught, ledger.alone_with("a"):
            pass
        assert caught.value.code is BUSY
    with ledger.alone_with("a"):
        pass
