"""All rules together: how many there are, that the shipped environments pass, and that nothing makes them stumble."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies

from infra.domain import transitions
from infra.domain.check import JUDGED_HERE, NEEDS_THE_SERVER, PRODUCT_RULES, RULES, judge
from infra.domain.environment import STACKS
from infra.domain.problem import Severity
from infra.domain.rules import copies
from scripts.edges import stack_file
from tests.builders import BURSTABLE, build_environment

NEED_THE_SERVER = ["R1", "R6", "R15", "R16", "R18"]


def test_there_are_30_rules_of_azure() -> None:
    assert [rule.id for rule in RULES] == [*(f"R{number}" for number in range(1, 22)), *(f"W{number}" for number in range(1, 10))]


def test_25_of_them_are_judged_from_the_file() -> None:
    assert (JUDGED_HERE, NEEDS_THE_SERVER) == (25, 5)
    assert [rule.id for rule in RULES if rule.needs == "server"] == NEED_THE_SERVER


def test_every_rule_has_a_title_a_source_and_a_judge() -> None:
    for rule in (*RULES, *PRODUCT_RULES):
        assert rule.title and rule.source
        assert bool(rule.faces) == (rule.needs == "environment"), rule.id


def test_what_needs_the_server_is_judged_somewhere_else() -> None:
    text = inspect.getsource(transitions) + inspect.getsource(copies)
    assert [rule for rule in NEED_THE_SERVER if f'"{rule}"' not in text] == []


def test_a_face_speaks_for_the_rule_that_it_belongs_to() -> None:
    """The id in a function's docstring is that of its rule, and the only one that it uses."""
    for rule in (*RULES, *PRODUCT_RULES):
        for face in rule.faces:
            assert (face.__doc__ or "").startswith(f"{rule.id}: "), face.__name__
            strings = {node.value for node in ast.walk(ast.parse(inspect.getsource(face))) if isinstance(node, ast.Constant)}
            others = {other.id for other in (*RULES, *PRODUCT_RULES)} - {rule.id}
            assert not strings & others, face.__name__


@pytest.mark.parametrize("stack", STACKS)
def test_a_shipped_environment_passes_all_rules(stack: str, root: Path) -> None:
    judgement = judge(stack_file.read(stack, root))
    assert [str(problem) for problem in judgement.problems] == []
    assert judgement.ok
    assert set(judgement.recovery) == {"node", "zone", "corruption", "region", "deletion"}


def test_the_environment_that_tests_start_from_is_sound() -> None:
    assert judge(build_environment()).problems == ()
    assert [str(problem) for problem in judge(build_environment(BURSTABLE, environment="dev")).refusals] == []


def test_a_judgement_sorts_by_weight_and_gives_everything() -> None:
    judgement = judge(build_environment({"backup.retention_days": 45, "guard.lock": False}))
    assert [problem.rule for problem in judgement.refusals] == ["R5"]
    assert [problem.rule for problem in judgement.warnings] == ["W8"]
    assert {note.severity for note in judgement.notes} == {Severity.NOTE}
    assert list(judgement) == [*judgement.problems, *judgement.notes]
    assert not judgement.ok


def test_a_warning_alone_stops_nothing() -> None:
    assert judge(build_environment({"guard.lock": False})).ok


def test_everything_is_found_at_once() -> None:
    changes = {
        "server.sku": "x",
        "backup.retention_days": 1,
        "storage.size_gib": 5,
        "database.parameters": {"x": 1},
        "access.administrator": "root",
    }
    assert {"R2", "R5", "R9", "R12", "R20"} <= {problem.rule for problem in judge(build_environment(changes)).refusals}


_CHOICES: dict[str, list[object]] = {
    "server.sku": ["?", "Standard_", "Standard_B1ms", "Standard_E96bds_v5", "B_x"],
    "server.version": [-1, 0, 13, 16, 99],
    "location": ["?", "westus", "West Europe", "moon"],
    "storage.size_gib": [1, 32, 2048, 10**9],
    "storage.kind": ["Premium_LRS", "PremiumV2_LRS", "UltraSSD_LRS"],
    "availability.mode": ["Disabled", "SameZone", "ZoneRedundant"],
    "network.mode": ["public", "private", "private_endpoint"],
    "network.subnet": [None, "", "::/0", "0.0.0.0/0", "10.20.1.0/28"],
    "replica": [None, {"location": "x", "sku": "y", "virtual_endpoint": ""}],
    "access.administrator": [None, "root"],
    "database.parameters": [
        {},
        {"max_connections": "many"},
        {"max_connections": 0},
        {"max_connections": True},
        {"": ""},
        {"work_mem": 1.5},
    ],
    "vector_sets[0].index": [
        {"kind": "hnsw", "m": 0, "ef_construction": -1},
        {"kind": "ivfflat", "lists": -5},
        {"kind": "ivfflat", "lists": 0},
    ],
    "vector_sets[0].dimensions": [1, 10**6],
    "database.pool.pgbouncer": [True, False],
    "backup.long_term": [
        None,
        {"weekly": 0, "monthly": 10**9, "yearly": 11, "redundancy": "GeoRedundant", "immutable": False},
        {"weekly": 1, "monthly": 0, "yearly": 1, "redundancy": "ZoneRedundant", "immutable": True},
    ],
}


@settings(max_examples=150, deadline=None)
@given(changes=strategies.fixed_dictionaries({}, optional={key: strategies.sampled_from(values) for key, values in _CHOICES.items()}))
def test_no_environment_makes_the_rules_stumble(changes: dict[str, object]) -> None:
    for problem in judge(build_environment(changes)):
        assert problem.message.startswith(f"{problem.key} ")
