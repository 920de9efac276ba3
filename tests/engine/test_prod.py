"""`pulumi` itself on the production stack: created once, unchanged by a second run, kept through a failover, protected from the end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.domain import names
from scripts.edges import stack_file
from tests.engine.conftest import Terminal
from tests.engine.own_project import copied

ROOT = Path(__file__).resolve().parents[2]
PROD = stack_file.read("prod", ROOT)
GROUP, SERVER = names.resource_group(PROD), PROD.server.name
# A colleague with the SDK.
CLIENT = """
import os
from azure.identity import DefaultAzureCredential
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
url = os.environ["AGENTMEM_ARM_ENDPOINT"]
client = PostgreSQLManagementClient(
    DefaultAzureCredential(), os.environ["ARM_SUBSCRIPTION_ID"],
    base_url=url, credential_scopes=[url + "/.default"], api_version="2025-08-01",
)
"""
# The same colleague locks the whole group too, and then tries to delete the server.
LOCK_AND_DELETE = f"""{CLIENT}
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
group = "/subscriptions/" + os.environ["ARM_SUBSCRIPTION_ID"] + "/resourceGroups/{GROUP}"
path = group + "/providers/Microsoft.Authorization/locks/by-hand?api-version=2020-05-01"
client.send_request(HttpRequest("PUT", url + path, json={{"properties": {{"level": "CanNotDelete"}}}})).raise_for_status()
try:
    client.servers.begin_delete({GROUP!r}, {SERVER!r}).wait(60)
except HttpResponseError as error:
    print(error.status_code, error.error.code)
"""
# The server restarts on its standby, as Azure does it by itself when a zone fails. Prints the zones of both afterwards.
FAILOVER = f"""{CLIENT}
from azure.mgmt.postgresqlflexibleservers.models import RestartParameter
wanted = RestartParameter(restart_with_failover=True, failover_mode="PlannedFailover")
client.servers.begin_restart({GROUP!r}, {SERVER!r}, wanted).wait(60)
server = client.servers.get({GROUP!r}, {SERVER!r})
print(server.availability_zone, server.high_availability.standby_availability_zone)
"""


@pytest.fixture(scope="module")
def terminal(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Somebody who has prod alone."""
    return Terminal(tmp_path_factory.mktemp("state"), path_with_pulumi, copied(tmp_path_factory.mktemp("project"), "prod"))


@pytest.fixture(scope="module")
def up(served: Terminal) -> subprocess.CompletedProcess[str]:
    """The first `pulumi up` of prod."""
    return served.pulumi("up", "--stack", "prod", "--yes")


def steps(terminal: Terminal, *arguments: str) -> dict[str, list[str]]:
    """What a preview would do: operation → the names of its resources, without those that stay."""
    done = terminal.pulumi("preview", "--stack", "prod", "--json", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, list[str]] = {}
    for step in json.loads(done.stdout)["steps"]:
        if step["op"] != "same":
            found.setdefault(step["op"], []).append(step["urn"].rsplit("::", 1)[1])
    return found


def resources(terminal: Terminal) -> list[dict[str, Any]]:
    """The resources of the state, secrets as they are stored."""
    done = terminal.pulumi("stack", "export", "--stack", "prod")
    assert done.returncode == 0, done.stderr
    listed: list[dict[str, Any]] = json.loads(done.stdout)["deployment"]["resources"]
    return listed


def test_up_makes_everything(up: subprocess.CompletedProcess[str], served: Terminal) -> None:
    assert up.returncode == 0, up.stdout + up.stderr
    assert "39 created" in up.stdout
    server = next(item for item in resources(served) if item["type"] == "azure-native:dbforpostgresql:Server")
    assert server["outputs"]["fullyQualifiedDomainName"] == names.server_host(PROD)
    assert server["protect"]


def test_a_second_up_changes_nothing(up: subprocess.CompletedProcess[str], served: Terminal) -> None:
    again = served.pulumi("up", "--stack", "prod", "--yes", "--skip-preview")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "39 unchanged" in again.stdout
    assert steps(served) == {}


def test_no_secret_lies_in_the_state_in_clear(up: subprocess.CompletedProcess[str], served: Terminal) -> None:
    password = served.pulumi("config", "get", "agent-memory:administrator_password", "--stack", "prod").stdout.strip()
    assert len(password) == 24
    assert password not in json.dumps(resources(served))
    assert password not in up.stdout + up.stderr
    state = served.state / "pulumi"
    holders = [path for path in (state / "backend").rglob("*") if path.is_file() and password in path.read_text(errors="replace")]
    assert holders == []
    assert password not in "".join(path.read_text() for path in (served.state / "project").iterdir())


def test_a_failover_is_no_reason_to_replace_the_server(up: subprocess.CompletedProcess[str], served: Terminal) -> None:
    before = served.run("python", "-c", FAILOVER)
    assert before.stdout.split() == ["2", "1"], before.stderr
    refreshed = served.pulumi("refresh", "--stack", "prod", "--yes", "--skip-preview")
    assert refreshed.returncode == 0, refreshed.stdout + refreshed.stderr
    server = next(item for item in resources(served) if item["type"] == "azure-native:dbforpostgresql:Server")
    assert server["outputs"]["availabilityZone"] == "2", "the refresh has seen it"
    assert steps(served) == {}


def test_destroy_is_refused_and_nothing_is_gone(up: subprocess.CompletedProcess[str], served: Terminal) -> None:
    before = len(resources(served))
    refused = served.pulumi("destroy", "--stack", "prod", "--yes")
    assert refused.returncode != 0
    assert "protected" in refused.stdout + refused.stderr
    assert len(resources(served)) == before
    assert steps(served) == {}


def test_the_lock_holds_where_the_protection_was_taken_away(up: subprocess.CompletedProcess[str], served: Terminal) -> None:
    """Ours is in Pulumi's hands and would go first, so it is one made by hand that stops a destroy."""
    tried = served.run("python", "-c", LOCK_AND_DELETE)
    assert tried.stdout.split() == ["409", "ScopeLocked"], tried.stderr
    freed = served.pulumi("state", "unprotect", "--all", "--yes", "--stack", "prod")
    assert freed.returncode == 0, freed.stderr
    done = served.pulumi("destroy", "--stack", "prod", "--yes", "--skip-preview")
    assert done.returncode != 0, done.stdout
    diagnostics = done.stdout.partition("Diagnostics:")[2]
    assert 'error: Status=409 Code="ScopeLocked"' in diagnostics
    kept = {item["type"] for item in resources(served)}
    assert {"azure-native:dbforpostgresql:Server", "azure-native:resources:ResourceGroup"} <= kept
    again = served.pulumi("up", "--stack", "prod", "--yes", "--skip-preview")
    assert again.returncode == 0, again.stdout + again.stderr
    assert all(item["protect"] for item in resources(served) if item["type"].endswith(("dbforpostgresql:Server", "ManagementLockByScope")))


def test_nobody_else_uses_the_state_meanwhile(served: Terminal) -> None:
    busy = served.agentmem("run", "--fresh", "--", "true")
    assert busy.returncode == 6
    pid = json.loads((served.state / "served.json").read_text())["pid"]
    assert f"is used by process {pid}\nhint: end that first: --fresh would empty what it serves" in busy.stderr
