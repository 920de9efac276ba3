"""What a database has and is not declared, or is declared and it has not, as changes with their class: the SQL side of a drift.

The steps are those of reconciling, planned and not carried out. What merely waits (for tables, for rows) is no drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.changes.report import Judged, Report, StackReport
from infra.domain.rules.protection import GUARDED
from infra.domain.steps import (
    Configure,
    CreateExtension,
    CreateProvenance,
    CreateRole,
    Grant,
    RecordModel,
    Status,
    Step,
    UpdateExtension,
)

_TYPE = "agent-memory:database:Step"
# What it means that this is still to be done, though it was done once; of everything else (indexes) searches are slower.
_CLASSES: tuple[tuple[type, Danger, str], ...] = (
    (CreateExtension, Danger.OUTAGE, "searches fail without it"),
    (UpdateExtension, Danger.HARMLESS, "it works as before"),
    (CreateRole, Danger.OUTAGE, "its members have lost what it gave them"),
    (Grant, Danger.OUTAGE, "its members cannot do what they are meant to do"),
    (CreateProvenance, Danger.WEAKER_RECOVERY, "nobody could tell a restored vector's model any more"),
    (RecordModel, Danger.WEAKER_RECOVERY, "nobody could tell a restored vector's model any more"),
    (Configure, Danger.SLOWER, "searches have not the reach that they were sized for"),
)
# By the first word of a step's key: a role of ours that can log in; a setting that this login may not set.
_NOTED = {"role": Danger.WEAKER_SECURITY, "setting": Danger.SLOWER}
# Missing, and this login may not make it.
_REFUSED = {"role": Danger.OUTAGE, "extension": Danger.OUTAGE, "allow-list": Danger.OUTAGE}
# Drift has happened already: what would be allowed to a change that somebody reviewed is not allowed to it.
_PASSES_IN_GUARDED = frozenset({Danger.HARMLESS})
_PASSES = frozenset(Danger) - {Danger.DATA_LOSS, Danger.IRREVERSIBLE, Danger.UNKNOWN, Danger.OUTAGE, Danger.WEAKER_SECURITY}


def report(stack: str, target: str, steps: Iterable[Step], *, onlooker: bool = False) -> Report:
    """The drift of one database, each with its class, and whether this environment lets it pass.

    An `onlooker` logs in as somebody who provisions nothing: what his own later tables would grant is then no drift.
    """
    passes = _PASSES_IN_GUARDED if stack in GUARDED else _PASSES
    counted = (step for step in steps if not (onlooker and _of_later_tables(step)))
    found = sorted(_changes(stack, counted), key=lambda change: change.danger.rank)
    judged = tuple(Judged(change=change, stops=change.danger not in passes) for change in found)
    return Report(stacks=(StackReport(stack=stack, changes=judged),), compared=f"what is declared to what {target} has")


def _changes(stack: str, steps: Iterable[Step]) -> Iterator[Change]:
    for step in steps:
        if step.status in (Status.DO, Status.REFUSE, Status.NOTE):
            danger, means = _judged(step)
            yield Change(
                urn=f"urn:agentmem:{stack}::agent-memory::{_TYPE}::{step.key}", type=_TYPE, operation=Operation.FACT, danger=danger,
                path="", old=None, new=None, why=f"{step.says}: {means}" if means else step.says,
                instead=step.hint or (f"agentmem post-provision --stack {stack}" if step.status is Status.DO else ""),
            )  # fmt: skip


def _of_later_tables(step: Step) -> bool:
    """Whether nothing that is there now lacks a grant: default privileges belong to the login that makes the tables."""
    return isinstance(step.action, Grant) and not (step.action.tables or step.action.sequences)


def _judged(step: Step) -> tuple[Danger, str]:
    """The class, and what it means in words.

    Who looks may not be allowed to mend: what is missing is then refused or noted, and as dangerous as before.
    """
    what = step.key.partition(" ")[0]
    if step.status is Status.NOTE:
        return _NOTED.get(what, Danger.HARMLESS), ""
    if step.status is Status.REFUSE:
        return _REFUSED.get(what, Danger.UNKNOWN), ""
    for action, danger, means in _CLASSES:
        if isinstance(step.action, action):
            return danger, means
    return Danger.SLOWER, "searches are slower or find less until it is done"
