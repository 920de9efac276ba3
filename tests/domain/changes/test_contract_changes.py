"""What changes in the contract and in no resource of Azure's: indexes that are rebuilt, memory that is kept shorter, guards that go."""

from __future__ import annotations

from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.changes.contract_changes import between
from infra.domain.environment import EmbeddingModel, Environment, Hnsw, Override, PortableCopies
from tests.domain.changes.contracts import edited, shipped, with_first_set

PROD = shipped()


def _only(new: Environment, old: Environment = PROD) -> Change:
    (found,) = between(old, new)
    return found


def test_a_contract_and_itself_differ_in_nothing() -> None:
    assert between(PROD, PROD) == ()


def test_another_graph_is_a_rebuild_with_its_memory_and_time() -> None:
    found = _only(with_first_set(PROD, index=Hnsw(kind="hnsw", m=24, ef_construction=128)))
    assert (found.danger, found.path, found.name) == (Danger.SLOWER, "vector_sets.index", "zep_embeddings.embedding")
    assert "HNSW (m 24, ef_construction 128) over 250,000 rows needs 1692 of 2047 MB" in found.why
    assert found.takes.startswith("about 4 min")
    assert found.old == {"kind": "hnsw", "m": 16, "ef_construction": 64}


def test_a_smaller_server_changes_the_index_that_is_built_though_nobody_named_it() -> None:
    found = _only(edited(PROD, "server", sku="Standard_B1ms"))
    assert (found.danger, found.path) == (Danger.SLOWER, "vector_sets.index_if_memory_is_short")
    assert found.new == {"kind": "ivfflat", "lists": 100}
    assert "the memory of a build changes with the server" in found.why


def test_another_model_embeds_every_memory_anew() -> None:
    found = _only(with_first_set(PROD, model=EmbeddingModel(name="another", version="1")))
    assert (found.danger, found.path) == (Danger.OUTAGE, "vector_sets.model")
    assert "embedded anew" in found.why
    assert "reembed" in found.instead


def test_another_distance_is_a_rebuild_and_other_searches() -> None:
    found = _only(with_first_set(PROD, distance="l2"))
    assert (found.danger, found.path) == (Danger.SLOWER, "vector_sets.distance")
    assert "a search must be written for l2" in found.why


def test_a_higher_floor_makes_searches_slower_and_a_lower_one_is_told() -> None:
    higher, lower = with_first_set(PROD, recall_floor=0.99), with_first_set(PROD, recall_floor=0.9)
    assert (_only(higher).danger, _only(lower).danger) == (Danger.SLOWER, Danger.HARMLESS)
    assert "400 candidates instead of 100" in _only(higher).why
    assert "may fall to 0.9" in _only(lower).why


def test_a_set_more_is_built_and_a_set_less_is_forgotten() -> None:
    fewer = PROD.model_copy(update={"vector_sets": PROD.vector_sets[:1]})
    assert (_only(fewer).operation, _only(fewer).danger) == (Operation.FORGET, Danger.HARMLESS)
    assert (_only(PROD, fewer).operation, _only(PROD, fewer).danger) == (Operation.CREATE, Danger.SLOWER)


def test_memory_kept_shorter_loses_data_and_longer_does_not() -> None:
    shorter = _only(edited(PROD, "memory", session_days=30))
    assert (shorter.danger, shorter.path, shorter.old, shorter.new) == (Danger.DATA_LOSS, "memory.session_days", 90, 30)
    assert _only(edited(PROD, "memory", fact_grace_days=0)).danger is Danger.DATA_LOSS
    assert _only(edited(PROD, "memory", session_days=365)).danger is Danger.HARMLESS


def test_fewer_portable_copies_lose_the_oldest() -> None:
    found = _only(edited(PROD, "backup", portable_copies=PortableCopies(weekly=4, monthly=12)))
    assert (found.danger, found.path) == (Danger.DATA_LOSS, "backup.portable_copies.weekly")


def test_guards_that_go_are_weaker_and_an_exception_is_told() -> None:
    assert _only(edited(PROD, "guard", protect=False)).danger is Danger.WEAKER_SECURITY
    assert _only(edited(PROD, "database", sslmode="require")).danger is Danger.WEAKER_SECURITY
    assert _only(edited(PROD, "backup", migration_gate_hours=48)).danger is Danger.WEAKER_RECOVERY
    override = Override(change="storage.size_gib", until="2026-12-31", reason="a larger disk")
    found = _only(edited(PROD, "guard", overrides=(override,)))
    assert (found.danger, found.path) == (Danger.HARMLESS, "guard.overrides")
    assert "a larger disk" in found.why


def test_another_ceiling_is_told() -> None:
    found = _only(edited(PROD, "guard", monthly_cost_ceiling_eur=5000))
    assert (found.path, found.old, found.new) == ("guard.monthly_cost_ceiling_eur", PROD.guard.monthly_cost_ceiling_eur, 5000)
