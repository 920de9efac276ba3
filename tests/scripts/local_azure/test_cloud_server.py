"""Flexible servers as the recordings show them: creation, what Azure fills in, updates, power, deletion."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local_azure.cloud import Cloud, Pace, Refusal
from tests.scripts.local_azure.made_cloud import (
    GROUP,
    PASSWORD,
    SERVER,
    TENANT,
    VERSION,
    ZONE_REDUNDANT,
    HandClock,
    Hands,
    cloud,
    created,
    done,
    patched,
    request,
    subnet,
)  # fmt: skip


@pytest.fixture
def azure(tmp_path: Path, hands: Hands) -> Iterator[Cloud]:
    with cloud(tmp_path, hands=hands) as made:
        yield made


def test_a_create_is_accepted_and_answers_the_recorded_resource(azure: Cloud) -> None:
    # wire/server.md 6
    operation = azure.put(SERVER, request(), VERSION)
    assert not isinstance(operation, dict)
    assert (operation.name, operation.location_segment, operation.status) == (
        "UpsertServerManagementOperationV2",
        "canadacentral",
        "InProgress",
    )
    server = azure.wait(operation)
    properties = server["properties"]
    assert list(server) == ["sku", "systemData", "properties", "location", "id", "name", "type"]
    assert server["location"] == "Canada Central"
    assert properties["storage"] == {"type": "", "iops": 500, "tier": "P10", "storageSizeGB": 128, "autoGrow": "Disabled"}
    assert properties["highAvailability"] == {"mode": "Disabled", "state": "NotEnabled"}
    assert properties["maintenanceWindow"] == {"customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0}
    assert properties["authConfig"] == {"activeDirectoryAuth": "Disabled", "passwordAuth": "Enabled"}
    assert (properties["state"], properties["availabilityZone"]) == ("Ready", "1")
    assert properties["replica"] == {"role": "Primary", "capacity": 5}
    assert properties["fullyQualifiedDomainName"] == "zep-test.postgres.database.azure.com"
    assert not {"createMode", "administratorLoginPassword", "provisioningState", "etag"} & set(properties)


def test_the_order_of_the_properties_is_the_recorded_one(azure: Cloud) -> None:
    # wire/server.md 6
    assert list(created(azure)["properties"]) == [
        "dataEncryption", "replica", "storage", "network", "privateEndpointConnections", "authConfig", "fullyQualifiedDomainName",
        "version", "minorVersion", "administratorLogin", "state", "availabilityZone", "backup", "highAvailability", "maintenanceWindow",
        "replicationRole", "replicaCapacity",
    ]  # fmt: skip


def test_the_password_reaches_the_server_and_never_the_folder(azure: Cloud, hands: Hands, tmp_path: Path) -> None:
    created(azure)
    patched(azure, {"properties": {"administratorLoginPassword": "Another-one-2"}})
    assert ("create", "zep-test", "16", "cogadmin", PASSWORD) in hands.told
    assert ("password", "zep-test", "cogadmin", "Another-one-2") in hands.told
    written = "".join(each.read_text() for each in tmp_path.rglob("*") if each.is_file())
    assert PASSWORD not in written and "Another-one-2" not in written


def test_a_zone_redundant_server_is_healthy_at_its_first_answer(azure: Cloud) -> None:
    # wire/server.md 6
    server = created(azure, properties=ZONE_REDUNDANT)
    assert server["properties"]["highAvailability"] == {"mode": "ZoneRedundant", "state": "Healthy", "standbyAvailabilityZone": "2"}


def test_a_maintenance_window_sent_at_creation_is_not_honoured(azure: Cloud) -> None:
    # azure-facts 11.1; the PATCH afterwards: wire/server.md 8
    window = {"customWindow": "Enabled", "dayOfWeek": 2, "startHour": 3, "startMinute": 0}
    assert created(azure, properties={"maintenanceWindow": window})["properties"]["maintenanceWindow"]["customWindow"] == "Disabled"
    assert patched(azure, {"properties": {"maintenanceWindow": window}})["properties"]["maintenanceWindow"] == window


def test_ready_is_not_restorable_until_the_first_backup(tmp_path: Path) -> None:
    # wire/backup.md 3: absent, not null; the form with an offset
    clock = HandClock()
    with cloud(tmp_path, pace=Pace.RECORDED, clock=clock) as azure:
        operation = azure.put(SERVER, request(), VERSION)
        clock.move(300)
        assert "earliestRestoreDate" not in done(azure, operation)["properties"]["backup"]
        clock.move(110)
        assert azure.get(SERVER)["properties"]["backup"]["earliestRestoreDate"] == "2026-05-19T08:47:32.83+00:00"
        assert [each["name"] for each in azure.list(f"{SERVER}/backups")] == ["backup_639147772518300000"]


def test_operations_last_as_long_as_recorded(tmp_path: Path) -> None:
    # wire/server.md 2: with HA 16 to 17 minutes; polls every 60 s; the moment of creation lies some seconds after the start
    clock = HandClock()
    with cloud(tmp_path, pace=Pace.RECORDED, clock=clock) as azure:
        operation = azure.put(SERVER, request(properties=ZONE_REDUNDANT), VERSION)
        assert not isinstance(operation, dict)
        assert (operation.wire_start_time, operation.retry_after_seconds) == ("2026-05-19T08:40:47.83Z", 60.0)
        clock.move(16 * 60)
        time.sleep(0.1)
        assert azure.operation(operation.id).status == "InProgress"
        assert azure.get(SERVER)["properties"]["state"] == "Provisioning"
        clock.move(60)
        assert azure.wait(operation)["systemData"] == {"createdAt": "2026-05-19T08:40:58.8300000Z"}
        dropping = azure.delete(SERVER)
        assert dropping is not None
        assert (dropping.retry_after_seconds, dropping.location_segment) == (15.0, "Canada Central")
        clock.move(200)
        assert azure.wait(dropping) == {}


def test_growing_the_disk_moves_tier_and_iops(azure: Cloud) -> None:
    # wire/server.md 8
    created(azure)
    assert patched(azure, {"properties": {"storage": {"storageSizeGB": 256}}})["properties"]["storage"] == {
        "type": "", "iops": 1100, "tier": "P15", "storageSizeGB": 256, "autoGrow": "Disabled",
    }  # fmt: skip


def test_a_tier_in_lower_case_is_accepted(azure: Cloud) -> None:
    # wire/server.md 8
    created(azure)
    assert patched(azure, {"properties": {"storage": {"tier": "p20"}}})["properties"]["storage"]["iops"] == 2300


def test_what_was_answered_may_be_sent_back(azure: Cloud) -> None:
    # wire/server.md 8: the CLI echoes almost the whole server, zone and geo flag included
    before = created(azure, properties={**ZONE_REDUNDANT, "createMode": "Default"})
    again = {"sku": before["sku"], "properties": before["properties"]}
    after = patched(azure, again)
    assert {**after["properties"], "backup": None} == {**before["properties"], "backup": None}


def test_scaling_a_zone_redundant_server_swaps_its_zones_and_both_read_the_same_for_a_while(tmp_path: Path) -> None:
    # wire/server.md 8
    clock = HandClock()
    with cloud(tmp_path, pace=Pace.RECORDED, clock=clock) as azure:
        creating = azure.put(SERVER, request(properties=ZONE_REDUNDANT), VERSION)
        clock.move(1100)
        done(azure, creating)
        scaling = azure.patch(SERVER, {"sku": {"name": "Standard_E4ds_v5", "tier": "MemoryOptimized"}}, VERSION)
        clock.move(800)
        stale = done(azure, scaling)["properties"]
        assert (stale["availabilityZone"], stale["highAvailability"]["standbyAvailabilityZone"]) == ("2", "2")
        clock.move(200)
        settled = azure.get(SERVER)["properties"]
        assert (settled["availabilityZone"], settled["highAvailability"]["standbyAvailabilityZone"]) == ("2", "1")


def test_turning_ha_off_takes_the_standby_zone_away(azure: Cloud) -> None:
    # wire/older.md 1
    created(azure, properties=ZONE_REDUNDANT)
    off = patched(azure, {"properties": {"highAvailability": {"mode": "Disabled"}}})["properties"]
    assert (off["highAvailability"], off["availabilityZone"]) == ({"mode": "Disabled", "state": "NotEnabled"}, "1")


def test_tags_are_replaced_as_a_whole_and_stay_when_not_named(azure: Cloud) -> None:
    # wire/server.md 8
    created(azure, tags={"one": "1", "two": "2"})
    assert patched(azure, {"properties": {"backup": {"backupRetentionDays": 17}}})["tags"] == {"one": "1", "two": "2"}
    assert patched(azure, {"tags": {"three": "3"}})["tags"] == {"three": "3"}
    assert "tags" not in patched(azure, {"tags": {}})


def test_a_full_put_updates_an_existing_server(azure: Cloud) -> None:
    # never recorded; that a PUT without tags takes them away is assumed
    created(azure, tags={"one": "1"})
    body = request(properties={"createMode": "Default", "backup": {"backupRetentionDays": 14, "geoRedundantBackup": "Disabled"}})
    after = done(azure, azure.put(SERVER, body, VERSION))
    assert (after["properties"]["backup"]["backupRetentionDays"], after.get("tags")) == (14, None)


def test_a_server_in_a_network_shows_it_and_has_no_endpoint_connections(azure: Cloud) -> None:
    # wire/parameter.md 7
    network = subnet(azure)
    server = created(azure, properties={"network": network})["properties"]
    assert server["network"] == {"publicNetworkAccess": "Disabled", **network}
    assert "privateEndpointConnections" not in server
    with pytest.raises(Refusal, match="in use by"):
        azure.delete(network["delegatedSubnetResourceId"])


def test_entra_brings_the_tenant_and_restarts_the_server(azure: Cloud, hands: Hands) -> None:
    # wire/parameter.md 4; the restart: azure-facts 7
    created(azure)
    after = patched(azure, {"properties": {"authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Enabled"}}})
    assert after["properties"]["authConfig"] == {"activeDirectoryAuth": "Enabled", "passwordAuth": "Enabled", "tenantId": TENANT}
    assert ("restart", "zep-test") in hands.told


def test_an_identity_repeats_the_tenant_as_its_client(azure: Cloud) -> None:
    # wire/parameter.md 5
    own = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
    identity = azure.put(own, {"location": "canadacentral"}, VERSION)
    assert isinstance(identity, dict)
    assert identity["id"].startswith("/subscriptions") and "/resourcegroups/" in identity["id"]
    created(azure)
    shown = patched(azure, {"identity": {"userAssignedIdentities": {identity["id"]: {}}, "type": "UserAssigned"}})["identity"]
    principal = identity["properties"]["principalId"]
    assert shown["userAssignedIdentities"] == {identity["id"]: {"principalId": principal, "clientId": TENANT}}
    assert "identity" not in patched(azure, {"identity": {"type": "None"}})


def test_power_changes_the_state_and_a_stopped_server_takes_no_change(azure: Cloud) -> None:
    # wire/server.md 9; the states are assumed
    created(azure)
    assert done(azure, azure.act(SERVER, "stop"))["properties"]["state"] == "Stopped"
    with pytest.raises(Refusal, match="Stopped"):
        azure.patch(SERVER, {"tags": {}}, VERSION)
    assert done(azure, azure.act(SERVER, "start"))["properties"]["state"] == "Ready"
    with pytest.raises(Refusal, match="standby"):
        azure.act(SERVER, "restart", {"restartWithFailover": True})


def test_a_failover_exchanges_the_zones(azure: Cloud) -> None:
    # azure-facts 2; never recorded
    created(azure, properties=ZONE_REDUNDANT)
    after = done(azure, azure.act(SERVER, "restart", {"restartWithFailover": True, "failoverMode": "PlannedFailover"}))["properties"]
    assert (after["availabilityZone"], after["highAvailability"]["standbyAvailabilityZone"]) == ("2", "1")


def test_a_deleted_server_is_gone_with_its_children(azure: Cloud, hands: Hands) -> None:
    created(azure)
    done(azure, azure.put(f"{SERVER}/databases/zep", {}, VERSION))
    operation = azure.delete(SERVER)
    assert operation is not None and operation.name == "DropServerManagementOperation"
    azure.wait(operation)
    for path in (SERVER, f"{SERVER}/databases/zep"):
        with pytest.raises(Refusal) as refused:
            azure.get(path)
        assert refused.value.status == 404
    assert ("delete", "zep-test") in hands.told
    assert azure.delete(SERVER) is None


def test_a_create_that_fails_behind_leaves_no_server(azure: Cloud, hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    # wire/older.md 4: an internal error leaves nothing, and the same PUT is repeated
    hands.broken.add("create")
    with pytest.raises(Refusal) as refused:
        created(azure)
    assert refused.value.code == "InternalServerError"
    assert PASSWORD not in caplog.text
    hands.broken.clear()
    assert created(azure)["properties"]["state"] == "Ready"
