"""Backup vaults of the local Azure: what they take, what they refuse, and that a policy never changes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.domain.azure import roles
from scripts.local_azure.cloud import Cloud, Refusal
from tests.scripts.local_azure.made_cloud import GROUP, SERVER, SUBSCRIPTION, VERSION, cloud, request

VAULT = f"{GROUP}/providers/Microsoft.DataProtection/backupVaults/v"
POLICY, INSTANCE = f"{VAULT}/backupPolicies/weekly", f"{VAULT}/backupInstances/zep-test"
DEFINITIONS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
SERVERS = "Microsoft.DBforPostgreSQL/flexibleServers"


def vault(region: str = "canadacentral", redundancy: str = "LocallyRedundant", **security: str) -> dict[str, Any]:
    told = {name: {"state": state} for name, state in security.items()}
    settings = [{"datastoreType": "VaultStore", "type": redundancy}]
    return {
        "location": region, "identity": {"type": "SystemAssigned"}, "properties": {"storageSettings": settings, "securitySettings": told},
    }  # fmt: skip


def policy(every: str = "P1W", duration: str = "P12W") -> dict[str, Any]:
    schedule = {"repeatingTimeIntervals": [f"R/2024-01-07T02:30:00+00:00/{every}"], "timeZone": "UTC"}
    backup = {"name": "BackupWeekly", "objectType": "AzureBackupRule", "trigger": {"schedule": schedule}}
    keep = {"name": "Default", "objectType": "AzureRetentionRule", "lifecycles": [{"deleteAfter": {"duration": duration}}]}
    return {"properties": {"datasourceTypes": [SERVERS], "objectType": "BackupPolicy", "policyRules": [backup, keep]}}


def instance(server: str = SERVER, follows: str = POLICY) -> dict[str, Any]:
    source = {"datasourceType": SERVERS, "resourceID": server}
    return {"properties": {"objectType": "BackupInstance", "dataSourceInfo": source, "policyInfo": {"policyId": follows}}}


def assign(made: Cloud, principal: str, *wanted: str) -> None:
    for role, scope in ((roles.READER, GROUP), (roles.LONG_TERM_BACKUP, SERVER)):
        if role in wanted:
            body = {"properties": {"principalId": principal, "roleDefinitionId": f"{DEFINITIONS}/{role}"}}
            made.put(f"{scope}/providers/Microsoft.Authorization/roleAssignments/{role}", body, VERSION)


def server(made: Cloud, **changes: Any) -> None:
    made.wait(made.put(SERVER, request(**changes), VERSION))  # type: ignore[arg-type]


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud with an empty vault and a policy in it."""
    with cloud(tmp_path / "state") as made:
        made.put(VAULT, vault(), VERSION)
        made.put(POLICY, policy(), VERSION)
        yield made


def principal(made: Cloud) -> str:
    return str(made.get(VAULT)["identity"]["principalId"])


def protected(made: Cloud) -> None:
    server(made)
    assign(made, principal(made), roles.READER, roles.LONG_TERM_BACKUP)
    made.put(INSTANCE, instance(), VERSION)


def refused(work: Any) -> str:
    with pytest.raises(Refusal) as caught:
        work()
    return f"{caught.value.code} {caught.value.message}"


def test_a_vaults_principal_stays_when_the_vault_is_written_again(azure: Cloud) -> None:
    first = principal(azure)
    azure.put(VAULT, {**vault(), "tags": {"a": "b"}}, VERSION)
    assert (principal(azure), azure.get(VAULT)["tags"]) == (first, {"a": "b"})


def test_a_server_joins_and_the_copies_go_before_the_vault(azure: Cloud) -> None:
    protected(azure)
    assert azure.get(INSTANCE)["properties"]["currentProtectionState"] == "ProtectionConfigured"
    assert "still protects zep-test" in refused(lambda: azure.delete(VAULT))
    assert "is followed by zep-test" in refused(lambda: azure.delete(POLICY))
    for each in (INSTANCE, VAULT):
        assert azure.delete(each) is None
    assert refused(lambda: azure.get(POLICY)).startswith("ResourceNotFound")


@pytest.mark.parametrize("held", [(), (roles.READER,), (roles.LONG_TERM_BACKUP,)])
def test_both_roles_are_needed(azure: Cloud, held: tuple[str, ...]) -> None:
    server(azure)
    assign(azure, principal(azure), *held)
    assert refused(lambda: azure.put(INSTANCE, instance(), VERSION)).startswith("UserErrorMSIMissingPermissions")


def test_roles_of_somebody_else_do_not_count(azure: Cloud) -> None:
    server(azure)
    assign(azure, "00000000-0000-4000-8000-00000000beef", roles.READER, roles.LONG_TERM_BACKUP)
    assert refused(lambda: azure.put(INSTANCE, instance(), VERSION)).startswith("UserErrorMSIMissingPermissions")


def test_a_policy_is_not_changed_and_may_be_written_again(azure: Cloud) -> None:
    azure.put(POLICY, policy(), VERSION)
    assert refused(lambda: azure.put(POLICY, policy(duration="P24W"), VERSION)).startswith("BackupPolicyUpdateNotSupported")
    azure.put(f"{POLICY}-24", policy(duration="P24W"), VERSION)
    protected(azure)
    azure.put(INSTANCE, instance(follows=f"{POLICY}-24"), VERSION)
    assert azure.delete(POLICY) is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (policy(every="P1D"), "one copy a week is made"),
        (policy(duration="P6D"), "P6D is not between 7 days and 10 years"),
        (policy(duration="P11Y"), "P11Y is not between 7 days and 10 years"),
        (policy(duration="soon"), "soon is not between"),
        ({"properties": {"datasourceTypes": ["Microsoft.Compute/disks"]}}, "only Microsoft.DBforPostgreSQL/flexibleServers is played"),
        ({"properties": {"datasourceTypes": [SERVERS]}}, "no rule says how long"),
    ],
)
def test_refuses_a_policy_that_azure_would_not_take(azure: Cloud, body: dict[str, Any], says: str) -> None:
    assert says in refused(lambda: azure.put(f"{POLICY}-other", copy.deepcopy(body), VERSION))


@pytest.mark.parametrize(
    ("made", "body", "says"),
    [
        ({"properties": {"storage": {"storageSizeGB": 2048}}}, instance(), "2048 GiB"),
        ({"properties": {"storage": {"storageSizeGB": 64, "type": "PremiumV2_LRS"}}}, instance(), "PremiumV2_LRS"),
        ({}, instance(server=f"{SERVER}-missing"), "is no flexible server"),
        ({}, instance(follows=f"{VAULT}/backupPolicies/other"), "is no policy of this vault"),
        ({"location": "canadaeast"}, instance(), "different regions"),
    ],
)
def test_refuses_what_is_not_backed_up(azure: Cloud, made: dict[str, Any], body: dict[str, Any], says: str) -> None:
    server(azure, **made)
    assign(azure, principal(azure), roles.READER, roles.LONG_TERM_BACKUP)
    assert says in refused(lambda: azure.put(INSTANCE, copy.deepcopy(body), VERSION))


def test_redundancy_stays_once_something_is_in_the_vault(azure: Cloud) -> None:
    azure.put(VAULT, vault(redundancy="GeoRedundant"), VERSION)
    protected(azure)
    assert "does not change" in refused(lambda: azure.put(VAULT, vault(), VERSION))


@pytest.mark.parametrize(("setting", "last"), [("immutabilitySettings", "Locked"), ("softDeleteSettings", "AlwaysOn")])
def test_what_is_for_good_stays(azure: Cloud, setting: str, last: str) -> None:
    azure.put(VAULT, vault(**{setting: "On"}), VERSION)
    azure.put(VAULT, vault(**{setting: last}), VERSION)
    assert f"is {last} for good" in refused(lambda: azure.put(VAULT, vault(), VERSION))
