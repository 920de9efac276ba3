"""Whether one environment may be filled from another: extensions, server versions, the way down, models, room on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from infra.domain.azure.storage import read_only_percent
from infra.domain.catalogue import Model
from infra.domain.environment import STACKS, VectorSet
from infra.domain.pgvector_versions import parsed
from infra.domain.problem import Verdict

Policy = Literal["exact", "same-minor", "at-least"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
# The environment whose data is real. STACKS goes from the lowest to the highest, and prod is the highest.
REAL = "prod"
# Heap with TOAST, and WAL of the load, a byte of vector: measured with COPY of 25,000 vectors of 1536 dimensions into PostgreSQL 16.
HEAP_OF_VECTORS, WAL_OF_VECTORS = 1.42, 1.16
# Rows without vectors were not measured: they are in the table once and in the WAL once, with what vectors take on top.
WAL_OF_ROWS = WAL_OF_VECTORS
# An index is written to the WAL page by page once it stands: as many bytes again (PostgreSQL logs a new index whole).
WAL_OF_INDEXES = 1.0
_GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class ExtensionChoice:
    """What becomes of an extension on the target; `create` is the version to create, None where nothing is to be created."""

    verdict: Verdict
    create: str | None = None


@dataclass(frozen=True, kw_only=True)
class Need:
    """Bytes that a load takes on the target's disk while it runs."""

    tables: int
    indexes: int
    wal: int

    @property
    def total(self) -> int:
        """All of them at once: WAL goes only when it is archived and behind a checkpoint."""
        return self.tables + self.indexes + self.wal


def extension_policy(
    policy: Policy, source: str, target_offered: Sequence[str], target_installed: str | None, *, name: str = "vector"
) -> ExtensionChoice:
    """Whether the target can have the extension as the policy wants it, and which version is to be created.

    exact: the source's version. same-minor: any with the same first two numbers, newer or older. at-least: the source's or newer.
    Where several are offered the newest that fits is created: what it mends is worth more than the likeness.
    """
    wanted = {"exact": f"{source}", "same-minor": f"{'.'.join(map(str, parsed(source)[:2]))}.x", "at-least": f"{source} or newer"}[policy]
    fitting = sorted((each for each in target_offered if _fits(policy, source, each)), key=parsed)
    newest = fitting[-1] if fitting else None
    offers = f"the target offers {', '.join(sorted(target_offered, key=parsed)) or 'none'}"
    if target_installed is None:
        if newest is None:
            reason = f"{name} is {source} in the source, policy {policy} wants {wanted}, and {offers}"
            return ExtensionChoice(verdict=Verdict(ok=False, reason=reason, expected=wanted, found=tuple(target_offered)))
        reason = f"{name} {newest} will be created, {source} in the source"
        return ExtensionChoice(verdict=Verdict(ok=True, reason=reason, expected=wanted, found=newest), create=newest)
    if _fits(policy, source, target_installed):
        reason = f"{name} is {target_installed}, {source} in the source"
        return ExtensionChoice(verdict=Verdict(ok=True, reason=reason, expected=wanted, found=target_installed))
    reason = f"{name} is {target_installed} in the target and {source} in the source, and policy {policy} wants {wanted}"
    if newest is not None and parsed(newest) > parsed(target_installed):
        reason += f"; the target offers {newest}: ALTER EXTENSION {name} UPDATE"
    return ExtensionChoice(verdict=Verdict(ok=False, reason=reason, expected=wanted, found=target_installed))


def _fits(policy: Policy, source: str, found: str) -> bool:
    if policy == "at-least":
        return parsed(found) >= parsed(source)
    numbers = 2 if policy == "same-minor" else None
    return parsed(found)[:numbers] == parsed(source)[:numbers]


def server_versions(source_num: int, target_num: int) -> Verdict:
    """Whether the target's major version is at least the source's; both as `server_version_num`, 160014 for 16.14."""
    source, target = _release(source_num), _release(target_num)
    if target_num // 10_000 < source_num // 10_000:
        reason = f"the target is PostgreSQL {target}, older than {source} in the source: what an older version does not know is lost"
        return Verdict(ok=False, reason=reason, expected=source, found=target)
    return Verdict(ok=True, reason=f"PostgreSQL {source} goes to {target}", expected=source, found=target)


def _release(number: int) -> str:
    return f"{number // 10_000}.{number % 10_000}"


def way_down(source_env: str, target_env: str, masked: bool, override: str | None, *, copy: bool = False) -> Verdict:
    """Whether data may go this way. Real data goes down only masked, or with an `override`, whose text is its reason.

    A `copy` may also go back to where it was taken.

    `masked` says that somebody masked something; whether the right columns are masked only a person can say.
    """
    for unknown in (each for each in (source_env, target_env) if each not in STACKS):
        return Verdict(ok=False, reason=f"{unknown!r} is no environment", expected=STACKS, found=unknown)
    if source_env == target_env and copy:
        return Verdict(ok=True, reason=f"{target_env} gets its own copy back", found=target_env)
    if source_env == target_env:
        return Verdict(ok=False, reason=f"source and target are both {source_env}", found=target_env)
    way = f"{source_env} to {target_env}"
    if source_env != REAL:
        return Verdict(ok=True, reason=f"{way}: only data of {REAL} is guarded", found=way)
    if masked:
        return Verdict(ok=True, reason=f"{way}: masked", found=way)
    if override is not None and override.strip():
        return Verdict(ok=True, reason=f'{way}: not masked, allowed because "{override.strip()}"', found=way)
    lacking = "the exception gives no reason" if override is not None else "nothing is masked"
    reason = f"data of {REAL} would go down to {target_env}, and {lacking}: name columns to mask, or give a reason why not"
    return Verdict(ok=False, reason=reason, expected="masked, or an exception with a reason", found=way)


def models(recorded: Iterable[Model] | None, declared: Iterable[VectorSet]) -> tuple[Verdict, ...]:
    """One Verdict for each vector set that the target declares, and for each that only the source has.

    `recorded` is the source's provenance, None where it has no such table. What only the source has is told and stops nothing.
    """
    sets = tuple(declared)
    found = {(model.table, model.column): model for model in recorded or ()}
    only = (model for place, model in found.items() if place not in {(each.table, each.column) for each in sets})
    return (*(_model(each, found.get((each.table, each.column))) for each in sets), *_only_there(only))


def _model(declared: VectorSet, found: Model | None) -> Verdict:
    named, wanted = f"{declared.table}.{declared.column}", _filling(declared)
    if found is None:
        reason = f"{named}: nothing in the source says which model filled it, declared is {wanted}"
        return Verdict(ok=False, reason=reason, expected=wanted)
    filled = f"{found.name} {found.version}, {found.dimensions} dimensions, {found.distance}"
    if filled == wanted:
        return Verdict(ok=True, reason=f"{named}: filled by {filled}", expected=wanted, found=filled)
    reason = f"{named}: filled by {filled} in the source, declared in the target is {wanted}"
    return Verdict(ok=False, reason=reason, expected=wanted, found=filled)


def _filling(declared: VectorSet) -> str:
    return f"{declared.model.name} {declared.model.version}, {declared.dimensions} dimensions, {declared.distance}"


def _only_there(recorded: Iterable[Model]) -> Iterator[Verdict]:
    for model in recorded:
        reason = f"{model.table}.{model.column}: filled by {model.name} {model.version} in the source, the target does not declare it"
        yield Verdict(ok=True, reason=reason, found=f"{model.name} {model.version}")


def need(vector_bytes: int, other_bytes: int, index_bytes: int) -> Need:
    """What a load takes: `vector_bytes` are the vectors alone (rows x dimensions x bytes of a number), `other_bytes` all else in the
    tables, `index_bytes` all indexes as they are in the source."""
    wal = vector_bytes * WAL_OF_VECTORS + other_bytes * WAL_OF_ROWS + index_bytes * WAL_OF_INDEXES
    return Need(tables=round(vector_bytes * HEAP_OF_VECTORS) + other_bytes, indexes=index_bytes, wal=round(wal))


def writable_bytes(size_gib: int, used_bytes: int) -> int:
    """Bytes that a disk of Azure still takes before the server turns read-only."""
    return max(0, int(size_gib * _GIB * read_only_percent(size_gib) / 100) - used_bytes)


def room(bytes_needed: int, free_bytes: int) -> Verdict:
    """Whether the load fits beside what is there."""
    needs = f"the load needs {_shown(bytes_needed)} for data, indexes and WAL"
    factors = f"a byte of vector takes {HEAP_OF_VECTORS} in the table and {WAL_OF_VECTORS} of WAL, as measured"
    if bytes_needed > free_bytes:
        reason = f"{needs}, {_shown(free_bytes)} are free; {factors}"
        return Verdict(ok=False, reason=reason, expected=bytes_needed, found=free_bytes)
    return Verdict(ok=True, reason=f"{needs}, {_shown(free_bytes)} are free", expected=bytes_needed, found=free_bytes)


def _shown(size: int) -> str:
    """Bytes in the unit that a person would take, to a tenth."""
    unit, factor = ("GiB", _GIB) if size >= _GIB else ("MiB", 1024**2)
    return f"{size / factor:.1f} {unit}"
