"""Bad input before the engine: a provider that is not there, a state that cannot be read, files changed by hand, two runs at once."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Terminal
from tests.engine.own_project import copied

# Everything wrong at once: shapes, keys of nobody, and values that only the rules know to be wrong.
MANY = {
    "version: 16": "version: 9", "retention_days: 7": "retention_days: 70", "sku: Standard_B1ms": "sku: Standard_XX",
    "    zone: 1": "    zonne: 1", "config:\n": "config:\n  other:thing: 2\n  agent-memory:extra: 1\n",
}  # fmt: skip
TOLD = (
    "server.zonne is not a key of the contract (C1)", "extra is not a key of the contract (C1)",
    "other:thing is not a key of the contract (C1)", "server.sku is Standard_XX", "backup.retention_days is 70, Azure keeps 7 to 35 days",
)  # fmt: skip


@pytest.fixture(scope="module")
def person(served: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Somebody with a project of their own, on a local Azure that is empty."""
    return Terminal(served.state, served.path, copied(tmp_path_factory.mktemp("project"), "dev", "test", "staging"))


@pytest.fixture(scope="module", autouse=True)
def unheard(person: Terminal) -> Iterator[subprocess.Popen[str]]:
    """A preview with a provider at a port where nobody listens. The engine waits ten seconds for it, so the other tests go on meanwhile."""
    wrong = ("env", "PULUMI_DEBUG_PROVIDERS=azure-native:1", "pulumi", "preview", "--stack", "staging")
    command = person.command("run", "--", *wrong, "--non-interactive", "--color", "never")
    where = {"env": person.variables, "cwd": person.project, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **where) as child:
        yield child


def replaced(text: str, lines: dict[str, str]) -> str:
    for old, new in lines.items():
        assert text.count(old) == 1, f"{old} is not there once"
        text = text.replace(old, new)
    return text


def with_file(person: Terminal, name: str, change: Callable[[str], str]) -> subprocess.CompletedProcess[str]:
    """A preview of dev with one file changed, which is as it was afterwards."""
    file = person.project / name
    before = file.read_text()
    file.write_text(change(before))
    try:
        return person.pulumi("preview", "--stack", "dev")
    finally:
        file.write_text(before)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What was said by a run that refused in good order, and planned nothing."""
    said = done.stdout + done.stderr
    assert done.returncode not in (0, 70), said
    assert "Traceback" not in said and "bug of ours" not in said
    assert "azure-native:" not in done.stdout, "nothing is registered"
    return said


def test_every_problem_of_a_stack_file_is_told_once_and_nothing_is_registered(person: Terminal) -> None:
    said = refused(with_file(person, "Pulumi.dev.yaml", lambda text: replaced(text, MANY)))
    diagnostics = said.partition("Diagnostics:")[2]
    assert [diagnostics.count(each) for each in TOLD] == [1] * len(TOLD)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", "environment is missing (C2)"),
        (lambda text: re.sub(r"(agent-memory:server:).*\n(?:    .*\n)+", r"\1 5\n", text), "server is '5'"),
        (lambda text: replaced(text, {"environment: dev ": "environment: prod "}), "environment is prod, but this is the stack dev (C7)"),
        (lambda text: replaced(text, {"expected_rows: 20000": "expected_rows: 1e400"}), "vector_sets[0].expected_rows is '1e400'"),
        (lambda text: replaced(text, {"    zone: 1": "    zone: 1\n    zone: 2"}), 'mapping key "zone" already defined at line'),
    ],
    ids=["empty", "a number for a section", "another environment", "a number beyond all", "a key twice"],
)
def test_a_stack_file_of_another_shape_is_told_in_a_sentence(person: Terminal, change: Callable[[str], str], words: str) -> None:
    assert words in refused(with_file(person, "Pulumi.dev.yaml", change))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            {"name: agent-memory": "name: other"},
            "Pulumi.yaml: name is other, the stacks belong to agent-memory\nhint: name: agent-memory\n",
        ),
        ({"main: infra/__main__.py": ""}, "Pulumi.yaml: main is no file name\nhint: main: infra/__main__.py\n"),
        ({"name: agent-memory": "name: [agent-memory"}, "Pulumi.yaml:2: is not YAML\n"),
    ],
    ids=["renamed", "no program", "no YAML"],
)
def test_a_project_file_changed_by_hand_is_told_with_its_line(person: Terminal, lines: dict[str, str], told: str) -> None:
    done = with_file(person, "Pulumi.yaml", lambda text: replaced(text, lines))
    assert (done.returncode, done.stdout, done.stderr) == (3, "", told)


def test_a_program_that_is_not_there_is_named(person: Terminal) -> None:
    done = with_file(person, "Pulumi.yaml", lambda text: replaced(text, {"main: infra/__main__.py": "main: infra/nothing.py"}))
    assert "infra/nothing.py: no such file or directory" in refused(done)


@pytest.mark.parametrize(
    ("file", "text", "fact"),
    [
        ("cloud.json", '{"form": 7, "resources": {}, "operations": {}}', "has form 7, this version reads form 1"),
        ("cloud.json", '{"form": 1, "resources": {"a": {"id"', "is not whole"),
        ("cloud.json", '{"form": 1, "resources": {"a": 3}, "operations": {}}', "is not whole"),
        ("pulumi/seal.json", '{"salt": "v1', "is not whole"),
    ],
    ids=["another version", "half-written", "another shape", "half a seal"],
)
def test_a_state_that_cannot_be_read_is_named_and_left_as_it_is(
    path_with_pulumi: str, tmp_path: Path, file: str, text: str, fact: str
) -> None:
    state = tmp_path / "state"
    (state / "pulumi").mkdir(parents=True)
    (state / file).write_text(text)
    done = Terminal(state, path_with_pulumi).run("true")
    assert done.returncode in (1, 3)
    first, hint = done.stderr.splitlines()
    assert first.endswith(f"{state / file} {fact}")
    assert hint.startswith("hint: --fresh begins anew")
    assert (state / file).read_text() == text


def test_fresh_begins_anew_over_a_state_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "cloud.json").write_text('{"form": 1, "resources"')
    done = Terminal(tmp_path, "/usr/bin:/bin").agentmem("run", "--fresh", "--", "true")
    assert done.returncode == 0, done.stderr


def test_two_runs_on_one_state_both_get_their_own_stack(person: Terminal) -> None:
    """They share the local Azure, its shadow and its backend; each has its own stack."""
    command = person.command("run", "--", "pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color", "never", "--stack")
    where = {"env": person.variables, "cwd": person.project, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*command, "dev"], **where) as one, subprocess.Popen([*command, "test"], **where) as other:
        said = [child.communicate(timeout=100)[0] for child in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), said
    listed = json.loads((person.state / "cloud.json").read_text())["resources"].values()
    servers = {each["body"]["name"] for each in listed if each["type"] == "Microsoft.DBforPostgreSQL/flexibleServers"}
    assert servers == {"zepmem-dev", "zepmem-test"}


def test_a_provider_that_does_not_listen_is_told_by_name(unheard: subprocess.Popen[str]) -> None:
    said, _ = unheard.communicate(timeout=60)
    assert unheard.returncode not in (0, 70)
    assert "error: azure-native (resource) plugin [azure-native] did not begin responding to RPC connections" in said
    assert "Traceback" not in said and "memory-server-postgresql" not in said
