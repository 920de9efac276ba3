"""Whether one environment may be filled from another: each refusal with both sides of it, and what passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.domain.catalogue import Model
from infra.domain.environment import STACKS, Environment
from infra.domain.promotion import (
    HEAP_OF_VECTORS,
    POLICIES,
    WAL_OF_VECTORS,
    Policy,
    extension_policy,
    models,
    need,
    room,
    server_versions,
    way_down,
    writable_bytes,
)
from scripts.edges import stack_file

GIB = 1024**3


@pytest.fixture(scope="module")
def prod(root: Path) -> Environment:
    return stack_file.read("prod", root)


@pytest.mark.parametrize(
    ("policy", "source", "offered", "installed", "ok", "create"),
    [
        ("exact", "0.8.2", ("0.8.1", "0.8.2", "0.8.5"), None, True, "0.8.2"),
        ("exact", "0.8.5", ("0.8.1", "0.8.2"), None, False, None),
        ("exact", "0.8.2", ("0.8.2",), "0.8.2", True, None),
        ("exact", "0.8.2", ("0.8.5",), "0.8.5", False, None),
        ("exact", "0.8", ("0.8.0",), None, True, "0.8.0"),
        ("same-minor", "0.8.5", ("0.8.1", "0.8.2", "0.9.0", "0.7.4"), None, True, "0.8.2"),
        ("same-minor", "0.8.2", ("0.8.9", "0.8.10"), None, True, "0.8.10"),
        ("same-minor", "0.8.2", ("0.7.4", "0.9.0"), None, False, None),
        ("same-minor", "0.8.5", (), "0.8.2", True, None),
        ("same-minor", "0.8.5", ("0.8.5",), "0.7.4", False, None),
        ("at-least", "0.8.2", ("0.8.1", "0.8.2", "0.9.0"), None, True, "0.9.0"),
        ("at-least", "0.8.9", ("0.8.2",), None, False, None),
        ("at-least", "0.8.9", ("0.8.10",), "0.8.10", True, None),
        ("at-least", "0.8.5", ("0.8.2",), "0.8.2", False, None),
        ("at-least", "1.10", ("1.9",), "1.9", False, None),
    ],
)
def test_the_policy_decides_on_the_extension(
    policy: Policy, source: str, offered: tuple[str, ...], installed: str | None, ok: bool, create: str | None
) -> None:
    found = extension_policy(policy, source, offered, installed)
    assert (found.verdict.ok, found.create) == (ok, create), found.verdict.reason


def test_a_refused_extension_is_told_with_both_sides_and_the_way_out() -> None:
    offered = extension_policy("same-minor", "0.8.2", ("0.10.0", "0.9.0"), None).verdict.reason
    assert offered == "vector is 0.8.2 in the source, policy same-minor wants 0.8.x, and the target offers 0.9.0, 0.10.0"
    nothing = extension_policy("exact", "1.10", (), None, name="pg_stat_statements").verdict.reason
    assert nothing == "pg_stat_statements is 1.10 in the source, policy exact wants 1.10, and the target offers none"
    behind = extension_policy("at-least", "0.8.5", ("0.8.2", "0.8.6"), "0.8.2").verdict.reason
    assert behind.startswith("vector is 0.8.2 in the target and 0.8.5 in the source, and policy at-least wants 0.8.5 or newer")
    assert behind.endswith("; the target offers 0.8.6: ALTER EXTENSION vector UPDATE")
    ahead = extension_policy("exact", "0.8.2", ("0.8.2",), "0.8.5").verdict.reason
    assert "UPDATE" not in ahead  # nothing leads back


def test_each_policy_takes_the_same_version() -> None:
    assert all(extension_policy(policy, "0.8.2", ("0.8.2",), None).create == "0.8.2" for policy in POLICIES)


@pytest.mark.parametrize(("source", "target", "ok"), [(160014, 160002, True), (150017, 160001, True), (170000, 160014, False)])
def test_data_goes_to_the_same_or_a_newer_server(source: int, target: int, ok: bool) -> None:
    assert server_versions(source, target).ok is ok


def test_an_older_server_is_told_with_both_versions() -> None:
    says = "the target is PostgreSQL 16.14, older than 17.0 in the source: what an older version does not know is lost"
    assert server_versions(170000, 160014).reason == says


@pytest.mark.parametrize("target", [stack for stack in STACKS if stack != "prod"])
def test_real_data_goes_down_only_masked_or_with_a_reason(target: str) -> None:
    refused = [way_down("prod", target, False, override) for override in (None, "", " \n")]
    assert not any(verdict.ok for verdict in refused)
    assert way_down("prod", target, True, None).ok
    allowed = way_down("prod", target, False, " the outage of May ")
    assert allowed.ok and allowed.reason == f'prod to {target}: not masked, allowed because "the outage of May"'


def test_a_refused_way_says_what_is_lacking() -> None:
    says = "data of prod would go down to dev, and {}: name columns to mask, or give a reason why not"
    assert way_down("prod", "dev", False, None).reason == says.format("nothing is masked")
    assert way_down("prod", "dev", False, "").reason == says.format("the exception gives no reason")


@pytest.mark.parametrize(("source", "target"), [("uat", "prod"), ("uat", "staging"), ("dev", "test"), ("staging", "dev")])
def test_other_data_goes_any_way(source: str, target: str) -> None:
    assert way_down(source, target, False, None).ok


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("prod", "prod", "source and target are both prod"),
        ("dev", "dev", "source and target are both dev"),
        ("prod", "qa", "'qa' is no environment"),
        ("Prod", "dev", "'Prod' is no environment"),
    ],
)
def test_a_way_from_or_to_nowhere_is_refused_even_masked(source: str, target: str, says: str) -> None:
    verdict = way_down(source, target, True, "because")
    assert (verdict.ok, verdict.reason) == (False, says)


def recorded(environment: Environment) -> Model:
    first = environment.vector_sets[0]
    return Model(
        table=first.table, column=first.column, name=first.model.name, version=first.model.version, dimensions=first.dimensions,
        distance=first.distance,
    )  # fmt: skip


def test_the_declared_model_passes(prod: Environment) -> None:
    (verdict,) = models([recorded(prod)], prod.vector_sets[:1])
    assert verdict.ok and verdict.reason.endswith(verdict.found if isinstance(verdict.found, str) else "?")


@pytest.mark.parametrize("change", [{"name": "other"}, {"version": "0"}, {"dimensions": 7}, {"distance": "l2"}])
def test_another_model_is_refused_with_both_sides(prod: Environment, change: dict[str, object]) -> None:
    declared, found = prod.vector_sets[0], recorded(prod)
    assert any(getattr(found, name) != value for name, value in change.items())
    (verdict,) = models([replace(found, **change)], [declared])  # type: ignore[arg-type]
    assert not verdict.ok and verdict.expected != verdict.found
    assert f"{verdict.found} in the source" in verdict.reason and verdict.reason.endswith(str(verdict.expected))


@pytest.mark.parametrize("provenance", [None, []])
def test_a_source_that_says_nothing_of_its_model_is_refused(prod: Environment, provenance: list[Model] | None) -> None:
    verdicts = models(provenance, prod.vector_sets)
    assert len(verdicts) == len(prod.vector_sets) and not any(verdict.ok for verdict in verdicts)
    assert "nothing in the source says which model filled it" in verdicts[0].reason


def test_what_only_the_source_has_is_told_and_stops_nothing(prod: Environment) -> None:
    (verdict,) = models([recorded(prod)], [])
    assert verdict.ok and verdict.reason.endswith("the target does not declare it")


def test_a_load_takes_tables_indexes_and_wal() -> None:
    found = need(vector_bytes=1000, other_bytes=100, index_bytes=10)
    assert (found.tables, found.indexes, found.wal) == (1420 + 100, 10, 1160 + 116 + 10)
    assert found.total == 1520 + 10 + 1286
    assert need(0, 0, 0).total == 0


def test_room_is_what_is_free_or_less() -> None:
    assert room(GIB, GIB).ok
    short = room(GIB + 1, GIB)
    assert not short.ok and (short.expected, short.found) == (GIB + 1, GIB)
    says = "the load needs 1.0 GiB for data, indexes and WAL, 512.0 MiB are free; "
    factors = f"a byte of vector takes {HEAP_OF_VECTORS} in the table and {WAL_OF_VECTORS} of WAL, as measured"
    assert room(GIB, GIB // 2).reason == says + factors


@pytest.mark.parametrize(
    ("size_gib", "used", "writable"),
    [(32, 0, 27 * GIB), (32, 20 * GIB, 7 * GIB), (32, 31 * GIB, 0), (1000, 0, 950 * GIB)],
)
def test_a_disk_takes_writes_until_the_server_turns_read_only(size_gib: int, used: int, writable: int) -> None:
    assert writable_bytes(size_gib, used) == writable
