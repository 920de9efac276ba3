"""Reading a stack file: YAML as Pulumi reads it, with the line of every key."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.domain.problem import Invalid, Problem
from scripts.edges import stack_file


@pytest.fixture
def text(root: Path) -> str:
    return (root / "Pulumi.prod.yaml").read_text()


def loaded(folder: Path, text: str, stack: str = "prod") -> stack_file.Loaded:
    (folder / f"Pulumi.{stack}.yaml").write_text(text)
    return stack_file.load(stack, folder)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_each_problem_names_file_and_line(tmp_path: Path, text: str) -> None:
    broken = text.replace("    sku: ", "    skuu: ")
    (problem,) = loaded(tmp_path, broken).problems
    assert (problem.file, problem.line) == ("Pulumi.prod.yaml", line_of(broken, "skuu:"))
    assert str(problem).startswith(f"Pulumi.prod.yaml:{problem.line}: server.skuu is not a key")


def test_a_key_inside_a_list_is_found_on_its_line(tmp_path: Path, text: str) -> None:
    broken = text.replace("type: halfvec ", "type: halfvek ")
    (problem,) = loaded(tmp_path, broken).problems
    assert problem.key == "vector_sets[1].type"
    assert problem.line == line_of(broken, "halfvek")


def test_a_missing_key_is_located_at_its_section(tmp_path: Path, text: str) -> None:
    broken = text.replace("    retention_days: 35\n", "")
    (problem,) = loaded(tmp_path, broken).problems
    assert problem.line == line_of(broken, "agent-memory:backup:")


def test_a_key_written_twice_is_a_problem_that_names_both_lines(tmp_path: Path, text: str) -> None:
    broken = text.replace("    retention_days: 35\n", "    retention_days: 35\n    retention_days: 7\n")
    (problem,) = loaded(tmp_path, broken).problems
    first = line_of(broken, "retention_days: 35")
    assert problem.rule == "C5"
    assert problem.line == first + 1
    assert f"first on line {first}" in problem.message


def test_yaml_that_does_not_parse_is_one_problem_with_its_line(tmp_path: Path, text: str) -> None:
    found = loaded(tmp_path, text.replace("{mode: ZoneRedundant, standby_zone: 2}", "{mode: ZoneRedundant, standby_zone: 2"))
    assert [problem.rule for problem in found.problems] == ["C6"]
    assert found.problems[0].line


@pytest.mark.parametrize("content", ["", "[]", "config:", "config: 7", "just text"])
def test_a_file_without_configuration_is_a_problem_and_no_traceback(tmp_path: Path, content: str) -> None:
    assert "C2" in {problem.rule for problem in loaded(tmp_path, content).problems}


def test_a_missing_file_names_those_that_exist(tmp_path: Path, text: str) -> None:
    loaded(tmp_path, text)
    (problem,) = stack_file.load("uat", tmp_path).problems
    assert "prod" in problem.hint


def test_on_and_dates_stay_text_as_they_do_in_pulumi(tmp_path: Path, text: str) -> None:
    environment = loaded(tmp_path, text.replace("parameters: {}", "parameters: {jit: on, cron.timezone: 2024-01-01, x: 0o17}")).environment
    assert environment is not None
    assert environment.database.parameters == {"jit": "on", "cron.timezone": "2024-01-01", "x": "0o17"}


def test_a_password_in_clear_is_refused_and_never_repeated(tmp_path: Path, text: str) -> None:
    found = loaded(tmp_path, f"{text}  agent-memory:administrator_password: hunter2-in-clear\n")
    (problem,) = found.problems
    assert problem.rule == "C8"
    assert "hunter2" not in repr(found)


def test_an_encrypted_password_is_only_known_to_be_set(tmp_path: Path, text: str) -> None:
    found = loaded(tmp_path, f"encryptionsalt: v1:x\n{text}  agent-memory:administrator_password:\n    secure: v1:ciphertext\n")
    assert found.problems == ()
    assert found.password_is_set
    assert "ciphertext" not in repr(found)


def test_a_key_of_another_namespace_is_a_problem(tmp_path: Path, text: str) -> None:
    (problem,) = loaded(tmp_path, f"{text}  azure-native:subscriptionId: 1234\n").problems
    assert problem.rule == "C1"
    assert "ARM_SUBSCRIPTION_ID" in problem.hint


def test_read_gives_the_environment_or_every_problem(tmp_path: Path, text: str, root: Path) -> None:
    assert stack_file.read("prod", root).name == "prod"
    loaded(tmp_path, text.replace("version: 16", "version: '16'").replace("protect: true", "protect: 1"))
    with pytest.raises(Invalid) as caught:
        stack_file.read("prod", tmp_path)
    assert len(caught.value.problems) == 2


def test_a_problem_of_a_key_without_a_line_is_located_above_it(root: Path) -> None:
    found = stack_file.load("prod", root)
    problem = found.locate(Problem(key="backup.nothing.deeper", message="x", rule="R5"))
    assert problem.line == found.lines["backup"]
