"""The local Azure as a context manager: a child process with all doors, which lives no longer than the process that started it.

The child is `python -m scripts.local_azure.serve --state DIR`. It prints one JSON line when every door listens, answers one JSON line
for each line on its standard input, and ends when that input closes. The kernel closes the pipe whatever happens to the parent, so a
parent that is killed without a chance to clean up takes the doors and every PostgreSQL with it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

# The child imports gRPC, the model and a CA library and sweeps old clusters: 2 s on an idle machine, so a minute is a broken one.
START_SECONDS = 60.0
# A fast shutdown of a cluster takes well under a second; several are stopped one after the other.
STOP_SECONDS = 30.0
# An answer on the line protocol touches memory only.
ANSWER_SECONDS = 10.0

# In the state's folder; the child holds it for as long as it lives.
LOCK_FILE = "serve.lock"

Pace = Literal["fast", "recorded"]


class LocalAzureFailed(Exception):
    """The stand-in did not start or ended on its own. `.pid` names the process that holds the state, if one does; `.hint` may be empty."""

    def __init__(self, reason: str, pid: int | None = None, hint: str = "") -> None:
        super().__init__(reason)
        self.pid = pid
        self.hint = hint


class LocalAzure:
    """The stand-in for as long as a `with` block runs.

    `state` is the folder of the cloud and its servers, kept afterwards; `fresh` empties it first. `pace` is "fast" (operations end as soon
    as they can) or "recorded" (clients are told to poll as seldom as Azure tells them). `log` receives one line a step, never a secret.
    """

    arm_endpoint: str
    identity_endpoint: str
    provider_address: str

    def __init__(self, state: Path, fresh: bool = False, pace: Pace = "fast", log: Callable[[str], None] | None = None) -> None:
        self.state = Path(state).absolute()
        self._fresh = fresh
        self._pace = pace
        self._log = log or (lambda line: None)
        self._child: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()
        self._asking = threading.Lock()
        self._listener: threading.Thread | None = None
        self._environment: dict[str, str] = {}
        self._channel: Any = None

    def __enter__(self) -> LocalAzure:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the child and wait until all doors listen. Raises LocalAzureFailed with the child's own reason."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._child = subprocess.Popen(self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._listener = threading.Thread(target=self._listen, args=(self._child,), daemon=True)
        self._listener.start()
        try:
            ready = self._next(START_SECONDS)
        except LocalAzureFailed:
            self.stop()
            raise
        self.arm_endpoint, self.identity_endpoint = ready["arm"], ready["identity"]
        self.provider_address, self._environment = ready["provider"], ready["environment"]
        self._log(f"local Azure listens: arm {self.arm_endpoint}, provider {self.provider_address}")

    def stop(self) -> None:
        """Close the child's input, wait until doors and clusters are down, and kill it only when it does not go."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        child, self._child = self._child, None
        if child is None or child.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if self._listener is not None:
            self._listener.join()

    def forget(self) -> None:
        """Stop, and remove the cloud and the data of its servers, wherever they lie."""
        from scripts.local_azure.postgres import discard

        self.stop()
        discard(self.state)
        shutil.rmtree(self.state, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The process id of the child."""
        if self._child is None:
            raise LocalAzureFailed("the local Azure is not running")
        return self._child.pid

    @property
    def environment(self) -> dict[str, str]:
        """What a child command needs in its environment. Servers may appear later: where they listen is read from a file."""
        return dict(self._environment)

    @contextlib.contextmanager
    def as_environment(self) -> Iterator[None]:
        """The endpoints and the trust of the stand-in in the environment of this process, for as long as the block runs."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def hosts(self) -> dict[str, str]:
        """Where each server name really listens now: {"NAME.postgres.database.azure.com": "127.0.0.2:5432"}."""
        answer: dict[str, str] = self._ask("hosts")["hosts"]
        return answer

    def fault(self, fault: Mapping[str, object]) -> None:
        """Plan a fault; the keys are those of the Fault in operations.py. Raises LocalAzureFailed when it is not one."""
        self._ask("fault " + json.dumps(fault))

    def provider_stub(self) -> Any:
        """A ResourceProviderStub on the provider door, made at the first call and closed with the stand-in."""
        import grpc
        from pulumi.runtime.proto import provider_pb2_grpc

        if self._channel is None:
            self._channel = grpc.insecure_channel(self.provider_address)
        return provider_pb2_grpc.ResourceProviderStub(self._channel)

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "scripts.local_azure.serve", "--state", str(self.state), "--pace", self._pace]
        return [*command, "--fresh"] if self._fresh else command

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                self._answers.put(line)
        self._answers.put("")

    def _ask(self, line: str) -> dict[str, Any]:
        with self._asking:
            if self._child is None or self._child.stdin is None:
                raise LocalAzureFailed("the local Azure is not running")
            try:
                self._child.stdin.write(line + "\n")
                self._child.stdin.flush()
            except (BrokenPipeError, ValueError) as error:
                raise LocalAzureFailed(f"the local Azure has ended; see {self.state / 'local-azure.log'}") from error
            return self._next(ANSWER_SECONDS)

    def _next(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise LocalAzureFailed(f"the local Azure said nothing for {seconds:.0f} s; see {self.state / 'local-azure.log'}") from None
        if not line:
            raise LocalAzureFailed(f"the local Azure ended without a word; see {self.state / 'local-azure.log'}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LocalAzureFailed(answer["error"], answer.get("pid"), answer.get("hint", ""))
        return answer


def main(arguments: list[str] | None = None) -> int:
    """The child: open every door, say where, serve until standard input closes or a signal comes. Returns its exit code."""
    # Read when gRPC is loaded. Its fork handlers crashed one in four children that Python had to fork here (measured), and PostgreSQL is
    # such a child where this runs as root on a machine without setpriv.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    try:
        from scripts.local_azure import doors
    except Exception as error:  # a broken installation shall not end in silence
        print(json.dumps({"error": f"the local Azure cannot be loaded: {error}"}), flush=True)
        return 1
    parser = argparse.ArgumentParser(prog="local-azure", description="Azure on loopback, for as long as standard input is open")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--pace", choices=("fast", "recorded"), default="fast")
    parser.add_argument("--fresh", action="store_true")
    chosen = parser.parse_args(arguments)
    return doors.serve(chosen.state.absolute(), fresh=chosen.fresh, pace=chosen.pace)


if __name__ == "__main__":
    sys.exit(main())
