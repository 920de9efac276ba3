"""How an index that serves already becomes the declared one: judged, replaced by one that is built beside it, never without an index.

Where a replacement stands is read from the catalogue alone, from names and comments, so that a run goes on where another was killed:
`..._ann_new` is built beside, proved by its recall, then it and the old one change names in one transaction that blocks nobody, and the
old one, `..._ann_old` now, is dropped without blocking. (DROP INDEX CONCURRENTLY cannot stand in a transaction, and a plain DROP INDEX
would stop every search on the table while it waits for its lock: so names change first.) The new one takes over the old one's name, because
frameworks make their index anew when that name is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from infra.domain import vectors
from infra.domain.catalogue import Column, Index, Proof
from infra.domain.environment import Hnsw, IvfFlat, VectorSet
from infra.domain.steps import BuildIndex, DropIndex, JudgeIndex, RejectIndex, RetireIndex, Status, Step, SwapIndex

# What pgvector takes for settings that an index does not name.
DEFAULTS: Mapping[str, Mapping[str, int]] = {"hnsw": {"m": 16, "ef_construction": 64}, "ivfflat": {"lists": 100}}
_ENDS = ("_ann_idx", "_ann_new", "_ann_old")
# A judged index of somebody else's is judged again when its table has so many times the rows that it had then.
_JUDGED_AGAIN = 2


@dataclass(frozen=True, kw_only=True)
class Case:
    """A vector set, its column, the index that it should have, and the vector indexes on that column, less leftovers of REINDEX."""

    vector_set: VectorSet
    column: Column
    wanted: Hnsw | IvfFlat
    cast: bool
    indexes: tuple[Index, ...]

    @property
    def serving(self) -> list[Index]:
        """The indexes that serve the declared search, whatever their names, the best one first; not those of a replacement under way."""
        passing = (beside_name(self.vector_set), aside_name(self.vector_set))
        found = [index for index in self.indexes if index.serves and self.alike(index) and index.name not in passing]
        return sorted(found, key=lambda index: (not self.adequate(index), index.name != vectors.index_name(self.vector_set)))

    @property
    def current(self) -> Index | None:
        """The index to keep or to replace: the best that serves, or ours of an earlier declaration that served another search."""
        serving = self.serving
        return serving[0] if serving else self._serves_as(vectors.index_name(self.vector_set))

    @property
    def beside(self) -> Index | None:
        """The replacement that was built."""
        return self._serves_as(beside_name(self.vector_set))

    @property
    def aside(self) -> Index | None:
        """The index that was replaced and is not dropped yet."""
        return self._serves_as(aside_name(self.vector_set))

    def broken(self) -> list[Index]:
        """Indexes that cost writes and serve nobody: of the declared form, or by their names halves of a replacement."""
        passing = (beside_name(self.vector_set), aside_name(self.vector_set))
        return [index for index in self.indexes if not index.serves and (self.alike(index) or index.name in passing)]

    def alike(self, index: Index) -> bool:
        """Whether it stores the set's vectors in the declared form and for the declared distance, whatever its name."""
        return (
            index.operator_class == vectors.operator_class(self.vector_set.type, self.vector_set.distance)
            and index.cast == ((self.vector_set.type, self.vector_set.dimensions) if self.cast else None)
            and not index.partial
        )

    def as_wanted(self, index: Index) -> bool:
        """Whether its kind and settings are exactly the declared ones."""
        return index.method == self.wanted.kind and _found(index) == settings(self.wanted)

    def ours(self, index: Index) -> bool:
        """Whether we built it: by its name, or by the comment that it bears under another's name."""
        return index.name == vectors.index_name(self.vector_set) or (index.proof is not None and index.proof.built)

    def adequate(self, index: Index) -> bool:
        """Whether its settings need no rebuild: ours are to be as declared, those of an application at least as good."""
        if self.as_wanted(index) or self.ours(index) or index.method != "hnsw" or self.wanted.kind != "hnsw":
            return self.as_wanted(index)
        return all(_found(index)[name] >= value for name, value in settings(self.wanted).items())

    def _serves_as(self, name: str) -> Index | None:
        return next((index for index in self.indexes if index.name == name and index.serves and not index.partial), None)


def beside_name(vector_set: VectorSet) -> str:
    """The name of a replacement while it is built and proved."""
    return vectors.index_name(vector_set).removesuffix(_ENDS[0]) + _ENDS[1]


def aside_name(vector_set: VectorSet) -> str:
    """The name of an index that was replaced, until it is dropped."""
    return vectors.index_name(vector_set).removesuffix(_ENDS[0]) + _ENDS[2]


def steps(case: Case) -> Iterator[Step]:
    """What is next for an index that serves already: nothing, or one step of judging or of replacing it."""
    current, beside, aside = case.current, case.beside, case.aside
    if aside is not None and current is not None:
        yield _do(case, f"drop {aside.name}, which {current.name} has replaced", RetireIndex(name=aside.name))
    elif aside is not None and beside is None:
        final = vectors.index_name(case.vector_set)
        yield _do(case, f"call {aside.name} {final} again: what replaced it is gone", SwapIndex(new=aside.name, name=final))
    elif beside is not None:
        yield _replaced(case, current, beside)
    elif current is not None:
        yield _judged(case, current)
        for other in case.serving[1:]:
            says = f"{other.name} serves the same vectors as {current.name}: the planner may choose either"
            yield _step(case, Status.NOTE, says, f"DROP INDEX CONCURRENTLY {other.name}")


def _judged(case: Case, current: Index) -> Step:
    """A complete index: as declared, to be measured, to be replaced, or not good enough and yet the best there is."""
    floor, proof = case.vector_set.recall_floor, current.proof
    has = told(current.method, _found(current))
    why = _shortcoming(case, current)
    if why is not None:
        return _replacement(case, current, why)
    if case.ours(current):
        if proof is not None and proof.recall is not None and proof.recall < floor:
            says = f"{current.name} is {has} as declared, and finds {proof.recall:.3f} of the nearest; the floor is {floor}"
            return _step(case, Status.NOTE, says, "raise the settings of the index in the stack file, or lower the floor")
        return _step(case, Status.DONE, f"{current.name} is {has}")
    rows = case.column.rows
    if not case.column.owned or (proof is not None and (rows or 0) < _JUDGED_AGAIN * max(proof.rows, proof.estimated)):
        return _step(case, Status.DONE, f"{current.name} is {has}")
    if rows == 0 or (rows is None and proof is not None):
        return _step(case, Status.WAIT, f"{current.name} is {has}, made by the application; waits for rows to be judged by")
    says = f"judge {current.name}, which the application made: {has}, recall unknown"
    return _do(case, says, JudgeIndex(name=current.name, vector_set=case.vector_set, built=False, estimated=rows or 0))


def _shortcoming(case: Case, current: Index) -> str | None:
    """Why an index is to be replaced, None when it need not be."""
    proof, floor = current.proof, case.vector_set.recall_floor
    if not case.alike(current):
        return f"it is for another search ({current.operator_class})"
    if not case.adequate(current):
        return f"it is {told(current.method, _found(current))}"
    if proof is not None and not proof.built and proof.recall is not None and proof.recall < floor:
        return f"it finds {proof.recall:.3f} of the nearest, the floor is {floor}"
    return None


def _replacement(case: Case, current: Index, why: str) -> Step:
    """Build beside, unless this was tried, may not be done, or would be done on too few rows."""
    wanted, column, floor = case.wanted, case.column, case.vector_set.recall_floor
    declared, proof = told(wanted.kind, settings(wanted)), current.proof
    if proof is not None and tried(case.vector_set, wanted, proof):
        says = f"{current.name} stays: {why}; {declared} was tried, and found {proof.tried_recall:.3f} of the nearest; the floor is {floor}"
        return _step(case, Status.NOTE, says, "raise the settings of the index in the stack file, or lower the floor")
    if not column.owned:
        says = f"{current.name} stays: {why}, declared is {declared}; {column.table} belongs to {column.owner}"
        return _step(case, Status.NOTE, says, f"log in as a member of {column.owner}")
    if isinstance(wanted, IvfFlat) and column.rows is not None and column.rows < vectors.minimum_rows(wanted.lists):
        return _step(case, Status.WAIT, f"{current.name} stays: {why}; {declared} {too_few(column.table, column.rows, wanted)}")
    name = beside_name(case.vector_set)
    says = f"replace {current.name}: {why}; build {declared} beside it, prove its recall, then change their names and drop the old one"
    return _do(case, says, BuildIndex(name=name, vector_set=case.vector_set, index=wanted, cast=case.cast, beside=current.name))


def _replaced(case: Case, current: Index | None, beside: Index) -> Step:
    """A replacement that is built: to be proved, to be swapped in, or to be dropped."""
    floor, proof = case.vector_set.recall_floor, beside.proof
    if not (case.alike(beside) and case.as_wanted(beside)):
        return _do(case, f"drop {beside.name}: it was built for an earlier declaration", RetireIndex(name=beside.name))
    if current is None:
        final = vectors.index_name(case.vector_set)
        return _do(case, f"call {beside.name} {final}: there is none to replace", SwapIndex(new=beside.name, name=final))
    if _shortcoming(case, current) is None or (current.proof is not None and tried(case.vector_set, case.wanted, current.proof)):
        return _do(case, f"drop {beside.name}: {current.name} stays", RetireIndex(name=beside.name))
    if proof is None:
        says = f"prove {beside.name} against exact search, floor {floor}"
        return _do(case, says, JudgeIndex(name=beside.name, vector_set=case.vector_set, built=True))
    if proof.recall is None or proof.recall >= floor or _no_worse(proof, current.proof):
        found = "" if proof.recall is None else f", which finds {proof.recall:.3f} of the nearest"
        says = f"put {beside.name}{found}, in the place of {current.name}"
        return _do(case, says, SwapIndex(new=beside.name, name=current.name, aside=aside_name(case.vector_set)))
    says = f"drop {beside.name}: it finds {proof.recall:.3f} of the nearest, the floor is {floor}; {current.name} stays"
    kept = current.proof or Proof(recall=None, rows=proof.rows, built=case.ours(current))
    return _do(case, says, RejectIndex(name=beside.name, current=current.name, proof=after_trial(kept, case.wanted, proof.recall)))


def _no_worse(new: Proof, old: Proof | None) -> bool:
    """An index that misses the floor may still replace one that misses it by more."""
    return old is not None and old.recall is not None and new.recall is not None and new.recall >= old.recall


def tried(vector_set: VectorSet, wanted: Hnsw | IvfFlat, proof: Proof) -> bool:
    """Whether the declared index was built before and fell short: only another declaration is worth another build."""
    return (
        proof.tried == told(wanted.kind, settings(wanted))
        and proof.tried_recall is not None
        and proof.tried_recall < vector_set.recall_floor
    )


def after_trial(proof: Proof, wanted: Hnsw | IvfFlat, recall: float) -> Proof:
    """What is known about an index once its replacement fell short."""
    return Proof(**{**asdict(proof), "tried": told(wanted.kind, settings(wanted)), "tried_recall": recall})


def comment(proof: Proof) -> str:
    """The line that an index bears about its proof: it goes with the index, and every tool shows it."""
    return f"agent-memory {json.dumps({name: value for name, value in asdict(proof).items() if value is not None})}"


def too_few(table: str, rows: int, wanted: IvfFlat) -> str:
    """The sentence about an IVFFlat index that would be built on too few rows: its lists would not fit the data to come."""
    least = vectors.minimum_rows(wanted.lists)
    return f"waits for rows in {table}: {rows} of the {least} that {wanted.lists} lists need, {least - rows} missing"


def told(method: str, found: Mapping[str, int]) -> str:
    """An index in words: `HNSW (m 16, ef_construction 64)`."""
    name = {"hnsw": "HNSW", "ivfflat": "IVFFlat"}.get(method, method)
    return f"{name} ({', '.join(f'{key} {value}' for key, value in found.items())})"


def settings(wanted: Hnsw | IvfFlat) -> dict[str, int]:
    """The settings that an index is declared with, by pgvector's names."""
    return {name: value for name, value in wanted.model_dump().items() if name != "kind"}


def dropped(index: Index, why: str) -> Step:
    """The step that drops an index which serves nobody."""
    return Step(key=f"index {index.name}", status=Status.DO, says=f"drop {index.name}: it {why}", action=DropIndex(name=index.name))


def key_of(vector_set: VectorSet) -> str:
    """What the steps of a set's index are about."""
    return f"index {vector_set.table}.{vector_set.column}"


def _found(index: Index) -> dict[str, int]:
    return {**DEFAULTS[index.method], **index.options}


def _step(case: Case, status: Status, says: str, hint: str = "") -> Step:
    return Step(key=key_of(case.vector_set), status=status, says=says, hint=hint)


def _do(case: Case, says: str, action: BuildIndex | JudgeIndex | RejectIndex | RetireIndex | SwapIndex) -> Step:
    return Step(key=key_of(case.vector_set), status=Status.DO, says=says, action=action)
