"""The last proof of a promotion: the queries of the origin have the same exact answers, and every declared index reaches its floor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.domain import restore_proof, vectors
from infra.domain.environment import Environment, VectorSet
from infra.domain.manifest import Query, VectorIndex
from infra.domain.problem import Verdict
from infra.domain.recall import PARAMETERS
from scripts.edges import recall_probe, table_digests, vector_facts

# Fewer than a measurement for a decision takes, enough to see an index that is broken; the standard error says what they are worth.
_QUERIES = 50
# The floor is missed when even what chance may have taken away does not explain it: two standard errors, one in forty.
_ERRORS = 2


def answers(session: Any, queries: tuple[Query, ...]) -> tuple[Verdict, ...]:
    """The exact answers that are not the origin's."""
    table_digests.settle(session)
    return restore_proof.answers(queries, vector_facts.answered(session, queries))


def floors(session: Any, environment: Environment, indexes: tuple[VectorIndex, ...]) -> Iterator[Verdict]:
    """One verdict for each index of a declared vector set; the others have no floor."""
    for index in indexes:
        vector_set = next((each for each in environment.vector_sets if _serves(index, each)), None)
        if vector_set is not None:
            yield _floor(session, vector_set, index)


def _serves(index: VectorIndex, vector_set: VectorSet) -> bool:
    fits = vectors.operator_class(vector_set.type, vector_set.distance) == index.operator_class and not index.partial
    return fits and (index.schema_name, index.table, index.column) == ("public", vector_set.table, vector_set.column)


def _floor(session: Any, vector_set: VectorSet, index: VectorIndex) -> Verdict:
    lists = index.options.get("lists", 100)  # what pgvector takes where an index says nothing
    value = vectors.ef_search_for(vector_set.recall_floor) if index.method == "hnsw" else vectors.probes_for(lists)
    with session.transaction(force_rollback=True):
        session.execute("SELECT set_config('search_path', 'public', true)")
        found = recall_probe.probe(session, vector_set, index.name, {PARAMETERS[index.method]: value}, _QUERIES)
    if found.queries == 0:
        return Verdict(ok=True, reason=f"{index.name}: there is nothing to ask yet")
    recall, floor = found.recall, vector_set.recall_floor
    if recall is None:
        return Verdict(ok=False, reason=f"{index.name}: a search does not use it", expected=index.name, found=found.served_by)
    good = recall + _ERRORS * found.standard_error >= floor
    says = f"{index.name}: recall@10 {recall:.3f} ± {found.standard_error:.3f} (floor {floor})"
    return Verdict(ok=good, reason=says, expected=floor, found=recall)
