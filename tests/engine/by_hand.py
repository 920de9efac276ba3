"""A dev server that somebody made by hand with the SDK, and its take-over by `pulumi import`, as a person does both."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from infra.domain import names
from infra.domain.environment import Environment
from infra.domain.server_parameters import desired
from scripts.edges import stack_file
from tests.engine.conftest import Terminal

SUBSCRIPTION = "00000000-0000-4000-8000-0000000a9e17"
# Only what the stack file says, and Azure fills in the rest.
MADE = """
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

dev = stack_file.read("dev", Path.cwd())
access = dev.access
url, subscription = os.environ["AGENTMEM_ARM_ENDPOINT"], os.environ["ARM_SUBSCRIPTION_ID"]
client = PostgreSQLManagementClient(
    DefaultAzureCredential(), subscription, base_url=url, credential_scopes=[url + "/.default"], api_version="2025-08-01"
)
group, server = names.resource_group(dev), dev.server.name
body = {"location": dev.location, "tags": names.tags(dev)}
path = f"/subscriptions/{subscription}/resourcegroups/{group}?api-version=2024-03-01"
client.send_request(HttpRequest("PUT", url + path, json=body)).raise_for_status()
login = {"administrator_login": access.administrator, "administrator_login_password": "By-hand-1-not-a-secret"}
client.servers.begin_create_or_update(group, server, models.Server(
    location=dev.location, tags=names.tags(dev), version=str(dev.server.version), availability_zone=str(dev.server.zone),
    sku=models.Sku(name=dev.server.sku, tier=sizing.sku_of(dev).tier),
    **(login if access.password else {}),
    auth_config=models.AuthConfig(
        password_auth=on(access.password), active_directory_auth=on(access.entra_administrators),
        tenant_id=os.environ["ARM_TENANT_ID"] if access.entra_administrators else None,
    ),
    storage=models.Storage(storage_size_gb=dev.storage.size_gib, auto_grow=on(dev.storage.autogrow)),
    backup=models.Backup(
        backup_retention_days=dev.backup.retention_days, geo_redundant_backup=on(dev.backup.geo_redundant)
    ),
    network=models.Network(public_network_access="Enabled"),
)).result(60)
for each in access.entra_administrators:
    client.administrators_microsoft_entra.begin_create_or_update(group, server, each.object_id, models.AdministratorMicrosoftEntraAdd(
        principal_name=each.principal_name, principal_type=each.principal_type, tenant_id=os.environ["ARM_TENANT_ID"],
    )).result(60)
client.databases.begin_create(group, server, dev.database.name, models.Database(charset="UTF8", collation="en_US.utf8")).result(60)
rule = models.FirewallRule(start_ip_address="203.0.113.7", end_ip_address="203.0.113.7")
client.firewall_rules.begin_create_or_update(group, server, "by-hand", rule).result(60)
for parameter in desired(dev):
    wanted = models.ConfigurationForUpdate(value=parameter.value, source="user-override")
    client.configurations.begin_put(group, server, parameter.name, wanted).result(60)
"""
# The one thing that is added to the stack file is the firewall rule that was made by hand too.
RULE = {"firewall: []": "firewall: [{name: by-hand, start: 203.0.113.7, end: 203.0.113.7}]"}


def group_of(environment: Environment) -> str:
    """The id of the resource group."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{names.resource_group(environment)}"


def server_of(environment: Environment) -> str:
    """The id of the server."""
    return f"{group_of(environment)}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{environment.server.name}"


def ids(environment: Environment) -> dict[str, str]:
    """What a person writes for the placeholders of `pulumi preview --import-file`: resource name → id."""
    server = server_of(environment)
    return {
        "memory-group": group_of(environment),
        "memory-server-postgresql": server,
        "memory-database-application": f"{server}/databases/{environment.database.name}",
        "memory-reach-firewall-by-hand": f"{server}/firewallRules/by-hand",
        **{f"memory-parameters-{each.name}": f"{server}/configurations/{each.name}" for each in desired(environment)},
        **{
            f"memory-access-administrator-{each.object_id}": f"{server}/administrators/{each.object_id}"
            for each in environment.access.entra_administrators
        },
    }


def imported(person: Terminal, folder: Path) -> subprocess.CompletedProcess[str]:
    """Made by hand, then imported: group, server, database, administrators and every parameter."""
    made = person.run("python", "-c", MADE)
    assert made.returncode == 0, made.stderr
    file = folder / "import.json"
    asked = person.pulumi("preview", "--stack", "dev", "--import-file", str(file))
    assert asked.returncode == 0, asked.stdout + asked.stderr
    mine = ids(stack_file.read("dev", person.project))
    listed = [each for each in json.loads(file.read_text())["resources"] if each.get("component") or each["name"] in mine]
    known = [each | ({} if each.get("component") else {"id": mine[each["name"]]}) for each in listed]
    file.write_text(json.dumps({"resources": known}))
    return person.pulumi(
        "import", "--stack", "dev", "--file", str(file), "--yes", "--skip-preview", "--generate-code=false", "--protect=false"
    )


def differences(person: Terminal) -> dict[str, dict[str, Any]]:
    """What a preview would do to imported resources: name → its detailed difference, without those that stay."""
    done = person.pulumi("preview", "--stack", "dev", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    steps = [step for step in json.loads(done.stdout)["steps"] if step["op"] != "same"]
    found = {step["urn"].rsplit("::", 1)[1]: (step["op"], step.get("detailedDiff")) for step in steps}
    mine = ids(stack_file.read("dev", person.project))
    return {name: {"operation": operation, **(detail or {})} for name, (operation, detail) in found.items() if name in mine}
