"""Portable copies in a folder of this machine: a copy comes whole or not at all, and goes with its manifest first."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from scripts.edges.copy_folder import FolderStore, Moved
from scripts.edges.exits import BAD, BUSY, REFUSED, UNREACHABLE, USAGE, Failure
from tests.blob.made_up import NAME, copy, files_of

TOTAL = 10_000 + 300 + 14 + 15


def quiet(size: int) -> None:
    """Hears of bytes and does nothing."""


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_a_copy_comes_back_as_it_went(store: FolderStore, tmp_path: Path) -> None:
    folder, heard = copy(tmp_path / "here"), list[int]()
    assert store.put(folder, heard.append) == Moved(TOTAL, 0)
    assert sum(heard) == TOTAL
    assert store.names("uat") == (NAME,)
    assert store.fetch(NAME, tmp_path / "there", quiet) == Moved(TOTAL, 0)
    assert files_of(tmp_path / "there" / NAME) == files_of(folder)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "there" / NAME).rglob("*") if path.is_file()} == {0o600}
    assert store.put(folder, quiet) == Moved(0, TOTAL)


def test_a_copy_that_lies_there_already_stays_as_it_is(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    assert FolderStore(tmp_path).put(folder, quiet) == Moved(0, TOTAL)
    assert FolderStore(tmp_path).names("uat") == (NAME,)


def test_a_try_that_ended_early_goes_on(store: FolderStore, tmp_path: Path) -> None:
    folder, partial = copy(tmp_path / "here"), tmp_path / "store" / f"{NAME}.arriving.partial"
    shutil.copytree(folder, partial)
    (partial / "manifest.json").unlink()
    (partial / "data" / "0001.copy.zst").write_bytes((folder / "data" / "0001.copy.zst").read_bytes()[:4000])
    assert store.names("uat") == store.unfinished("uat") == ()
    assert store.put(folder, quiet) == Moved(6000, TOTAL - 6000)
    assert files_of(tmp_path / "store" / NAME) == files_of(folder)


def test_a_beginning_that_is_not_of_this_file_is_found_and_thrown_away(store: FolderStore, tmp_path: Path) -> None:
    folder, data = copy(tmp_path / "here"), tmp_path / "store" / f"{NAME}.arriving.partial" / "data"
    data.mkdir(parents=True)
    (data / "0001.copy.zst").write_bytes(b"x" * 4000)
    with pytest.raises(Failure, match="its SHA-256 differs") as caught:
        store.put(folder, quiet)
    assert caught.value.code is BAD
    store.put(folder, quiet)
    assert files_of(tmp_path / "store" / NAME) == files_of(folder)


def test_another_copy_of_this_name_is_left_alone(store: FolderStore, tmp_path: Path) -> None:
    ours = copy(tmp_path / "ours")
    store.put(ours, quiet)
    with pytest.raises(Failure, match="is there already, and is not this copy") as caught:
        store.put(copy(tmp_path / "theirs", seed=2), quiet)
    assert caught.value.code is REFUSED
    assert files_of(tmp_path / "store" / NAME) == files_of(ours)


def test_what_is_not_of_this_copy_does_not_come_with_it(store: FolderStore, tmp_path: Path) -> None:
    partial = tmp_path / "store" / f"{NAME}.arriving.partial"
    partial.mkdir(parents=True)
    (partial / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(Failure, match=r"holds notes\.txt, which is not of this copy"):
        store.put(copy(tmp_path / "here"), quiet)
    assert (partial / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_two_processes_do_not_fill_one_folder(store: FolderStore, tmp_path: Path) -> None:
    partial = tmp_path / "store" / f"{NAME}.arriving.partial"
    partial.mkdir(parents=True)
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(Failure, match="another process fills this folder") as caught:
            store.put(copy(tmp_path / "here"), quiet)
    finally:
        os.close(descriptor)
    assert caught.value.code is BUSY


@pytest.mark.parametrize(("path", "says"), [("data/0001.copy.zst", "has 3 bytes"), ("pre-data.sql", "has 3 bytes"), ("data", "is missing")])
def test_a_copy_that_is_not_whole_goes_nowhere(path: str, says: str, store: FolderStore, tmp_path: Path) -> None:
    folder = copy(tmp_path / "here")
    if path == "data":
        shutil.rmtree(folder / path)
    else:
        (folder / path).write_bytes(b"cut")
    with pytest.raises(Failure, match=says) as caught:
        store.put(folder, quiet)
    assert caught.value.code is BAD
    assert store.names("uat") == ()


def test_half_a_deletion_is_no_copy(store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody presses Ctrl-C between its two steps."""
    store.put(copy(tmp_path / "here"), quiet)
    monkeypatch.setattr(shutil, "rmtree", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.delete(NAME)
    monkeypatch.undo()
    assert (store.names("uat"), store.unfinished("uat")) == ((), (NAME,))
    store.delete(NAME)
    store.delete(NAME)
    assert store.unfinished("uat") == ()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["../uat-20261121T030000Z", "uat", "", ".", "uat-20261121T030000Z/data"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, store: FolderStore, tmp_path: Path) -> None:
    for call in (lambda: store.delete(name), lambda: store.fetch(name, tmp_path, quiet)):
        with pytest.raises(Failure, match="is no name of a copy") as caught:
            call()
        assert caught.value.code is USAGE


def test_a_folder_that_is_no_copy_is_refused(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"holds no readable manifest\.json") as caught:
        store.put(tmp_path, quiet)
    assert caught.value.code is USAGE
    renamed = copy(tmp_path / "here").rename(tmp_path / "uat-20261122T030000Z")
    with pytest.raises(Failure, match=f"is that of {NAME}"):
        store.put(renamed, quiet)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file", encoding="utf-8")
    with pytest.raises(Failure, match="cannot be written") as caught:
        FolderStore(tmp_path / "store").put(copy(tmp_path / "here"), quiet)
    assert caught.value.code is UNREACHABLE
