"""Stands in for Pulumi's Python language host where an engine was built from its modules, which do not hold it.

An installation of Pulumi brings the true one, and that is used wherever PATH has it. The engine starts this with its own address as the
last argument, reads the port from the first line of output, and asks over gRPC for a program to be run.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_RUNNER = Path(__file__).resolve().with_name("program_runner.py")
# The exit code of a program that has told its failure itself: the engine shall add nothing.
_TOLD = 32
# Programs that run now.
_programs: list[subprocess.Popen[str] | _Warm] = []
# Names a Python that has Pulumi loaded (warm_python.py), "=", and the socket at which it is asked to run a program; set by tests alone.
WARM = "AGENTMEM_TEST_WARM_PYTHON"


def main() -> int:
    """Serve until the engine goes away, or let a warm Python do so: the engine starts two of us for a command. Returns the exit code."""
    ended = _end()
    warm, _, place = os.environ.get(WARM, "").partition("=")
    if warm != sys.executable:
        _without_the_sdk()
        return serve(sys.argv[-1], ended)
    asked = _Warm(place, "host", sys.argv[-1], os.getcwd(), sys.stdout.fileno())

    def follow() -> None:
        asked.wait()
        ended.set()

    threading.Thread(target=follow, daemon=True).start()  # it may end by itself
    _stay(ended)
    asked.kill()
    return asked.wait()


def serve(engine: str, ended: threading.Event | None = None) -> int:
    """Answer the engine at this address until it goes away. Returns the exit code."""
    ended = ended or _end()
    from concurrent import futures

    import grpc
    from pulumi.runtime.proto import language_pb2_grpc

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(_servicer(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    _stay(ended)
    server.stop(None)
    for program in _programs:  # it would wait for answers of an engine that is gone, and we for it
        program.kill()
    return 0


def _end() -> threading.Event:
    """Set when the engine ends us: by SIGINT, and it waits ten seconds for one that does not go."""
    ended = threading.Event()  # a person's Ctrl-C does not reach us: the group is our own
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _stay(ended: threading.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent and not ended.wait(1.0):  # an engine that was killed leaves us another parent
        pass


def _without_the_sdk() -> None:
    """Let the messages be loaded without the rest of Pulumi's SDK, which takes longer than all else here and is the program's alone."""
    import importlib.util

    spec = importlib.util.find_spec("pulumi")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent
    for name, place in (("pulumi", folder), ("pulumi.runtime", folder / "runtime")):
        package = types.ModuleType(name)
        package.__path__ = [str(place)]
        sys.modules[name] = package


def _servicer(engine: str) -> Any:
    from google.protobuf.empty_pb2 import Empty
    from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

    class Host(language_pb2_grpc.LanguageRuntimeServicer):
        """What preview, up, refresh, destroy and policy packs ask of a language host."""

        def Handshake(self, request: Any, context: Any) -> Any:
            return language_pb2.LanguageHandshakeResponse()

        def GetPluginInfo(self, request: Any, context: Any) -> Any:
            return plugin_pb2.PluginInfo(version="0.0.0")

        def GetRequiredPackages(self, request: Any, context: Any) -> Any:
            return language_pb2.GetRequiredPackagesResponse()

        def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
            return language_pb2.GetRequiredPluginsResponse()

        def GetProgramDependencies(self, request: Any, context: Any) -> Any:
            return language_pb2.GetProgramDependenciesResponse()

        def About(self, request: Any, context: Any) -> Any:
            return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

        def Cancel(self, request: Any, context: Any) -> Any:
            return Empty()

        def Run(self, request: Any, context: Any) -> Any:
            code = _run(request, engine)
            if code in (0, _TOLD):
                return language_pb2.RunResponse(bail=code == _TOLD)
            return language_pb2.RunResponse(error=f"program exited with code {code}")

        def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
            yield from _plugin(request, language_pb2.RunPluginResponse)

    return Host()


def _python(info: Any) -> str:
    """The Python of the project's virtual environment, else our own."""
    chosen = dict(info.options).get("virtualenv")
    return str(Path(info.root_directory, chosen, "bin", "python")) if chosen else sys.executable


def _run(request: Any, engine: str) -> int:
    """Run the program of `request` to its end, its output going where ours goes. Returns its exit code."""
    program = Path(request.info.program_directory, request.info.entry_point)
    settings = {
        "project": request.project, "stack": request.stack, "monitor": request.monitor_address, "engine": engine,
        "parallel": request.parallel, "dry_run": request.dryRun, "organization": request.organization,
        "root_directory": request.info.root_directory,
    }  # fmt: skip
    told = {
        "settings": settings, "config": dict(request.config), "secret_keys": list(request.configSecretKeys),
        "program": str(program), "arguments": list(request.args),
    }  # fmt: skip
    python, folder = _python(request.info), request.pwd or program.parent
    warm, _, place = os.environ.get(WARM, "").partition("=")
    if warm == python:
        asked = _Warm(place, "program", told, str(folder), sys.stderr.fileno())
        _programs.append(asked)
        code = asked.wait()
        _programs.remove(asked)
        return code
    # Output of the program must not mix with the port that we print: it goes where errors go.
    command = [python, "-u", str(_RUNNER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, stdout=sys.stderr, cwd=folder) as child:
        _programs.append(child)
        child.communicate(json.dumps(told))
        _programs.remove(child)
        return child.returncode


class _Warm:
    """What a warm Python runs for us: a program, or the host itself; it ends with us."""

    def __init__(self, place: str, kind: str, told: object, folder: str, output: int) -> None:
        body = json.dumps({"kind": kind, "told": told, "folder": folder, "environment": dict(os.environ)}).encode()
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(place)
        socket.send_fds(self._line, [b"\0"], [output, sys.stderr.fileno()])
        self._line.sendall(struct.pack("!I", len(body)) + body)
        self._ended = threading.Lock()
        self._code: int | None = None

    def wait(self) -> int:
        """Its exit code; that of a killed program where the warm Python is gone."""
        with self._ended:
            if self._code is None:
                answer = self._line.recv(4, socket.MSG_WAITALL)
                self._code = int.from_bytes(answer, "big", signed=True) if len(answer) == 4 else -signal.SIGKILL
        return self._code

    def kill(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):  # it ended by itself
            self._line.shutdown(socket.SHUT_WR)


def _plugin(request: Any, response: Any) -> Iterator[Any]:
    """Run a plugin that is a folder with a Python program, such as a policy pack, and stream what it says."""
    program = str(Path(request.info.program_directory, request.info.entry_point))
    environment = dict(entry.partition("=")[::2] for entry in request.env)
    command = [_python(request.info), "-u", program, *request.args]
    with subprocess.Popen(
        command, cwd=request.pwd, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        errors = threading.Thread(target=_forward, args=(child.stderr,), daemon=True)
        errors.start()
        for line in child.stdout:
            yield response(stdout=line)
        errors.join()
        yield response(exitcode=child.wait())


def _forward(lines: IO[bytes]) -> None:
    for line in lines:
        sys.stderr.write(line.decode(errors="replace"))


if __name__ == "__main__":
    sys.exit(main())
