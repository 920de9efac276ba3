"""Steps of a plan to changes: which property is guilty, what it does, why, and how to do it safely instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.domain.azure import immutables, parameters
from infra.domain.changes import other_rows, server_rows
from infra.domain.changes.change import ENDS, Change, Danger, Operation, Step
from infra.domain.changes.server_rows import Judge, Verdict
from infra.domain.changes.steps import at, differences
from infra.domain.registrations import UNKNOWN, is_plain

_INDEX = re.compile(r"\[\d+\]")
_ZONES = ("availabilityZone", "highAvailability.standbyAvailabilityZone")


def classify(steps: Iterable[Step]) -> tuple[Change, ...]:
    """Every change of the steps, the worst first; within a danger in the order of the plan."""
    found = [change for step in steps for change in _of(step)]
    return tuple(sorted(found, key=lambda change: change.danger.rank))


def _of(step: Step) -> Iterator[Change]:
    if step.operation is Operation.SAME:
        return
    if step.operation is Operation.UNREADABLE:
        why = f"the plan says {step.said or 'something'} of it, which this version does not know"
        yield _change(step, Verdict(danger=Danger.UNKNOWN, why=why))
    elif step.operation is Operation.FACT:
        yield from _facts(step)
    elif step.operation in ENDS:
        yield from _ended(step)
    elif step.operation in (Operation.CREATE, Operation.READ):
        yield _change(step, _new_parameter(step) or other_rows.created(step))
    else:
        yield from _updated(step)


def _ended(step: Step) -> Iterator[Change]:
    verdict = other_rows.ended(step)
    guilty = tuple(step.replaces) or ("",)
    for path in guilty if step.operation is Operation.REPLACE else ("",):
        yield _change(step, verdict, path)


def _updated(step: Step) -> Iterator[Change]:
    if step.old is None or step.new is None:
        yield _change(step, Verdict(danger=Danger.UNKNOWN, why="the plan does not tell what it was, or what it becomes"))
        return
    for path in dict.fromkeys((*differences(step.old, step.new), *step.hidden)):
        if not path:
            yield _change(step, Verdict(danger=Danger.UNKNOWN, why="the plan says that it is updated and shows nothing that differs"))
            continue
        old, new = at(step.old, path), at(step.new, path)
        yield _change(step, _judged(step, path, old, new), path)


def _judged(step: Step, path: str, old: Any, new: Any) -> Verdict:
    if step.type == "azure-native:dbforpostgresql:Configuration" and path == "value":
        return _parameter(str(step.new["configurationName"] if step.new else ""), old, new)
    judge = _find(_rows(step.type), path)
    if judge is None:
        known = step.type in other_rows.ROWS or step.type == immutables.SERVER
        what = f"what {path} does" if known else f"what a {step.kind} is for"
        return Verdict(danger=Danger.UNKNOWN, why=f"nobody here knows {what}")
    # What a secret becomes nobody may see, so only what is said without the values holds; an unknown one may become anything.
    if UNKNOWN in (old, new) or (not is_plain(new) and judge is not server_rows.password):
        return Verdict(danger=Danger.UNKNOWN, why=f"what {path} becomes is not known before the up")
    return judge(old, new)


def _rows(type_: str) -> Mapping[str, Judge]:
    return server_rows.SERVER if type_ == immutables.SERVER else other_rows.ROWS.get(type_, {})


def _find(rows: Mapping[str, Judge], path: str) -> Judge | None:
    plain = _INDEX.sub("", path)
    return next((judge for row, judge in rows.items() if row in ("*", plain) or plain.startswith(f"{row}.")), None)


def _parameter(name: str, old: Any, new: Any) -> Verdict:
    if new == UNKNOWN:
        return Verdict(danger=Danger.UNKNOWN, why=f"what {name} becomes is not known before the up")
    if name == "azure.extensions":
        gone = sorted(_listed(old) - _listed(new))
        if gone:
            why = f"{', '.join(gone)} leaves the allow-list: CREATE and ALTER EXTENSION fail, and so does a restore into this server"
            return Verdict(danger=Danger.OUTAGE, why=why, instead="DROP EXTENSION first, where it is really no longer used")
        return Verdict(danger=Danger.HARMLESS, why=f"{', '.join(sorted(_listed(new) - _listed(old)))} may be created")
    if name == "require_secure_transport" and str(new).lower() == "off":
        return Verdict(danger=Danger.WEAKER_SECURITY, why="connections without TLS are taken", instead="leave it on")
    if name == "ssl_min_protocol_version" and str(new) < str(old):
        return Verdict(danger=Danger.WEAKER_SECURITY, why=f"TLS may be as old as {new}", instead=f"keep {old}")
    known = parameters.find(name)
    if known is None:
        return Verdict(danger=Danger.UNKNOWN, why=f"{name} is no server parameter that this version knows")
    if not known.dynamic:
        return Verdict(
            danger=Danger.RESTART, why=f"{name} waits for a restart ({old} to {new})", takes="about a minute",
            instead="restart once for all of them: `agentmem restart --if-pending`",
        )  # fmt: skip
    return Verdict(danger=Danger.HARMLESS, why=f"{name} takes effect at once, for new work ({old} to {new})")


def _new_parameter(step: Step) -> Verdict | None:
    """A static parameter that is set for the first time waits like any other; None for everything else."""
    known = parameters.find(str((step.new or {}).get("configurationName")))
    if known is None or known.dynamic or str((step.new or {}).get("value")) == known.initial:
        return None
    return _parameter(known.name, known.initial, (step.new or {}).get("value"))


def _listed(value: Any) -> set[str]:
    return {each.strip().lower() for each in str(value or "").split(",") if each.strip()}


def _facts(step: Step) -> Iterator[Change]:
    """What a refresh has found: a failover is a fact, and everything else is drift."""
    for path in differences(step.old or {}, step.new or {}):
        old, new = at(step.old, path), at(step.new, path)
        if step.type == immutables.SERVER and path in _ZONES:
            why = f"the zones were swapped ({path} {old} to {new}): a failover has happened, nothing is to be done"
            yield _change(step, Verdict(danger=Danger.HARMLESS, why=why), path)
        else:
            judged = _judged(step, path, old, new)
            why = f"somebody changed it outside of Pulumi ({old} to {new}): {judged.why}"
            yield _change(
                step, Verdict(danger=judged.danger, why=why, instead="take it into the stack file, or let an up set it back"), path
            )


def _change(step: Step, verdict: Verdict, path: str = "") -> Change:
    old, new = (at(step.old, path), at(step.new, path)) if path else (None, None)
    return Change(
        urn=step.urn, type=step.type, operation=step.operation, danger=verdict.danger, path=path, old=old, new=new, why=verdict.why,
        takes=verdict.takes, instead=verdict.instead,
    )  # fmt: skip
