"""What Azure refuses of a flexible server: what it does not offer, what is decided at creation, what comes while it is busy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local_azure.cloud import Answer, Cloud, Refusal, Settings
from tests.scripts.local_azure.made_cloud import (
    BURSTABLE,
    GROUP,
    SERVER,
    SERVERS,
    VERSION,
    ZONE_REDUNDANT,
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


def test_ha_on_burstable_is_accepted_and_fails_in_the_poll(azure: Cloud) -> None:
    # wire/server.md 10
    created(azure, sku=BURSTABLE)
    operation = azure.patch(SERVER, {"properties": {"highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": ""}}}, VERSION)
    with pytest.raises(Refusal) as refused:
        done(azure, operation)
    assert refused.value.code == "HANotSupportedForBurstableSkuWithMoreInfo"
    assert refused.value.message == "High availiability not supported for burstable server [zep-test]."
    assert azure.get(SERVER)["properties"]["state"] == "Ready"


def test_a_second_operation_on_a_busy_server_is_refused(azure: Cloud) -> None:
    # assumed: documented, never recorded
    azure.put(SERVER, request(), VERSION)
    for attempt in (lambda: azure.patch(SERVER, {"tags": {}}, VERSION), lambda: azure.act(SERVER, "restart"), lambda: azure.delete(SERVER)):
        with pytest.raises(Refusal) as refused:
            attempt()
        assert (refused.value.status, refused.value.code) == (409, "ServerIsBusy")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"sku": {"name": "Standard_D2s_v5", "tier": "GeneralPurpose"}}, "sku.name"),
        ({"sku": {"name": "Standard_B1ms", "tier": "GeneralPurpose"}}, "sku.tier"),
        ({"location": "atlantis"}, "location"),
        ({"properties": {"version": "10"}}, "version"),
        ({"properties": {"storage": {"storageSizeGB": 100}}}, "storage.storageSizeGB"),
        ({"properties": {"storage": {"storageSizeGB": 128, "tier": "P4"}}}, "storage.tier"),
        ({"properties": {"storage": {"storageSizeGB": 128, "iops": 9000}}}, "storage.iops"),
        ({"sku": BURSTABLE, "properties": {"storage": {"type": "PremiumV2_LRS"}}}, "storage.type"),
        ({"properties": {"storage": {"type": "PremiumV2_LRS", "autoGrow": "Enabled"}}}, "storage.autoGrow"),
        ({"properties": {"backup": {"backupRetentionDays": 36}}}, "backup.backupRetentionDays"),
        ({"properties": {"highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": "1"}}}, "standbyAvailabilityZone"),
        ({"properties": {"highAvailability": {"mode": "Disabled", "standbyAvailabilityZone": "2"}}}, "standbyAvailabilityZone"),
        ({"properties": {"availabilityZone": "4"}}, "availabilityZone"),
        ({"properties": {"administratorLogin": "azure_superuser"}}, "administratorLogin"),
        ({"properties": {"administratorLoginPassword": "short"}}, "administratorLoginPassword"),
        ({"properties": {"authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled"}}}, "administratorLogin"),
        ({"properties": {"dataEncryption": {"type": "AzureKeyVault", "primaryKeyURI": "https://k"}}}, "dataEncryption"),
    ],
)  # fmt: skip
def test_refuses_what_azure_does_not_offer(azure: Cloud, change: dict[str, Any], where: str) -> None:
    # assumed codes; the tables are recorded (wire/server.md 5), the rules documented (azure-facts 13)
    with pytest.raises(Refusal) as refused:
        azure.put(SERVER, request(**change), VERSION)
    assert refused.value.status == 400 and where in refused.value.message
    assert azure.list(SERVERS) == []


def test_refuses_geo_backup_where_there_is_no_pair_and_zones_where_there_are_none(azure: Cloud) -> None:
    with pytest.raises(Refusal, match="paired region"):
        azure.put(SERVER, request(location="qatarcentral", properties={"backup": {"geoRedundantBackup": "Enabled"}}), VERSION)
    with pytest.raises(Refusal, match="second zone"):
        azure.put(SERVER, request(location="canadaeast", properties=ZONE_REDUNDANT), VERSION)
    assert "availabilityZone" not in created(azure, location="Canada East")["properties"]  # wire/backup.md 5


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"properties": {"backup": {"geoRedundantBackup": "Enabled"}}}, "geoRedundantBackup"),
        ({"properties": {"administratorLogin": "other"}}, "administratorLogin"),
        ({"properties": {"availabilityZone": "3"}}, "availabilityZone"),
        ({"properties": {"storage": {"storageSizeGB": 64}}}, "storageSizeGB"),
        ({"properties": {"network": {"delegatedSubnetResourceId": f"{GROUP}/x"}}}, "delegatedSubnetResourceId"),
        ({"properties": {"version": "15"}}, "version"),
        ({"location": "westeurope"}, "location"),
        ({"properties": {"createMode": "Create"}}, "exists already"),
    ],
)
def test_refuses_to_change_what_is_decided_at_creation(azure: Cloud, body: dict[str, Any], where: str) -> None:
    # azure-facts 11.1; codes assumed
    before = created(azure)
    with pytest.raises(Refusal, match=where):
        azure.patch(SERVER, body, VERSION)
    assert azure.get(SERVER)["properties"]["storage"] == before["properties"]["storage"]


def test_a_changed_geo_flag_and_stale_zones_can_be_played_as_ignored(tmp_path: Path) -> None:
    # azure-facts 3.2 and 11.1 a: what Azure does is unknown
    with cloud(tmp_path, settings=Settings(geo_flag_change=Answer.IGNORE, stale_zone=Answer.IGNORE)) as azure:
        created(azure, properties=ZONE_REDUNDANT)
        stale = {"availabilityZone": "2", "highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": "1"}}
        after = patched(azure, {"properties": {**stale, "backup": {"geoRedundantBackup": "Enabled"}}})["properties"]
        assert (after["availabilityZone"], after["highAvailability"]["standbyAvailabilityZone"]) == ("1", "2")
        assert after["backup"]["geoRedundantBackup"] == "Disabled"


def test_refuses_to_leave_burstable_and_turn_ha_on_in_one_update(azure: Cloud) -> None:
    # azure-facts 2
    created(azure, sku=BURSTABLE)
    both = {"sku": {"name": "Standard_D2s_v3", "tier": "GeneralPurpose"}, "properties": ZONE_REDUNDANT}
    with pytest.raises(Refusal, match="two steps"):
        azure.patch(SERVER, both, VERSION)


def test_refuses_a_subnet_that_is_not_delegated_or_too_small(azure: Cloud) -> None:
    # azure-facts 6; codes assumed
    for prefix, delegated, why in (("10.20.1.0/28", False, "not delegated"), ("10.20.1.0/29", True, "smaller than /28")):
        network = subnet(azure, prefix, delegated=delegated)
        with pytest.raises(Refusal, match=why):
            azure.put(SERVER, request(properties={"network": network}), VERSION)


def test_names_are_global_and_checked(azure: Cloud) -> None:
    # wire/server.md 4; AlreadyExists is assumed
    check = f"{GROUP.rsplit('/', 2)[0]}/providers/Microsoft.DBforPostgreSQL/locations/canadacentral"
    asked = {"name": "zep-test", "type": "Microsoft.DBforPostgreSQL/flexibleServers"}
    assert azure.act(check, "checkNameAvailability", asked) == {**asked, "nameAvailable": True, "message": ""}
    bad = azure.act(check, "checkNameAvailability", {**asked, "name": "wrongserver.name"})
    assert isinstance(bad, dict) and (bad["nameAvailable"], bad["reason"]) == (False, "Invalid")
    created(azure)
    taken = azure.act(check, "checkNameAvailability", asked)
    assert isinstance(taken, dict) and taken["reason"] == "AlreadyExists"
    azure.put(GROUP + "2", {"location": "westeurope"}, VERSION)
    with pytest.raises(Refusal, match="taken"):
        azure.put(SERVER.replace("/rg/", "/rg2/"), request(), VERSION)


@pytest.mark.parametrize("mode", ["Replica", "PointInTimeRestore", "GeoRestore", "ReviveDropped"])
def test_other_ways_to_make_a_server_are_not_played_yet(azure: Cloud, mode: str) -> None:
    with pytest.raises(Refusal) as refused:
        azure.put(SERVER, request(properties={"createMode": mode}), VERSION)
    assert (refused.value.status, refused.value.code) == (501, "NotPlayedLocally")
