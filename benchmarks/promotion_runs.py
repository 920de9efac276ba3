"""One run of a promotion, ours or the floor's: an empty target, a clock, an observer, and a proof that everything came."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from psycopg import sql

from benchmarks import promotion_observer, servers
from benchmarks.promotion_ground import Ground, Part, make_tables
from scripts.edges import postgres

_ROOT = Path(__file__).resolve().parents[1]
# As many sessions as the peers are given; more do not help on two cores.
JOBS = 2
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class Run:
    """What one run took: seconds from its beginning to each moment, CPU seconds of both servers and all programs, its own facts."""

    moments: dict[str, float]
    cpu_s: float
    recall: dict[str, float]
    facts: dict[str, float] = field(default_factory=dict)


Told = tuple[float, dict[str, float], dict[str, float]]
"""When a filling began, its own moments, its own facts."""


def measured(ground: Ground, who: str, fill: Callable[[Ground], Told]) -> Run:
    """Empty the target, fill it while it is observed, and prove it."""
    ground.empty()
    told: list[Told] = []
    seen: list[promotion_observer.Seen] = []

    def run() -> None:
        with promotion_observer.observed(ground) as observer:
            told.append(fill(ground))
        seen.append(observer)

    before = _children_seconds()
    of_source: list[float] = []
    cpu = servers.cpu_seconds(ground.target, lambda: of_source.append(servers.cpu_seconds(ground.source, run)))
    cpu += of_source[0] + _children_seconds() - before
    ground.prove(who)
    began, own, facts = told[0]
    moments = {name: at - began for name, at in {**seen[0].moments, **own}.items()}
    steps = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in sorted(moments.items(), key=lambda item: item[1]))
    print(f"{who}: {steps}; CPU {cpu:.1f} s; recall {seen[0].recall}", file=sys.stderr, flush=True)
    return Run(moments, cpu, seen[0].recall, facts)


def ours(ground: Ground, *, bridge: bool) -> Run:
    """The product's transfer in a process of its own; the clock starts when its modules are loaded."""
    return measured(ground, f"our transfer{', with a bridge' if bridge else ''}", lambda _: _transferred(ground, bridge))


def floor(ground: Ground) -> Run:
    """COPY BINARY from one server into the other, then CREATE INDEX with memory of its size: no keys, no proof, no notes."""
    return measured(ground, "the floor", _piped)


def _transferred(ground: Ground, bridge: bool) -> Told:
    places = {"source": servers.environment(ground.source), "target": servers.environment(ground.target)}
    told = {**places, "jobs": JOBS, "room": astuple(ground.room), "bridge": bridge}
    command = [sys.executable, "-m", "benchmarks.promotion_child"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    asked = time.monotonic()
    with subprocess.Popen(command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin and child.stdout
        child.stdin.write(json.dumps(told) + "\n")
        child.stdin.flush()
        ready = json.loads(child.stdout.readline() or "{}")
        began = time.monotonic()
        child.stdin.write("begin\n")
        child.stdin.close()
        said: list[dict[str, Any]] = [json.loads(line) for line in child.stdout]
    if child.returncode or not ready:
        raise SystemExit(f"our transfer ended with {child.returncode}")
    own = {"copied": "data", "proved": "proven", "ended": "ended"}
    moments = {own[each["moment"]]: each["at"] for each in said if each["moment"] in own}
    return began, moments, {"peak_mb": said[-1]["peak_mb"], "start_s": ready["at"] - asked}


def _piped(ground: Ground) -> Told:
    with servers.open_on(ground.target) as session:
        make_tables(session, ground.parts)
        began = time.monotonic()
        with ThreadPoolExecutor(JOBS) as several:
            list(several.map(lambda table: _copied(ground, table), [*(part.table for part in ground.parts), "sessions"]))
        copied = time.monotonic()
        for part in ground.parts:
            session.execute(postgres.statement("prepare_build"), {"memory": f"{ground.memory_kib}kB", "workers": str(ground.room.workers)})
            session.execute(_bare_index(part))
    return began, {"data": copied, "ended": time.monotonic()}, {}


def _copied(ground: Ground, table: str) -> None:
    name = sql.Identifier(table)
    out, into = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(name), sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(name)
    with servers.open_on(ground.source) as source, servers.open_on(ground.target) as target:
        target.execute("SET synchronous_commit = off")
        with source.cursor().copy(out) as rows, target.cursor().copy(into) as copy:
            gathered = bytearray()
            for piece in rows:
                gathered += piece
                if len(gathered) >= _PIECE_BYTES:
                    copy.write(bytes(gathered))
                    gathered.clear()
            copy.write(bytes(gathered))


def _bare_index(part: Part) -> sql.Composed:
    """The source's own statement, written again."""
    stored = sql.SQL("{}({})").format(sql.Identifier(part.stored), sql.Literal(part.dimensions))
    expression = sql.SQL("(embedding::{})").format(stored) if part.stored != "vector" else sql.SQL("embedding")
    return sql.SQL("CREATE INDEX {} ON {} USING hnsw ({} {}) WITH (m = 16, ef_construction = 64)").format(
        sql.Identifier(part.index.name), sql.Identifier(part.table), expression, sql.Identifier(f"{part.stored}_cosine_ops")
    )


def _children_seconds() -> float:
    """CPU of every program that was started and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
