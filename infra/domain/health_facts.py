"""What the health of vector indexes is judged from beside the catalogue, and what is found: frozen values and the table of rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.domain.problem import Problem, Severity
from infra.domain.recall import RecallResult, SelfRetrieval
from infra.domain.steps import Action, BuildIndex


@dataclass(frozen=True, kw_only=True)
class IndexUse:
    """What the server has counted about an index. Days are None where nothing is known: never searched, not recorded.

    `rows_at_build` and `built_by` (a pgvector version) come from our own record of the build.
    """

    scans: int = 0
    idle_days: float | None = None
    rows_at_build: int | None = None
    built_days: float | None = None
    built_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of a table, as the server estimates them: those that live, and those that are dead and still in the index."""

    live: int
    dead: int


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What questions to an index told: recall at the setting in force, and whether stored vectors find themselves (HNSW)."""

    recall: RecallResult
    selves: SelfRetrieval | None = None


@dataclass(frozen=True, kw_only=True)
class Health:
    """A server and its indexes by name. `counted_days` is how long it has counted searches; memory in bytes."""

    counted_days: float
    shared_buffers: int
    effective_cache: int
    bits: int = 64
    indexes: Mapping[str, IndexUse] = field(default_factory=dict)
    rows: Mapping[str, Rows] = field(default_factory=dict)
    probed: Mapping[str, Probed] = field(default_factory=dict)

    def use(self, index: str) -> IndexUse:
        """What is known about an index, which may be nothing."""
        return self.indexes.get(index, IndexUse())


@dataclass(frozen=True, kw_only=True)
class RebuildIndex:
    """Build an index again from the rows as they are now, under its name and while it serves: REINDEX CONCURRENTLY.

    `build` says how it was built; the settings are those that it has.
    """

    build: BuildIndex


Mend = Action | RebuildIndex


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing wrong: the sentence, how much it weighs, the command that mends it, and what `repair` does, None when a person must.

    `about` is TABLE.COLUMN or the extension; `key` the dotted path into the stack file.
    """

    rule: str
    key: str
    about: str
    says: str
    command: str
    severity: Severity = Severity.WARN
    mend: Mend | None = None

    @property
    def problem(self) -> Problem:
        """The finding as every part of the house gives it."""
        return Problem(key=self.key, message=f"{self.key}: {self.says}", rule=self.rule, hint=self.command, severity=self.severity)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A row of the table of findings: what is wrong, why it matters, and what mends it."""

    title: str
    because: str
    mended: str


_DROP, _REINDEX = "`DROP INDEX CONCURRENTLY`", "`REINDEX INDEX CONCURRENTLY`, with memory for the whole graph"
RULES: Mapping[str, Rule] = {
    "I1": Rule(title="a declared index is missing", because="each search reads the whole table", mended="the builder"),
    "I2": Rule(title="an index is invalid and not ready", because="nobody uses it, and its name is taken", mended=_DROP),
    "I3": Rule(title="an index is invalid and ready", because="it costs every write and serves no search", mended=_DROP),
    "I4": Rule(title="`_ccnew` or `_ccold` is left over", because="a rebuild was cut off; it may cost every write", mended=_DROP),
    "I5": Rule(title="an index is for another distance", because="no declared search uses it, every write pays", mended=_DROP),
    "I6": Rule(title="an index stores another cast, or some rows", because="the declared search does not use it", mended=_DROP),
    "I7": Rule(title="two indexes store the same", because="the planner may take the worse one", mended=f"{_DROP} of the lesser"),
    "I8": Rule(title="no search has used an index", because="the application may ask with another operator or cast", mended="its query"),
    "I9": Rule(title="an index is bloated", because="deleted rows are searched through, and fill the cache", mended=_REINDEX),
    "I10": Rule(title="recall is below the floor", because="searches miss memories", mended=f"{_REINDEX}, or a wider search"),
    "I11": Rule(title="recall has fallen", because="the index no longer fits its rows", mended=_REINDEX),
    "I12": Rule(title="stored vectors do not find themselves", because="they are cut off in the graph", mended=_REINDEX),
    "I13": Rule(title="the lists are of fewer rows", because="centroids of the rows at build do not fit the rows now", mended=_REINDEX),
    "I14": Rule(title="an index is larger than the cache", because="searches wait for the disk", mended="a larger SKU, or halfvec"),
    "I15": Rule(title="this pgvector has known defects", because="see the table of versions", mended="`ALTER EXTENSION vector UPDATE`"),
    "I16": Rule(title="an index was built by a pgvector with a defect", because="updates mend code, not graphs", mended=_REINDEX),
    "I17": Rule(title="an index is not as declared", because="its kind or settings are others", mended="a build beside it, then a swap"),
}
