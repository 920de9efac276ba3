"""What the provider door decides without asking: shapes, property bags, differences, and its manners in process."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from scripts.local_azure import provider_checks
from scripts.local_azure.arm_shape import SERVER, body_of, outputs_of, parts_of, path_parts, settable, told_later
from scripts.local_azure.property_bag import UNKNOWN, bag, foretold, plain, secret_names
from scripts.local_azure.provider_diff import differences, merged
from scripts.local_azure.provider_door import Provider, ProviderError
from scripts.local_azure.refusal import busy, not_found

NAME = "zepmem-provider"
SUBSCRIPTION = "00000000-0000-4000-8000-0000000a9e17"


class EmptyAndBusy:
    """A cloud in which nothing exists and nothing can be made."""

    def get(self, resource_id: str) -> dict[str, Any]:
        raise not_found(resource_id)

    def put(self, resource_id: str, body: dict[str, Any], api_version: str) -> dict[str, Any]:
        raise busy(NAME, "anything")


def test_diff_knows_additions_and_deletions_inside_lists() -> None:
    found = differences("azure-native:network:VirtualNetwork", {"a": [1, 2], "b": 1}, {"a": [1, 3, 4], "c": {"d": 1}})
    assert {(each.path, each.kind) for each in found} == {("a[1]", "update"), ("a[2]", "add"), ("b", "delete"), ("c", "add")}


GEO = {"backup": {"geoRedundantBackup": "Disabled"}}, {"backup": {"geoRedundantBackup": "Enabled"}}


@pytest.mark.parametrize("replaces", [True, False])
def test_a_nested_create_only_value_replaces_only_if_so_played(replaces: bool) -> None:
    assert [(each.path, each.replaces) for each in differences(SERVER, *GEO, nested_replaces=replaces)] == [
        ("backup.geoRedundantBackup", replaces)
    ]


def test_an_input_that_azure_had_chosen_itself_replaces_nothing_when_it_is_said() -> None:
    assert not differences(SERVER, {}, {"availabilityZone": "1"}, {"availabilityZone": "1"})[0].replaces
    assert differences(SERVER, {}, {"availabilityZone": "2"}, {"availabilityZone": "1"})[0].replaces


def test_in_process_a_refusal_is_an_exception_with_azures_code() -> None:
    values = {"resourceGroupName": "g", "serverName": NAME}
    provider = Provider(EmptyAndBusy(), SUBSCRIPTION, SUBSCRIPTION, SUBSCRIPTION)  # type: ignore[arg-type]
    with pytest.raises(ProviderError) as caught:
        provider.Create(pb.CreateRequest(urn=f"urn:pulumi:dev::p::{SERVER}::x", properties=bag(values)))
    assert caught.value.code == "ServerIsBusy"
    assert "ServerIsBusy" in str(caught.value)


def test_the_body_has_azures_levels() -> None:
    body = body_of(SERVER, {
        "resourceGroupName": "g", "serverName": NAME, "location": "westeurope", "sku": {}, "tags": {}, "version": "16", "storage": {},
    })  # fmt: skip
    assert set(body) == {"location", "sku", "tags", "properties"}
    assert set(body["properties"]) == {"version", "storage"}
    assert body_of("azure-native:operationalinsights:Workspace", {"workspaceName": "w", "sku": {"name": "PerGB2018"}}) == {
        "properties": {"sku": {"name": "PerGB2018"}}
    }
    assert body_of("azure-native:keyvault:Vault", {"vaultName": "v", "properties": {"x": 1}}) == {"properties": {"x": 1}}


def test_an_id_gives_back_the_inputs_that_it_was_made_of() -> None:
    scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DBforPostgreSQL/flexibleServers/zep"
    lock = "azure-native:authorization:ManagementLockByScope"
    assert parts_of(lock, f"{scope}/providers/Microsoft.Authorization/locks/keep") == {"scope": scope, "lockName": "keep"}
    assert parts_of(SERVER, scope) == {"resourceGroupName": "g", "serverName": "zep"}
    with pytest.raises(ValueError, match="no id of a Server"):
        parts_of(SERVER, scope + "/databases/zep")


def test_a_bag_keeps_secrets_unknowns_numbers_and_nulls_apart() -> None:
    values = {"a": 1, "b": 1.5, "c": [True, "x", {"d": UNKNOWN}], "e": {"f": ""}}
    packed = bag(values, secrets=("e",))
    assert plain(packed) == values
    assert isinstance(plain(packed)["a"], int)
    assert secret_names(packed) == {"e"}
    assert plain(bag({"n": None})) == {}


def test_a_refresh_drops_what_azure_took_away_and_keeps_what_it_never_told() -> None:
    before, now = {"tags": {"a": "1", "b": "2"}, "backup": {"days": 7}}, {"tags": {"a": "1"}, "backup": {"days": 9}}
    stored = {"tags": {"a": "1", "b": "2"}, "backup": {"days": 7}, "password": "kept"}
    assert merged(stored, before, now) == {"tags": {"a": "1"}, "backup": {"days": 9}, "password": "kept"}


def test_a_refresh_takes_up_what_nobody_had_set_once_it_has_changed() -> None:
    before, now = {"storage": {"iops": 120, "tier": "P4"}, "tags": {"a": "1"}}, {"storage": {"iops": 240, "tier": "P4"}, "tags": {"a": "1"}}
    assert merged({"storage": {"size": 32}}, before, now) == {"storage": {"size": 32, "iops": 240}}
    assert merged({}, {}, {"tags": {"by": "hand"}}) == {"tags": {"by": "hand"}}
    assert merged({"rules": [{"a": 1}]}, {"rules": [{"a": 1, "id": 5}]}, {"rules": [{"a": 2, "id": 5}]}) == {"rules": [{"a": 2}]}


def test_outputs_of_an_import_leave_read_only_parts_out() -> None:
    told = {
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.DBforPostgreSQL/flexibleServers/zep", "name": "zep", "type": "T",
        "location": "West Europe", "properties": {"state": "Ready", "highAvailability": {"mode": "Disabled", "state": "NotEnabled"}},
    }  # fmt: skip
    assert settable(SERVER, told) == {
        "location": "West Europe", "highAvailability": {"mode": "Disabled"}, "resourceGroupName": "g", "serverName": "zep",
    }  # fmt: skip
    assert outputs_of(SERVER, told)["highAvailability"]["state"] == "NotEnabled"


def test_required_and_allowed_name_inputs_that_the_sdk_has() -> None:
    from pulumi_azure_native import authorization, dataprotection, dbforpostgresql, keyvault, monitor, network, storage

    modules = {
        "dbforpostgresql": dbforpostgresql, "network": network, "monitor": monitor, "authorization": authorization,
        "storage": storage, "keyvault": keyvault, "dataprotection": dataprotection,
    }  # fmt: skip
    for token, paths in {**provider_checks.REQUIRED, **{key: tuple(value) for key, value in provider_checks.ALLOWED.items()}}.items():
        _, module, name = token.split(":")
        arguments = getattr(modules[module], name + "InitArgs", None) or getattr(modules[module], name + "Args")
        known = {key.replace("_", "").lower() for key in vars(arguments)}
        for path in (*paths, *path_parts(token)):
            assert path.split(".")[0].lower() in known, (token, path)


def test_what_azure_adds_to_an_identity_is_unknown_before_it_is_made() -> None:
    vault = "azure-native:dataprotection:BackupVault"
    shown = plain(foretold(bag({"identity": {"type": "SystemAssigned"}, "properties": {"a": 1}}), told_later(vault)))
    assert shown == {"identity": {"type": "SystemAssigned", "principalId": UNKNOWN, "tenantId": UNKNOWN}, "properties": {"a": 1}}
    assert plain(foretold(bag({"properties": {"a": 1}}), told_later(vault))) == {"properties": {"a": 1}}


def test_parts_that_are_resources_themselves_are_lifted_at_every_depth() -> None:
    network = "azure-native:network:Subnet"
    told = {
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/s", "name": "s",
        "properties": {"delegations": [{"id": "d", "name": "f", "properties": {"serviceName": "M", "actions": []}}]},
    }  # fmt: skip
    assert outputs_of(network, told)["delegations"] == [{"id": "d", "name": "f", "serviceName": "M", "actions": []}]
    assert settable(network, told)["delegations"] == [{"name": "f", "serviceName": "M"}]
