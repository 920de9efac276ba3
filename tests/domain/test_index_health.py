"""The health of indexes, from facts to findings: what weighs how much, what repair may do, and what it never touches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.domain import pgvector_versions, vectors
from infra.domain.catalogue import Build, Catalogue, Extension, Index, Proof
from infra.domain.environment import Environment, IvfFlat
from infra.domain.health_facts import RULES, Finding, Health, IndexUse, Probed, RebuildIndex, Rows
from infra.domain.index_health import examine
from infra.domain.problem import Severity
from infra.domain.recall import Excluded, RecallResult, SelfRetrieval
from infra.domain.steps import BuildIndex, DropIndex, JoinBuild, RetireIndex
from scripts.edges import stack_file
from tests.domain.found_databases import column_of, done, nothing, with_tables

NAME, TABLE = "zep_embeddings_embedding_ann_idx", "zep_embeddings"
GIB = 1 << 30
QUIET = Health(counted_days=3, shared_buffers=4 * GIB, effective_cache=12 * GIB)


@pytest.fixture(scope="module")
def environment(root: Path) -> Environment:
    return stack_file.read("prod", root)


def found(environment: Environment, *indexes: dict[str, Any], **column: Any) -> Catalogue:
    """The complete database with these indexes on the first set's column, and a pgvector without defects."""
    complete = done(environment, with_tables(environment, nothing()))
    theirs = tuple(replace(complete.indexes[0], **changes) for changes in indexes)
    first = column_of(environment.vector_sets[0], **column)
    extensions = {**complete.extensions, "vector": Extension(name="vector", installed="9.0.0", offered="9.0.0")}
    return replace(complete, extensions=extensions, columns=(first, *complete.columns[1:]), indexes=(*theirs, *complete.indexes[1:]))


def findings(environment: Environment, catalogue: Catalogue, **health: Any) -> list[Finding]:
    return list(examine(environment, catalogue, replace(QUIET, **health), 30))


def only(environment: Environment, catalogue: Catalogue, **health: Any) -> Finding:
    result = findings(environment, catalogue, **health)
    assert len(result) == 1, [finding.says for finding in result]
    return result[0]


def probed(
    recall: float | None, *, rows: int = 20_000, ef: int = 400, floor: float = 0.97, lost: int = 0, **changes: Any
) -> dict[str, Any]:
    """What a probe of the first index tells."""
    excluded = Excluded(rows=rows, without_vector=0, of_length_zero=0)
    values: dict[str, Any] = {"vector_set": f"{TABLE}.embedding", "index": NAME, "served_by": NAME, "chosen": True, "queries": 200,
                              "settings": {"hnsw.ef_search": str(ef)}, "standard_error": 0.005, "p50_ms": 1, "p95_ms": 2,
                              "floor": floor, "excluded": excluded, **changes}  # fmt: skip
    selves = SelfRetrieval(index=NAME, served_by=NAME, asked=200, found=200 - lost, unreachable=lost)
    return {"probed": {NAME: Probed(recall=RecallResult(recall=recall, **values), selves=selves)}}


def test_a_good_database_has_no_findings(environment: Environment) -> None:
    assert findings(environment, found(environment, {}), **probed(0.99)) == []


def test_every_finding_has_a_rule_of_the_table_and_its_message_begins_with_its_key(environment: Environment) -> None:
    ill = found(environment, {"valid": False}, {"name": "near", "operator_class": "vector_l2_ops"})
    for finding in findings(environment, ill):
        assert finding.rule in RULES
        assert finding.problem.message.startswith(finding.key) and finding.problem.hint == finding.command


def test_what_is_declared_and_not_so_weighs_more_than_what_costs(environment: Environment) -> None:
    weights = [(finding.rule, finding.severity) for finding in findings(environment, found(environment, {"valid": False}))]
    assert weights == [("I1", Severity.REFUSE), ("I3", Severity.WARN)]


def test_a_set_that_waits_for_its_table_is_no_lie(environment: Environment) -> None:
    complete = found(environment, {})
    absent = replace(complete, columns=complete.columns[1:], indexes=complete.indexes[1:])
    assert (only(environment, absent).rule, only(environment, absent).severity) == ("I1", Severity.NOTE)


def test_a_build_that_runs_is_waited_for_and_its_halves_are_left_alone(environment: Environment) -> None:
    half = {"valid": False, "ready": False}
    building = replace(found(environment, half), builds=(Build(pid=7, table=TABLE, index=NAME, phase="building index"),))
    finding = only(environment, building)
    assert finding.severity is Severity.WARN and finding.mend == JoinBuild(pid=7, table=TABLE)


@pytest.mark.parametrize(("changes", "rule"), [
    ({"valid": False, "ready": False}, "I2"), ({"valid": False}, "I3"), ({"name": f"{NAME}_ccnew", "valid": False}, "I4"),
    ({"name": f"{NAME}_ccold2", "valid": False, "ready": False}, "I4"), ({"name": "near", "valid": False, "cast": ("halfvec", 1536)}, "I3"),
])  # fmt: skip
def test_what_is_broken_is_dropped_whatever_it_stores(environment: Environment, changes: dict[str, Any], rule: str) -> None:
    broken = {"name": "broken", **changes} if "name" not in changes else changes
    finding = only(environment, found(environment, {}, broken))
    assert finding.rule == rule and finding.mend == DropIndex(name=str(broken["name"]))


def test_broken_indexes_of_other_columns_are_not_ours(environment: Environment) -> None:
    others: list[dict[str, Any]] = [{"name": "a_pkey_ccnew", "column": "id", "valid": False},
        {"name": "expression", "column": None, "valid": False},
              {"name": "another_ccnew", "column": "other", "valid": False}]  # fmt: skip
    assert findings(environment, found(environment, {}, *others)) == []


@pytest.mark.parametrize(("changes", "rule"), [
    ({"operator_class": "vector_l2_ops"}, "I5"), ({"cast": ("halfvec", 1536), "operator_class": "halfvec_cosine_ops"}, "I6"),
    ({"partial": True}, "I6"), ({}, "I7"), ({"method": "ivfflat", "options": {"lists": 20}}, "I7"),
])  # fmt: skip
def test_an_index_that_is_no_use_is_dropped_and_the_declared_one_stays(
    environment: Environment, changes: dict[str, Any], rule: str
) -> None:
    finding = only(environment, found(environment, {}, {"name": "near", **changes}))
    assert (finding.rule, finding.severity) == (rule, Severity.WARN)
    assert finding.mend == RetireIndex(name="near")
    assert finding.command == "DROP INDEX CONCURRENTLY public.near"


def test_an_index_that_another_declared_search_uses_is_no_stranger(environment: Environment) -> None:
    first = environment.vector_sets[0]
    both = environment.model_copy(update={"vector_sets": (first, first.model_copy(update={"distance": "l2"}))})
    catalogue = found(environment, {}, {"name": "near", "operator_class": "vector_l2_ops"})
    assert not [finding for finding in findings(both, catalogue) if finding.rule in ("I5", "I6")]


@pytest.mark.parametrize(("idle", "drops"), [(2.0, False), (45.0, True), (None, True)])
def test_a_useless_index_that_was_searched_lately_is_left_to_a_person(environment: Environment, idle: float | None, drops: bool) -> None:
    catalogue = found(environment, {}, {"name": "near", "operator_class": "vector_l2_ops"})
    finding = only(environment, catalogue, indexes={"near": IndexUse(scans=1, idle_days=idle)})
    assert (finding.mend is not None) is drops


def test_what_belongs_to_another_role_is_told_and_not_touched(environment: Environment) -> None:
    catalogue = found(environment, {}, {"name": "near", "operator_class": "vector_l2_ops"}, owned=False, owner="app")
    finding = only(environment, catalogue)
    assert finding.mend is None and finding.command.endswith("public.near, as a member of app")


@pytest.mark.parametrize(("counted", "use", "unused"), [
    (40, IndexUse(), True), (40, IndexUse(idle_days=31, scans=9), True), (40, IndexUse(idle_days=29, scans=9), False),
    (20, IndexUse(), False), (40, IndexUse(built_days=5), False), (40, IndexUse(built_days=35), True),
])  # fmt: skip
def test_an_index_is_unused_only_if_the_server_has_counted_for_so_long(
    environment: Environment, counted: float, use: IndexUse, unused: bool
) -> None:
    busy = {vectors.index_name(each): IndexUse(scans=1, idle_days=0.1) for each in environment.vector_sets[1:]}
    result = findings(environment, found(environment, {}), counted_days=counted, indexes={NAME: use, **busy})
    assert [finding.rule for finding in result] == (["I8"] if unused else [])


def test_bloat_is_judged_by_the_rows_that_live(environment: Environment) -> None:
    size = vectors.index_bytes(20_000, 1536, "vector", 16)
    full = found(environment, {"size_bytes": size})
    assert findings(environment, full, rows={TABLE: Rows(live=11_000, dead=9_000)}) == []
    finding = only(environment, full, rows={TABLE: Rows(live=9_000, dead=11_000)})
    assert finding.rule == "I9" and isinstance(finding.mend, RebuildIndex)
    assert finding.mend.build.index == environment.vector_sets[0].index


@pytest.mark.parametrize(("ef", "use", "command", "mends"), [
    (40, IndexUse(rows_at_build=20_000), "agentmem post-provision --stack prod sets hnsw.ef_search", False),
    (40, IndexUse(rows_at_build=10_000), "REINDEX", True), (800, IndexUse(), "REINDEX", True),
    (800, IndexUse(rows_at_build=20_000), "agentmem indexes recall", False),
])  # fmt: skip
def test_recall_below_the_floor_is_mended_at_its_cause(environment: Environment, ef: int, use: IndexUse, command: str, mends: bool) -> None:
    finding = only(environment, found(environment, {}), indexes={NAME: use}, **probed(0.5, ef=ef))
    assert (finding.rule, finding.severity) == ("I10", Severity.REFUSE)
    assert finding.command.startswith(command) and (finding.mend is not None) is mends


def test_recall_that_nobody_can_know_is_told(environment: Environment) -> None:
    finding = only(environment, found(environment, {}), **probed(None, served_by="near"))
    assert finding.rule == "I10" and finding.severity is Severity.WARN and finding.says.startswith("near serves")


@pytest.mark.parametrize(("now", "fallen"), [(0.975, False), (0.972, False), (0.97, True)])
def test_recall_has_fallen_only_by_more_than_chance(environment: Environment, now: float, fallen: bool) -> None:
    catalogue = found(environment, {"proof": Proof(recall=1.0, rows=20_000, built=True)})
    result = findings(environment, catalogue, **probed(now, standard_error=0.001))
    assert [finding.rule for finding in result] == (["I11"] if fallen else [])


def test_vectors_that_nothing_reaches_ask_for_a_rebuild(environment: Environment) -> None:
    finding = only(environment, found(environment, {}), **probed(0.99, lost=3))
    assert finding.rule == "I12" and isinstance(finding.mend, RebuildIndex)


@pytest.mark.parametrize(("built", "stale"), [(10_000, True), (10_001, False), (None, False), (0, True)])
def test_lists_are_stale_when_the_rows_have_doubled(environment: Environment, built: int | None, stale: bool) -> None:
    lists = environment.vector_sets[0].model_copy(update={"index": IvfFlat(kind="ivfflat", lists=20), "index_if_memory_is_short": None})
    only_lists = environment.model_copy(update={"vector_sets": (lists, *environment.vector_sets[1:])})
    catalogue = found(environment, {"method": "ivfflat", "options": {"lists": 20}})
    result = findings(only_lists, catalogue, indexes={NAME: IndexUse(rows_at_build=built)}, rows={TABLE: Rows(live=20_000, dead=0)})
    assert [finding.rule for finding in result] == (["I13"] if stale else [])


@pytest.mark.parametrize(("size", "severity"), [(3 * GIB, None), (5 * GIB, Severity.NOTE), (13 * GIB, Severity.WARN)])
def test_an_index_beyond_the_cache_names_what_would_hold_it(environment: Environment, size: int, severity: Severity | None) -> None:
    result = [finding for finding in findings(environment, found(environment, {"size_bytes": size}, rows=None)) if finding.rule == "I14"]
    assert [finding.severity for finding in result] == ([severity] if severity else [])
    assert all("server.sku: Standard_" in finding.command and "type: halfvec" in finding.command for finding in result)


def test_an_index_that_is_replaced_is_not_rebuilt_as_well(environment: Environment) -> None:
    catalogue = found(environment, {"options": {"m": 4, "ef_construction": 16}, "size_bytes": 8 << 30})
    result = findings(environment, catalogue)
    assert {finding.rule for finding in result} >= {"I17", "I9"}
    assert [type(finding.mend) for finding in result if finding.mend] == [BuildIndex]


@pytest.mark.parametrize(("installed", "offered", "ids", "mends"), [
    ("0.8.1", "0.8.1", {"CVE-2026-3172", "hnsw-vacuum-corruption", "hnsw-not-repaired", "hnsw-duplicate-neighbours"}, set()),
    ("0.8.2", "0.8.5", {"hnsw-vacuum-corruption", "hnsw-not-repaired", "hnsw-duplicate-neighbours"},
     {"hnsw-vacuum-corruption", "hnsw-not-repaired"}),
    ("0.8.5", "0.8.6", {"hnsw-duplicate-neighbours"}, set()), ("0.8.10", "0.8.10", set(), set()), ("0.4.4", "0.4.4", set(), set()),
])  # fmt: skip
def test_a_version_has_the_defects_that_are_known_of_it(
    environment: Environment, installed: str, offered: str, ids: set[str], mends: set[str]
) -> None:
    catalogue = found(environment, {})
    extension = Extension(name="vector", installed=installed, offered=offered)
    result = findings(environment, replace(catalogue, extensions={**catalogue.extensions, "vector": extension}))
    assert {finding.says.split()[3].rstrip(":") for finding in result} == ids
    assert {finding.says.split()[3].rstrip(":") for finding in result if finding.mend} == mends


def test_a_defect_of_32_bits_is_none_on_64() -> None:
    assert "CVE-2026-18022" in {defect.id for defect in pgvector_versions.defects_of("0.8.5", 32)}
    assert "CVE-2026-18022" not in {defect.id for defect in pgvector_versions.defects_of("0.8.5", 64)}


@pytest.mark.parametrize(("installed", "rebuilt"), [("9.0.0", True), ("0.8.1", False)])
def test_an_index_of_a_defective_version_is_built_again_only_by_a_better_one(
    environment: Environment, installed: str, rebuilt: bool
) -> None:
    catalogue = found(environment, {})
    extension = Extension(name="vector", installed=installed, offered=installed)
    ill = replace(catalogue, extensions={**catalogue.extensions, "vector": extension})
    result = findings(environment, ill, indexes={NAME: IndexUse(built_by="0.8.1")})
    assert any(finding.rule == "I16" and finding.mend for finding in result) is rebuilt


def test_a_name_that_needs_quotes_gets_them(environment: Environment) -> None:
    index: dict[str, Any] = {"name": 'Near "it"', "operator_class": "vector_l2_ops"}
    assert only(environment, found(environment, {}, index)).command == 'DROP INDEX CONCURRENTLY public."Near ""it"""'


def test_an_index_of_a_kind_that_we_do_not_know_is_left_alone(environment: Environment) -> None:
    other: Index = replace(found(environment, {}).indexes[0], name="disk", method="diskann")
    catalogue = found(environment, {})
    assert findings(environment, replace(catalogue, indexes=(*catalogue.indexes, other))) == []
