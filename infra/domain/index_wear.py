"""What wears out in a vector index that once was good: rows that went, rows that came, a graph with holes, a cache that is too small."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from infra.domain import pgvector_versions, reconcile, sizing, vectors
from infra.domain.azure import skus
from infra.domain.catalogue import APPLICATION_SCHEMA, Index, Proof
from infra.domain.environment import Environment
from infra.domain.evolution import DEFAULTS, Case
from infra.domain.health_facts import Finding, Health, IndexUse, Probed, RebuildIndex
from infra.domain.problem import Severity
from infra.domain.recall import BUILD_SPREAD, PARAMETERS, RecallResult, value_of

# Half of an index that is no use slows searches and fills the cache with what nobody wants; below a megabyte nobody notices.
_BLOATED, _WORTH_BYTES = 2.0, 1 << 20
# An IVFFlat index whose table has twice the rows of its build has centroids that half of the rows had no part in.
_GROWN = 2
# Rows changed by less than a tenth are no reason for an index to be worse than when it was built.
_CHANGED = 0.1
# Recall differs from build to build, and from sample to sample by its standard error.
_SURE = 2.0
_SIMPLE = re.compile(r"^[a-z_][a-z0-9_]*$")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The index that serves a declared search; `mend` rebuilds it, None where that is not ours to do or not now.

    `version` is the pgvector of this database.
    """

    environment: Environment
    version: str
    health: Health
    number: int
    case: Case
    index: Index
    mend: RebuildIndex | None

    @property
    def use(self) -> IndexUse:
        """What was counted and recorded about it."""
        return self.health.use(self.index.name)

    @property
    def live(self) -> int | None:
        """Rows that the index is to hold, counted where it was probed, else estimated; None where nobody knows."""
        if probed := self.health.probed.get(self.index.name):
            return probed.recall.excluded.searchable
        rows = self.health.rows.get(self.index.table)
        return rows.live if rows else self.case.column.rows

    @property
    def dead(self) -> int:
        """Rows that are deleted and still in the index."""
        rows = self.health.rows.get(self.index.table)
        return rows.dead if rows else 0

    @property
    def rows_at_build(self) -> int | None:
        """Rows that it was built on, by our record or by its own comment."""
        proof = self.index.proof
        return self.use.rows_at_build if self.use.rows_at_build is not None else proof.rows if proof and proof.built else None

    @property
    def changed(self) -> bool:
        """Whether the rows are known to be others than those that it was built on."""
        built, live = self.rows_at_build, self.live
        differs = built is not None and live is not None and abs(live - built) > _CHANGED * max(built, 1)
        return differs or self.dead > _CHANGED * max(live or 0, 1)


def examine(subject: Subject) -> Iterator[Finding]:
    """Everything that is worn about it."""
    yield from _bloat(subject)
    yield from _recall(subject)
    yield from _stale(subject)
    yield from _cache(subject)
    yield from _built_by(subject)


def index_command(verb: str, schema: str, name: str) -> str:
    """DROP or REINDEX of an index, as it is typed."""
    return f"{verb} INDEX CONCURRENTLY {_quoted(schema)}.{_quoted(name)}"


def expected_bytes(index: Index, dimensions: int, kind: str, rows: int) -> int:
    """Size in bytes of such an index when it has just been built on so many rows."""
    options = {**DEFAULTS[index.method], **index.options}
    if index.method == "hnsw":
        return vectors.index_bytes(rows, dimensions, kind, options["m"])
    return vectors.ivfflat_index_bytes(rows, dimensions, kind, options["lists"])


def _bloat(subject: Subject) -> Iterator[Finding]:
    live, index, vector_set = subject.live, subject.index, subject.case.vector_set
    if live is None:
        return
    wanted = expected_bytes(index, vector_set.dimensions, vector_set.type, live)
    if index.size_bytes >= _BLOATED * wanted and index.size_bytes - wanted >= _WORTH_BYTES:
        dead = f", {subject.dead:,} rows are dead" if subject.dead else ""
        says = f"{index.name} takes {_mb(index.size_bytes)}, {live:,} rows need {_mb(wanted)}{dead}"
        yield _rebuilt(subject, "I9", says)


def _recall(subject: Subject) -> Iterator[Finding]:
    index, vector_set, proof = subject.index, subject.case.vector_set, subject.index.proof
    probed = subject.health.probed.get(index.name)
    if probed is None:
        if proof is not None and proof.recall is not None and proof.recall < vector_set.recall_floor:
            says = f"{index.name} found {proof.recall:.3f} of the nearest when it was last measured, the floor is {vector_set.recall_floor}"
            yield from _below(subject, says, None)
        return
    result = probed.recall
    if result.recall is None and result.queries:
        served = f"{result.served_by} serves" if result.served_by else "no index serves"
        yield _finding(subject, "I10", f"{served} the search that {index.name} is for, so its recall is unknown", _measure(subject))
    elif result.recall is not None and result.recall < vector_set.recall_floor:
        at = f"{PARAMETERS[index.method]} {value_of(result, index.method)}"
        says = f"{index.name} finds {result.recall:.3f} of the nearest at {at}, the floor is {vector_set.recall_floor}"
        yield from _below(subject, says, value_of(result, index.method))
    elif proof is not None and _has_fallen(result, proof):
        then = f"it was {proof.recall:.3f} when the table had {proof.rows:,} rows"
        yield _rebuilt(subject, "I11", f"{index.name} finds {result.recall:.3f} of the nearest; {then}")
    yield from _selves(subject, probed)


def _has_fallen(result: RecallResult, proof: Proof) -> bool:
    """Whether recall is lower than it was, by more than builds and samples differ."""
    if result.recall is None or proof.recall is None:
        return False
    return result.recall + BUILD_SPREAD + _SURE * result.standard_error < proof.recall


def _below(subject: Subject, says: str, setting: int | None) -> Iterator[Finding]:
    """Recall below the floor: a rebuild where rows have changed, a wider search where it is narrower than it should be."""
    wanted = int(reconcile.search_settings(subject.environment).get(PARAMETERS[subject.index.method], "0"))
    if not subject.changed and setting is not None and setting < wanted:
        command = f"agentmem post-provision --stack {subject.environment.name} sets {PARAMETERS[subject.index.method]} {wanted}"
        yield _finding(subject, "I10", says, command, Severity.REFUSE)
    elif subject.changed or subject.rows_at_build is None:
        yield _rebuilt(subject, "I10", says, Severity.REFUSE)
    else:
        yield _finding(subject, "I10", f"{says}; its rows are those of its build", _measure(subject), Severity.REFUSE)


def _selves(subject: Subject, probed: Probed) -> Iterator[Finding]:
    selves = probed.selves
    if selves is not None and selves.proved and selves.unreachable:
        says = (
            f"{selves.unreachable} of {selves.asked} stored vectors do not find themselves in {subject.index.name}, however wide the search"
        )
        yield _rebuilt(subject, "I12", says)


def _stale(subject: Subject) -> Iterator[Finding]:
    built, live = subject.rows_at_build, subject.live
    if subject.index.method != "ivfflat" or built is None or live is None:
        return
    if live >= _GROWN * max(built, 1):
        says = f"the lists of {subject.index.name} are of {built:,} rows, there are {live:,} now"
        yield _rebuilt(subject, "I13", says)


def _cache(subject: Subject) -> Iterator[Finding]:
    size, health = subject.index.size_bytes, subject.health
    if size <= health.shared_buffers and size <= health.effective_cache:
        return
    cached = size <= health.effective_cache
    room = f"shared_buffers is {_mb(health.shared_buffers)}" if cached else f"effective_cache_size is {_mb(health.effective_cache)}"
    read = "searches read it through the kernel" if cached else "searches wait for the disk"
    says = f"{subject.index.name} takes {_mb(size)}, {room}: {read}"
    wanted = health.shared_buffers if cached else health.effective_cache
    yield _finding(subject, "I14", says, _larger(subject, size / max(wanted, 1)), Severity.NOTE if cached else Severity.WARN)


def _larger(subject: Subject, times: float) -> str:
    """The SKU whose cache would hold the index, caches growing with memory; and half the size, where that is possible."""
    environment = subject.environment
    needed, least = sizing.memory_kib(environment) * times, skus.TIERS.index(sizing.sku_of(environment).tier)
    fitting = [sku for sku in skus.SKUS.values() if sku.memory_mib * 1024 >= needed and skus.TIERS.index(sku.tier) >= least]
    found = min(fitting, key=lambda sku: (sku.memory_mib, skus.TIERS.index(sku.tier), sku.name), default=None)
    half = "type: halfvec, which halves it" if subject.case.vector_set.type == "vector" else ""
    larger = f"server.sku: {found.name}" if found else ""
    return f"{' or '.join(filter(None, (larger, half))) or 'fewer rows'}, in Pulumi.{environment.name}.yaml"


def _built_by(subject: Subject) -> Iterator[Finding]:
    """An update of pgvector mends code; a graph that the old code damaged stays so until it is built again."""
    version = subject.use.built_by
    if version is None or subject.index.method != "hnsw":
        return
    # While the server still has the defect, another build would have it as well.
    cured = pgvector_versions.cured_by(version, subject.version, subject.health.bits)
    defects = [defect for defect in cured if defect.serious]
    if defects:
        names = ", ".join(defect.id for defect in defects)
        yield _rebuilt(subject, "I16", f"{subject.index.name} was built by vector {version}, which has {names}")


def _rebuilt(subject: Subject, rule: str, says: str, severity: Severity = Severity.WARN) -> Finding:
    command = index_command("REINDEX", APPLICATION_SCHEMA, subject.index.name)
    if not subject.case.column.owned:
        command = f"{command}, as a member of {subject.case.column.owner}"
    return _finding(subject, rule, says, command, severity, subject.mend)


def _finding(
    subject: Subject, rule: str, says: str, command: str, severity: Severity = Severity.WARN, mend: RebuildIndex | None = None
) -> Finding:
    place = f"{subject.index.table}.{subject.index.column}"
    key = f"vector_sets[{subject.number}].{'recall_floor' if rule in ('I10', 'I11') else 'index'}"
    return Finding(rule=rule, key=key, about=place, says=says, command=command, severity=severity, mend=mend)


def _measure(subject: Subject) -> str:
    place = f"{subject.index.table}.{subject.index.column}"
    return f"agentmem indexes recall --stack {subject.environment.name} --vector-set {place}"


def _quoted(name: str) -> str:
    return name if _SIMPLE.match(name) else '"' + name.replace('"', '""') + '"'


def _mb(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MB"
