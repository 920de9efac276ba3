"""`agentmem indexes reembed`: fills a new column with vectors of a new model, indexes it, and cuts over once its recall is proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.domain import reconcile, reconcile_indexes, sizing
from infra.domain.catalogue import Catalogue, Model, Proof
from infra.domain.environment import Environment, VectorSet
from infra.domain.steps import BuildIndex, Evolution, JoinBuild, Status
from scripts.edges import screen
from scripts.edges.exits import BAD, BUSY, GOOD, REFUSED, USAGE, Failure

if TYPE_CHECKING:
    from scripts.edges.reembedding import Job

# Each round looks at the database and does one thing: drop what is broken, build, join. More is a quarrel with somebody else.
_ROUNDS = 8
# Environments whose tables get no column before the table's name was typed.
ASKED = ("prod", "uat")


@dataclass(frozen=True)
class Work:
    """A re-embedding at work: its environment with this one set, how to open sessions, the one that works, and what is to be done."""

    environment: Environment
    open: Callable[[], Any]
    connection: Any
    job: Job
    quiet: bool


def reembed(
    environment: Environment,
    *,
    vector_set: str,
    to_column: str,
    embed: str,
    text: str,
    batch: int,
    folder: Path,
    dry_run: bool,
    yes: bool,
    login: Mapping[str, Any],
    as_json: bool,
    ask: Callable[[str], str],
) -> int:
    """Go on with the re-embedding from wherever it stands, tell about it, and return the exit code."""
    from scripts.edges import database_steps, reembedding
    from scripts.edges.sessions import sessions

    table, _, column = vector_set.rpartition(".")
    target = _target(environment, table, column, to_column)
    function = reembedding.function(embed, str(folder.resolve()))
    job = reembedding.Job(vector_set=target, from_column=column, text=text, batch=batch)
    only = environment.model_copy(update={"vector_sets": (target,)})
    opened = sessions(environment, **login)
    with opened() as connection:
        work = Work(only, opened, connection, job, as_json)
        old = _old_model(database_steps.read_catalogue(connection, only), target, column)
        _talk(as_json, _plan(work, old))
        if dry_run:
            return _told(work, "nothing was changed", as_json)
        if environment.name in ASKED and not yes and ask(f"this adds to the table {table}; type its name to go on:") != table:
            raise Failure(REFUSED, "the table's name was not typed, nothing was changed", where=table, hint="--yes does not ask")
        return _go_on(work, function, as_json)


def _go_on(work: Work, function: Any, as_json: bool) -> int:
    from scripts.edges import database_steps, postgres, reembedding

    clock, job, target = screen.Stopwatch(), work.job, work.job.vector_set
    name = f"{target.table}.{target.column}"
    with postgres.told(f"re-embedding {target.table}"):
        reembedding.lock(work.connection)
        begun = reembedding.begin(work.connection, job)
        with screen.progress(quiet=work.quiet) as bar:
            task = bar.add_task(f"{target.table}: embedding", total=reembedding.left(work.connection, job)[0] or None)
            rows = reembedding.fill(work.connection, job, begun, function, lambda count: bar.advance(task, count))
        _refuse_missing(work)
        reembedding.note_filled(work.connection, job)
        database_steps.lock(work.connection)
        recall = _index(work)
        if (missing := reembedding.cut_over(work.connection, job)) > 0:
            raise Failure(BUSY, f"{missing} rows came meanwhile that have no vector in {name}", hint=_BOTH)
    found = "" if recall is None else f", recall@10 {recall:.3f}"
    says = f"{name} serves from now on: {rows} rows embedded{found}; {target.table}.{job.from_column} stays until you drop it"
    return _told(work, says, as_json, rows=rows, recall_at_10=recall, cut_over=True, seconds=clock.seconds)


_BOTH = "let the application write both columns, then run this again"


def _refuse_missing(work: Work) -> None:
    from scripts.edges import reembedding

    missing, without_text = reembedding.left(work.connection, work.job)
    if without_text:
        says = f"{without_text} rows have a vector in {work.job.from_column} and no text in {work.job.text}: searches would lose them"
        raise Failure(BAD, says, hint=f"--text COLUMN, or empty {work.job.from_column} in these rows")
    if missing:
        raise Failure(BUSY, f"{missing} rows came or changed while others were embedded", hint=_BOTH)


def _index(work: Work) -> float | None:
    """Build the index of the new column and prove it; raises Failure where its recall misses the floor."""
    from scripts.edges import database_steps, index_builds, index_evolution

    for _ in range(_ROUNDS):
        catalogue = database_steps.read_catalogue(work.connection, work.environment)
        steps = list(reconcile_indexes.steps(work.environment, catalogue))
        if stopped := [step for step in steps if step.status is Status.REFUSE]:
            raise Failure(REFUSED, stopped[0].says, hint=stopped[0].hint)
        step = next((step for step in steps if step.action is not None), None)
        if step is None:
            return _proved(work, catalogue)
        action = step.action
        _talk(work.quiet, [f"  {step.says}"])
        if isinstance(action, BuildIndex):
            workers = sizing.parallel_maintenance_workers(work.environment)
            room = index_builds.Room(sizing.build_memory_kib(work.environment), workers, catalogue.maintenance_work_mem_kib)
            try:
                index_builds.build(work.connection, work.open, action, room, lambda progress: None)
            except index_builds.TooFewRows as short:
                raise Failure(
                    BAD, f"{short.rows} rows are too few for {action.name}", hint="exact search serves, or another index"
                ) from None
        elif isinstance(action, JoinBuild):
            index_builds.join(work.connection, action.pid, lambda progress: None)
        elif isinstance(action, Evolution):
            index_evolution.carry_out(work.connection, action, reconcile.search_settings(work.environment))
        elif action is not None:
            database_steps.carry_out(work.connection, action)
    raise Failure(BUSY, f"the index of {work.job.vector_set.table} was not done after {_ROUNDS} rounds")


def _proved(work: Work, catalogue: Catalogue) -> float | None:
    from scripts.edges import index_evolution

    target = work.job.vector_set
    column = catalogue.column(target.table, target.column)
    case = column and reconcile_indexes.case_of(target, column, catalogue, sizing.build_memory_kib(work.environment))
    if not case or case.current is None:
        raise Failure(
            BAD, f"{target.table}.{target.column} has no index yet", hint=f"agentmem post-provision --stack {work.environment.name}"
        )
    name = case.current.name
    recall, rows = index_evolution.measure(work.connection, target, name, reconcile.search_settings(work.environment))
    index_evolution.write_down(work.connection, name, Proof(recall=recall, rows=rows, built=True))
    if recall is not None and recall < target.recall_floor:
        says = f"{name} finds {recall:.3f} of the nearest, the floor is {target.recall_floor}; {work.job.from_column} goes on serving"
        raise Failure(BAD, says, hint="raise the settings of its index in the stack file, then run this again")
    return recall


def _target(environment: Environment, table: str, column: str, to_column: str) -> VectorSet:
    """The declared set of the new model. Raises Failure."""
    if not table or column == to_column:
        raise Failure(USAGE, "a new model's vectors go into a column of their own", hint="--vector-set TABLE.COLUMN --to-column ANOTHER")
    found = next((each for each in environment.vector_sets if (each.table, each.column) == (table, to_column)), None)
    if found is None:
        hint = f"add it to vector_sets in Pulumi.{environment.name}.yaml, with the new model and its dimensions"
        raise Failure(USAGE, f"{table}.{to_column} is not declared", hint=hint)
    return found


def _old_model(catalogue: Catalogue, target: VectorSet, column: str) -> Model | None:
    """What filled the old column, as recorded. Raises Failure."""
    if catalogue.provenance is None:
        raise Failure(REFUSED, "this database has no provenance yet", hint="agentmem post-provision first")
    old = next((model for model in catalogue.provenance if (model.table, model.column) == (target.table, column)), None)
    new = (target.model.name, target.model.version, target.dimensions)
    if old is not None and (old.name, old.version, old.dimensions) == new:
        raise Failure(USAGE, f"{target.table}.{column} was filled by {old.name} {old.version} already", hint="declare the new model")
    return old


def _plan(work: Work, old: Model | None) -> list[str]:
    from scripts.edges import postgres, reembedding

    target, job = work.job.vector_set, work.job
    with postgres.told(f"looking at {target.table}"):
        reembedding.key_of(work.connection, job)
    name = f"{target.table}.{target.column}"
    before = f"{old.name} {old.version}" if old else "a model that nobody recorded"
    return [
        f"re-embed {target.table}: {job.from_column} by {before} -> {target.column} by {target.model.name} {target.model.version}",
        f"  add   {name} {target.type}({target.dimensions}), if it is not there",
        f"  fill  it from {job.text}, {job.batch} rows at a time, where it has no vector yet",
        f"  build its index and prove recall@10 >= {target.recall_floor}",
        f"  cut over to {name}; {job.from_column} stays as it is",
    ]


def _talk(quiet: bool, lines: list[str]) -> None:
    if not quiet:
        for line in lines:
            screen.talk(line)


def _told(work: Work, says: str, as_json: bool, **more: Any) -> int:
    target = work.job.vector_set
    facts = {"environment": work.environment.name, "vector_set": f"{target.table}.{target.column}", "from_column": work.job.from_column}
    outcome = {"rows": 0, "recall_at_10": None, "cut_over": False, "seconds": 0.0, **more}
    if as_json:
        screen.document("indexes-reembed", {**facts, **outcome, "verdict": "ok", "reason": says})
    else:
        screen.say(says)
    return GOOD
