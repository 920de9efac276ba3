"""`agentmem indexes repair`: shows what mends the vector indexes, asks, does it, and looks again; it goes on where another was killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from infra.domain import evolution, reconcile, sizing, vectors
from infra.domain.catalogue import APPLICATION_SCHEMA, Proof
from infra.domain.environment import Environment
from infra.domain.health_facts import Finding, Mend, RebuildIndex
from infra.domain.index_health import examine
from infra.domain.index_wear import index_command
from infra.domain.steps import (
    BuildIndex,
    DropIndex,
    Evolution,
    JoinBuild,
    JudgeIndex,
    RetireIndex,
    SwapIndex,
    UpdateExtension,
)
from scripts.edges import screen
from scripts.edges.exits import BAD, GOOD, REFUSED, Failure

if TYPE_CHECKING:
    from scripts.edges.index_checkup import Examined

# A replacement is built, proved, swapped and dropped in four rounds; an update of pgvector comes before. More is a quarrel.
_ROUNDS = 8
# Environments in which nothing is changed before the server's name was typed.
ASKED = ("prod", "uat")
# What is broken goes first, what is useless last: until then the declared index is built.
_ORDER = (UpdateExtension, JoinBuild, DropIndex, BuildIndex, JudgeIndex, SwapIndex, RebuildIndex, RetireIndex)
Ask = Callable[[str], str]


@dataclass(frozen=True)
class Done:
    """A mend that was carried out, in words, and the seconds it took."""

    says: str
    seconds: float


@dataclass
class _Work:
    """A repair as it goes on. `tried` are the mends that were carried out: none is tried twice."""

    environment: Environment
    open: Callable[[], Any]
    connection: Any
    quiet: bool
    tried: list[Mend] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)

    def tell(self, line: str) -> None:
        """A line of talk, unless the output is for a program."""
        if not self.quiet:
            screen.talk(line)


def repair(environment: Environment, *, yes: bool, dry_run: bool, login: Mapping[str, Any], as_json: bool, ask: Ask | None = None) -> int:
    """Mend what can be mended, tell, and return bad when something declared is still not true. Raises Failure."""
    from scripts.edges import database_steps, index_checkup
    from scripts.edges.sessions import sessions

    opened = sessions(environment, **login)
    with opened() as connection:
        work = _Work(environment, opened, connection, as_json)
        if not dry_run:
            database_steps.lock(connection)
        before = index_checkup.look(connection, environment, tell=work.tell)
        mends = mends_of(before.findings)
        if not as_json:
            _show(before, mends, index_checkup.where(environment, login))
        after = before
        if mends and not dry_run:
            if environment.name in ASKED and not yes:
                _asked(environment, ask)
            after = _mend(work, before, mends)
    _tell(environment, before, after, work, dry_run)
    return GOOD if after.ok or dry_run else BAD


def mends_of(findings: tuple[Finding, ...]) -> list[Mend]:
    """What `repair` would do about the findings, each thing once, in the order in which it is done."""
    found: list[Mend] = []
    for finding in findings:
        if finding.mend is not None and finding.mend not in found:
            found.append(finding.mend)
    return sorted(found, key=lambda mend: next((place for place, kind in enumerate(_ORDER) if isinstance(mend, kind)), len(_ORDER)))


def words(mend: Mend) -> str:
    """A mend as a person reads it."""
    match mend:
        case DropIndex(name=name) | RetireIndex(name=name):
            return index_command("DROP", APPLICATION_SCHEMA, name)
        case RebuildIndex(build=build):
            return f"{index_command('REINDEX', APPLICATION_SCHEMA, build.name)}, with memory for all of it"
        case BuildIndex(name=name, index=index):
            return f"build {name}: {evolution.told(index.kind, evolution.settings(index))}"
        case JoinBuild(pid=pid):
            return f"wait for process {pid}, which builds an index"
        case UpdateExtension(name=name):
            return f"ALTER EXTENSION {name} UPDATE"
        case JudgeIndex(name=name):
            return f"prove {name} against exact search"
        case SwapIndex(new=new, name=name):
            return f"call {new} {name}"
        case _:
            return f"drop {getattr(mend, 'name', 'what fell short')}"


def _asked(environment: Environment, ask: Ask | None) -> None:
    """Raises Failure unless the server's name is typed."""
    server = environment.server.name
    if ask is None or ask(f"this changes indexes of {server}; type its name to go on:") != server:
        raise Failure(REFUSED, "the server's name was not typed, nothing was changed", where=server, hint="--yes does not ask")


def _mend(work: _Work, before: Examined, mends: list[Mend]) -> Examined:
    """Carry out the mends, look again, and go on while there are new ones."""
    from scripts.edges import index_checkup

    found, left = before, _still(work, before, mends)
    for _ in range(_ROUNDS):
        for mend in left:
            work.tried.append(mend)
            _carry_out(work, mend)
        found = index_checkup.look(work.connection, work.environment, tell=work.tell)
        left = [mend for mend in mends_of(found.findings) if mend not in work.tried]
        if not left:
            break
    _write_down(work, found)
    return found


def _write_down(work: _Work, found: Examined) -> None:
    """Recall of what was built just now, on the index itself: what later measurements are compared with."""
    from scripts.edges import index_evolution, postgres

    builds = [mend.build if isinstance(mend, RebuildIndex) else mend for mend in work.tried]
    names = {build.name for build in builds if isinstance(build, BuildIndex)}
    declared = {vectors.index_name(vector_set) for vector_set in work.environment.vector_sets}
    for index in found.catalogue.indexes:
        probed = found.health.probed.get(index.name)
        if index.name not in names or probed is None or probed.recall.recall is None:
            continue
        # Whose an index is does not change by building it again.
        ours = index.name in declared or (index.proof is not None and index.proof.built)
        before = {} if index.proof is None else asdict(index.proof)
        rows = probed.recall.excluded.rows - probed.recall.excluded.without_vector
        proof = Proof(**{**before, "recall": probed.recall.recall, "rows": rows, "built": ours})
        with postgres.told(f"writing down the recall of {index.name}"):
            index_evolution.write_down(work.connection, index.name, proof)


def _still(work: _Work, before: Examined, mends: list[Mend]) -> list[Mend]:
    """The mends that are right still, now that somebody has thought about them: an index may have come good meanwhile."""
    from scripts.edges import database_steps, index_checkup

    catalogue = database_steps.read_catalogue(work.connection, work.environment)
    now = mends_of(examine(work.environment, catalogue, before.health, index_checkup.UNUSED_DAYS))
    return [mend for mend in mends if mend in now]


def _carry_out(work: _Work, mend: Mend) -> None:
    from scripts.edges import database_steps, index_evolution, postgres

    clock, says = screen.Stopwatch(), words(mend)
    if isinstance(mend, RebuildIndex | BuildIndex | JoinBuild):
        says = _built(work, mend, says)
    elif isinstance(mend, DropIndex):
        with postgres.told(f"dropping {mend.name}"):
            database_steps.drop_index(work.connection, mend.name)
    elif isinstance(mend, Evolution):
        with postgres.told(says):
            index_evolution.carry_out(work.connection, mend, reconcile.search_settings(work.environment))
    else:
        with postgres.told(says):
            database_steps.carry_out(work.connection, mend)
    work.done.append(Done(says, clock.seconds))
    work.tell(f"  {says}  {clock.seconds:.1f} s")


def _built(work: _Work, mend: RebuildIndex | BuildIndex | JoinBuild, says: str) -> str:
    """Build, build again, or wait for one who does, with a bar; the sentence about it."""
    from scripts.edges import build_preflight, database_steps, index_builds, index_rebuilds

    memory = database_steps.read_catalogue(work.connection, work.environment).maintenance_work_mem_kib
    workers = sizing.parallel_maintenance_workers(work.environment)
    disk = build_preflight.disk_bytes(work.environment)
    room = index_builds.Room(sizing.build_memory_kib(work.environment), workers, memory, disk)
    with screen.progress(quiet=work.quiet) as bar:
        task = bar.add_task(says, total=None)

        def watch(progress: index_builds.Progress) -> None:
            bar.update(task, description=progress.phase, completed=progress.done, total=progress.total)

        if isinstance(mend, JoinBuild):
            index_builds.join(work.connection, mend.pid, watch)
            return says
        try:
            if isinstance(mend, RebuildIndex):
                built = index_rebuilds.rebuild(work.connection, work.open, mend, room, watch)
            else:
                built = index_builds.build(work.connection, work.open, mend, room, watch)
        except index_builds.TooFewRows as short:
            return f"{says}: waits, {short.rows} rows are too few"
    return f"{says}: {built.rows:,} rows, {built.given_kib >> 10} MB of memory{', on disk' if built.spilled else ''}"


def _show(found: Examined, mends: list[Mend], target: str) -> None:
    from scripts.edges import index_checkup

    for line in list(index_checkup.lines(found, target))[:-1]:
        screen.say(line)
    for number, mend in enumerate(mends, 1):
        screen.say(f"{number:>4}. {words(mend)}")


def _tell(environment: Environment, before: Examined, after: Examined, work: _Work, dry_run: bool) -> None:
    """The last line, or the JSON document."""
    from scripts.edges.index_checkup import finding_as_facts, summary

    planned = [words(mend) for mend in mends_of(before.findings)]
    done = f"{len(work.done)} done; {summary(after)}"
    reason = f"{len(planned)} to do, nothing was changed" if dry_run else done
    if work.quiet:
        found, left = ([finding_as_facts(each) for each in seen.findings] for seen in (before, after))
        facts = {"environment": environment.name, "plan": planned, "done": [vars(each) for each in work.done], "found": found, "left": left}
        screen.document("indexes-repair", {**facts, "verdict": "ok" if after.ok or dry_run else "bad", "reason": reason})
        return
    if not dry_run and work.done:
        for finding in after.findings:
            screen.say(f"  left: {finding.rule} {finding.says}; {finding.command}")
    screen.say(reason)
