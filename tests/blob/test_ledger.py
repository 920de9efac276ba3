"""The ledger in Blob Storage, against the real Azurite: one history whoever writes it, and whatever happens to a writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.edges.blob_place import connect, parse
from scripts.edges.exits import BAD, BUSY, REFUSED, Failure
from scripts.edges.ledger_blob import NAME, LedgerBlob, open_ledger
from scripts.edges.ledger_file import LedgerFile
from tests.blob.children import kill, record, start
from tests.blob.wire import Asked, Fault, Wire
from tests.waiting import until

WRITERS, EACH = 3, 3


@pytest.fixture
def ledger(where: str) -> LedgerBlob:
    found = open_ledger(where)
    assert isinstance(found, LedgerBlob)
    return found


def names(ledger: LedgerBlob) -> list[str]:
    return [each.copy for each in ledger.read().records]


def blob(where: str, name: str = NAME) -> Any:
    """The SDK's own client for one blob of the ledger."""
    place = parse(where)
    return connect(place).get_blob_client(place.path(name))


def is_write(asked: Asked) -> bool:
    return asked.method == "PUT" and asked.path.endswith(NAME)


def is_renewal(asked: Asked) -> bool:
    return asked.comp == "lease"


def test_a_ledger_that_nobody_wrote_is_empty(ledger: LedgerBlob, wire: Wire) -> None:
    assert ledger.read().records == ()
    assert wire.writes() == []


def test_the_place_says_where_a_ledger_is(where: str, tmp_path: Path) -> None:
    assert isinstance(open_ledger(where), LedgerBlob)
    assert isinstance(open_ledger(str(tmp_path)), LedgerFile)


def test_what_is_written_by_one_is_read_by_the_other(ledger: LedgerBlob, where: str) -> None:
    ledger.append([record("first", reason="vor der Änderung"), record("second")])
    LedgerBlob(parse(where)).append([record("third")])
    ledger.append([record("fourth")])
    assert names(ledger) == ["first", "second", "third", "fourth"]
    assert ledger.read().records[0] == record("first", reason="vor der Änderung")


def test_it_is_what_the_two_files_on_disk_are_together(ledger: LedgerBlob, where: str, tmp_path: Path) -> None:
    on_disk = LedgerFile(tmp_path)
    on_disk.append([record("first"), record("second")])
    blob(where).upload_blob((tmp_path / "copies.jsonl").read_bytes() + (tmp_path / "copies.head").read_bytes())
    assert ledger.read() == on_disk.read()
    ledger.append([record("third")])
    on_disk.append([record("third")])
    assert ledger.read() == on_disk.read()


def test_several_processes_write_one_history(ledger: LedgerBlob, where: str) -> None:
    writers = [start("append", where, each, EACH) for each in range(WRITERS)]
    assert [writer.communicate(timeout=30)[0] for writer in writers] == [""] * WRITERS
    assert sorted(names(ledger)) == sorted(f"{writer}-{number}" for writer in range(WRITERS) for number in range(EACH))


@pytest.mark.parametrize("before", [0, 1], ids=["the first", "a later one"])
def test_a_writer_that_read_before_another_wrote_writes_behind_it(before: int, ledger: LedgerBlob, where: str, wire: Wire) -> None:
    for _ in range(before):
        ledger.append([record("first")])
    wire.once(is_write, Fault(is_held=True))
    slow = start("append", where, "slow", 1)
    assert wire.held.wait(20)
    ledger.append([record("quick")])
    wire.let_go.set()
    assert slow.communicate(timeout=20)[0] == ""
    assert names(ledger) == [*["first"] * before, "quick", "slow-0"]


@pytest.mark.parametrize("before", [0, 1], ids=["the first", "a later one"])
def test_a_record_whose_answer_got_lost_is_there_once(before: int, ledger: LedgerBlob, wire: Wire) -> None:
    for _ in range(before):
        ledger.append([record("first")])
    wire.once(is_write, Fault(is_lost=True))
    ledger.append([record("second")])
    assert names(ledger) == [*["first"] * before, "second"]


@pytest.mark.parametrize("arrives", [False, True])
def test_a_writer_that_is_killed_leaves_a_whole_ledger(arrives: bool, ledger: LedgerBlob, where: str, wire: Wire) -> None:
    ledger.append([record("first")])
    wire.once(is_write, Fault(is_held=True, arrives=arrives))
    child = start("append", where, "killed", 1)
    assert wire.held.wait(20)
    kill(child)
    wire.let_go.set()
    ledger.append([record("last")])
    assert names(ledger) == ["first", *(["killed-0"] if arrives else []), "last"]


@pytest.mark.parametrize("cut", [1, 10, 90, 400, 700])
def test_a_ledger_that_was_cut_is_refused_and_left_as_it_is(cut: int, ledger: LedgerBlob, where: str) -> None:
    ledger.append([record("first"), record("second")])
    text = blob(where).download_blob().readall()[:-cut]
    blob(where).upload_blob(text, overwrite=True)
    for call in (ledger.read, lambda: ledger.append([record("third")])):
        with pytest.raises(Failure) as caught:
            call()
        assert caught.value.code is REFUSED
        assert caught.value.where.startswith(f"{where}/{NAME}")
    assert blob(where).download_blob().readall() == text


def test_a_changed_line_is_named(ledger: LedgerBlob, where: str) -> None:
    ledger.append([record("first"), record("second")])
    blob(where).upload_blob(blob(where).download_blob().readall().replace(b'"second"', b'"s3cond"'), overwrite=True)
    with pytest.raises(Failure, match="is not as it was written") as caught:
        ledger.read()
    assert caught.value.where == f"{where}/{NAME}:2"


def test_a_container_that_is_not_there_is_no_empty_ledger(where: str) -> None:
    with pytest.raises(Failure, match="the container is not there") as caught:
        open_ledger(where.replace("copies-", "elsewhere-")).read()
    assert caught.value.code is BAD


def test_one_server_has_one_command_at_a_time_and_two_servers_two(ledger: LedgerBlob, where: str) -> None:
    other = LedgerBlob(parse(where))
    with ledger.alone_with("zepmem"):
        with pytest.raises(Failure, match="another agentmem snapshot is at work") as caught, other.alone_with("zepmem"):
            pass
        assert (caught.value.code, caught.value.where) == (BUSY, "zepmem")
        with other.alone_with("another"):
            pass
    with other.alone_with("zepmem"):
        pass


def test_the_lock_is_renewed_for_as_long_as_the_work_takes(where: str, wire: Wire) -> None:
    with LedgerBlob(parse(where), seconds=5, renew_seconds=0.05).alone_with("zepmem"):
        wire.once(is_renewal, Fault(500, "InternalError"))  # one that fails does no harm
        _wait_for_renewals(wire, 5)


def test_a_lock_that_got_lost_is_said(where: str, wire: Wire) -> None:
    from azure.storage.blob import BlobLeaseClient

    ledger = LedgerBlob(parse(where), seconds=5, renew_seconds=0.05)
    with pytest.raises(Failure, match="the lock on this server got lost") as caught, ledger.alone_with("zepmem"):
        BlobLeaseClient(blob(where, "zepmem.lock")).break_lease(0)
        _wait_for_renewals(wire, 3)
    assert caught.value.code is BUSY


def test_an_error_inside_the_lock_is_not_hidden_and_frees_it(ledger: LedgerBlob) -> None:
    with pytest.raises(KeyError, match="ours"), ledger.alone_with("zepmem"):
        raise KeyError("ours")
    with ledger.alone_with("zepmem"):
        pass


def test_what_is_under_way_is_kept_and_forgotten(ledger: LedgerBlob, where: str) -> None:
    assert ledger.under_way("zepmem") is None
    ledger.keep_under_way("zepmem", {"name": "a", "token": None})
    assert LedgerBlob(parse(where)).under_way("zepmem") == {"name": "a", "token": None}
    ledger.keep_under_way("zepmem", {"name": "b", "token": "t"})
    assert ledger.under_way("zepmem") == {"name": "b", "token": "t"}
    ledger.keep_under_way("zepmem", None)
    ledger.keep_under_way("zepmem", None)
    assert ledger.under_way("zepmem") is None


def test_a_note_that_cannot_be_read_is_named(ledger: LedgerBlob, where: str) -> None:
    blob(where, "zepmem.pending.json").upload_blob(b"{")
    with pytest.raises(Failure, match="is not readable") as caught:
        ledger.under_way("zepmem")
    assert (caught.value.code, caught.value.where) == (REFUSED, f"{where}/zepmem.pending.json")


def _wait_for_renewals(wire: Wire, count: int) -> None:
    until(lambda: sum(map(is_renewal, wire.asked)) >= count, 5, "the lock is not renewed")
