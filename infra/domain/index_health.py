"""The health of vector indexes: from the catalogue and what was counted and probed, to findings, each with the command that mends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.domain import evolution, index_wear, pgvector_versions, reconcile_indexes
from infra.domain.catalogue import APPLICATION_SCHEMA, Catalogue, Column, Index
from infra.domain.environment import Environment, Hnsw, IvfFlat, VectorSet
from infra.domain.evolution import DEFAULTS, Case
from infra.domain.health_facts import Finding, Health, RebuildIndex
from infra.domain.index_wear import Subject, index_command
from infra.domain.problem import Severity
from infra.domain.sizing import build_memory_kib
from infra.domain.steps import BuildIndex, DropIndex, JoinBuild, JudgeIndex, RetireIndex, Status, Step, UpdateExtension

_LEFTOVER = re.compile(r"_cc(new|old)\d*$")
_WEIGHT = {Severity.REFUSE: 0, Severity.WARN: 1, Severity.NOTE: 2}


@dataclass(frozen=True, kw_only=True)
class Patient:
    """One vector set under examination."""

    environment: Environment
    catalogue: Catalogue
    health: Health
    unused_days: float
    number: int
    vector_set: VectorSet
    column: Column
    case: Case

    @property
    def name(self) -> str:
        """TABLE.COLUMN."""
        return f"{self.vector_set.table}.{self.vector_set.column}"

    @property
    def built_now(self) -> bool:
        """Whether an index is being built on the table: what is invalid there may be half of it."""
        return any(build.table == self.vector_set.table for build in self.catalogue.builds)

    @property
    def indexes(self) -> list[Index]:
        """All indexes on the set's column, those of an unfinished rebuild too."""
        place = (self.vector_set.table, self.vector_set.column)
        return [index for index in self.catalogue.indexes if (index.table, index.column) == place]


def examine(environment: Environment, catalogue: Catalogue, health: Health, unused_days: float) -> tuple[Finding, ...]:
    """Everything that is wrong, the worst first. REFUSE: something declared is not true; WARN and NOTE: it is, at a price or a risk."""
    found: list[Finding] = []
    for number, vector_set in enumerate(environment.vector_sets):
        column = catalogue.column(vector_set.table, vector_set.column)
        if column is None:
            says = f"waits for the table {vector_set.table}; the application makes it"
            found.append(_waiting(number, vector_set, says, f"agentmem post-provision --stack {environment.name}"))
            continue
        case = reconcile_indexes.case_of(vector_set, column, catalogue, build_memory_kib(environment))
        found += _of(Patient(environment=environment, catalogue=catalogue, health=health, unused_days=unused_days, number=number,
                             vector_set=vector_set, column=column, case=case))  # fmt: skip
    found += _version(environment, catalogue, health)
    return tuple(sorted(found, key=lambda finding: _WEIGHT[finding.severity]))


def judged(case: Case) -> Index | None:
    """The index whose wear is judged: the one that serves the declared search; None while there is none."""
    current = case.current
    return current if current is not None and case.alike(current) else None


def _of(patient: Patient) -> Iterator[Finding]:
    declared = list(_declared(patient))
    yield from declared
    yield from _broken(patient)
    yield from _useless(patient)
    yield from _twins(patient)
    current = judged(patient.case)
    if current is None:
        return
    yield from _unused(patient, current)
    # What is replaced or built just now is not rebuilt as well.
    replaced = patient.built_now or any(isinstance(finding.mend, BuildIndex) for finding in declared)
    mend = None if replaced or not patient.column.owned else rebuild_of(patient.case, current)
    seen: dict[str, Any] = {"environment": patient.environment, "version": patient.catalogue.vector_version or "", "health": patient.health}
    yield from index_wear.examine(Subject(**seen, number=patient.number, case=patient.case, index=current, mend=mend))


def rebuild_of(case: Case, index: Index) -> RebuildIndex:
    """How an index is built again with the settings that it has."""
    settings = {**DEFAULTS[index.method], **index.options}
    values: dict[str, Any] = {"kind": index.method, **{name: settings[name] for name in DEFAULTS[index.method]}}
    # Not judged by the stack file's limits: the server has accepted these settings.
    again = Hnsw.model_construct(**values) if index.method == "hnsw" else IvfFlat.model_construct(**values)
    return RebuildIndex(build=BuildIndex(name=index.name, vector_set=case.vector_set, index=again, cast=case.cast))


def _declared(patient: Patient) -> Iterator[Finding]:
    """What the reconciler would do about the declared index, as a finding."""
    alone = patient.environment.model_copy(update={"vector_sets": (patient.vector_set,)})
    for step in reconcile_indexes.steps(alone, patient.catalogue):
        if step.key == evolution.key_of(patient.vector_set):
            yield from _step(patient, step)


def _step(patient: Patient, step: Step) -> Iterator[Finding]:
    current, action = patient.case.current, step.action
    repair = _repair(patient)
    if isinstance(action, JoinBuild):
        severity = Severity.NOTE if current else Severity.WARN
        yield _finding(patient, "I1", f"process {action.pid} builds an index on {action.table} now", repair, severity, action)
    elif isinstance(action, BuildIndex) and current is None:
        says = f"{patient.name} has no index for {patient.vector_set.distance} search on {patient.vector_set.type}"
        yield _finding(patient, "I1", says, repair, Severity.REFUSE, action)
    elif isinstance(action, BuildIndex) and current is not None:
        yield _finding(patient, _why(patient, current), step.says, repair, Severity.REFUSE, action)
    elif action is not None and not (isinstance(action, JudgeIndex) and not action.built):
        yield _finding(patient, "I17", f"a replacement is under way: {step.says}", repair, Severity.WARN, action)
    elif step.status is Status.REFUSE:
        yield _finding(patient, "I1", f"no index can be built: {step.says}", step.hint, Severity.REFUSE)
    elif current is None and step.status is Status.WAIT:
        yield _waiting(patient.number, patient.vector_set, step.says, step.hint or repair)
    elif current is not None and not patient.case.as_wanted(current) and not patient.case.adequate(current):
        yield _finding(patient, "I17", step.says, step.hint, Severity.WARN)


def _why(patient: Patient, current: Index) -> str:
    """The rule by which an index is replaced: it is for another search, its settings are others, or its recall is too low."""
    if not patient.case.alike(current):
        return _form(patient, current)
    return "I10" if patient.case.adequate(current) else "I17"


def _form(patient: Patient, index: Index) -> str:
    """The rule that an index of another form breaks: its distance, or else what it stores."""
    cast = (patient.vector_set.type, patient.vector_set.dimensions) if patient.case.cast else None
    return "I5" if index.cast == cast and not index.partial else "I6"


def _broken(patient: Patient) -> Iterator[Finding]:
    """Indexes that cost writes and serve nobody; not while they may be half of a build that runs."""
    for index in patient.indexes:
        if index.serves or patient.built_now:
            continue
        if _LEFTOVER.search(index.name):
            rule, says = "I4", "is left over from a rebuild that was cut off"
        elif index.ready:
            rule, says = "I3", "is invalid: every write keeps it up to date, and no search uses it"
        else:
            rule, says = "I2", "is invalid: its build was cut off, and no search uses it"
        yield _dropped(patient, rule, index, says, DropIndex(name=index.name))


def _useless(patient: Patient) -> Iterator[Finding]:
    """Indexes in force that cannot serve what is declared for this column; one that is searched all the same is left to a person."""
    passing = (evolution.beside_name(patient.vector_set), evolution.aside_name(patient.vector_set))
    others = [reconcile_indexes.case_of(each, patient.column, patient.catalogue, 0) for each in patient.environment.vector_sets
              if (each.table, each.column) == (patient.vector_set.table, patient.vector_set.column)]  # fmt: skip
    for index in patient.case.indexes:
        if not index.serves or index.name in passing or index == patient.case.current or any(case.alike(index) for case in others):
            continue
        rule = _form(patient, index)
        stored = "only some rows" if index.partial else f"{index.cast[0]}({index.cast[1]})" if index.cast else "the column as it is"
        declared = f"{patient.vector_set.distance} search on {patient.vector_set.type}({patient.vector_set.dimensions})"
        says = f"stores {stored} for {index.operator_class}: {declared}, as declared, does not use it"
        use = patient.health.use(index.name)
        if use.idle_days is not None and use.idle_days < patient.unused_days:
            says = f"{says}; something did {_ago(use.idle_days)}, so change that search first"
            yield _dropped(patient, rule, index, says, None)
        else:
            yield _dropped(patient, rule, index, says, RetireIndex(name=index.name))


def _twins(patient: Patient) -> Iterator[Finding]:
    serving = patient.case.serving
    for other in serving[1:]:
        says = f"stores the same as {serving[0].name}: every write pays twice, and the planner may take the worse"
        yield _dropped(patient, "I7", other, says, RetireIndex(name=other.name))


def _unused(patient: Patient, index: Index) -> Iterator[Finding]:
    use, counted = patient.health.use(index.name), patient.health.counted_days
    known = min(counted, use.built_days) if use.built_days is not None else counted
    idle = known if use.idle_days is None else use.idle_days
    if idle < patient.unused_days:
        return
    since = f"the last was {_ago(idle)}" if use.idle_days is not None else f"counted for {known:.0f} days"
    says = f"no search has used {index.name} for {patient.unused_days:g} days ({since})"
    command = f"agentmem indexes advise --stack {patient.environment.name} --vector-set {patient.name}: it tells the query that uses it"
    yield _finding(patient, "I8", says, command, Severity.WARN)


def _version(environment: Environment, catalogue: Catalogue, health: Health) -> Iterator[Finding]:
    extension = catalogue.extensions.get("vector")
    if extension is None or extension.installed is None:
        return
    version, offered = extension.installed, extension.offered
    cured = pgvector_versions.cured_by(version, offered, health.bits)
    for defect in pgvector_versions.defects_of(version, health.bits):
        fixed = f"fixed in {defect.fixed}" if defect.fixed else "no release has the fix"
        if defect in cured:
            command, mend = f"ALTER EXTENSION vector UPDATE; {defect.remedy}", UpdateExtension(name="vector")
        else:
            command, mend = f"this server offers {offered or 'none'}: {defect.remedy}", None
        severity = Severity.WARN if defect.serious else Severity.NOTE
        says = f"vector {version} has {defect.id}: {defect.says}; {fixed}"
        yield Finding(rule="I15", key="database.extensions", about="vector", says=says, command=command, severity=severity, mend=mend)


def _waiting(number: int, vector_set: VectorSet, says: str, command: str) -> Finding:
    about = f"{vector_set.table}.{vector_set.column}"
    return Finding(rule="I1", key=f"vector_sets[{number}].index", about=about, says=says, command=command, severity=Severity.NOTE)


def _dropped(patient: Patient, rule: str, index: Index, says: str, mend: DropIndex | RetireIndex | None) -> Finding:
    command = index_command("DROP", APPLICATION_SCHEMA, index.name)
    if not patient.column.owned:
        command, mend = f"{command}, as a member of {patient.column.owner}", None
    return _finding(patient, rule, f"{index.name} {says}", command, Severity.WARN, mend)


def _finding(patient: Patient, rule: str, says: str, command: str, severity: Severity, mend: object = None) -> Finding:
    key = f"vector_sets[{patient.number}].index"
    return Finding(rule=rule, key=key, about=patient.name, says=says, command=command, severity=severity, mend=mend)  # type: ignore[arg-type]


def _repair(patient: Patient) -> str:
    return f"agentmem indexes repair --stack {patient.environment.name}"


def _ago(days: float) -> str:
    return f"{days:.0f} days ago" if days >= 1 else "today"
