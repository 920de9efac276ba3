"""A check-up of a database's vector indexes: looks at everything, judges it, and tells it in lines for a person and facts for a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from infra.domain import names
from infra.domain.catalogue import Catalogue
from infra.domain.environment import Environment
from infra.domain.health_facts import Finding, Health
from infra.domain.index_health import examine, judged
from infra.domain.problem import Severity
from infra.domain.recall import QUERIES
from infra.domain.reconcile_indexes import case_of
from infra.domain.sizing import build_memory_kib
from scripts.edges import database_steps, index_facts, postgres, screen

# Long enough for a report that is made once a month to have asked.
UNUSED_DAYS = 30


@dataclass(frozen=True)
class Examined:
    """A database as it was found: the catalogue, the counters, the findings, and why some indexes could not be asked."""

    environment: Environment
    catalogue: Catalogue
    health: Health
    findings: tuple[Finding, ...]
    unasked: tuple[str, ...] = ()

    @property
    def untrue(self) -> tuple[Finding, ...]:
        """What is declared and not so."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.REFUSE)

    @property
    def ok(self) -> bool:
        """Whether everything declared is true; a warning is no lie."""
        return not self.untrue


def look(
    connection: psycopg.Connection[Any],
    environment: Environment,
    *,
    unused_days: float = UNUSED_DAYS,
    probe: bool = True,
    tell: Callable[[str], None],
) -> Examined:
    """Read the catalogue and the counters, ask the indexes with stored rows if `probe`, and judge. Raises Failure."""
    catalogue = database_steps.read_catalogue(connection, environment)
    health = index_facts.read(connection, environment)
    unasked: list[str] = []
    if probe:
        probed, unasked = index_facts.probe(connection, environment, catalogue, QUERIES, tell)
        health = replace(health, probed=probed)
    return Examined(environment, catalogue, health, examine(environment, catalogue, health, unused_days), tuple(unasked))


def lines(found: Examined, target: str) -> Iterator[str]:
    """What a person reads: the indexes that serve, then the findings, then what to do next."""
    yield f"indexes {found.environment.name} · {target} · pgvector {found.catalogue.vector_version or 'missing'}"
    yield from screen.table(_serving(found))
    for finding in found.findings:
        yield f"  {finding.rule:<4} {finding.severity:<7} {finding.says}"
        if finding.command:
            yield f"               mend: {finding.command}"
    yield from (f"  {line}" for line in found.unasked)
    yield summary(found)


def _serving(found: Examined) -> Iterator[tuple[str, ...]]:
    for vector_set in found.environment.vector_sets:
        column = found.catalogue.column(vector_set.table, vector_set.column)
        index = column and judged(case_of(vector_set, column, found.catalogue, build_memory_kib(found.environment)))
        if not index:
            continue
        probed, use = found.health.probed.get(index.name), found.health.use(index.name)
        asked = probed is not None and probed.recall.recall is not None
        recall = f"recall {probed.recall.recall:.3f}, floor {vector_set.recall_floor}" if probed and asked else "recall not measured"
        searched = f"{use.scans:,} searches in {found.health.counted_days:.0f} days"
        yield f"  {vector_set.table}.{vector_set.column}", index.name, f"{index.size_bytes / (1 << 20):,.1f} MB", recall, searched


def summary(found: Examined) -> str:
    """The last line: how many findings of which weight, and one next step."""
    weights = [finding.severity for finding in found.findings]
    counts = (weights.count(Severity.REFUSE), weights.count(Severity.WARN), weights.count(Severity.NOTE))
    told = f"{counts[0]} not as declared, {counts[1]} to be warned of, {counts[2]} to be known"
    mendable = any(finding.mend is not None for finding in found.findings)
    return f"{told}; next: agentmem indexes repair --stack {found.environment.name}" if mendable else told


def as_facts(found: Examined) -> dict[str, Any]:
    """The facts, with the stable names of JSON output."""
    return {
        "vector_version": found.catalogue.vector_version,
        "counted_days": round(found.health.counted_days, 2),
        "findings": [finding_as_facts(finding) for finding in found.findings],
        "not_asked": list(found.unasked),
        "verdict": "ok" if found.ok else "bad",
        "reason": summary(found),
    }


def finding_as_facts(finding: Finding) -> dict[str, Any]:
    """One finding for JSON output."""
    return {
        "rule": finding.rule, "severity": finding.severity, "key": finding.key, "about": finding.about, "says": finding.says,
        "mend": finding.command, "repairable": finding.mend is not None,
    }  # fmt: skip


def where(environment: Environment, login: Mapping[str, Any]) -> str:
    """The server and database, for people."""
    return postgres.where(postgres.parameters_of(login["dsn"] or names.dsn(environment)))
