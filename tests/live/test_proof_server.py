"""The PostgreSQL of our own that copies are restored into: closed to others, gone whatever ends it, and not begun without room."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import tempfile
from pathlib import Path

import pytest

from scripts.edges.exits import REFUSED, Failure
from scripts.local_azure.cluster_record import Record, clusters_folder, own
from scripts.proof_server import proof_server

pytestmark = pytest.mark.live


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers of our own lie, of this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_closed_to_others_and_gone_after_ctrl_c(own_folder: Path) -> None:
    folders: list[Path] = []
    pid = 0
    with pytest.raises(KeyboardInterrupt), proof_server() as connect:
        (folder,) = own_folder.iterdir()
        cluster = clusters_folder(folder) / "agentmem-proof"
        pid = int((cluster / "data/postmaster.pid").read_text().partition("\n")[0])
        with connect() as session:
            folders = [cluster, cluster / "data", folder, Path(session.info.host)]
            modes = [stat.S_IMODE(each.stat().st_mode) for each in folders]
        assert modes[:2] == [0o700, 0o700] and modes[3] == 0o700
        # as root the server is another user, who passes through what is not its own; nothing of the data lies there
        assert modes[2] == (0o711 if os.getuid() == 0 and cluster.is_relative_to(folder) else 0o700)
        signal.raise_signal(signal.SIGINT)
    assert pid and not Path("/proc", str(pid)).exists()
    assert [*own_folder.iterdir()] == [] and not any(each.exists() for each in folders)


def test_a_server_that_another_process_is_making_is_left_alone(own_folder: Path) -> None:
    """Its data are there before a process is noted that runs on them."""
    folder = own_folder / "agentmem-proof-other"
    data = clusters_folder(folder) / "agentmem-proof"
    data.mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    Record("agentmem-proof", str(data), "secret").save(folder)
    own(folder)
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with proof_server():
            assert data.is_dir()
    finally:
        os.close(held)
    with proof_server():
        assert not data.exists() and not folder.exists()


def test_a_disk_without_room_is_told_before_anything_is_begun(own_folder: Path) -> None:
    with pytest.raises(Failure, match=r"needs at least 1,099,511,627,776 MiB .*, [0-9,]+ MiB are free") as failure, proof_server(1 << 60):
        pass
    assert failure.value.code is REFUSED and "free some space" in failure.value.hint
    assert [*own_folder.iterdir()] == []
