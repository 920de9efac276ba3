"""How long a preview of a commit takes, against one capture with the import that it needs; and what judging the changes alone costs."""

from __future__ import annotations

import copy
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.pairs import Row, in_turn
from infra.domain.changes.classify import classify
from infra.domain.changes.steps import of_plans
from infra.domain.registrations import Plan
from scripts.edges import capture, stack_file
from scripts.preview import plan_of

_ROOT = Path(__file__).resolve().parents[1]
_STACK, _BASE = "prod", "HEAD"
# Two captures on two cores, the start of the command and git: at most half as much again as one capture.
_AT_MOST = 1.5
_CHANGES, _WARM = 200, 20
# Zones and the spelling of a disk are Azure's to change: the program ignores them.
_IGNORED = 4
_EACH_SECONDS = 0.010
# What Python's allocator may round up to; a leak of one plan a change would be 40 MB.
_FLAT_KIB = 2048


def measure(quick: bool) -> list[dict[str, object]]:
    """Wall seconds of the whole command against one capture in a new process, and seconds and memory of 200 classifications."""
    _command(), _one_capture()  # writes the bytecode
    whole = in_turn(
        f"preview --against, {_STACK}", _command, "one capture in a new process", _one_capture, pairs=3 if quick else 7, at_most=_AT_MOST
    )
    return [row.as_json() for row in (whole, *_classified())]


def _command() -> float:
    return _timed([sys.executable, "-m", "scripts.cli", "preview", "--stack", _STACK, "--against", _BASE, "--format", "json"])


def _one_capture() -> float:
    return _timed([sys.executable, "-P", str(_ROOT / "scripts" / "edges" / "capture_child.py"), str(_ROOT), _STACK])


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return time.perf_counter() - began


def _classified() -> list[Row]:
    old = plan_of(stack_file.load(_STACK, _ROOT), capture.Mode.RESOLVED)
    plans = list(itertools.islice(_changed(old), _CHANGES))
    seconds, seen, before = [], 0, 0
    for number, new in enumerate(plans):
        began = time.perf_counter()
        seen += bool(classify(of_plans(old, new)))
        seconds.append(time.perf_counter() - began)
        if number == _WARM:
            before = _most_kib()
    if len(plans) - seen > _IGNORED:
        raise SystemExit(f"only {seen} of {len(plans)} changes were seen")
    grown = _most_kib() - before
    each = in_turn(f"{len(plans)} changes judged, each", lambda: median(seconds), "the goal", lambda: _EACH_SECONDS, pairs=1, at_most=1.0)
    memory = replace(each, figure=f"memory that {len(plans) - _WARM} more of them take, KiB", ours_s=grown, peer_s=_FLAT_KIB,
                     ratio=round(grown / _FLAT_KIB, 2), ratio_min=0.0, ratio_max=0.0, met=grown <= _FLAT_KIB)  # fmt: skip
    return [each, memory]


def _changed(plan: Plan) -> Iterator[Plan]:
    """The plan with one value changed, a different one each time."""
    document = json.loads(plan.to_json())
    for number, registration in enumerate(document["registrations"]):
        for path in _leaves(registration["inputs"]) if registration.get("custom", True) else ():
            edited = copy.deepcopy(document)
            place = edited["registrations"][number]["inputs"]
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = f"{place[path[-1]]}-other"
            yield Plan.from_json(json.dumps(edited))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Callable[[Any], Any] = dict.items if isinstance(value, dict) else enumerate
    for key, inner in items(value):
        if isinstance(inner, dict | list):
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key)


def _most_kib() -> int:
    """The most memory this process ever had, in KiB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
