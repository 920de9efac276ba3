"""The model as a whole: groups and documents, locks, capabilities, faults, and what a folder remembers."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.domain.azure import skus
from scripts.local_azure.cloud import Cloud, ConnectionLost, Pace, Refusal, StateInUse
from scripts.local_azure.faults import Effect, Fault
from tests.scripts.local_azure.made_cloud import (
    ADDRESS,
    GROUP,
    NETWORK,
    SERVER,
    SERVERS,
    SUBSCRIPTION,
    TENANT,
    VERSION,
    ZONE,
    HandClock,
    Hands,
    cloud,
    created,
    done,
    request,
    subnet,
)  # fmt: skip

LOCK = f"{SERVER}/providers/Microsoft.Authorization/locks/keep"
ENDPOINT = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path) as made:
        yield made


def test_the_capabilities_have_the_recorded_number_of_bytes(azure: Cloud) -> None:
    # wire/server.md 5 and 12: the answer of May 2026, and 60 bytes more for a server
    created(azure)
    for server, length in ((None, 30_031), (SERVER, 30_091)):
        assert len(json.dumps(azure.capabilities("canadacentral", server), separators=(",", ":"))) == length


def test_every_sku_of_the_table_can_be_created(azure: Cloud) -> None:
    listed = azure.capabilities("westeurope")["value"][0]["supportedServerEditions"]
    assert sum(len(each["supportedServerSkus"]) for each in listed) == len(skus.SKUS) == 101


def test_a_group_answers_its_short_location(azure: Cloud) -> None:
    # wire/server.md 3
    assert azure.get(GROUP.replace("/rg", "/RG")) == {
        "id": GROUP, "name": "rg", "type": "Microsoft.Resources/resourceGroups", "location": "canadacentral", "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }  # fmt: skip


def test_nothing_is_made_where_its_parent_is_missing(azure: Cloud) -> None:
    for path, code in (
        (SERVER.replace("/rg/", "/nowhere/"), "ResourceGroupNotFound"),
        (f"{NETWORK}/subnets/db", "ParentResourceNotFound"),
        (LOCK, "ParentResourceNotFound"),
    ):
        with pytest.raises(Refusal) as refused:
            azure.put(path, request(), VERSION)
        assert (refused.value.status, refused.value.code) == (404, code)


def test_a_document_comes_back_and_ids_compare_without_case(azure: Cloud) -> None:
    path = f"{GROUP}/providers/Microsoft.Insights/actionGroups/ops"
    kept = azure.put(path, {"location": "Global", "tags": {"a": "b"}, "properties": {"enabled": True}}, VERSION)
    assert kept == azure.get(path.upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    assert kept == {
        "id": path, "name": "ops", "type": "Microsoft.Insights/actionGroups", "location": "Global", "tags": {"a": "b"},
        "properties": {"enabled": True, "provisioningState": "Succeeded"},
    }  # fmt: skip
    assert azure.list(f"{GROUP}/providers/Microsoft.Insights/actionGroups") == [kept]
    assert azure.list(f"/subscriptions/{SUBSCRIPTION}/providers/microsoft.insights/actiongroups") == [kept]
    azure.delete(path)
    with pytest.raises(Refusal):
        azure.get(path)


def test_a_network_shows_its_subnets_with_their_delegation(azure: Cloud) -> None:
    # wire/parameter.md 7
    subnet(azure)
    (inner,) = azure.get(NETWORK)["properties"]["subnets"]
    assert inner["properties"]["delegations"][0]["properties"]["actions"] == ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    link = f"{ZONE}/virtualNetworkLinks/net-link"
    linked = azure.put(
        link, {"location": "global", "properties": {"virtualNetwork": {"id": NETWORK}, "registrationEnabled": False}}, VERSION
    )
    assert isinstance(linked, dict) and linked["properties"]["virtualNetworkLinkState"] == "Completed"
    with pytest.raises(Refusal, match="still has"):
        azure.delete(ZONE)


def test_a_secret_value_is_never_kept(azure: Cloud, tmp_path: Path) -> None:
    vault = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
    azure.put(vault, {"location": "canadacentral", "properties": {}}, VERSION)
    azure.put(f"{vault}/secrets/dsn", {"properties": {"value": "hidden-words"}}, VERSION)
    assert "hidden-words" not in (tmp_path / "cloud.json").read_text()


def test_a_lock_covers_children_and_what_contains_it(azure: Cloud) -> None:
    # azure-facts 3.6; the form of the answer is assumed
    created(azure)
    rule = f"{SERVER}/firewallRules/office"
    done(azure, azure.put(rule, {"properties": ADDRESS}, VERSION))
    azure.put(LOCK, {"properties": {"level": "CanNotDelete"}}, VERSION)
    for path in (SERVER, rule, GROUP):
        with pytest.raises(Refusal) as refused:
            azure.delete(path)
        assert (refused.value.status, refused.value.code) == (409, "ScopeLocked")
    done(azure, azure.patch(SERVER, {"tags": {"a": "b"}}, VERSION))
    azure.delete(LOCK)
    removing = azure.delete(SERVER)
    assert removing is not None
    azure.wait(removing)


def test_deleting_a_group_deletes_its_servers(tmp_path: Path) -> None:
    hands = Hands()
    with cloud(tmp_path, hands=hands) as azure:
        created(azure)
        removing = azure.delete(GROUP)
        assert removing is not None
        azure.wait(removing)
        assert azure.list(SERVERS.replace(f"/resourceGroups/{GROUP.rsplit('/', 1)[1]}", "")) == []
    assert ("delete", "zep-test") in hands.told


def test_a_private_endpoint_connects_and_what_was_rejected_stays_so(azure: Cloud) -> None:
    # wire/parameter.md 6
    created(azure)
    inner = {"name": "c", "properties": {"privateLinkServiceId": SERVER, "groupIds": ["postgresqlServer"]}}
    body = {"location": "canadacentral", "properties": {"subnet": {"id": f"{NETWORK}/subnets/x"}, "privateLinkServiceConnections": [inner]}}
    endpoint = azure.put(ENDPOINT, body, VERSION)
    assert isinstance(endpoint, dict)
    state = endpoint["properties"]["privateLinkServiceConnections"][0]["properties"]["privateLinkServiceConnectionState"]
    assert state["description"] == "Auto Approved"
    (connection,) = azure.get(SERVER)["properties"]["privateEndpointConnections"]
    assert connection["properties"]["privateLinkServiceConnectionState"]["description"] == "Auto-Approved"
    assert connection["properties"]["privateEndpoint"] == {"id": ENDPOINT}

    def judge(status: str) -> Any:
        wanted = {"privateEndpoint": {}, "privateLinkServiceConnectionState": {"status": status, "description": "by hand"}}
        return done(azure, azure.put(connection["id"], {"properties": wanted}, VERSION))["properties"]["privateEndpoint"]

    assert judge("Rejected") == {"id": ENDPOINT}
    with pytest.raises(Refusal, match="occured"):
        judge("Approved")
    azure.delete(ENDPOINT)
    assert azure.get(SERVER)["properties"]["privateEndpointConnections"] == []


def test_a_fault_refuses_as_often_as_it_was_asked_to(azure: Cloud) -> None:
    azure.faults.add(Fault(effect=Effect.REFUSE, method="PUT", pattern="*/flexibleServers/*", times=2, status=500))
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            azure.put(SERVER, request(), VERSION)
        assert (refused.value.status, refused.value.code) == (500, "InternalServerError")
        assert azure.list(SERVERS) == []  # wire/older.md 4: a 500 leaves no server
    assert created(azure)["properties"]["state"] == "Ready"


def test_a_fault_tells_when_to_come_back(azure: Cloud) -> None:
    azure.faults.add(Fault(effect=Effect.REFUSE, method="GET", status=429, code="TooManyRequests", seconds=7))
    with pytest.raises(Refusal) as refused:
        azure.get(GROUP)
    assert (refused.value.status, refused.value.retry_after_seconds) == (429, 7)
    assert azure.get(GROUP)["name"] == "rg"


def test_a_fault_fails_an_accepted_operation(azure: Cloud) -> None:
    # the third face of busy, azure-facts 11.1 f
    azure.faults.add(Fault.from_json({"effect": "fail", "pattern": "*/zep-test", "code": "ServerIsNotReady", "message": "not now"}))
    operation = azure.put(SERVER, request(), VERSION)
    with pytest.raises(Refusal) as refused:
        done(azure, operation)
    assert refused.value.code == "ServerIsNotReady"
    assert azure.list(SERVERS) == []


def test_a_fault_loses_the_answer_before_or_after_the_work(azure: Cloud) -> None:
    for finished in (False, True):
        azure.faults.add(Fault(effect=Effect.LOSE, method="PUT", done=finished))
        with pytest.raises(ConnectionLost):
            azure.put(SERVER, request(), VERSION)
        assert (azure.list(SERVERS) != []) is finished


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        Fault.from_json({"effect": "refuse", "colour": "red"})


def test_a_slow_operation_takes_longer(tmp_path: Path) -> None:
    clock = HandClock()
    with cloud(tmp_path, clock=clock) as azure:
        azure.faults.add(Fault(effect=Effect.SLOW, method="PUT", seconds=100))
        operation = azure.put(SERVER, request(), VERSION)
        assert not isinstance(operation, dict)
        clock.move(50)
        assert azure.operation(operation.id).status == "InProgress"
        clock.move(51)
        assert azure.wait(operation)["name"] == "zep-test"


def test_a_server_outlives_the_process(tmp_path: Path) -> None:
    with cloud(tmp_path) as azure:
        before = created(azure)
        done(azure, azure.act(SERVER, "stop"))
    hands = Hands()
    again = Cloud(tmp_path, subscription=SUBSCRIPTION, tenant=TENANT, backend=hands)
    assert again.get(SERVER)["systemData"] == before["systemData"]
    assert hands.told == [("resume", "zep-test", False)]
    again.close()


def test_what_a_dead_process_left_half_done_has_failed(tmp_path: Path) -> None:
    # a RECORDED create lasts minutes: closing does not wait for it
    with cloud(tmp_path, pace=Pace.RECORDED, clock=HandClock()) as azure:
        operation = azure.put(SERVER, request(), VERSION)
        assert not isinstance(operation, dict)
    hands = Hands()
    again = Cloud(tmp_path, subscription=SUBSCRIPTION, tenant=TENANT, backend=hands)
    assert again.operation(operation.id).status == "Failed"
    assert again.list(SERVERS) == []
    assert hands.told == [("delete", "zep-test")]
    again.close()


def test_a_folder_belongs_to_one_process_and_is_readable_to_its_owner_only(tmp_path: Path) -> None:
    with cloud(tmp_path / "state") as azure:
        created(azure)
        with pytest.raises(StateInUse):
            Cloud(tmp_path / "state", subscription=SUBSCRIPTION, tenant=TENANT)
        for each in (tmp_path / "state").iterdir():
            assert stat.S_IMODE(each.stat().st_mode) == 0o600


def test_a_path_that_names_nothing_is_not_found(azure: Cloud) -> None:
    for path in ("/subscriptions/x", f"{GROUP}/providers/Microsoft.Network", f"{SERVERS}//"):
        with pytest.raises(Refusal) as refused:
            azure.get(path)
        assert refused.value.status == 404
