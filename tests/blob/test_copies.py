"""Portable copies in Blob Storage, against the real Azurite: put, listed, fetched, deleted; and what a killed command leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.edges.blob_files import MOST_BLOCKS, block_bytes
from scripts.edges.blob_place import BLOCK_BYTES, CONNECTION_STRING
from scripts.edges.copy_folder import Moved
from scripts.edges.copy_store import CopyStore, open_store
from scripts.edges.exits import BAD, Failure
from tests.blob.children import kill, start
from tests.blob.conftest import Azurite
from tests.blob.made_up import MIB, NAME, copy, files_of
from tests.blob.wire import Asked, Fault, Wire

# Two whole blocks and the beginning of a third, a table without rows, and a small one.
SIZES = (9 * MIB, 0, 300)


def quiet(size: int) -> None:
    """Hears of bytes and does nothing."""


def is_manifest(asked: Asked) -> bool:
    return asked.method == "PUT" and asked.path.endswith("/manifest.json")


@pytest.fixture
def store(where: str) -> CopyStore:
    return open_store(where)


def test_a_copy_comes_back_as_it_went(store: CopyStore, tmp_path: Path) -> None:
    folder, heard = copy(tmp_path / "here", sizes=SIZES), [0, 0]
    total = sum(map(len, files_of(folder).values())) - len((folder / "manifest.json").read_bytes())
    assert store.put(folder, lambda size: heard.__setitem__(0, heard[0] + size)) == Moved(total, 0)
    assert store.fetch(NAME, tmp_path / "there", lambda size: heard.__setitem__(1, heard[1] + size)) == Moved(total, 0)
    assert files_of(tmp_path / "there" / NAME) == files_of(folder)
    assert heard == [total, total]


def test_what_was_fetched_is_its_owners_alone(store: CopyStore, tmp_path: Path) -> None:
    store.put(copy(tmp_path / "here"), quiet)
    store.fetch(NAME, tmp_path / "there", quiet)
    found = tmp_path / "there" / NAME
    modes = {path.relative_to(found).as_posix(): path.stat().st_mode & 0o777 for path in [found, *found.rglob("*")]}
    assert {mode for path, mode in modes.items() if path in (".", "data")} == {0o700}
    assert {mode for path, mode in modes.items() if path not in (".", "data")} == {0o600}
    assert [path.name for path in (tmp_path / "there").iterdir()] == [NAME]


def test_the_manifest_goes_last_and_nothing_goes_twice(store: CopyStore, tmp_path: Path, wire: Wire) -> None:
    folder = copy(tmp_path, sizes=SIZES)
    store.put(folder, quiet)
    assert wire.writes()[-1] == "PUT manifest.json"
    wire.asked.clear()
    assert store.put(folder, quiet).sent_bytes == 0
    assert wire.writes() == []


def test_complete_copies_of_one_environment_are_listed_oldest_first(store: CopyStore, where: str, tmp_path: Path) -> None:
    for name in ("uat-20261121T030000Z", "uat-20251121T030000Z", "prod-20261121T030000Z"):
        store.put(copy(tmp_path, name, sizes=(1,)), quiet)
    open_store(f"{where}/deeper").put(copy(tmp_path, "uat-20240101T000000Z", sizes=(1,)), quiet)
    assert store.names("uat") == ("uat-20251121T030000Z", "uat-20261121T030000Z")
    assert store.names("dev") == store.unfinished("uat") == ()


def test_killed_before_the_manifest_it_is_no_copy_and_the_next_run_sends_the_manifest_alone(
    store: CopyStore, where: str, tmp_path: Path, wire: Wire
) -> None:
    folder = copy(tmp_path, sizes=SIZES)
    wire.once(is_manifest, Fault(is_held=True))
    child = start("put", where, folder)
    assert wire.held.wait(20)
    kill(child)
    assert (store.names("uat"), store.unfinished("uat")) == ((), (NAME,))
    with pytest.raises(Failure, match="is not a complete copy") as caught:
        store.fetch(NAME, tmp_path / "there", quiet)
    assert caught.value.code is BAD
    wire.asked.clear()
    assert store.put(folder, quiet).sent_bytes == 0
    assert wire.writes() == ["PUT manifest.json"]
    assert store.names("uat") == (NAME,)


def test_killed_within_a_file_the_next_run_sends_the_blocks_that_are_missing(
    store: CopyStore, where: str, tmp_path: Path, wire: Wire
) -> None:
    folder = copy(tmp_path / "here", sizes=(25 * MIB,))
    wire.once(lambda asked: asked.comp == "block" and sum(each.comp == "block" for each in wire.asked) > 4, Fault(is_held=True))
    child = start("put", where, folder)
    assert wire.held.wait(20)
    kill(child)
    wire.settle()
    arrived = sum(each.comp == "block" for each in wire.arrived)
    wire.asked.clear()
    sent = store.put(folder, quiet).sent_bytes
    blocks = [each for each in wire.asked if each.comp == "block"]
    assert 4 <= arrived <= 6
    assert len(blocks) == 7 - arrived
    assert sent == sum(each.size for each in blocks)
    store.fetch(NAME, tmp_path / "there", quiet)
    assert files_of(tmp_path / "there" / NAME) == files_of(folder)


def test_a_fetch_that_was_killed_goes_on_where_it_ended(store: CopyStore, where: str, tmp_path: Path, wire: Wire) -> None:
    folder, there = copy(tmp_path / "here", sizes=(25 * MIB,)), tmp_path / "there"
    store.put(folder, quiet)
    wire.asked.clear()
    wire.once(lambda asked: is_data(asked) and sum(map(is_data, wire.asked)) > 5, Fault(is_held=True))
    child = start("fetch", where, NAME, there)
    assert wire.held.wait(20)
    kill(child)
    assert [path.name for path in there.iterdir()] == [f"{NAME}.arriving.partial"]
    wire.asked.clear()
    moved = store.fetch(NAME, there, quiet)
    assert moved.kept_bytes > 0
    assert sum(map(is_data, wire.asked)) == -(-moved.sent_bytes // BLOCK_BYTES) < 7
    assert files_of(there / NAME) == files_of(folder)
    assert store.fetch(NAME, there, quiet).sent_bytes == 0


def is_data(asked: Asked) -> bool:
    return asked.method == "GET" and asked.path.endswith(".zst")


def test_a_deletion_takes_the_manifest_first(store: CopyStore, tmp_path: Path, wire: Wire) -> None:
    store.put(copy(tmp_path), quiet)
    wire.asked.clear()
    wire.once(lambda asked: asked.method == "DELETE" and not is_first(asked, wire), Fault(403, "AuthorizationFailure"), times=9)
    with pytest.raises(Failure, match="403 AuthorizationFailure"):
        store.delete(NAME)
    assert wire.writes()[0] == "DELETE manifest.json"
    assert (store.names("uat"), store.unfinished("uat")) == ((), (NAME,))
    wire.fault = lambda asked: None
    store.delete(NAME)
    store.delete(NAME)
    assert store.unfinished("uat") == ()


def is_first(asked: Asked, wire: Wire) -> bool:
    return asked is next(each for each in wire.asked if each.method == "DELETE")


def test_sending_and_fetching_hold_a_few_blocks_whatever_the_size(
    where: str, wire: Wire, azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the wire between, for that is slow."""
    monkeypatch.setenv(CONNECTION_STRING, os.environ[CONNECTION_STRING].replace(f":{wire.port}/", f":{azurite.port}/"))
    where = where.replace(f":{wire.port}/", f":{azurite.port}/")
    folder = copy(tmp_path / "here", sizes=(64 * MIB,))
    said = start("put_and_fetch", where, folder, tmp_path / "there").communicate(timeout=30)[0]
    assert files_of(tmp_path / "there" / NAME) == files_of(folder), said
    # Forty were measured, however large the copy.
    assert int(said) < 60 * MIB


def test_the_largest_file_fits_into_as_many_blocks_as_azure_takes() -> None:
    assert block_bytes(0) == block_bytes(195 * 1024 * MIB) == 4 * MIB
    for size in (196 * 1024 * MIB, 16 * 1024 * 1024 * MIB, 12_345_678_901_234):
        assert -(-size // block_bytes(size)) <= MOST_BLOCKS
        assert block_bytes(size) % MIB == 0
