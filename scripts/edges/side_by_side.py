"""Two trees captured at once, each in a child process with its own code: what the program asked for there, and asks for here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.domain.registrations import Plan
from scripts.edges.exits import BAD, Failure

HERE = Path(__file__).resolve().parents[2]
_CHILD = Path(__file__).with_name("capture_child.py")
# Five captures and the import of the SDK take seconds; a program that has not ended after five minutes never will.
_SECONDS = 300.0
# A child has none of the credentials of this process: the code of a pull request runs in it.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
# What a tree must have so that its own code can capture.
_NEEDED = ("infra/__main__.py", "scripts/edges/capture.py", "scripts/edges/stack_file.py")


@dataclass(frozen=True)
class Captured:
    """One stack of one side: its plan and the values of its file, or what is wrong with it; nothing at all where it has no file."""

    plan: Plan | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[str] = ()

    @property
    def missing(self) -> bool:
        """Whether that side has no such stack file."""
        return self.plan is None and not self.problems


Side = Mapping[str, Captured]


def capture_both(base: Path, head: Path, stacks: Sequence[str]) -> tuple[Side, Side]:
    """The stacks of the tree `base` with its own code, and those in the folder `head` with this installation's, at the same time.

    A tree of stack files alone is captured with this installation's code too. Raises Failure for a side that tells nothing at all.
    """
    code = base if all((base / name).is_file() for name in _NEEDED) else HERE
    if code is HERE and (base / "infra" / "__main__.py").is_file():
        raise Failure(BAD, "the base commit has a program, but no code that captures it", hint="compare with a later commit")
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as talked:
        children = (_start(code, base, stacks, said), _start(HERE, head, stacks, talked))
        try:
            return _answer(children[0], "the base commit", said, stacks), _answer(children[1], "this commit", talked, stacks)
        finally:
            for child in children:
                child.kill()
                child.wait()


def _start(code: Path, folder: Path, stacks: Sequence[str], talk: Any) -> subprocess.Popen[bytes]:
    """-P keeps the child's own folder out of the path, so that only the tree's modules are found."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    environment = {**kept, "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-P", str(_CHILD), str(folder.resolve()), *stacks]
    return subprocess.Popen(command, cwd=code, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=talk)


def _answer(child: subprocess.Popen[bytes], side: str, talked: Any, stacks: Sequence[str]) -> Side:
    try:
        told, _ = child.communicate(timeout=_SECONDS)
        document = json.loads(told)
        return {stack: _captured(document[stack]) for stack in stacks}
    except subprocess.TimeoutExpired:
        raise Failure(BAD, f"{side} was not captured within {_SECONDS:g} s") from None
    except (ValueError, KeyError, TypeError):
        talked.seek(0)
        lines = talked.read().decode("utf-8", "replace").strip().splitlines() or [f"it ended with {child.returncode}"]
        raise Failure(BAD, f"{side} cannot be captured: {lines[-1]}", hint="agentmem preview in a checkout of it shows more") from None


def _captured(told: Mapping[str, Any]) -> Captured:
    plan = Plan.from_json(told["plan"]) if "plan" in told else None
    return Captured(plan, told.get("values") or {}, tuple(told.get("problems") or ()))
