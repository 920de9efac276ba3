"""A server that somebody made by hand, with the values of the shipped dev stack, is taken over by `pulumi import` and then left alone.

The one thing that is added to the stack file is the firewall rule that was made by hand too.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.domain import names
from infra.domain.server_parameters import desired
from scripts.edges import stack_file
from tests.engine.conftest import ROOT, Terminal
from tests.engine.own_project import copied, edit

RULE = {"firewall: []": "firewall: [{name: by-hand, start: 203.0.113.7, end: 203.0.113.7}]"}
DEV = stack_file.read("dev", ROOT)
# Made as a person does it with the SDK: only what the stack file says, and Azure fills in the rest.
BY_HAND = """
import os
from pathlib import Path
from azure.core.rest import HttpRequest
from azure.identity import DefaultAzureCredential
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient, models
from infra.domain import names, sizing
from infra.domain.server_parameters import desired
from scripts.edges import stack_file

def on(flag):
    return "Enabled" if flag else "Disabled"

dev = stack_file.read("dev", Path(os.environ["PYTHONPATH"]))
url, subscription = os.environ["AGENTMEM_ARM_ENDPOINT"], os.environ["ARM_SUBSCRIPTION_ID"]
client = PostgreSQLManagementClient(
    DefaultAzureCredential(), subscription, base_url=url, credential_scopes=[url + "/.default"], api_version="2025-08-01"
)
group, server = names.resource_group(dev), dev.server.name
body = {"location": dev.location, "tags": names.tags(dev)}
path = f"/subscriptions/{subscription}/resourcegroups/{group}?api-version=2024-03-01"
client.send_request(HttpRequest("PUT", url + path, json=body)).raise_for_status()
client.servers.begin_create_or_update(group, server, models.Server(
    location=dev.location, tags=names.tags(dev), version=str(dev.server.version), availability_zone=str(dev.server.zone),
    sku=models.Sku(name=dev.server.sku, tier=sizing.sku_of(dev).tier),
    administrator_login=dev.access.administrator, administrator_login_password="By-hand-1-not-a-secret",
    storage=models.Storage(storage_size_gb=dev.storage.size_gib, auto_grow=on(dev.storage.autogrow)),
    backup=models.Backup(
        backup_retention_days=dev.backup.retention_days, geo_redundant_backup=on(dev.backup.geo_redundant)
    ),
    network=models.Network(public_network_access="Enabled"),
)).result(60)
client.databases.begin_create(group, server, dev.database.name, models.Database(charset="UTF8", collation="en_US.utf8")).result(60)
rule = models.FirewallRule(start_ip_address="203.0.113.7", end_ip_address="203.0.113.7")
client.firewall_rules.begin_create_or_update(group, server, "by-hand", rule).result(60)
for parameter in desired(dev):
    wanted = models.ConfigurationForUpdate(value=parameter.value, source="user-override")
    client.configurations.begin_put(group, server, parameter.name, wanted).result(60)
"""
SUBSCRIPTION = "00000000-0000-4000-8000-0000000a9e17"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{names.resource_group(DEV)}"
SERVER = f"{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{DEV.server.name}"
# What a person writes for the placeholders of `pulumi preview --import-file`.
IDS = {
    "memory-group": GROUP,
    "memory-server-postgresql": SERVER,
    "memory-database-application": f"{SERVER}/databases/{DEV.database.name}",
    "memory-reach-firewall-by-hand": f"{SERVER}/firewallRules/by-hand",
    **{f"memory-parameters-{each.name}": f"{SERVER}/configurations/{each.name}" for each in desired(DEV)},
}


@pytest.fixture(scope="module")
def person(served: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Somebody with a project of their own."""
    project = copied(tmp_path_factory.mktemp("project"))
    edit(project, "dev", RULE)
    return Terminal(served.state, served.path, project)


@pytest.fixture(scope="module")
def imported(person: Terminal, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Made by hand, then imported: group, server, database and every parameter."""
    made = person.run("python", "-c", BY_HAND)
    assert made.returncode == 0, made.stderr
    file = tmp_path_factory.mktemp("import") / "import.json"
    asked = person.pulumi("preview", "--stack", "dev", "--import-file", str(file))
    assert asked.returncode == 0, asked.stdout + asked.stderr
    listed = json.loads(file.read_text())["resources"]
    known = [each | ({} if each.get("component") else {"id": IDS[each["name"]]}) for each in listed if _known(each)]
    file.write_text(json.dumps({"resources": known}))
    return person.pulumi(
        "import", "--stack", "dev", "--file", str(file), "--yes", "--skip-preview", "--generate-code=false", "--protect=false"
    )


def _known(resource: dict[str, Any]) -> bool:
    return bool(resource.get("component")) or resource["name"] in IDS


def differences(terminal: Terminal) -> dict[str, dict[str, Any]]:
    """What a preview would do to imported resources: name → its detailed difference, without those that stay."""
    done = terminal.pulumi("preview", "--stack", "dev", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    steps = [step for step in json.loads(done.stdout)["steps"] if step["op"] != "same"]
    found = {step["urn"].rsplit("::", 1)[1]: (step["op"], step.get("detailedDiff")) for step in steps}
    return {name: {"operation": operation, **(detail or {})} for name, (operation, detail) in found.items() if name in IDS}


def test_everything_made_by_hand_is_imported(imported: subprocess.CompletedProcess[str], person: Terminal) -> None:
    assert imported.returncode == 0, imported.stdout + imported.stderr
    exported = json.loads(person.pulumi("stack", "export", "--stack", "dev").stdout)["deployment"]["resources"]
    inputs = next(each["inputs"] for each in exported if each.get("id") == SERVER)
    assert inputs["storage"] == {"autoGrow": "Enabled", "iops": 120, "storageSizeGB": 32, "tier": "P4", "type": ""}
    assert {each["id"] for each in exported if each.get("id") in IDS.values()} == set(IDS.values())
    assert "state" not in inputs and "fullyQualifiedDomainName" not in inputs


def test_after_the_import_nothing_changes_but_the_password_that_azure_never_tells(
    imported: subprocess.CompletedProcess[str], person: Terminal
) -> None:
    password = {"administratorLoginPassword": {"kind": "add", "inputDiff": True}}
    assert differences(person) == {"memory-server-postgresql": {"operation": "update", **password}}


def test_one_up_gives_the_password_and_then_nothing_is_left(imported: subprocess.CompletedProcess[str], person: Terminal) -> None:
    created = person.state / "cloud.json"
    before = _born(created)
    done = person.pulumi("up", "--stack", "dev", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _born(created) == before, "the server is the one made by hand"
    kept = person.pulumi("preview", "--stack", "dev", "--expect-no-changes")
    assert kept.returncode == 0, kept.stdout + kept.stderr


def _born(cloud: Path) -> str:
    resources = json.loads(cloud.read_text())["resources"].values()
    born = next(each for each in resources if each["type"] == "Microsoft.DBforPostgreSQL/flexibleServers")["body"]["systemData"]
    return str(born["createdAt"])
