"""A Python that has Pulumi and the provider's SDK loaded already, and forks for each program that the stand-in of the language host runs.

Loading them takes one of the two seconds of a program like ours, and the tests run it some hundred times; the stand-in itself, of which
the engine starts two for a command, is such a fork too. Nothing of ours is loaded before the fork: each program finds its own modules,
by its own PYTHONPATH. It ends when its standard input closes.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

Run = Callable[[Any], int]
_HERE = Path(__file__).resolve().parent
# What ends each kind of fork when whoever asked has gone. A host ends in good order: it has programs of its own to end.
_ENDS = {"program": signal.SIGKILL, "host": signal.SIGTERM}
# The parts of the provider's SDK that our program loads; one that is missing here is only slower.
PARTS = (
    *("authorization", "dataprotection", "dbforpostgresql", "managedidentity", "monitor"),
    *("network", "operationalinsights", "privatedns", "resources"),
)


def main() -> None:
    """Serve at the socket that the first argument names."""
    del sys.path[0]  # the folder of this file is nothing to a program
    runs = _loaded()
    gc.freeze()  # the forks share these pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(64)
        print("warm", flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            asked, _ = listener.accept()
            with asked:
                if not os.fork():
                    listener.close()
                    _answer(asked, runs)


def _loaded() -> dict[str, Run]:
    """What runs each kind, once all is loaded that it takes time to load."""
    import pulumi_azure_native

    for part in PARTS:
        hasattr(getattr(pulumi_azure_native, part), "outputs")  # it is loaded when somebody looks into it
    importlib.import_module("pydantic.main")  # what our program's values are made of
    program, host = (runpy.run_path(str(_HERE / name)) for name in ("program_runner.py", "language_host.py"))
    return {"program": program["run"], "host": host["serve"]}


def _answer(asked: socket.socket, runs: dict[str, Run]) -> NoReturn:
    """Run one program, or a host, in another fork; it ends with whoever asked for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, words, _, _ = socket.recv_fds(asked, 1, 2)
    (length,) = struct.unpack("!I", asked.recv(4, socket.MSG_WAITALL))
    request = json.loads(asked.recv(length, socket.MSG_WAITALL))
    ended, running = os.pipe()
    child = os.fork()
    if not child:
        asked.close()
        os.close(ended)
        _become(request, words, runs[request["kind"]])
    os.close(running)
    if asked.fileno() in select.select([asked.fileno(), ended], [], [])[0]:  # who asked has gone
        os.kill(child, _ENDS[request["kind"]])
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        asked.sendall(struct.pack("!i", code))
    finally:
        os._exit(0)


def _become(request: dict[str, Any], words: list[int], run: Run) -> NoReturn:
    """What a new Python would be with this environment, in this folder, told this on its standard input."""
    code = 1
    try:
        silence = os.open(os.devnull, os.O_RDONLY)
        for number, given in enumerate((silence, *words)):
            os.dup2(given, number)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.path[:0] = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
        sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
        importlib.invalidate_caches()
        gc.disable()  # a third of a program's second went into it, and what it would free goes with the process
        code = run(request["told"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else bool(ended.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
