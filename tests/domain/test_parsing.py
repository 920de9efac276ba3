"""The shape of the contract: everything wrong with it is told at once, by key, with the fix."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from infra.domain.environment import STACKS, Environment
from infra.domain.parsing import legible, parse
from infra.domain.problem import Invalid, Problem
from scripts.edges import stack_file


@pytest.fixture
def values(root: Path) -> dict[str, Any]:
    return copy.deepcopy(dict(stack_file.load("prod", root).values))


def problems_of(values: dict[str, Any], stack: str = "prod") -> dict[str, Problem]:
    with pytest.raises(Invalid) as caught:
        parse(values, stack)
    return {problem.key: problem for problem in caught.value.problems}


@pytest.mark.parametrize("stack", STACKS)
def test_the_shipped_stacks_parse(stack: str, root: Path) -> None:
    environment = parse(stack_file.load(stack, root).values, stack)
    assert environment.name == stack
    assert environment.server.name == f"zepmem-{stack}"


def test_an_environment_is_frozen(values: dict[str, Any]) -> None:
    environment = parse(values, "prod")
    with pytest.raises(ValueError, match="frozen"):
        environment.backup.retention_days = 7


def test_a_misspelt_key_is_told_once_with_the_key_that_was_meant(values: dict[str, Any]) -> None:
    values["server"]["skuu"] = values["server"].pop("sku")
    found = problems_of(values)
    assert set(found) == {"server.skuu"}
    assert found["server.skuu"].rule == "C1"
    assert found["server.skuu"].hint == "did you mean server.sku?"


def test_a_misspelt_section_is_told_once(values: dict[str, Any]) -> None:
    values["gaurd"] = values.pop("guard")
    assert {key: problem.hint for key, problem in problems_of(values).items()} == {"gaurd": "did you mean guard?"}


def test_an_unknown_key_without_a_likeness_names_the_keys_that_exist(values: dict[str, Any]) -> None:
    values["backup"]["zebra"] = 1
    assert "retention_days" in problems_of(values)["backup.zebra"].hint


def test_a_missing_key_is_told(values: dict[str, Any]) -> None:
    del values["backup"]["retention_days"], values["alerts"]
    found = problems_of(values)
    assert {key: problem.rule for key, problem in found.items()} == {"backup.retention_days": "C2", "alerts": "C2"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("server", "version"), "16"),
        (("server", "zone"), 1.5),
        (("storage", "autogrow"), "yes"),
        (("database", "extensions"), "vector"),
        (("access", "administrator"), 7),
        (("guard", "protect"), 1),
        (("recovery", "node"), None),
    ],
)
def test_a_wrong_type_is_told_at_its_key(values: dict[str, Any], path: tuple[str, str], value: object) -> None:
    values[path[0]][path[1]] = value
    found = problems_of(values)
    assert [(problem.key, problem.rule) for problem in found.values()] == [(".".join(path), "C3")]


def test_a_value_outside_a_closed_set_names_the_set(values: dict[str, Any]) -> None:
    values["availability"]["mode"] = "zone"
    problem = problems_of(values)["availability.mode"]
    assert problem.rule == "C4"
    assert "'SameZone'" in problem.message


def test_an_unknown_kind_of_index_names_the_kinds(values: dict[str, Any]) -> None:
    values["vector_sets"][1]["index"]["kind"] = "hnsv"
    problem = problems_of(values)["vector_sets[1].index"]
    assert "'hnsw', 'ivfflat'" in problem.message


def test_the_path_of_a_problem_in_an_index_has_no_key_that_the_file_has_not(values: dict[str, Any]) -> None:
    values["vector_sets"][0]["index"]["m"] = "16"
    assert set(problems_of(values)) == {"vector_sets[0].index.m"}


def test_an_identifier_that_postgresql_would_cut_or_fold_is_refused(values: dict[str, Any]) -> None:
    values["database"]["name"] = "Zep"
    values["vector_sets"][0]["table"] = "x" * 64
    found = problems_of(values)
    assert {problem.rule for problem in found.values()} == {"C4"}
    assert set(found) == {"database.name", "vector_sets[0].table"}


def test_another_stacks_file_is_refused_beside_everything_else(values: dict[str, Any]) -> None:
    values["server"]["skuu"] = 1
    found = problems_of(values, stack="uat")
    assert found["environment"].rule == "C7"
    assert "server.skuu" in found


def test_all_problems_come_at_once(values: dict[str, Any]) -> None:
    values["server"]["version"] = "16"
    values["storage"]["kind"] = "floppy"
    values["backup"]["retention"] = values["backup"].pop("retention_days")
    del values["memory"]
    assert set(problems_of(values)) == {"server.version", "storage.kind", "backup.retention", "memory"}


def test_a_file_with_misspelt_keys_can_still_be_judged(values: dict[str, Any]) -> None:
    values["server"]["skuu"] = values["server"].pop("sku")
    values["backup"]["zebra"] = 1
    readable = legible(values, "prod")
    assert isinstance(readable, Environment)
    assert readable.server.sku == "Standard_D2s_v3"
    assert "skuu" in values["server"], "the values that were handed in are left alone"


def test_a_file_that_lacks_a_section_cannot_be_judged(values: dict[str, Any]) -> None:
    del values["server"]
    assert legible(values, "prod") is None
