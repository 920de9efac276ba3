"""How long a person waits for the command: help and check, against the bare import of the libraries they stand on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.pairs import in_turn

_ROOT = Path(__file__).resolve().parents[1]
_PEER = "import pydantic, yaml, typer, rich"
# Beyond three times the bare import, or half a second, people begin to avoid a command.
_GOAL = 3.0


def measure(quick: bool) -> list[dict[str, object]]:
    """Wall seconds of new processes with warm bytecode."""
    pairs = 5 if quick else 15
    commands = {"agentmem --help": ["--help"], "agentmem check --all": ["check", "--all"]}
    _seconds("-c", _PEER)
    rows = []
    for figure, arguments in commands.items():
        _seconds("-m", "scripts.cli", *arguments)
        rows.append(
            in_turn(
                figure,
                lambda arguments=arguments: _seconds("-m", "scripts.cli", *arguments),
                _PEER,
                lambda: _seconds("-c", _PEER),
                pairs=pairs,
                at_most=_GOAL,
            )
        )  # type: ignore[misc]
    return [row.as_json() for row in rows]


def _seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=_ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started
