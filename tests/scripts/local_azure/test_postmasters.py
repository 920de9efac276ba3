"""The life of a server's process: kept data, the death of the process that started it, and whom a sweep may stop."""

from __future__ import annotations

import errno
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.local_azure import binaries as binaries_module, cluster_record
from scripts.local_azure.postgres import Binaries, Cluster, Mode, Trouble, discard, names, sweep
from scripts.local_azure.postmasters import Identity, Postmaster, last_words
from scripts.local_azure.trouble import disk_trouble
from tests.waiting import until

pytestmark = pytest.mark.live
ROOT = Path(__file__).resolve().parents[3]
STARTER = """
    import sys, time
    from pathlib import Path
    from scripts.local_azure.postgres import Binaries, Cluster
    cluster = Cluster.load(Path(sys.argv[1]), "zepmem-kept", Binaries.install())
    cluster.start()
    print(cluster.pid, flush=True)
    time.sleep(60)
"""
OTHER_USER = """
    import json, os, sys
    from pathlib import Path
    from scripts.local_azure.postgres import Binaries, Cluster
    binaries = Binaries.install()
    cluster = Cluster.create(Path(sys.argv[1]), "zepmem-own", binaries)
    cluster.create_administrator("cogadmin", "Not-a-secret-1")
    with cluster.connect() as session:
        version = session.execute("SHOW server_version").fetchone()[0]
    print(json.dumps([os.getuid(), os.stat(f"/proc/{cluster.pid}").st_uid if os.path.isdir("/proc/self") else os.getuid(),
                      str(binaries.prefix), str(cluster.data), version]))
    cluster.destroy()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder for all tests here."""
    return tmp_path_factory.mktemp("postmasters")


@pytest.fixture
def kept(home: Path, binaries: Binaries) -> Iterator[Cluster]:
    """A stopped cluster with a table that must stay."""
    if "zepmem-kept" not in names(home):
        made = Cluster.create(home, "zepmem-kept", binaries)
        with made.connect() as session:
            session.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        made.stop()
    yield Cluster.load(home, "zepmem-kept", binaries)
    sweep(home)


@pytest.fixture(scope="module", autouse=True)
def _clean(home: Path) -> Iterator[None]:
    yield
    discard(home)


def answer(cluster: Cluster) -> object:
    """What the kept table says."""
    with cluster.connect() as session:
        return session.execute("SELECT answer FROM kept").fetchone()


def starter(state: Path, path: str) -> subprocess.Popen[str]:
    """Another process that starts the kept cluster. `path` is its PATH: without setpriv in it there is no parent-death signal."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STARTER), str(state)], cwd=ROOT, env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_data_and_parameters_outlive_a_process(kept: Cluster, home: Path, binaries: Binaries) -> None:
    kept.start()
    kept.apply({"work_mem": "9216"})
    kept.stop()
    again = Cluster.load(home, "zepmem-kept", binaries)
    again.start()
    assert answer(again) == (42,)
    assert again.known()["work_mem"].value == "9216"
    again.stop()


def test_a_stopped_server_leaves_no_socket_and_says_that_it_is_stopped(kept: Cluster) -> None:
    kept.start()
    folder, pid = kept.socket.parent, kept.pid
    kept.stop()
    assert not folder.exists() and not kept.running and kept.pid is None
    assert pid and Identity.of(pid) is None
    with pytest.raises(Trouble, match="zepmem-kept is stopped"):
        answer(kept)
    kept.stop()


def test_a_power_cut_loses_nothing_that_was_committed(kept: Cluster) -> None:
    kept.start()
    with kept.connect() as session:
        session.execute("UPDATE kept SET answer = 43")
        session.execute("UPDATE kept SET answer = 42")
    kept.stop(Mode.IMMEDIATE)
    kept.start()
    assert answer(kept) == (42,)
    kept.stop()


def test_a_server_whose_starter_was_killed_is_swept(kept: Cluster, home: Path, binaries: Binaries) -> None:
    child = starter(home, path="")
    pid = int(child.stdout.readline())
    child.kill()
    child.communicate()
    assert Identity.of(pid)
    record = json.loads((home / "clusters" / "zepmem-kept.json").read_text())
    assert sweep(home) == ("zepmem-kept",)
    assert Identity.of(pid) is None
    assert not Path(record["socket_folder"]).exists()
    again = Cluster.load(home, "zepmem-kept", binaries)
    again.start()
    assert answer(again) == (42,)
    again.stop()


@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv on this machine: only the sweep ends what a killed process left")
def test_a_server_ends_with_its_starter_where_the_machine_can_do_it(kept: Cluster, home: Path) -> None:
    child = starter(home, path=os.environ["PATH"])
    pid = int(child.stdout.readline())
    child.kill()
    child.communicate()
    until(lambda: not Identity.of(pid), 5)
    assert sweep(home) == ()


def test_a_server_whose_starter_lives_is_left_alone(kept: Cluster, home: Path) -> None:
    child = starter(home, path=os.environ["PATH"])
    pid = int(child.stdout.readline())
    try:
        assert sweep(home) == ()
        with pytest.raises(Trouble, match=f"still runs for process {child.pid}"):
            discard(home)
        assert Identity.of(pid)
    finally:
        child.kill()
        child.communicate()
        sweep(home)


def test_a_process_that_only_has_the_number_is_not_stopped(kept: Cluster, home: Path) -> None:
    file = home / "clusters" / "zepmem-kept.json"
    record = json.loads(file.read_text())
    with subprocess.Popen(["sleep", "60"]) as stranger:
        file.write_text(json.dumps({**record, "running": {"pid": stranger.pid, "started": "another boot 1"}}))
        assert sweep(home) == ()
        assert stranger.poll() is None
        stranger.send_signal(signal.SIGKILL)
    assert json.loads(file.read_text())["running"] is None


def test_two_processes_do_not_run_one_server(kept: Cluster, binaries: Binaries) -> None:
    kept.start()
    with pytest.raises(Trouble, match="another process runs this server"):
        Postmaster.start(binaries, kept.data, kept.log).await_ready(kept.data, kept.log)
    assert answer(kept) == (42,)
    kept.stop()


def test_a_server_that_does_not_start_says_why(kept: Cluster) -> None:
    (kept.data / "pg_hba.conf").rename(kept.data / "away")
    with pytest.raises(Trouble, match=r"does not start: .* could not load .*pg_hba.conf"):
        kept.start()
    assert not kept.running
    (kept.data / "away").rename(kept.data / "pg_hba.conf")
    kept.start()
    kept.stop()


def test_a_line_that_is_not_the_servers_is_not_its_last_word(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    foreign = "E1121 12:52:15.623029   31685 ev_epoll1_linux.cc:373] Epoll1Poller encountered epoll_wait ERROR: Bad file descriptor\n"
    first, last = (f"2026-11-21 12:52:15.6 UTC [7] {word}\n" for word in ("LOG:  could not open it", "FATAL:  could not load it"))
    log.write_text(foreign)
    assert last_words(log) == "nothing said"
    log.write_text(first + foreign)
    assert last_words(log) == first.strip()
    log.write_text(first + last + foreign * 3)
    assert last_words(log) == last.strip()
    log.write_text("postgres: could not find the database system\nExpected to find it in the directory\n" + foreign)
    assert last_words(log) == "postgres: could not find the database system"


def test_a_server_that_ends_before_it_says_anything_is_told_by_its_end(tmp_path: Path) -> None:
    """A stand-in: no PostgreSQL can be made to be so silent. Its process and its end are real."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "postgres").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (tmp_path / "bin" / "postgres").chmod(0o755)
    with pytest.raises(Trouble, match="does not start: nothing said, ended by signal 11"):
        Postmaster.start(Binaries(tmp_path, None), tmp_path, tmp_path / "log").await_ready(tmp_path, tmp_path / "log")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    told = disk_trouble(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert told.fact == f"{tmp_path}: the disk is full" and told.hint


def test_a_cluster_is_made_once(kept: Cluster, home: Path, binaries: Binaries) -> None:
    with pytest.raises(Trouble, match="there is a cluster zepmem-kept"):
        Cluster.create(home, "zepmem-kept", binaries)


@pytest.mark.parametrize("name", ["../outside", "", "UPPER", "a/b"])
def test_a_name_cannot_lead_out_of_the_folder(name: str, state: Path, binaries: Binaries) -> None:
    with pytest.raises(Trouble, match="is no name of a server"):
        Cluster.create(state, name, binaries)


def test_the_secret_is_for_the_owner_and_in_no_text(kept: Cluster, home: Path) -> None:
    record = cluster_record.Record.load(home, "zepmem-kept")
    assert (home / "clusters" / "zepmem-kept.json").stat().st_mode & 0o077 == 0
    assert record and record.secret not in repr(record)


def test_an_ordinary_user_needs_nothing_special(tmp_path: Path) -> None:
    """As root this runs as nobody, whose state and cache lie in a folder of its own; otherwise as whoever runs the tests."""
    place = Path("/tmp") / f"agentmem-test-{os.getpid()}"
    place.mkdir(mode=0o700)
    try:
        uid, server_uid, prefix, data, version = _as_ordinary_user(place)
    finally:
        shutil.rmtree(place)
    assert uid != 0 and server_uid == uid
    assert prefix.startswith(str(place / "cache")) and data.startswith(str(place / "state"))
    assert version.startswith("16.")


def test_the_copy_is_made_once_and_trusts_vector(binaries: Binaries) -> None:
    control = binaries.prefix / "share" / "postgresql" / "extension" / "vector.control"
    before = control.stat()
    assert "trusted = true" in control.read_text()
    assert Binaries.install() == binaries
    assert control.stat().st_ino == before.st_ino


def test_a_folder_that_somebody_else_made_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "open-to-all"
    place.mkdir()
    place.chmod(0o777)
    monkeypatch.setattr(binaries_module, "ROOT_PLACE", place)
    with pytest.raises(Trouble, match="only root can write"):
        binaries_module.root_place()


def _as_ordinary_user(place: Path) -> list[Any]:
    (place / "state").mkdir(mode=0o700)
    account = pwd.getpwnam("nobody") if os.getuid() == 0 else None
    if account:
        for each in (place, place / "state"):
            os.chown(each, account.pw_uid, account.pw_gid)
    identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    modules = os.pathsep.join((str(ROOT), str(Path(psycopg.__file__).parents[1])))
    done = subprocess.run(
        [_python(identity), "-c", textwrap.dedent(OTHER_USER), str(place / "state")], cwd=place, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "XDG_CACHE_HOME": str(place / "cache"), "PYTHONPATH": modules}, **identity,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def _python(identity: dict[str, Any]) -> str:
    """A Python of our version that the other user may run: our own may lie in a private home."""
    for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            if subprocess.run([candidate, "-c", "import json"], cwd="/", capture_output=True, **identity).returncode == 0:
                return candidate
        except OSError:
            continue
    pytest.skip("no Python that another user may run")
