"""The server's inputs and options: each test closes one way in which a server was lost or weakened."""

from __future__ import annotations

from typing import Any

import pytest

from infra.domain.azure.arm_ids import NO_SUBSCRIPTION
from infra.domain.environment import STACKS
from infra.domain.registrations import SECRET
from scripts.edges import input_types
from tests.infra.plans import SERVER, plan_of, values_of

ADMINISTRATOR = {"object_id": "11111111-1111-1111-1111-111111111111", "principal_name": "memory-admins", "principal_type": "Group"}
SECOND = {"object_id": "22222222-2222-2222-2222-222222222222", "principal_name": "deployer", "principal_type": "ServicePrincipal"}
ENTRA_ONLY = {"access.password": False, "access.administrator": None, "access.entra_administrators": [ADMINISTRATOR, SECOND]}
IDENTITIES = "/subscriptions/0/resourceGroups/keys/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
KEY = {
    "key": "https://weu.vault.azure.net/keys/memory",
    "identity": f"{IDENTITIES}/weu",
    "backup_key": "https://neu.vault.azure.net/keys/memory",
    "backup_identity": f"{IDENTITIES}/neu",
}


def server_of(stack: str, changes: dict[str, Any] | None = None) -> Any:
    return plan_of(stack, changes).find(SERVER)


def test_prod_sends_exactly_this() -> None:
    network = f"/subscriptions/{NO_SUBSCRIPTION}/resourceGroups/rg-zepmem-prod/providers/Microsoft.Network"
    assert server_of("prod").inputs == {
        "serverName": "zepmem-prod",
        "resourceGroupName": "rg-zepmem-prod",
        "location": "westeurope",
        "version": "16",
        "availabilityZone": "1",
        "sku": {"name": "Standard_D2s_v3", "tier": "GeneralPurpose"},
        "storage": {"storageSizeGB": 128, "autoGrow": "Enabled", "type": "Premium_LRS"},
        "backup": {"backupRetentionDays": 35, "geoRedundantBackup": "Enabled"},
        "highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": "2"},
        "network": {
            "delegatedSubnetResourceId": f"{network}/virtualNetworks/vnet-zepmem-prod/subnets/snet-zepmem-prod",
            "privateDnsZoneArmResourceId": f"{network}/privateDnsZones/zepmem-prod.private.postgres.database.azure.com",
            "publicNetworkAccess": "Disabled",
        },
        "authConfig": {"activeDirectoryAuth": "Disabled", "passwordAuth": "Enabled"},
        "administratorLogin": "cogadmin",
        "administratorLoginPassword": SECRET,
        "dataEncryption": {"type": "SystemManaged"},
        "maintenanceWindow": {"customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0},
        "tags": {"environment": "prod", "managed-by": "agent-memory"},
    }


@pytest.mark.parametrize("stack", STACKS)
def test_no_weak_default_of_the_sdk_decides(stack: str) -> None:
    inputs = server_of(stack).inputs
    assert inputs["availabilityZone"] in ("1", "2", "3")
    assert set(inputs["backup"]) == {"backupRetentionDays", "geoRedundantBackup"}
    assert set(inputs["highAvailability"]) == {"mode", "standbyAvailabilityZone"}
    assert {"activeDirectoryAuth", "passwordAuth"} <= set(inputs["authConfig"])
    assert inputs["maintenanceWindow"]["customWindow"] == "Disabled"
    assert inputs["dataEncryption"]["type"] == "SystemManaged"
    assert inputs["network"]["publicNetworkAccess"] in ("Enabled", "Disabled")
    assert not {"createMode", "sourceServerResourceId", "pointInTimeUTC", "replica", "cluster"} & set(inputs)


@pytest.mark.parametrize("stack", STACKS)
def test_zone_drift_never_replaces_the_server(stack: str) -> None:
    assert {"availabilityZone", "highAvailability.standbyAvailabilityZone"} <= set(server_of(stack).ignore_changes)


def test_grown_disk_is_never_asked_to_shrink() -> None:
    assert {"storage.storageSizeGB", "storage.tier", "storage.iops"} <= set(server_of("prod").ignore_changes)


def test_disk_without_autogrow_follows_the_declaration() -> None:
    server = server_of("dev", {"storage.autogrow": False, "storage.size_gib": 64})
    assert server.inputs["storage"] == {"storageSizeGB": 64, "autoGrow": "Disabled", "type": "Premium_LRS"}
    assert [path for path in server.ignore_changes if path.startswith("storage")] == ["storage.type"]


def test_declared_tier_is_sent_and_not_ignored() -> None:
    server = server_of("prod", {"storage.performance_tier": "P15"})
    assert server.inputs["storage"]["tier"] == "P15"
    assert "storage.tier" not in server.ignore_changes


@pytest.mark.parametrize("stack", STACKS)
def test_what_holds_data_is_protected_as_declared(stack: str) -> None:
    plan = plan_of(stack)
    declared = values_of(stack)["guard"]
    precious = {SERVER, "memory-group", "memory-database-application"} | ({"memory-guard-lock"} if declared["lock"] else set())
    assert {item.name for item in plan.registrations if item.protect} == (precious if declared["protect"] else set())


@pytest.mark.parametrize(("stack", "protected"), [("dev", False), ("test", False), ("uat", True), ("prod", True)])
def test_uat_and_prod_are_protected(stack: str, protected: bool) -> None:
    assert server_of(stack).protect is protected


@pytest.mark.parametrize("stack", STACKS)
def test_replacement_would_have_to_create_first_and_cannot(stack: str) -> None:
    assert server_of(stack).delete_before_replace is False


@pytest.mark.parametrize("stack", STACKS)
def test_update_of_the_server_is_judged_before_it_happens(stack: str) -> None:
    assert server_of(stack).hooks["before_update"] == ("memory-server-change",)


def test_password_stays_secret_in_the_answers_too() -> None:
    assert server_of("prod").additional_secret_outputs == ("administratorLoginPassword",)


def test_entra_only_server_has_no_login_and_no_password() -> None:
    plan = plan_of("dev", ENTRA_ONLY)
    inputs = plan.find(SERVER).inputs
    assert inputs["authConfig"] == {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled", "tenantId": NO_SUBSCRIPTION}
    assert not {"administratorLogin", "administratorLoginPassword"} & set(inputs)
    assert input_types.check(plan) == ()


def test_entra_administrators_come_one_after_another_before_the_database() -> None:
    plan = plan_of("dev", ENTRA_ONLY)
    first, second = plan.of_type("AdministratorsMicrosoftEntra")
    assert first.inputs == {
        "objectId": ADMINISTRATOR["object_id"],
        "principalName": "memory-admins",
        "principalType": "Group",
        "tenantId": NO_SUBSCRIPTION,
        "resourceGroupName": "rg-zepmem-dev",
        "serverName": "zepmem-dev",
    }
    assert second.depends_on == (first.name,)
    assert plan.find("memory-database-application").depends_on == (second.name,)


def test_own_keys_come_with_both_identities() -> None:
    plan = plan_of("prod", {"access.customer_managed_key": KEY})
    inputs = plan.find(SERVER).inputs
    assert inputs["dataEncryption"] == {
        "type": "AzureKeyVault",
        "primaryKeyURI": KEY["key"],
        "primaryUserAssignedIdentityId": KEY["identity"],
        "geoBackupKeyURI": KEY["backup_key"],
        "geoBackupUserAssignedIdentityId": KEY["backup_identity"],
    }
    assert inputs["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {KEY["identity"]: {}, KEY["backup_identity"]: {}}}
    assert input_types.check(plan) == ()


@pytest.mark.parametrize("stack", STACKS)
def test_everything_has_an_explicit_name_and_place(stack: str) -> None:
    elsewhere = {"ManagementLockByScope": "lockName", "DiagnosticSetting": "name"}
    for item in plan_of(stack).resources:
        assert any(key.endswith("Name") for key in item.inputs) or elsewhere[item.kind] in item.inputs, item.name
        if item.kind in ("ResourceGroup", "Server", "VirtualNetwork", "NetworkSecurityGroup", "Workspace"):
            assert item.inputs["location"] == "westeurope", item.name


def test_login_stays_when_logins_by_password_end() -> None:
    assert "administratorLogin" in server_of("prod", ENTRA_ONLY).ignore_changes
    assert "administratorLogin" not in server_of("prod").ignore_changes
