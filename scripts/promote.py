"""`agentmem promote`: fills one environment's database from another's, or from a portable copy, and proves that it is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.domain import names, promotion, restore_parameters, sizing
from infra.domain.environment import Environment
from infra.domain.ledger import Kind, Record
from infra.domain.problem import Verdict
from infra.domain.promotion import Policy
from scripts.edges import (
    copy_origin,
    laid_rules,
    promotion_facts,
    promotion_proof,
    restored_copy,
    rules_file,
    screen,
    transfer,
    transfer_bar,
    vector_facts,
)
from scripts.edges.clock import utc_now
from scripts.edges.exits import BAD, GOOD, REFUSED, USAGE, Exit, Failure
from scripts.edges.index_builds import Room
from scripts.edges.ledger_blob import AnyLedger
from scripts.edges.origin import LiveOrigin, live
from scripts.edges.phases import Phases
from scripts.edges.transfer_target import Target, occupied

Origin = LiveOrigin | copy_origin.CopyOrigin


@dataclass(frozen=True, kw_only=True)
class Journey:
    """What is asked for. `source` is the environment that rows come from, also those of a `copy`, a folder; `rules` are a file.

    `unmasked` is the reason why real data may go down as it is; `replace` the name of the target's server, whose content goes.
    """

    source: str
    target: Environment
    copy: Path | None = None
    rules: Path | None = None
    unmasked: str | None = None
    replace: str | None = None
    policy: Policy = "at-least"
    jobs: int = 2
    bridge: bool = False
    dry_run: bool = False
    as_json: bool = False


@dataclass
class Doors:
    """The ways to the outside: sessions of both sides, the ledger, and how the target's parameters are raised meanwhile.

    `where` is the target if it is not the declared server; `server` starts one of our own, which a copy needs with rules.
    """

    source: Callable[[], Any] | None
    target: Callable[[], Any]
    ledger: AnyLedger
    where: str = ""
    raised: Callable[[Environment], AbstractContextManager[None]] = lambda environment: nullcontext()
    now: Callable[[], datetime] = utc_now
    server: restored_copy.Server | None = None


@dataclass
class Run:
    """A promotion as it goes on."""

    journey: Journey
    doors: Doors
    phases: Phases
    masked: bool = False
    rules: rules_file.RulesFile | None = None
    laid: laid_rules.Laid | None = None
    restored: restored_copy.RestoredCopy | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    result: transfer.Result | None = None
    code: Exit = GOOD
    says: str = ""


def promote(journey: Journey, doors: Doors) -> int:
    """Returns GOOD, BAD where the proof fails, REFUSED where the preflight does; raises Failure, and Invalid for rules that do not fit."""
    if not journey.as_json:
        via = f" · copy {journey.copy.name}" if journey.copy else ""
        screen.say(f"promote {journey.source} to {journey.target.name} · {doors.where or names.server_host(journey.target)}{via}")
    return _end(bring(journey, doors, Phases(journey.as_json, journey.as_json)))


def bring(journey: Journey, doors: Doors, phases: Phases) -> Run:
    """The same without a word on stdout but for those of `phases`, which may be quiet."""
    environment = journey.target
    if journey.replace is not None and journey.replace != environment.server.name:
        hint = f"--replace {environment.server.name} empties the database {environment.database.name} first"
        raise Failure(USAGE, f"{journey.replace} is not the name of the target's server", hint=hint)
    run = Run(journey, doors, phases, rules=rules_file.read(journey.rules) if journey.rules else None)
    with _origin(run) as origin:
        target = Target(doors.target)
        try:
            target.lock()
            run.code = _promote(run, origin, target)
        finally:
            target.close()
    return run


@contextmanager
def _origin(run: Run) -> Iterator[Origin]:
    """What the preflight judges: a server, with the rules laid over it, or a copy, restored as far as its rules need to know its tables."""
    journey = run.journey
    if journey.copy is not None:
        copy = _copy(run, journey.copy)
        with _restoring(run, copy, journey.copy) if run.rules is not None else nullcontext():
            yield copy
        return
    assert run.doors.source is not None
    with live(run.doors.source) as origin_of_server:
        if run.rules is not None:
            laid_rules.lay(_fitted(run, origin_of_server.session, run.rules), origin_of_server)
        yield origin_of_server


def _copy(run: Run, folder: Path) -> copy_origin.CopyOrigin:
    with run.phases.phase("copy") as done:
        origin = copy_origin.opened(folder)
        done(f"{origin.manifest.id} is whole, taken {origin.manifest.created_at}")
    if origin.manifest.environment != run.journey.source:
        says = f"is a copy of {origin.manifest.environment}, not of {run.journey.source}"
        raise Failure(USAGE, says, where=str(folder), hint=f"--from {origin.manifest.environment}")
    return origin


@contextmanager
def _restoring(run: Run, copy: copy_origin.CopyOrigin, folder: Path) -> Iterator[None]:
    """A server of our own for a copy whose rows rules choose; until the preflight is over it has their tables alone."""
    assert run.doors.server is not None and run.rules is not None
    with ExitStack() as held:
        with run.phases.phase("server") as done:
            run.restored = held.enter_context(restored_copy.restoring(folder, copy, run.doors.server, run.journey.jobs))
            run.restored.lay_out()
            done("a PostgreSQL of our own has the copy's tables, and no rows yet")
        with run.restored.opened() as session:
            run.laid = _fitted(run, session, run.rules)
        yield


def _fitted(run: Run, session: Any, rules: rules_file.RulesFile) -> laid_rules.Laid:
    """The rules, once they fit the tables. Raises Invalid for those that do not."""
    with run.phases.phase("rules") as done:
        laid = laid_rules.fitted(session, rules, run.journey.target.vector_sets)
        for warning in laid.warnings:
            screen.talk(f"note: {warning}")
        run.masked = laid.masked
        done(str(laid))
    return laid


@contextmanager
def _rows(run: Run, origin: Origin) -> Iterator[Origin]:
    """What the rows are read from: the origin, or the server that its copy is restored into now."""
    if run.restored is None or run.laid is None:
        yield origin
        return
    with run.phases.phase("restored") as done, transfer_bar.watching(origin.items, run.phases.events) as watching:
        run.restored.fill(watching)
        done("the copy is there, and rules can choose rows from it")
    with run.restored.origin() as live_copy:
        laid_rules.lay(run.laid, live_copy)
        yield live_copy


def _promote(run: Run, origin: Origin, target: Target) -> Exit:
    journey, environment = run.journey, run.journey.target
    with run.phases.phase("preflight") as done:
        judged = promotion_facts.judge(origin, target, environment, journey.policy)
        way = promotion.way_down(journey.source, environment.name, run.masked, journey.unmasked, copy=journey.copy is not None)
        occupied = _occupied(run, target)
        run.verdicts = [way, *judged.verdicts, *occupied]
        refused = [verdict for verdict in run.verdicts if not verdict.ok]
        done(f"{len(run.verdicts) - len(refused)} of {len(run.verdicts)} good", not refused)
    _show(run)
    if refused:
        run.says = f"refused, nothing was changed: {'; '.join(verdict.reason for verdict in refused)}"
        return REFUSED
    if journey.dry_run:
        run.says = f"{len(origin.items)} tables and {len(origin.schema.vector_indexes)} vector indexes would travel; nothing was changed"
        return GOOD
    with _rows(run, origin) as rows:
        return _bring(run, rows, target, judged.extensions)


def _bring(run: Run, origin: Origin, target: Target, extensions: dict[str, str]) -> Exit:
    """All of it, with its proof and its line in the ledger."""
    if isinstance(origin, LiveOrigin):
        transfer.choose_algorithm(origin, target)
    with run.doors.raised(run.journey.target), transfer_bar.watching(origin.items, run.phases.events) as watching:
        run.result = transfer.Transfer(origin, target, _wishes(run, extensions), run.phases, watching).run()
    wrong = _proved(run, origin, target)
    _record(run, origin, wrong)
    run.says = wrong[0].reason if wrong else _good(run, origin)
    return BAD if wrong else GOOD


def _occupied(run: Run, target: Target) -> list[Verdict]:
    """A target with something in it is refused unless its server was named; half of an earlier transfer is judged by the transfer."""
    foreign = target.foreign()
    if run.journey.replace is not None or target.begun() is not None or not foreign:
        return []
    says = f"{occupied(foreign)}; --replace {run.journey.target.server.name} drops everything in it"
    return [Verdict(ok=False, reason=says, found=foreign)]


def _wishes(run: Run, extensions: dict[str, str]) -> transfer.Wishes:
    journey, environment = run.journey, run.journey.target
    room = Room(sizing.build_memory_kib(environment), sizing.parallel_maintenance_workers(environment), 65_536)
    return transfer.Wishes(
        jobs=journey.jobs, room=room, bridge=journey.bridge, replace=journey.replace is not None, extensions=extensions,
        otherwise=f"--replace {environment.server.name} drops everything in it and begins anew",
    )  # fmt: skip


def _proved(run: Run, origin: Origin, target: Target) -> list[Verdict]:
    """What is wrong with the target, now that it is complete; empty if nothing is."""
    with run.phases.phase("answers") as done:
        narrowed = any(origin.is_narrowed(item) for item in origin.items)
        queries = () if narrowed else vector_facts.queries(origin.session) if isinstance(origin, LiveOrigin) else origin.manifest.queries
        wrong = [*promotion_proof.answers(target.session, queries)]
        says = "rules changed what a query finds: not compared" if narrowed else f"{len(queries)} exact answers are the origin's"
        done(wrong[0].reason if wrong else says, not wrong)
    with run.phases.phase("recall") as done:
        floors = [*promotion_proof.floors(target.session, run.journey.target, origin.schema.vector_indexes)]
        low = [verdict for verdict in floors if not verdict.ok]
        done("; ".join(verdict.reason for verdict in low or floors) or "no declared vector set has an index here", not low)
    return [*wrong, *low]


def _record(run: Run, origin: Origin, wrong: list[Verdict]) -> None:
    journey, result = run.journey, run.result
    assert result is not None
    facts = {
        "from": journey.source, "to": journey.target.name, "tables": str(len(result.tables)), "rows": str(result.rows),
        "masked": "yes" if run.masked else "no", "unmasked": journey.unmasked or "", "verdict": "failed" if wrong else "ok",
        "evidence": wrong[0].reason if wrong else "rows, exact answers and recall",
    }  # fmt: skip
    about: dict[str, Any] = {"stack": journey.target.name, "server": journey.target.server.name, "copy": origin.title}
    run.doors.ledger.append([Record(kind=Kind.PROMOTION, at=run.doors.now(), facts=facts, **about)])


def _good(run: Run, origin: Origin) -> str:
    result, journey = run.result, run.journey
    assert result is not None
    over = f", {result.taken_over} of them from an earlier try" if result.taken_over else ""
    equal = "what the rules let travel" if journey.rules else journey.source
    what = f"{len(result.tables)} tables{over}, {result.rows:,} rows, proved equal to {equal}"
    return f"{what}; for rights and settings: agentmem post-provision --stack {journey.target.name}"


def _show(run: Run) -> None:
    if not run.phases.quiet:
        for line in screen.table([("  ok" if verdict.ok else "  refused", verdict.reason) for verdict in run.verdicts]):
            screen.say(line)


def _end(run: Run) -> int:
    if run.journey.as_json:
        tables = run.result.tables if run.result else []
        facts = {
            "from": run.journey.source,
            "to": run.journey.target.name,
            "dry_run": run.journey.dry_run,
            "preflight": [{"verdict": "ok" if each.ok else "refused", "reason": each.reason} for each in run.verdicts],
            "tables": [{"table": f"{each.schema_name}.{each.name}", "rows": each.rows, "digest": each.digest} for each in tables],
            "phases": [each.as_json() for each in run.phases.done],
        }
        verdict = {GOOD: "ok", BAD: "bad"}.get(run.code, "refused")
        screen.document("promote", {**facts, "verdict": verdict, "reason": run.says})
    else:
        screen.say(run.says)
    return int(run.code)


def raises_for(environment: Environment) -> Callable[[Any], Any]:
    """What is raised on the server of an environment while it is filled."""
    return lambda present: restore_parameters.raises(environment, present)
