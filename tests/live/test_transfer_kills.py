"""Transfers and dumps killed at seeded moments: the next run ends equal to the source, and leaves nothing half done or doubled."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.edges import dump_files, dumping
from scripts.local_azure.postgres import Cluster
from tests.engine.faults import nightly, seed
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.hard_to_copy import connect
from tests.live.transfers import assert_whole, brought, contents, looks, source_of

pytestmark = pytest.mark.live

# A kill with its way back takes a second and a half; the night has time for more.
DUMPS, TRANSFERS, PARTS = (40, 64, 4) if nightly() else (10, 20, 4)
# As long as a transfer and a dump take on an idle machine: later than that, nobody is left to be killed.
TRANSFER_SECONDS, DUMP_SECONDS = 1.5, 0.8
MOMENTS = (
    "schema", "bytes", "piece of public.memories", "table public.memories", "table public.days_new", "copied", "keys", "bridged",
    "build memories_index bridge", "build memories_index", "index memories_index", "index facts; few", "settled",
)  # fmt: skip
Order = Callable[..., int]


@pytest.fixture(scope="module")
def source(cluster: Cluster) -> Iterator[Database]:
    """What is taken from again and again."""
    with source_of(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def order(root: Path) -> Iterator[Order]:
    """Has a transfer or a dump done by a process that may be killed; its exit code."""
    surroundings = {**os.environ, "PGPASSWORD": PASSWORD}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-m", "tests.live.transfer_child"], cwd=root, env=surroundings, **pipes) as child:
        assert child.stdin and child.stdout
        into, out = child.stdin, child.stdout

        def ordered(**what: Any) -> int:
            into.write(json.dumps(what) + "\n")
            into.flush()
            return int(out.readline())

        yield ordered
        into.close()


def moments(dice: random.Random, number: int, named: tuple[str, ...], seconds: float) -> list[dict[str, Any]]:
    """Half of them by name, each name at least once if they suffice, half of them by time."""
    chosen = [*named, *(dice.choice(named) for _ in range(number))][: -(-number // 2)]
    turns = [dice.randint(1, 20) if name == "bytes" else 1 for name in chosen]
    by_name = [
        {"moment": name, "turn": turn, "bridge": "brid" in name or dice.random() < 0.5} for name, turn in zip(chosen, turns, strict=True)
    ]
    by_time = [{"seconds": dice.uniform(0, seconds), "bridge": dice.random() < 0.5} for _ in range(number - len(chosen))]
    return [*by_name, *by_time]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_transfer_that_is_killed_at_any_moment_ends_equal_the_next_time(
    cluster: Cluster, source: Database, order: Order, part: int
) -> None:
    number = seed()
    dice, ended = random.Random(f"{number} {part}"), Counter[str]()
    wanted = looks(source)
    print(f"AGENTMEM_SEED={number}: {TRANSFERS // PARTS} kills")
    for kill in moments(dice, TRANSFERS // PARTS, MOMENTS[part::PARTS], TRANSFER_SECONDS):
        with new_database(cluster) as target:
            code = order(source=source.dsn(), target=target.dsn(), **kill)
            assert code in (0, -signal.SIGKILL), f"AGENTMEM_SEED={number}: {kill} ended with {code}"
            ended["killed" if code else "too late"] += 1
            ended["over"] += again(source, target, bridge=dice.random() < 0.5) if code else 0
            assert_whole(wanted, target)
    print(f"AGENTMEM_SEED={number}: {dict(ended)}")
    assert ended["killed"] >= TRANSFERS // PARTS // 2


def again(source: Database, target: Database, *, bridge: bool) -> int:
    """The second run; how many tables it took over. One that was killed after its last step is complete, and is not begun again."""
    there = target.value("SELECT to_regclass('public.memories') IS NOT NULL AND to_regnamespace('agent_memory_transfer') IS NULL")
    return 0 if there else brought(source, target, bridge=bridge).taken_over


@pytest.mark.timeout(1200)
def test_a_dump_that_is_killed_at_any_moment_is_whole_the_next_time(source: Database, order: Order, tmp_path: Path) -> None:
    number = seed()
    dice, killed = random.Random(number), 0
    print(f"AGENTMEM_SEED={number}: {DUMPS} kills")
    wanted = contents(source)
    for turn, kill in enumerate(moments(dice, DUMPS, ("bytes",), DUMP_SECONDS)):
        to = tmp_path / str(turn)
        code = order(source=source.dsn(), folder=str(to / "dev-20260101T000000Z"), **kill)
        assert code in (0, -signal.SIGKILL), f"AGENTMEM_SEED={number}: {kill} ended with {code}"
        killed += code != 0
        last = to / "dev-20260202T000000Z"
        manifest = dumping.write(lambda: connect(source), last, "dev", "2026-02-02T00:00:00+00:00", lambda item, size: None, 2)
        assert dump_files.faults(last) == []
        found = {f"{each.schema_name}.{each.name}": (each.rows, each.digest) for each in manifest.tables}
        assert {name: each for name, each in found.items() if name in wanted} == wanted
        assert [each.name for each in to.iterdir() if each.name.endswith(".partial")] == []
    assert killed >= DUMPS // 2
