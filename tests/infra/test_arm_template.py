"""The ARM template of each environment holds all of the plan or says what it leaves out; no secret, no loose end."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from infra.domain.arm_template import SCHEMA, template
from infra.domain.azure import arm_bodies
from infra.domain.azure.arm_ids import NO_SUBSCRIPTION, arm_id
from infra.domain.environment import STACKS
from infra.domain.registrations import SECRET, UNKNOWN, Plan, Registration
from scripts.edges.capture import MARKER, Mode
from scripts.local_azure import arm_shape
from tests.builders import LONG_TERM
from tests.infra.arm_expressions import Deployment
from tests.infra.plans import GOLDEN, SERVER, plan_of

PASSWORD = "memory_server_postgresql_administratorLoginPassword"
JOB = {"image": "r.azurecr.io/agentmem:1", "subnet": "10.20.2.0/28", "nat_gateway": True}
REPLICA = {"location": "northeurope", "sku": "Standard_D2s_v3", "virtual_endpoint": "zepmem"}
ENTRA = [{"object_id": "11111111-2222-4333-8444-555555555555", "principal_name": "dba", "principal_type": "Group"}]
KEY = {
    "key": "https://kv-zepmem.vault.azure.net/keys/memory", "backup_key": None, "backup_identity": None,
    "identity": "/subscriptions/11111111-0000-4000-8000-000000000000/resourceGroups/keys/providers/Microsoft.ManagedIdentity/"
    "userAssignedIdentities/memory",
}  # fmt: skip
# Everything that a stack file can ask for and no shipped one does, each on a stack that allows it.
MORE: dict[str, tuple[str, dict[str, Any]]] = {
    **{stack: (stack, {}) for stack in STACKS},
    "job": ("prod", {"network.job": JOB}),
    "endpoint": ("prod", {"network.mode": "private_endpoint"}),
    "replica": ("dev", {"replica": REPLICA, "server.sku": "Standard_D2s_v3"}),
    "entra": ("dev", {"access.entra_administrators": ENTRA}),
    "firewall": ("dev", {"network.firewall": [{"name": "office", "start": "203.0.113.4", "end": "203.0.113.8"}]}),
    "key": ("dev", {"access.customer_managed_key": KEY}),
    "vault": ("prod", {"backup.long_term": LONG_TERM}),
}


def _plan(case: str) -> Plan:
    stack, changes = MORE[case]
    return plan_of(stack, changes)


def _deployment(made: dict[str, Any]) -> Deployment:
    group = (made["metadata"]["resourceGroup"] or {}).get("name", "rg")
    return Deployment(NO_SUBSCRIPTION, group, {name: f"<{name}>" for name in made["parameters"]})


@pytest.mark.parametrize("case", MORE)
def test_every_registration_is_exported_or_listed(case: str) -> None:
    plan = _plan(case)
    made = template(plan)
    where = _deployment(made)
    ids = [where.id_of(resource) for resource in made["resources"]]
    real = [item for item in plan.resources if item.kind != "ResourceGroup"]
    assert len(set(ids)) == len(ids) == len(real)
    for item, found in zip(real, ids, strict=True):
        expected = arm_id(item.type, item.inputs)
        assert found == (expected or found), item.name
    listed = {entry["name"]: entry["why"] for entry in made["metadata"]["leftOut"]}
    assert set(listed) == {item.name for item in plan.registrations if not item.custom}
    assert set(listed.values()) == {"a component, which has nothing of its own in Azure"}


@pytest.mark.parametrize("case", MORE)
def test_the_template_has_the_form_that_azure_takes(case: str) -> None:
    made = template(_plan(case))
    where = _deployment(made)
    assert made == json.loads(json.dumps(made))
    assert (made["$schema"], made["contentVersion"]) == (SCHEMA, "1.0.0.0")
    ids = {where.id_of(resource) for resource in made["resources"]}
    before: set[str] = set()
    for resource in made["resources"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", resource["apiVersion"]), resource["type"]
        assert resource["type"].count("/") == resource["name"].count("/") + 1, resource["name"]
        assert None not in resource.values()
        needed = {where.value(each) for each in resource.get("dependsOn", ())}
        # All of it is in the template and stands above: so there is no circle.
        assert needed <= before, f"{resource['name']} waits for {needed - before}"
        assert not any("resourceGroupName" in str(key) or "[unknown]" in str(key) for key in where.value(resource))
        before.add(where.id_of(resource))
    assert before == ids


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("stack", STACKS)
def test_no_secret_and_no_mark_of_one(stack: str, mode: Mode) -> None:
    made = template(plan_of(stack, mode=mode))
    text = json.dumps(made)
    assert not [mark for mark in (SECRET, UNKNOWN, MARKER, NO_SUBSCRIPTION) if mark in text]
    assert made["parameters"][PASSWORD]["type"] == "securestring"
    assert "defaultValue" not in text
    (server,) = (each for each in made["resources"] if each["type"].endswith("/flexibleServers"))
    assert server["properties"]["administratorLoginPassword"] == f"[parameters('{PASSWORD}')]"


@pytest.mark.parametrize("stack", STACKS)
def test_every_type_of_a_golden_plan_has_a_shape(stack: str) -> None:
    plan = Plan.from_json((GOLDEN / f"{stack}.json").read_text(encoding="utf-8"))
    types = {item.type for item in plan.resources} - {"azure-native:resources:ResourceGroup"}
    assert types == {type_ for type_ in types if arm_bodies.api_version(type_) and arm_bodies.path_parts(type_)}
    assert {type_: arm_bodies.api_version(type_) for type_ in types} == {type_: arm_shape.api_version(type_) for type_ in types}


def test_values_stand_where_azure_looks_for_them() -> None:
    resources = {each["name"]: each for each in template(plan_of("prod"))["resources"]}
    server = resources["zepmem-prod"]
    assert (server["type"], server["location"]) == ("Microsoft.DBforPostgreSQL/flexibleServers", "westeurope")
    assert server["sku"] == {"name": "Standard_D2s_v3", "tier": "GeneralPurpose"}
    assert set(server) == {"type", "apiVersion", "name", "location", "sku", "tags", "properties", "dependsOn"}
    assert server["properties"]["backup"] == {"backupRetentionDays": 35, "geoRedundantBackup": "Enabled"}
    assert server["properties"]["network"]["delegatedSubnetResourceId"] == (
        "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet-zepmem-prod', 'snet-zepmem-prod')]"
    )
    assert resources["log-zepmem-prod"]["properties"]["sku"] == {"name": "PerGB2018"}
    rules = resources["nsg-zepmem-prod"]["properties"]["securityRules"]
    assert {frozenset(rule) for rule in rules} == {frozenset({"name", "properties"})}
    (delegation,) = resources["vnet-zepmem-prod/snet-zepmem-prod"]["properties"]["delegations"]
    assert delegation["properties"] == {"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}
    lock = resources["lock-zepmem-prod"]
    assert lock["scope"] == "[resourceId('Microsoft.DBforPostgreSQL/flexibleServers', 'zepmem-prod')]"
    assert set(lock["properties"]) == {"level", "notes"}


def test_what_nobody_knows_yet_is_a_parameter_also_in_a_name() -> None:
    made = template(_plan("job"))
    (admin,) = (each for each in made["resources"] if each["type"].endswith("/administrators"))
    name = "memory_access_administrator_agentmem_job_objectId"
    assert admin["name"] == f"[format('{{0}}/{{1}}', 'zepmem-prod', parameters('{name}'))]"
    assert made["parameters"][name]["type"] == "string"
    assert admin["properties"]["tenantId"] == "[subscription().tenantId]"
    gateway = next(each for each in made["resources"] if each["type"].endswith("/natGateways"))
    (address,) = gateway["properties"]["publicIpAddresses"]
    assert address == {"id": "[resourceId('Microsoft.Network/publicIPAddresses', 'pip-zepmem-prod-job')]"}


def test_a_vault_and_its_roles_stand_where_azure_looks_for_them() -> None:
    made = template(_plan("vault"))
    where = _deployment(made)
    resources = {each["type"].rpartition("/")[2]: each for each in made["resources"] if "DataProtection" in each["type"]}
    vault, policy, instance = (resources[name] for name in ("backupVaults", "backupPolicies", "backupInstances"))
    assert set(vault) == {"type", "apiVersion", "name", "location", "identity", "properties", "tags"}
    assert policy["name"] == "bvault-zepmem-prod/weekly-12-monthly-60-yearly-10"
    assert where.value(instance["properties"]["policyInfo"]["policyId"]) == where.id_of(policy)
    assert {where.id_of(vault), where.id_of(policy)} <= {where.value(each) for each in instance["dependsOn"]}
    reader, backup = (each for each in made["resources"] if each["type"].endswith("/roleAssignments"))
    assert "scope" not in reader and backup["scope"] == "[resourceId('Microsoft.DBforPostgreSQL/flexibleServers', 'zepmem-prod')]"
    assert reader["properties"]["roleDefinitionId"] == (
        "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'acdd72a7-3385-48ef-bd42-f606fba81ae7')]"
    )


def test_an_id_outside_of_the_plan_stays_as_it_is() -> None:
    server = next(each for each in template(_plan("key"))["resources"] if each["type"].endswith("/flexibleServers"))
    assert server["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {KEY["identity"]: {}}}


def test_an_identity_is_a_key_in_the_body_however_the_provider_takes_it() -> None:
    vault, inside = "azure-native:cognitiveservices:Account", {"type": "UserAssigned", "userAssignedIdentities": ["/an/id"]}
    assert arm_bodies.body_of(vault, {"identity": inside}) == {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/an/id": {}}}
    }
    account, identity = "azure-native:storage:StorageAccount", "azure-native:managedidentity:UserAssignedIdentity"
    its_id = arm_id(identity, {"resourceGroupName": "rg", "resourceName": "me"})
    known = _thing(account, accountName="a", resourceGroupName="rg", identity={"userAssignedIdentities": {its_id: {}, UNKNOWN: {}}})
    made = template(Plan(stack="dev", registrations=(_thing("azure-native:resources:ResourceGroup", "g", resourceGroupName="rg"), known)))
    assert made["resources"][0]["identity"]["userAssignedIdentities"] == {
        "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'me')]": {},
        "[parameters('one_identity_userAssignedIdentities_key')]": {},
    }


def test_what_lies_in_another_resource_or_hangs_on_it_waits_for_it_unasked() -> None:
    account, lock = "azure-native:storage:StorageAccount", "azure-native:authorization:ManagementLockByScope"
    inside = {"resourceGroupName": "rg", "accountName": "a"}
    items = (
        _thing("azure-native:resources:ResourceGroup", "g", resourceGroupName="rg"),
        _thing(lock, scope=arm_id(account, inside), lockName="keep", level="CanNotDelete"),
        _thing("azure-native:storage:BlobServiceProperties", **{**inside, "accountName": "A"}, blobServicesName="default"),
        _thing(account, **inside),
    )
    keeps, lies, _ = template(Plan(stack="dev", registrations=items))["resources"]
    assert keeps["dependsOn"] == lies["dependsOn"] == ["[resourceId('Microsoft.Storage/storageAccounts', 'a')]"]


def _thing(type_: str, name: str = "one", **inputs: Any) -> Registration:
    return Registration(urn=f"urn:pulumi:dev::p::{type_}::{name}", type=type_, name=name, inputs=inputs)


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (_thing("random:index:RandomPassword", length=20), "no ARM shape is known of this type"),
        (_thing("azure-native:nosuch:Thing", resourceGroupName="rg"), "no ARM shape is known of this type"),
        (_thing("pulumi:providers:azure-native"), "a provider"),
        (_thing("azure-native:storage:StorageAccount", accountName="a", resourceGroupName="other"), "in another resource group, other"),
        (_thing("azure-native:storage:StorageAccount", resourceGroupName="rg"), "its place in Azure cannot be told from its inputs"),
        (
            _thing("azure-native:authorization:RoleAssignment", scope=f"/subscriptions/{NO_SUBSCRIPTION}", roleAssignmentName="r"),
            "its place in Azure cannot be told from its inputs",
        ),
    ],
)
def test_what_has_no_form_is_listed_with_the_reason(item: Registration, why: str) -> None:
    group = _thing("azure-native:resources:ResourceGroup", "group", resourceGroupName="rg", location="westeurope")
    made = template(Plan(stack="dev", registrations=(group, item)))
    assert made["resources"] == []
    assert made["metadata"]["leftOut"] == [{"name": "one", "type": item.type, "why": why}]


def test_a_secret_in_every_field_is_in_none() -> None:
    plan = plan_of("prod")
    sealed = tuple(replace(item, inputs=dict.fromkeys(item.inputs, SECRET)) if item.kind != "ResourceGroup" else item
                   for item in plan.registrations)  # fmt: skip
    made = template(replace(plan, registrations=sealed))
    assert SECRET not in json.dumps(made)
    assert len(made["resources"]) + len(made["metadata"]["leftOut"]) + 1 == len(plan.registrations)
    assert {each["type"] for each in made["parameters"].values()} == {"securestring"}


def test_text_that_looks_like_an_expression_stays_text() -> None:
    item = _thing("azure-native:keyvault:Secret", vaultName="v", secretName="it's", resourceGroupName="rg", properties={"value": "[a]"})
    after = replace(_thing("azure-native:keyvault:Key", "two", vaultName="v", keyName="k", resourceGroupName="rg"), depends_on=("one",))
    made = template(
        Plan(stack="dev", registrations=(_thing("azure-native:resources:ResourceGroup", "g", resourceGroupName="rg"), item, after))
    )
    assert made["resources"][0]["properties"] == {"value": "[[a]"}
    assert made["resources"][1]["dependsOn"] == ["[resourceId('Microsoft.KeyVault/vaults/secrets', 'v', 'it''s')]"]


def test_what_waits_for_a_component_waits_for_all_that_is_in_it() -> None:
    account = "azure-native:storage:StorageAccount"
    group = _thing("azure-native:resources:ResourceGroup", "g", resourceGroupName="rg")
    component = replace(_thing("p:index:Both", "both"), custom=False)
    inner = tuple(replace(_thing(account, name, accountName=name, resourceGroupName="rg"), parent=component.urn) for name in ("a", "b"))
    last = replace(_thing(account, "c", accountName="c", resourceGroupName="rg", nothing=None, some={"x": None}), depends_on=("both", "g"))
    found = template(Plan(stack="dev", registrations=(group, component, *inner, last)))["resources"][2]
    assert found["dependsOn"] == [f"[resourceId('Microsoft.Storage/storageAccounts', '{name}')]" for name in "ab"]
    assert found["properties"] == {"some": {}}


def test_the_servers_own_protection_is_told_nowhere_as_if_azure_knew_it() -> None:
    assert plan_of("prod").find(SERVER).protect
    assert "protect" not in json.dumps(template(plan_of("prod"))["resources"])
