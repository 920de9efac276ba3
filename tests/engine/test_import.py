"""A server that somebody made by hand, with the values of the shipped dev stack, is taken over by `pulumi import` and then left alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from scripts.edges import stack_file
from tests.engine import by_hand
from tests.engine.conftest import ROOT, Terminal
from tests.engine.own_project import copied, edit

SERVER = by_hand.server_of(stack_file.read("dev", ROOT))
IDS = by_hand.ids(stack_file.read("dev", ROOT))
GROUP_OF_ADMINISTRATORS = "{object_id: 5e1f7c1a-0b0e-4c7a-9a52-2f1d6f0a9e17, principal_name: memory-admins, principal_type: Group}"
WITHOUT_PASSWORDS = {
    "    administrator: cogadmin\n": "    administrator: null\n",
    "    password: true\n": "    password: false\n",
    "entra_administrators: [] ": f"entra_administrators: [{GROUP_OF_ADMINISTRATORS}] ",
}


@pytest.fixture(scope="module")
def person(served: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Somebody with a project of their own."""
    project = copied(tmp_path_factory.mktemp("project"), "dev")
    edit(project, "dev", by_hand.RULE)
    return Terminal(served.state, served.path, project)


@pytest.fixture(scope="module")
def imported(person: Terminal, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return by_hand.imported(person, tmp_path_factory.mktemp("import"))


def test_everything_made_by_hand_is_imported(imported: subprocess.CompletedProcess[str], person: Terminal) -> None:
    assert imported.returncode == 0, imported.stdout + imported.stderr
    exported = json.loads(person.pulumi("stack", "export", "--stack", "dev").stdout)["deployment"]["resources"]
    inputs = next(each["inputs"] for each in exported if each.get("id") == SERVER)
    assert inputs["storage"] == {"autoGrow": "Enabled", "iops": 120, "storageSizeGB": 32, "tier": "P4", "type": ""}
    mine = set(IDS.values())
    assert {each["id"] for each in exported if each.get("id") in mine} == mine
    assert "state" not in inputs and "fullyQualifiedDomainName" not in inputs


def test_after_the_import_nothing_changes_but_the_password_that_azure_never_tells(
    imported: subprocess.CompletedProcess[str], person: Terminal
) -> None:
    password = {"administratorLoginPassword": {"kind": "add", "inputDiff": True}}
    assert by_hand.differences(person) == {"memory-server-postgresql": {"operation": "update", **password}}


def test_one_up_gives_the_password_and_then_nothing_is_left(imported: subprocess.CompletedProcess[str], person: Terminal) -> None:
    created = person.state / "cloud.json"
    before = _born(created)
    done = person.pulumi("up", "--stack", "dev", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _born(created) == before, "the server is the one made by hand"
    kept = person.pulumi("preview", "--stack", "dev", "--expect-no-changes")
    assert kept.returncode == 0, kept.stdout + kept.stderr


def test_a_server_without_passwords_is_imported_with_nothing_left_to_change(path_with_pulumi: str, tmp_path: Path) -> None:
    project = copied(tmp_path, "dev")
    edit(project, "dev", {**by_hand.RULE, **WITHOUT_PASSWORDS})
    person = Terminal(tmp_path / "state", path_with_pulumi, project)
    with person.serving():
        done = by_hand.imported(person, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "memory-access-administrator-" in done.stdout
        assert by_hand.differences(person) == {}


def _born(cloud: Path) -> str:
    resources = json.loads(cloud.read_text())["resources"].values()
    born = next(each for each in resources if each["type"] == "Microsoft.DBforPostgreSQL/flexibleServers")["body"]["systemData"]
    return str(born["createdAt"])
