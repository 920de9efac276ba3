"""`agentmem rehearse`: lives through an environment on this machine, from the stack file to nearest-neighbour answers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.domain import check as rules, names, sizing, vectors
from infra.domain.environment import Environment, VectorSet
from infra.domain.problem import Invalid, Severity
from scripts import rehearse_roads
from scripts.edges import screen, stack_file
from scripts.edges.exits import BAD, GOOD, REFUSED, Failure
from scripts.edges.phases import Phases
from scripts.rehearse_roads import Choice, Road, Stage

if TYPE_CHECKING:
    from scripts.edges.memories import Memories
    from scripts.edges.vector_tables import Search
    from scripts.local_azure.serve import LocalAzure

# Enough queries for a standard error of recall below 0.01 at 0.95 (500 neighbours), and answered exactly in seconds.
_QUERIES = 50
# The first vector set gets all rows, the others a quarter: their vectors are usually the longer ones.
_OTHERS_SHARE = 4
_SEED = 20240101


@dataclass
class Rehearsal:
    """A rehearsal as it goes on: what it is about, and what has happened so far."""

    loaded: stack_file.Loaded
    environment: Environment
    folder: Path
    road: Road
    rows: int
    own: Memories | None
    phases: Phases
    notes: list[str] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)
    queries: dict[str, Any] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    password: str = field(default="", repr=False)


def rehearse(stack: str, folder: Path, *, engine: Choice, data: Path | None, keep: bool, rows: int, as_json: bool, dry_run: bool) -> int:
    """Rehearse `stack`; returns the exit code: good when it would work, bad when it would not."""
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    road = rehearse_roads.road(engine, loaded, folder)
    rehearsal = Rehearsal(loaded, loaded.environment, folder, road, rows, _own(data, loaded.environment), Phases(as_json))
    if not as_json:
        screen.say(f"rehearse {stack} · {_machine()} · {road.title}")
    _check(rehearsal)
    with rehearse_roads.stage(folder / "build" / "rehearse" / f"{stack}.azure") as stage:
        _preview(rehearsal, stage)
        if dry_run:
            return _end(rehearsal, as_json, report=None)
        _create(rehearsal, stage)
        azure = stage.azure()
        with azure.as_environment():
            _post_provision(rehearsal)
            _load(rehearsal)
            _indexes(rehearsal)
            _search(rehearsal)
            _copies(rehearsal)
            code = _end(rehearsal, as_json, report=folder / "build" / "rehearse" / f"{stack}.html")
            if keep:
                _hold(rehearsal, azure)
    return code


def _own(data: Path | None, environment: Environment) -> Memories | None:
    """The person's own memories, read and checked before anything is created."""
    if data is None:
        return None
    from scripts.edges import memories

    return memories.read(data, frozenset(vector_set.dimensions for vector_set in environment.vector_sets))


def _machine() -> str:
    """The local Azure of this machine, and the versions of what is behind its servers."""
    from scripts.local_azure.binaries import Binaries
    from scripts.local_azure.trouble import Trouble

    try:
        binaries = Binaries.install()
    except Trouble as trouble:
        raise Failure(REFUSED, trouble.fact, hint=trouble.hint) from None
    return f"local Azure · PostgreSQL {binaries.version} · pgvector {binaries.vector_version}"


def _check(rehearsal: Rehearsal) -> None:
    with rehearsal.phases.phase("check") as done:
        judgement = rules.judge(rehearsal.environment)
        refusals = [problem for problem in judgement.problems if problem.severity is Severity.REFUSE]
        if refusals:
            raise Invalid(tuple(rehearsal.loaded.locate(problem) for problem in refusals))
        rehearsal.notes.extend(problem.message for problem in (*judgement.problems, *judgement.notes))
        number = len(rehearsal.notes)
        done(f"fit to deploy, {number} note{'' if number == 1 else 's'}")


def _preview(rehearsal: Rehearsal, stage: Stage) -> None:
    with rehearsal.phases.phase("preview") as done:
        planned = rehearsal.road.plan(stage)
        rehearsal.kinds = planned.kinds
        rehearsal.notes.extend(planned.problems)
        done(f"{planned.count} to create", not planned.problems)


def _create(rehearsal: Rehearsal, stage: Stage) -> None:
    from scripts.edges import arm

    environment = rehearsal.environment
    with rehearsal.phases.phase("create") as done, screen.progress(quiet=rehearsal.phases.quiet) as bar:
        task = bar.add_task("creating", total=sum(rehearsal.kinds.values()))

        def watch(name: str, is_there: bool) -> None:
            bar.update(task, advance=1 if is_there else 0, description=f"creating {name}")

        rehearsal.password = rehearsal.road.create(stage, watch)
        with stage.azure().as_environment():
            resources = arm.connect()
            if environment.network.mode == "public":  # as anybody does who wants to reach a public server
                resources.allow_address(names.resource_group(environment), environment.server.name, "rehearse", "127.0.0.1")
            server = resources.server(names.resource_group(environment), environment.server.name)
        standby = f", standby in zone {server.standby_zone}" if server.standby_zone else ""
        done(f"{environment.server.name} {server.state.lower()} in zone {server.zone}{standby}", server.state == "Ready")


def _post_provision(rehearsal: Rehearsal) -> None:
    with rehearsal.phases.phase("post-provision") as done:
        report = _provision(rehearsal)
        done(report.summary, report.ok)


def _load(rehearsal: Rehearsal) -> None:
    """Make the application's tables and fill every declared vector set."""
    from scripts.edges import memories, postgres, vector_tables

    with rehearsal.phases.phase("load") as done, screen.progress(quiet=rehearsal.phases.quiet) as bar, _connected(rehearsal) as connection:
        vector_tables.create_tables(connection, rehearsal.environment.vector_sets)
        told = []
        for number, vector_set in enumerate(rehearsal.environment.vector_sets):
            rows = rehearsal.rows if number == 0 else max(1, rehearsal.rows // _OTHERS_SHARE)
            own = rehearsal.own
            if own is not None and own.embeddings.shape[1] == vector_set.dimensions:
                stored, asked = own, own.embeddings[:_QUERIES]
            else:
                made = memories.make(rows + _QUERIES, vector_set.dimensions, seed=_SEED + number)
                stored = memories.Memories(made.ids[:rows], made.texts[:rows], made.embeddings[:rows])
                asked = made.embeddings[rows:]
            rehearsal.queries[_name(vector_set)] = asked
            task = bar.add_task(f"loading {vector_set.table}", total=len(stored))
            with postgres.told(f"loading {vector_set.table}"):
                vector_tables.load(connection, vector_set, stored, partial(_advance, bar, task))
            told.append(f"{len(stored):,} × {vector_set.dimensions}-d")
        done(f"{' and '.join(told)} memories")


def _advance(bar: Any, task: Any, count: int) -> None:
    bar.update(task, advance=count)


def _indexes(rehearsal: Rehearsal) -> None:
    environment = rehearsal.environment
    with rehearsal.phases.phase("indexes") as done:
        report = _provision(rehearsal)
        done("; ".join(report.built) or report.summary, report.ok)
    rehearsal.notes.append(f"one index build may take {sizing.build_memory_kib(environment) >> 10} MiB on {environment.server.sku}")


def _search(rehearsal: Rehearsal) -> None:
    from scripts.edges import vector_tables

    with rehearsal.phases.phase("search") as done, _connected(rehearsal) as connection:
        for vector_set in rehearsal.environment.vector_sets:
            index = vectors.effective_index(vector_set, sizing.build_memory_kib(rehearsal.environment))
            settings = {"hnsw.ef_search": vectors.ef_search_for(vector_set.recall_floor)}
            if index.kind == "ivfflat":
                settings = {"ivfflat.probes": vectors.probes_for(index.lists)}
            rehearsal.searches.append(vector_tables.search(connection, vector_set, rehearsal.queries[_name(vector_set)], settings))
        good = all(item.good for item in rehearsal.searches)
        done("; ".join(_searched(item) for item in rehearsal.searches), good)


def _copies(rehearsal: Rehearsal) -> None:
    """A ledger of the rehearsal's own: nobody takes its copies for real ones."""
    import tempfile

    from scripts import rehearse_copies

    with tempfile.TemporaryDirectory(prefix="agentmem-rehearse-") as folder:
        rehearse_copies.snapshot(rehearsal.environment, rehearsal.phases, rehearsal.password, Path(folder))
        rehearse_copies.promotion(rehearsal.environment, rehearsal.phases, rehearsal.password, Path(folder))


def _searched(item: Search) -> str:
    if item.served_by is None:
        return f"{item.vector_set} has no index yet, exact {item.exact_ms:.0f} ms"
    table = item.vector_set.partition(".")[0]
    return f"{table} recall@10 {item.recall_at_10:.3f} (floor {item.floor}) {item.indexed_ms:.1f} ms, exact {item.exact_ms:.0f} ms"


def _provision(rehearsal: Rehearsal) -> Any:
    from scripts import post_provision

    return post_provision.bring(rehearsal.environment, password=rehearsal.password, quiet=rehearsal.phases.quiet)


def _connected(rehearsal: Rehearsal) -> Any:
    from scripts.edges import postgres

    return postgres.connect(names.dsn(rehearsal.environment), password=rehearsal.password)


def _end(rehearsal: Rehearsal, as_json: bool, report: Path | None) -> int:
    """The report, the verdict, and the exit code."""
    stack, failed = rehearsal.environment.name, rehearsal.phases.failed
    verdict = f"{stack} would not work: {failed.name}: {failed.evidence}" if failed else f"{stack} would work"
    if report is not None:
        _write(rehearsal, verdict, report)
        verdict = f"{verdict}: report in {_short(report, rehearsal.folder)}"
    elif failed is None:
        verdict = f"{stack} is fit to be rehearsed, nothing was created"
    if as_json:
        phases = [phase.as_json() for phase in rehearsal.phases.done]
        searches = [asdict(item) for item in rehearsal.searches]
        facts = {"environment": stack, "engine": rehearsal.road.engine, "phases": phases, "searches": searches, "notes": rehearsal.notes}
        screen.document("rehearse", {**facts, "verdict": "failed" if failed else "ok", "reason": verdict})
    else:
        screen.say(verdict)
    return BAD if failed else GOOD


def _write(rehearsal: Rehearsal, verdict: str, path: Path) -> None:
    from scripts.edges import report

    phases = rehearsal.phases.done
    longest = max(phase.seconds for phase in phases) or 1.0
    facts = {"phases": phases, "searches": rehearsal.searches, "notes": rehearsal.notes, "kinds": rehearsal.kinds, "longest": longest}
    road = f"{_machine()} · {rehearsal.road.title}"
    report.write(
        "rehearse.html.j2", path, environment=rehearsal.environment.name, road=road, verdict=verdict, ok=rehearsal.phases.ok, **facts
    )


def _hold(rehearsal: Rehearsal, azure: LocalAzure) -> None:
    """Leave the server up until somebody ends this command; say how to reach it."""
    host = names.server_host(rehearsal.environment)
    address, _, port = azure.hosts()[host].partition(":")
    password = azure.state / "pgpass"
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{host}:*:*:{rehearsal.environment.access.administrator}:{rehearsal.password}\n")
    screen.talk(f"{rehearsal.environment.server.name} stays up until Ctrl-C; in another terminal:")
    port_too = "" if port in ("", str(names.PORT)) else f" and port {port} in the address"
    screen.talk(f"  export PGHOSTADDR={address} PGSSLROOTCERT={azure.environment['PGSSLROOTCERT']} PGPASSFILE={password}{port_too}")
    screen.say(names.dsn(rehearsal.environment))
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


def _name(vector_set: VectorSet) -> str:
    return f"{vector_set.table}.{vector_set.column}"


def _short(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
