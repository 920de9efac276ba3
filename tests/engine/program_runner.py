"""Runs a Pulumi program for the stand-in of the language host, in a Python of its own.

What the program is told comes as JSON on standard input, never in arguments, which others can read: configuration holds secrets.
"""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import signal
import sys
import traceback
from typing import Any

# The exit code of a program that has told its failure itself: the engine shall add nothing.
TOLD = 32


def main() -> int:
    """Run the program that standard input tells. Returns the exit code."""
    told = json.load(sys.stdin)
    del sys.path[0]  # the folder of this file is nothing to the program
    return run(told)


def run(told: dict[str, Any]) -> int:
    """Run the program until everything that it registered is answered. Returns the exit code."""
    # The engine ends the program once another part of the update has failed, and has said why. At once: a registration that the
    # engine leaves without an answer, as it does when a policy refuses, would hold Python's exit up until the engine kills us.
    signal.signal(signal.SIGINT, lambda *_: os._exit(TOLD))
    import pulumi
    from pulumi import runtime

    runtime.configure(runtime.Settings(**told["settings"]))
    runtime.set_all_config(told["config"], told["secret_keys"])
    asyncio.set_event_loop(loop := asyncio.new_event_loop())
    # After a failure dozens of tasks hold the same exception, and each would report it once more.
    loop.set_exception_handler(lambda _loop, _context: None)
    sys.argv = [told["program"], *told["arguments"]]

    def program() -> None:
        runpy.run_path(told["program"], run_name="__main__")

    try:
        loop.run_until_complete(runtime.run_in_stack(program))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return TOLD
    except Exception:
        pulumi.log.error(f"the program failed:\n{traceback.format_exc()}")
        return TOLD
    return 0


if __name__ == "__main__":
    sys.exit(main())
