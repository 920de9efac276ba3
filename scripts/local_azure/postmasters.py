"""PostgreSQL's main processes as children of this one: started, told to stop, and found again after a starter was killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from scripts.local_azure.binaries import Binaries, clean_environment
from scripts.local_azure.trouble import Trouble, disk_trouble

START_SECONDS = 60.0
"""How long crash recovery may take before a start counts as failed; an ordinary start takes 0.1 s."""
STOP_SECONDS = 20.0
"""A fast shutdown writes a checkpoint: well under a second here. After this time the server is stopped as by a power cut."""
POLL_SECONDS = 0.01
NOTHING = "nothing said"
_ITS_OWN = re.compile(
    r"^\t|^(\S*/)?(postgres|setpriv): |(^| )(LOG|FATAL|PANIC|ERROR|WARNING|NOTICE|INFO|DEBUG\d?|DETAIL|HINT|CONTEXT|STATEMENT):  "
)
"""The server's lines: more of the line before, what its program says before it has a log (or setpriv before that), and its log."""

_starter = ThreadPoolExecutor(1, thread_name_prefix="postmasters")
"""One thread starts them all: the parent-death signal of Linux follows the thread that forked, so that thread must not end early."""


class Mode(Enum):
    """How a server stops, by PostgreSQL's names."""

    SMART = signal.SIGTERM
    FAST = signal.SIGINT
    IMMEDIATE = signal.SIGQUIT


@dataclass(frozen=True)
class Identity:
    """One process among all that ever had its number: the number and the moment of its start."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this number now; None when there is none, or only the remains of one that its parent did not collect."""
        started = _linux_start(pid) if sys.platform == "linux" else _ps_start(pid)
        return cls(pid, started) if started else None

    def lives(self) -> bool:
        """True if exactly this process still runs."""
        return Identity.of(self.pid) == self

    def json(self) -> dict[str, Any]:
        """For a record; `Identity(**json)` reads it back."""
        return asdict(self)


def _linux_start(pid: int) -> str:
    """Boot and clock tick of the start (proc(5), field 22 of stat): exact, where ps rounds to seconds and may waver by one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"  # field 3 is the state, so 22 is at 19


def _ps_start(pid: int) -> str:
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, env=clean_environment())
    state, _, started = shown.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()


class Postmaster:
    """One running server: our own child, or one that an earlier process left (`child` None)."""

    def __init__(self, identity: Identity, child: subprocess.Popen[bytes] | None = None, said_before: int = 0) -> None:
        self.identity = identity
        self._child = child
        self._said_before = said_before

    @classmethod
    def start(cls, binaries: Binaries, data: Path, log: Path) -> Postmaster:
        """Starts PostgreSQL in a session of its own; returns at once. Its words go to `log`. Raises Trouble."""
        said_before = log.stat().st_size if log.exists() else 0
        child = _starter.submit(_launch, binaries, data, log).result()
        identity = Identity.of(child.pid)
        if identity is None:
            raise _start_trouble(_said_at_end(child.wait(), log, said_before), log)
        return cls(identity, child, said_before)

    def lives(self) -> bool:
        """True while it runs."""
        return self._child.poll() is None if self._child else self.identity.lives()

    def await_ready(self, data: Path, log: Path) -> None:
        """Waits until it takes connections. Raises Trouble with its own last words when it ends before, or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.lives():
                raise _start_trouble(_said_at_end(self._child.returncode if self._child else None, log, self._said_before), log)
            with contextlib.suppress(OSError, IndexError):
                lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
                if lines[0] == str(self.identity.pid) and lines[7].strip() in ("ready", "standby"):
                    return
            time.sleep(POLL_SECONDS)
        self.stop(Mode.IMMEDIATE)
        said = last_words(log, self._said_before)
        raise Trouble(f"PostgreSQL took no connections within {START_SECONDS:.0f} s: {said}", hint=f"see {log}")

    def stop(self, mode: Mode = Mode.FAST) -> None:
        """Stops it and waits; one that does not obey in time is stopped at once, as by a power cut. Raises Trouble if even that fails."""
        for sign in dict.fromkeys((mode.value, signal.SIGQUIT, signal.SIGKILL)):
            if self._signal_and_wait(sign):
                return
        raise Trouble(f"PostgreSQL process {self.identity.pid} does not stop", hint="its disk may hang; look at it with ps")

    def _signal_and_wait(self, sign: signal.Signals) -> bool:
        if self.lives():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.identity.pid, sign)
        deadline = time.monotonic() + STOP_SECONDS
        while self.lives():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def _launch(binaries: Binaries, data: Path, log: Path) -> subprocess.Popen[bytes]:
    # Second belt: a starter that is killed takes its servers along; the first one is `sweep` of the next start.
    held = binaries.started("postgres", "-D", str(data), at_our_end="INT")
    try:
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as out:
            return subprocess.Popen(
                **held,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=data,
                env=clean_environment(),
                start_new_session=True,
            )
    except OSError as error:
        raise disk_trouble(error, data) from None


def _start_trouble(said: str, log: Path) -> Trouble:
    if "No space left on device" in said:
        return Trouble(f"PostgreSQL does not start, the disk is full: {said}", hint="free some space, or choose another folder")
    if "lock file" in said:
        return Trouble(f"another process runs this server: {said}", hint="stop the other local Azure of this state folder first")
    return Trouble(f"PostgreSQL does not start: {said}", hint=f"see {log}")


def _said_at_end(code: int | None, log: Path, since: int) -> str:
    """Its last words; where there are none, how it ended (`code` as of subprocess, None when that is not known)."""
    said = last_words(log, since)
    if said != NOTHING or code is None:
        return said
    return f"{NOTHING}, ended by signal {-code}" if code < 0 else f"{NOTHING}, ended with exit code {code}"


def last_words(log: Path, since: int = 0) -> str:
    """The end of a server's log on one line, its worst words if there are any; NOTHING if there is none. `since` is a byte.

    A line that is not the server's is none of its words: whatever has the file open may write there.
    """
    try:
        with open(log, "rb") as file:
            file.seek(max(since, os.path.getsize(log) - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return NOTHING
    said = [each for each in lines if _ITS_OWN.search(each)]
    worst = [each for each in said if any(word in each for word in ("FATAL:", "PANIC:", "ERROR:"))]
    return " | ".join(each.strip() for each in (worst or said)[-3:]) or NOTHING
