"""A process of its own that raises parameters and kills itself, without any chance to clean up, where it is told to."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from infra.domain import names
from infra.domain.restore_parameters import raises
from scripts.edges import arm, screen, stack_file
from scripts.edges.ledger_file import LedgerFile
from scripts.edges.raised_parameters import raised


def main(server: str, folder: str, moment: str) -> int:
    """Kill this process when `moment` comes; `sleep` waits within the block for somebody else to end it,
    `abandoned` never leaves it."""

    def watch(now: str) -> None:
        if now == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    environment = stack_file.read("prod", Path(__file__).resolve().parents[2])
    environment = environment.model_copy(update={"server": environment.server.model_copy(update={"name": server})})
    group, wanted = names.resource_group(environment), partial(raises, environment)
    block = raised(arm.connect(), group, server, wanted, LedgerFile(Path(folder)), watch=watch)
    if moment == "abandoned":
        block.__enter__()
        # Its traceback keeps the block alive until the interpreter itself is taken down.
        raise AssertionError("the block is never left")
    with block:
        screen.say("inside")
        sys.stdout.flush()
        # Longer than any test waits.
        time.sleep(60 if moment == "sleep" else 0)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
