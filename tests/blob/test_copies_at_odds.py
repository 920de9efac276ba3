"""Copies in Blob Storage when something is in the way: a second writer, damage, a wrong key, a service that is away or unwell."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.domain.manifest import encode, parse
from scripts.edges.blob_place import CONNECTION_STRING, connect, parse as parse_place
from scripts.edges.blob_store import BlobStore
from scripts.edges.copy_store import CopyStore, open_store
from scripts.edges.exits import BAD, BUSY, CONFIGURATION, REFUSED, UNREACHABLE, Exit, Failure
from tests.blob.children import start
from tests.blob.conftest import ACCOUNT, Azurite, connection_string
from tests.blob.made_up import MIB, NAME, copy, files_of
from tests.blob.test_copies import is_manifest, quiet
from tests.blob.wire import Asked, Fault, Wire

DATA = "data/0001.copy.zst"


@pytest.fixture
def store(where: str) -> CopyStore:
    return open_store(where)


def blob(where: str, path: str) -> Any:
    """The SDK's own client for one file of the copy."""
    place = parse_place(where)
    return connect(place).get_blob_client(place.path(NAME, path))


def fails(call: Callable[[], object], code: Exit, *words: str) -> Failure:
    """The failure that this must end with."""
    with pytest.raises(Failure) as caught:
        call()
    assert caught.value.code is code, str(caught.value)
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
    return caught.value


@pytest.mark.parametrize("sizes", [(300,), (9 * MIB,)], ids=["one block", "three blocks"])
def test_a_writer_with_other_files_under_the_same_name_is_refused(sizes: tuple[int, ...], where: str, tmp_path: Path, wire: Wire) -> None:
    """The first one is before its manifest when the second comes: nothing of the first is overwritten."""
    ours, theirs = copy(tmp_path / "ours", sizes=sizes), copy(tmp_path / "theirs", sizes=sizes, seed=2)
    wire.once(is_manifest, Fault(is_held=True))
    first = start("put", where, ours)
    assert wire.held.wait(20)
    fails(lambda: open_store(where).put(theirs, quiet), REFUSED, f"{where}/{NAME}: somebody else wrote another copy of this name")
    wire.let_go.set()
    assert first.communicate(timeout=20)[0] == ""
    open_store(where).fetch(NAME, tmp_path / "there", quiet)
    assert files_of(tmp_path / "there" / NAME) == files_of(ours)


@pytest.mark.parametrize(("sizes", "comp"), [((300,), ""), ((9 * MIB,), "blocklist")], ids=["one block", "three blocks"])
def test_a_file_that_came_while_ours_was_on_its_way_is_not_overwritten(
    sizes: tuple[int, ...], comp: str, where: str, tmp_path: Path, wire: Wire
) -> None:
    """Both looked before either wrote; the second is complete before the first file of the first arrives."""
    ours, theirs = copy(tmp_path / "ours", sizes=sizes), copy(tmp_path / "theirs", sizes=sizes, seed=2)
    wire.once(lambda asked: asked.method == "PUT" and asked.path.endswith(DATA) and asked.comp == comp, Fault(is_held=True))
    first = start("put", where, ours)
    assert wire.held.wait(20)
    open_store(where).put(theirs, quiet)
    wire.let_go.set()
    assert "somebody else wrote another copy of this name" in first.communicate(timeout=20)[0]
    open_store(where).fetch(NAME, tmp_path / "there", quiet)
    assert files_of(tmp_path / "there" / NAME) == files_of(theirs)


def test_blocks_that_were_thrown_away_are_sent_again_by_the_next_run(store: CopyStore, tmp_path: Path, wire: Wire) -> None:
    """Azure keeps blocks that nobody committed for a week, and until somebody else writes the blob; Azurite keeps them longer."""
    folder = copy(tmp_path, sizes=(9 * MIB,))
    wire.once(lambda asked: asked.comp == "blocklist" and asked.method == "PUT", Fault(400, "InvalidBlockList"))
    fails(lambda: store.put(folder, quiet), BUSY, f"{NAME}/{DATA}: blocks of it were thrown away meanwhile", "run this again")
    store.put(folder, quiet)
    assert store.names("uat") == (NAME,)


def test_a_cut_file_that_claims_to_be_ours_is_not_taken_for_it(store: CopyStore, where: str, tmp_path: Path) -> None:
    folder = copy(tmp_path)
    digest = hashlib.sha256((folder / DATA).read_bytes()).hexdigest()
    blob(where, DATA).upload_blob(b"cut", metadata={"sha256": digest})
    fails(lambda: store.put(folder, quiet), REFUSED, "somebody else wrote another copy of this name")
    assert store.names("uat") == ()


def test_a_file_that_was_deleted_meanwhile_leaves_no_copy(store: CopyStore, where: str, tmp_path: Path, wire: Wire) -> None:
    folder = copy(tmp_path)
    wire.once(lambda asked: asked.comp == "list" and any(each.method == "PUT" for each in wire.asked), Fault(is_held=True))
    child = start("put", where, folder)
    assert wire.held.wait(20)
    blob(where, DATA).delete_blob()
    wire.let_go.set()
    assert "files of it were deleted meanwhile" in child.communicate(timeout=20)[0]
    assert store.names("uat") == ()
    store.put(folder, quiet)
    assert store.names("uat") == (NAME,)


def test_of_two_manifests_for_the_same_files_the_second_is_refused(where: str, tmp_path: Path, wire: Wire) -> None:
    ours, theirs = copy(tmp_path / "ours"), copy(tmp_path / "theirs")
    manifest = parse((theirs / "manifest.json").read_bytes())
    (theirs / "manifest.json").write_bytes(encode(manifest.model_copy(update={"created_at": "2026-11-21T03:00:01+00:00"})))
    wire.once(is_manifest, Fault(is_held=True))
    first = start("put", where, ours)
    assert wire.held.wait(20)
    open_store(where).put(theirs, quiet)
    wire.let_go.set()
    said = first.communicate(timeout=20)[0]
    assert "somebody else wrote another copy of this name" in said
    open_store(where).fetch(NAME, tmp_path / "there", quiet)
    assert files_of(tmp_path / "there" / NAME) == files_of(theirs)


def test_two_commands_may_send_the_same_copy(store: CopyStore, where: str, tmp_path: Path) -> None:
    folder = copy(tmp_path / "here", sizes=(9 * MIB, 300))
    others = [start("put", where, folder) for _ in range(2)]
    assert [other.communicate(timeout=20)[0] for other in others] == ["", ""]
    store.fetch(NAME, tmp_path / "there", quiet)
    assert files_of(tmp_path / "there" / NAME) == files_of(folder)


def test_answers_that_get_lost_do_no_harm(store: CopyStore, tmp_path: Path, wire: Wire) -> None:
    """Every write arrives, its answer does not, and it is sent again."""
    folder, lost = copy(tmp_path, sizes=(9 * MIB, 300)), set()

    def lose(asked: Asked) -> Fault | None:
        key = (str(asked), asked.size)
        if asked.method != "PUT" or key in lost:
            return None
        lost.add(key)
        return Fault(is_lost=True)

    wire.fault = lose
    store.put(folder, quiet)
    assert {each for each, _ in lost} >= {
        "PUT manifest.json",
        "PUT 0001.copy.zst block",
        "PUT 0001.copy.zst blocklist",
        "PUT 0002.copy.zst",
    }
    assert store.names("uat") == (NAME,)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: content[:-1], "data/0001.copy.zst has 9999 bytes, the manifest says 10000"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "data/0001.copy.zst: did not come as the manifest says: its SHA-256"),
        (None, "data/0001.copy.zst is missing, the manifest says 10000"),
    ],
    ids=["cut", "a bit", "gone"],
)
def test_a_damaged_copy_is_found_and_gets_no_name(
    damage: Callable[[bytes], bytes] | None, says: str, store: CopyStore, where: str, tmp_path: Path
) -> None:
    folder = copy(tmp_path / "here")
    store.put(folder, quiet)
    client = blob(where, DATA)
    if damage is None:
        client.delete_blob()
    else:
        client.upload_blob(damage((folder / DATA).read_bytes()), overwrite=True)
    fails(lambda: store.fetch(NAME, tmp_path / "there", quiet), BAD, says)
    assert not (tmp_path / "there" / NAME).exists()


def test_a_changed_manifest_is_found(store: CopyStore, where: str, tmp_path: Path) -> None:
    store.put(copy(tmp_path / "here"), quiet)
    changed = (tmp_path / "here" / NAME / "manifest.json").read_bytes().replace(b'"rows":1', b'"rows":2')
    blob(where, "manifest.json").upload_blob(changed, overwrite=True)
    fails(lambda: store.fetch(NAME, tmp_path / "there", quiet), BAD, "manifest.json: is not as it was written")


def test_a_file_that_went_bad_here_is_not_sent_as_a_copy(store: CopyStore, tmp_path: Path) -> None:
    folder = copy(tmp_path, sizes=(9 * MIB,))
    with (folder / DATA).open("r+b") as file:
        file.seek(5 * MIB)
        file.write(b"x")
    fails(lambda: store.put(folder, quiet), BAD, f"{folder}/{DATA}: is not as it was written")
    assert store.names("uat") == ()


def test_a_block_that_went_bad_in_an_earlier_try_is_not_taken_for_a_good_one(store: CopyStore, tmp_path: Path) -> None:
    folder = copy(tmp_path / "here", sizes=(9 * MIB,))
    good = (folder / DATA).read_bytes()
    (folder / DATA).write_bytes(b"x" + good[1:])
    fails(lambda: store.put(folder, quiet), BAD)
    (folder / DATA).write_bytes(good)
    store.put(folder, quiet)
    store.fetch(NAME, tmp_path / "there", quiet)
    assert (tmp_path / "there" / NAME / DATA).read_bytes() == good


def test_a_wrong_key_is_refused_and_shown_nowhere(where: str, account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "QUFB" * 20 + "QUFBQUFBQQ=="
    monkeypatch.setenv(CONNECTION_STRING, connection_string(account, wrong))
    failure = fails(lambda: open_store(where).names("uat"), REFUSED, "403", "see that the key is right")
    assert wrong not in f"{failure} {failure.__context__}"
    assert failure.__suppress_context__


def test_a_container_that_is_not_there_is_said_with_the_way_to_make_it(where: str, tmp_path: Path) -> None:
    elsewhere = where.replace("copies-", "elsewhere-")
    words = f"{elsewhere}", "the container is not there", "az storage container create"
    fails(lambda: open_store(elsewhere).names("uat"), BAD, *words)
    fails(lambda: open_store(elsewhere).put(copy(tmp_path), quiet), BAD, *words)


def test_the_key_of_one_account_is_not_sent_to_another(where: str, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION_STRING, connection_string(f"https://{ACCOUNT}.blob.core.windows.net", azurite.key))
    fails(lambda: open_store(where), CONFIGURATION, f"{CONNECTION_STRING} is for https://{ACCOUNT}.blob.core.windows.net")
    monkeypatch.setenv(CONNECTION_STRING, f"AccountKey={azurite.key}")
    failure = fails(lambda: open_store(where), CONFIGURATION, "is not a connection string")
    assert azurite.key not in f"{failure} {failure.__context__}"
    monkeypatch.delenv(CONNECTION_STRING)
    fails(lambda: open_store(where), CONFIGURATION, f"{CONNECTION_STRING} is not set")


@pytest.mark.parametrize(
    "fault",
    [Fault(503, "ServerBusy"), Fault(429, "TooManyRequests", retry_after="2"), Fault(500, "InternalError")],
    ids=lambda each: each.code,
)
def test_what_waiting_mends_is_asked_again(fault: Fault, store: CopyStore, tmp_path: Path, wire: Wire) -> None:
    wire.once(lambda asked: asked.method == "PUT", fault)
    begun = time.monotonic()
    store.put(copy(tmp_path), quiet)
    assert store.names("uat") == (NAME,)
    assert time.monotonic() - begun >= float(fault.retry_after or 0)


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (Fault(503, "ServerBusy"), BUSY, "ServerBusy: Blob Storage is throttled"),
        (Fault(500, "InternalError"), UNREACHABLE, "Blob Storage answers 500 InternalError"),
        (Fault(403, "AuthorizationPermissionMismatch"), REFUSED, "the role Storage Blob Data Contributor"),
        (Fault(403, "AuthenticationFailed"), REFUSED, "the storage account does not accept who we are"),
        (Fault(403, "AuthorizationFailure"), REFUSED, "inside the network"),
        (Fault(409, "BlobImmutableDueToPolicy"), REFUSED, "the container keeps it by policy"),
    ],
    ids=lambda value: value.code if isinstance(value, Fault) else "",
)
def test_what_it_does_not_mend_ends_with_its_code(fault: Fault, code: Exit, says: str, where: str, wire: Wire) -> None:
    wire.fault = lambda asked: fault
    place = parse_place(where)
    fails(lambda: BlobStore(place, seconds=0).names("uat"), code, where, says)


def test_a_service_that_does_not_answer_cannot_be_reached(where: str, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = "http://127.0.0.1:9"  # nothing listens on the port of discard
    monkeypatch.setenv(CONNECTION_STRING, connection_string(f"{nobody}/{ACCOUNT}", azurite.key))
    place = parse_place(f"{nobody}/{ACCOUNT}/copies")
    fails(lambda: BlobStore(place, seconds=0).names("uat"), UNREACHABLE, "Blob Storage cannot be reached")
