"""A server in a Backup vault, by the real engine: up, nothing left to do, another retention, and down again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.engine.conftest import Terminal
from tests.engine.own_project import copied, edit

ASKED = "long_term: {weekly: 12, monthly: 60, yearly: 10, redundancy: ZoneRedundant, immutable: false}"
LESS = ASKED.replace("monthly: 60", "monthly: 24")
POLICY = "weekly-12-monthly-{}-yearly-10"


@pytest.fixture(scope="module")
def made(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """dev, up, with a vault."""
    project = copied(tmp_path_factory.mktemp("project"), "dev")
    edit(project, "dev", {"long_term: null": ASKED})
    person = Terminal(tmp_path_factory.mktemp("state"), path_with_pulumi, project)
    with person.serving():
        done = person.pulumi("up", "--stack", "dev", "--yes")
        assert done.returncode == 0, said(done)
        yield person


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Everything that a command wrote."""
    return done.stdout + done.stderr


def in_vault(person: Terminal) -> dict[str, dict[str, object]]:
    """What the cloud keeps of Azure Backup, by the last two segments of its id."""
    listed = json.loads((person.state / "cloud.json").read_text(encoding="utf-8"))["resources"].values()
    found = (each for each in listed if "/Microsoft.DataProtection/" in each["id"])
    return {"/".join(each["id"].split("/")[-2:]): each["body"]["properties"] for each in found}


def test_the_vault_is_there_and_nothing_differs_afterwards(made: Terminal) -> None:
    assert set(in_vault(made)) == {
        "backupVaults/bvault-zepmem-dev", f"backupPolicies/{POLICY.format(60)}", "backupInstances/zepmem-dev",
    }  # fmt: skip
    done = made.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes")
    assert done.returncode == 0, said(done)


def test_the_roles_of_the_vault_are_nobody_elses(made: Terminal) -> None:
    done = made.run("agentmem", "doctor", "--stack", "dev")
    assert "operations are allowed" in done.stdout, said(done)


def test_another_retention_is_another_policy_and_the_server_is_never_without_one(made: Terminal) -> None:
    edit(made.project, "dev", {ASKED: LESS})
    done = made.pulumi("up", "--stack", "dev", "--yes", "--skip-preview")
    assert done.returncode == 0, said(done)
    found = in_vault(made)
    assert [name for name in found if name.startswith("backupPolicies/")] == [f"backupPolicies/{POLICY.format(24)}"]
    followed = found["backupInstances/zepmem-dev"]["policyInfo"]
    assert isinstance(followed, dict) and followed["policyId"].endswith(f"/{POLICY.format(24)}")


def test_all_of_it_goes_down_again(made: Terminal) -> None:
    done = made.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview")
    assert done.returncode == 0, said(done)
    assert json.loads((made.state / "cloud.json").read_text(encoding="utf-8"))["resources"] == {}
