"""`agentmem post-provision`: brings a database to what is declared, shows its plan first, and may be run again at any time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.domain import build_order, names, reconcile, sizing
from infra.domain.catalogue import Catalogue
from infra.domain.environment import Environment
from infra.domain.evolution import too_few
from infra.domain.steps import BuildIndex, Evolution, JoinBuild, Status, Step
from scripts.edges import build_preflight, database_steps, index_builds, index_evolution, postgres, screen
from scripts.edges.exits import BAD, GOOD, REFUSED, Failure
from scripts.edges.sessions import sessions as _sessions

# One round does nearly everything; a build that is joined and turns out broken takes a second, and an index is judged, replaced, proved,
# swapped and dropped in five. More is a quarrel with somebody else.
_ROUNDS = 8
Watch = Callable[[str, Step], None]


@dataclass(frozen=True)
class Applied:
    """A step that was carried out, and the seconds it took."""

    step: Step
    seconds: float


@dataclass
class Report:
    """What was found and what was done. `steps` is the last plan: what is so, what waits, what was refused."""

    environment: str
    target: str
    server_version: str = ""
    steps: tuple[Step, ...] = ()
    applied: list[Applied] = field(default_factory=list)
    builds: list[index_builds.Built] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    summary: str = ""
    seconds: float = 0.0

    @property
    def refused(self) -> tuple[Step, ...]:
        """The steps that were refused; with any of them nothing more is carried out."""
        return tuple(step for step in self.steps if step.status is Status.REFUSE)

    @property
    def ok(self) -> bool:
        """Whether nothing was refused; what waits is not wrong."""
        return not self.refused

    def as_json(self) -> dict[str, Any]:
        """The facts, with the stable names of JSON output."""
        steps = [{"key": step.key, "status": step.status, "says": step.says, "hint": step.hint} for step in self.steps]
        applied = [{"key": done.step.key, "says": done.step.says, "seconds": done.seconds} for done in self.applied]
        facts = {
            "environment": self.environment,
            "target": self.target,
            "server_version": self.server_version,
            "steps": steps,
            "applied": applied,
        }
        return {
            **facts,
            "builds": [asdict(built) for built in self.builds],
            "seconds": self.seconds,
            "verdict": self._verdict(),
            "reason": self.summary,
        }

    def _verdict(self) -> str:
        return "ok" if self.ok else "refused"


@dataclass
class _Work:
    """A run as it goes on."""

    environment: Environment
    open: Callable[[], Any]
    connection: Any
    report: Report
    quiet: bool
    tell: Callable[[str], None]
    watch: Watch
    catalogue: Catalogue
    settled: dict[str, Step] = field(default_factory=dict)

    def look(self) -> tuple[Step, ...]:
        """Read the catalogue, plan, and keep both."""
        self.catalogue = database_steps.read_catalogue(self.connection, self.environment)
        return self.plan()

    def plan(self) -> tuple[Step, ...]:
        """The plan for the catalogue as last read; what turned out to have to wait stays waiting in this run."""
        steps = reconcile.plan(self.environment, self.catalogue)
        self.report.steps = tuple(self.settled.get(step.key, step) if isinstance(step.action, BuildIndex) else step for step in steps)
        return self.report.steps


def main(
    environment: Environment, *, dsn: str | None, password: str | None, entra: bool, user: str | None, dry_run: bool, as_json: bool
) -> int:
    """Reconcile the database, tell about it, and return the exit code."""

    def show(report: Report) -> None:
        if not as_json:
            for line in _plan_lines(report):
                screen.say(line)

    told = (lambda line: None) if as_json else screen.talk
    report = bring(environment, dsn=dsn, password=password, entra=entra, user=user, dry_run=dry_run, quiet=as_json, show=show, tell=told)
    if as_json:
        screen.document("post-provision", report.as_json())
    else:
        screen.say(report.summary)
    return GOOD if report.ok else REFUSED


def bring(
    environment: Environment,
    *,
    dsn: str | None = None,
    password: str | None = None,
    entra: bool = False,
    user: str | None = None,
    dry_run: bool = False,
    quiet: bool = False,
    show: Callable[[Report], None] = lambda report: None,
    tell: Callable[[str], None] = lambda line: None,
    watch: Watch = lambda moment, step: None,
) -> Report:
    """Bring the database to what is declared. `show` gets the plan before anything is done; raises Failure.

    `tell` gets a line for each step that was carried out; `watch` is called before and after it, and during the long ones.
    """
    clock = screen.Stopwatch()
    open_session = _sessions(environment, dsn, password, entra, user)
    target = postgres.where(postgres.parameters_of(dsn or names.dsn(environment)))
    report = Report(environment.name, target)
    with open_session() as connection:
        if not dry_run:
            database_steps.lock(connection)
        catalogue = database_steps.read_catalogue(connection, environment)
        work = _Work(environment, open_session, connection, report, quiet, tell, watch, catalogue)
        report.server_version = catalogue.server_version
        work.plan()
        show(report)
        if not dry_run:
            _apply(work)
        report.summary = _dry(report) if dry_run and report.ok else _summary(work)
    report.seconds = clock.seconds
    return report


def _apply(work: _Work) -> None:
    """Carry out the plan, look again, and go on until nothing is left to do or something is refused."""
    for _ in range(_ROUNDS):
        steps = [step for step in work.report.steps if step.action is not None]
        if work.report.refused or not steps:
            return
        for step in build_order.ordered(steps):
            _carry_out(work, step)
        work.look()
    left = [step.says for step in work.report.steps if step.action is not None]
    if left:
        raise Failure(BAD, f"still to do after {_ROUNDS} rounds: {left[0]}", hint="somebody else changes this database at the same time")


def _carry_out(work: _Work, step: Step) -> None:
    clock = screen.Stopwatch()
    work.watch("before", step)
    action = step.action
    if isinstance(action, BuildIndex):
        _build(work, step, action)
    elif isinstance(action, JoinBuild):
        with screen.progress(quiet=work.quiet) as bar:
            index_builds.join(work.connection, action.pid, _telling(work, step, bar, action.table))
    elif isinstance(action, Evolution):
        work.watch("during", step)
        with postgres.told(step.key):
            index_evolution.carry_out(work.connection, action, reconcile.search_settings(work.environment))
    elif action is not None:
        with postgres.told(step.key):
            database_steps.carry_out(work.connection, action)
    work.watch("after", step)
    if step.key not in work.settled:
        work.report.applied.append(Applied(step, clock.seconds))
        work.tell(f"  {step.says}  {clock.seconds:.1f} s")


def _build(work: _Work, step: Step, action: BuildIndex) -> None:
    environment = work.environment
    workers = sizing.parallel_maintenance_workers(environment)
    disk = build_preflight.disk_bytes(environment)
    room = index_builds.Room(sizing.build_memory_kib(environment), workers, work.catalogue.maintenance_work_mem_kib, disk)
    with screen.progress(quiet=work.quiet) as bar:
        try:
            built = index_builds.build(work.connection, work.open, action, room, _telling(work, step, bar, action.vector_set.table))
        except index_builds.TooFewRows as short:
            assert action.index.kind == "ivfflat"
            waits = Step(key=step.key, status=Status.WAIT, says=too_few(action.vector_set.table, short.rows, action.index))
            work.settled[step.key] = waits
            return
    work.report.builds.append(built)
    work.report.built.append(_built(action, built))


def _telling(work: _Work, step: Step, bar: Any, table: str) -> index_builds.Watch:
    """Moves a progress bar, and tells whoever watches this run."""
    task = bar.add_task(table, total=None)

    def tell(progress: index_builds.Progress) -> None:
        bar.update(task, description=f"{table}: {progress.phase}", completed=progress.done, total=progress.total)
        work.watch("during", step)

    return tell


def _built(action: BuildIndex, built: index_builds.Built) -> str:
    kind = {"hnsw": "HNSW", "ivfflat": "IVFFlat"}[built.kind]
    place = "on disk, many times slower" if built.spilled else "in memory"
    alone = ", without workers: the server's shared memory is too small" if built.fell_back else ""
    return f"{action.vector_set.table} {kind} {place} {built.needed_kib >> 10} of {built.allowed_kib >> 10} MB{alone}"


def _plan_lines(report: Report) -> list[str]:
    """The first line, and every step that is not simply so already."""
    shown = [step for step in report.steps if step.status is not Status.DONE]
    lines = [f"post-provision {report.environment} · {report.target} · PostgreSQL {report.server_version}"]
    lines += screen.table((f"  {step.status}", step.key, f"{step.says}; {step.hint}" if step.hint else step.says) for step in shown)
    return lines


def _dry(report: Report) -> str:
    number = sum(1 for step in report.steps if step.action is not None)
    next_one = f"; next: agentmem post-provision --stack {report.environment}" if number else ""
    return f"{_number(number, 'step')} to do, nothing was changed{next_one}"


def _summary(work: _Work) -> str:
    """The last line: what the database has now, what waits, or why nothing was done."""
    report, catalogue = work.report, work.catalogue
    if report.refused:
        before = f" after {_number(len(report.applied), 'step')}" if report.applied else ", nothing was changed"
        return f"refused{before}: {'; '.join(step.says for step in report.refused)}"
    sets = work.environment.vector_sets
    without_table = sum(1 for item in sets if catalogue.column(item.table, item.column) is None)
    waiting = sum(1 for step in report.steps if step.status is Status.WAIT)
    indexes = len(sets) - waiting
    has = [f"vector {catalogue.vector_version}", "provenance", _number(sum(role.exists for role in catalogue.roles.values()), "role")]
    has += [_number(indexes, "index", "indexes")] if indexes else []
    waits = [f"{_number(count, 'vector set')} {'waits' if count == 1 else 'wait'} for {what}"
             for count, what in ((without_table, "tables"), (waiting - without_table, "rows")) if count]  # fmt: skip
    unchanged = [] if report.applied else ["nothing was to be done"]
    return "; ".join([", ".join(has), *waits, *unchanged])


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
