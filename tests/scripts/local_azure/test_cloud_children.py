"""Children of a server as the recordings show them: parameters, databases, firewall rules, administrators, backups."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.local_azure import times
from scripts.local_azure.cloud import Cloud, Refusal, Settings
from scripts.local_azure.kinds.firewall import prefixes
from scripts.local_azure.operations import Operation
from tests.scripts.local_azure.made_cloud import ADDRESS, BURSTABLE, SERVER, TENANT, VERSION, Hands, cloud, created, done

OID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def azure(tmp_path: Path, hands: Hands) -> Iterator[Cloud]:
    with cloud(tmp_path, hands=hands, settings=Settings(first_backup_seconds=3600)) as made:
        created(made)
        yield made


def test_a_database_is_created_from_a_flat_or_a_wrapped_body(azure: Cloud, hands: Hands) -> None:
    # wire/parameter.md 3, wire/older.md 7-8
    flat = {"name": "zep", "charset": "utf8", "collation": "en_US.utf8"}
    shown = done(azure, azure.put(f"{SERVER}/databases/zep", flat, VERSION))
    assert shown == {
        "properties": {"charset": "UTF8", "collation": "en_US.utf8"}, "id": f"{SERVER}/databases/zep", "name": "zep",
        "type": "Microsoft.DBforPostgreSQL/flexibleServers/databases",
    }  # fmt: skip
    done(azure, azure.put(f"{SERVER}/databases/other", {"properties": {"charset": "utf8", "collation": "C"}}, VERSION))
    names = [each["name"] for each in azure.list(f"{SERVER}/databases")]
    assert names == ["azure_maintenance", "postgres", "azure_sys", "zep", "other"]
    done(azure, azure.put(f"{SERVER}/databases/zep", flat, VERSION))
    assert [word for word in hands.told if word[0] == "database"] == [("database", "zep", "en_US.utf8"), ("database", "other", "C")]


def test_a_system_database_stays(azure: Cloud) -> None:
    with pytest.raises(Refusal):
        azure.delete(f"{SERVER}/databases/azure_sys")


@pytest.mark.parametrize(
    ("start", "end", "blocks"),
    [
        ("203.0.113.45", "203.0.113.45", ["203.0.113.45/32"]),
        ("0.0.0.0", "255.255.255.255", ["*"]),
        ("0.0.0.0", "0.0.0.0", ["AzureCloud"]),
    ],
)
def test_a_range_becomes_blocks(start: str, end: str, blocks: list[str]) -> None:
    # wire/server.md 11
    assert prefixes(start, end) == blocks


def test_a_long_range_becomes_the_27_recorded_blocks() -> None:
    # wire/server.md 11
    blocks = prefixes("9.9.9.9", "12.12.12.12")
    assert (len(blocks), blocks[:2], blocks[-1]) == (27, ["9.9.9.9/32", "9.9.9.10/31"], "12.12.12.12/32")


def test_a_firewall_rule_reaches_the_gateway_and_leaves_it(azure: Cloud, hands: Hands) -> None:
    # wire/server.md 11
    rule = f"{SERVER}/firewallRules/office"
    shown = done(azure, azure.put(rule, {"properties": ADDRESS}, VERSION))
    assert shown["properties"] == {**ADDRESS, "sourceAddressPrefixes": ["203.0.113.45/32"]}
    assert hands.told[-1][1].ranges == (("203.0.113.45", "203.0.113.45"),)
    operation = azure.delete(rule)
    assert operation is not None
    assert (operation.name, operation.location_segment) == ("DropServerFirewallRulesManagementOperation", "canadacentral")
    azure.wait(operation)
    assert hands.told[-1][1].ranges == ()


@pytest.mark.parametrize("rule", [{**ADDRESS, "endIpAddress": "203.0.113.1"}, {"startIpAddress": "::1", "endIpAddress": "::1"}])
def test_refuses_a_range_that_is_none(azure: Cloud, rule: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        azure.put(f"{SERVER}/firewallRules/office", {"properties": rule}, VERSION)


def test_refuses_firewall_rules_while_public_access_is_off(azure: Cloud) -> None:
    # azure-facts 6; the code is assumed
    done(azure, azure.patch(SERVER, {"properties": {"network": {"publicNetworkAccess": "Disabled"}}}, VERSION))
    with pytest.raises(Refusal, match="public access"):
        azure.put(f"{SERVER}/firewallRules/office", {"properties": ADDRESS}, VERSION)


def test_an_administrator_is_named_by_its_principal_and_found_by_its_object_id(azure: Cloud, hands: Hands) -> None:
    # wire/parameter.md 4
    path = f"{SERVER}/administrators/{OID}"
    body = {"properties": {"principalName": "ops@example.org", "tenantId": TENANT, "principalType": "Group"}}
    with pytest.raises(Refusal, match="off"):
        azure.put(path, body, VERSION)
    done(azure, azure.patch(SERVER, {"properties": {"authConfig": {"activeDirectoryAuth": "Enabled"}}}, VERSION))
    shown = done(azure, azure.put(path, body, VERSION))
    assert (shown["name"], shown["id"]) == ("ops@example.org", path)
    assert shown["properties"] == {"principalType": "Group", "principalName": "ops@example.org", "objectId": OID, "tenantId": TENANT}
    assert ("role", "ops@example.org", OID) in hands.told
    removing = azure.delete(path)
    assert removing is not None
    azure.wait(removing)
    assert azure.list(f"{SERVER}/administrators") == []


def test_a_backup_on_demand_has_the_recorded_form(azure: Cloud) -> None:
    # wire/backup.md 2
    operation = azure.put(f"{SERVER}/backups/before", {}, VERSION)
    assert isinstance(operation, Operation) and operation.name == "SnapshotManagementOperation"
    shown = azure.wait(operation)
    assert list(shown) == ["properties", "id", "name", "type"]
    assert (shown["properties"]["backupType"], shown["properties"]["source"]) == ("Customer On-Demand", "Customer Initiated")
    assert shown["properties"]["completedTime"].endswith("+00:00")
    assert azure.list(f"{SERVER}/backups") == [shown]


def test_refuses_the_eighth_backup_a_name_used_twice_and_burstable(azure: Cloud) -> None:
    # azure-facts 3.3; assumed
    for number in range(7):
        done(azure, azure.put(f"{SERVER}/backups/b{number}", {}, VERSION))
    with pytest.raises(Refusal, match="7 on-demand"):
        azure.put(f"{SERVER}/backups/b7", {}, VERSION)
    with pytest.raises(Refusal) as refused:
        done(azure, azure.put(f"{SERVER}/backups/b0", {}, VERSION))
    assert refused.value.code == "InternalServerError"
    small = SERVER.replace("zep-test", "zep-small")
    created(azure, small, sku=BURSTABLE)
    with pytest.raises(Refusal, match="Burstable"):
        azure.put(f"{small}/backups/b0", {}, VERSION)


def test_the_ticks_in_a_backups_name_are_those_recorded() -> None:
    # wire/backup.md 2: 639105913328769574 for 2026-03-31T22:02:12.8769574
    assert times.ticks(datetime(2026, 3, 31, 22, 2, 12, 876957, tzinfo=UTC)) == 639105913328769570


def test_an_operation_id_is_a_lower_case_guid_and_a_strange_one_is_unknown(azure: Cloud) -> None:
    operation = azure.act(SERVER, "restart")
    assert isinstance(operation, Operation) and str(uuid.UUID(operation.id)) == operation.id
    assert azure.operation(operation.id.upper()).name == "RestartServerManagementOperation"
    with pytest.raises(Refusal) as refused:
        azure.operation(str(uuid.uuid4()))
    assert refused.value.status == 404


def test_a_child_needs_its_server_and_virtual_endpoints_are_not_played(azure: Cloud) -> None:
    other = SERVER.replace("zep-test", "nobody")
    for path, body in ((f"{other}/databases/zep", {}), (f"{other}/firewallRules/r", {"properties": ADDRESS})):
        with pytest.raises(Refusal) as refused:
            azure.put(path, body, VERSION)
        assert (refused.value.status, refused.value.code) == (404, "ParentResourceNotFound")
    with pytest.raises(Refusal) as refused:
        azure.put(f"{SERVER}/virtualEndpoints/zep", {}, VERSION)
    assert refused.value.status == 501
