"""The read replica: only what Azure takes on one, and nothing that would replace it after a promotion."""

from __future__ import annotations

from scripts.edges import input_types
from tests.infra.plans import REPLICA, SERVER, plan_of, waits_for

REPLICATED = {
    "network.mode": "public",
    "network.address_space": None,
    "network.subnet": None,
    "replica": {"location": "northeurope", "sku": "Standard_D2s_v3", "virtual_endpoint": "zepmem"},
}


def test_replica_sends_exactly_this() -> None:
    plan = plan_of("prod", REPLICATED)
    assert plan.find(REPLICA).inputs == {
        "serverName": "zepmem-prod-replica",
        "resourceGroupName": "rg-zepmem-prod",
        "location": "northeurope",
        "createMode": "Replica",
        "sourceServerResourceId": plan.outputs["server_id"],
        "availabilityZone": "",
        "sku": {"name": "Standard_D2s_v3", "tier": "GeneralPurpose"},
        "storage": {"storageSizeGB": 128, "autoGrow": "Enabled", "type": "Premium_LRS"},
        "network": {"publicNetworkAccess": "Enabled"},
        "tags": {"environment": "prod", "managed-by": "agent-memory"},
    }
    assert input_types.check(plan) == ()


def test_promoted_replica_is_not_replaced() -> None:
    replica = plan_of("prod", REPLICATED).find(REPLICA)
    assert {"sourceServerResourceId", "createMode", "availabilityZone", "storage.storageSizeGB"} <= set(replica.ignore_changes)
    assert replica.protect


def test_virtual_endpoint_comes_after_the_replica_and_survives_a_swap() -> None:
    plan = plan_of("prod", REPLICATED)
    (endpoint,) = plan.of_type("VirtualEndpoint")
    assert endpoint.inputs == {
        "virtualEndpointName": "zepmem",
        "endpointType": "ReadWrite",
        "members": ["zepmem-prod-replica"],
        "serverName": "zepmem-prod",
        "resourceGroupName": "rg-zepmem-prod",
    }
    assert {REPLICA, SERVER} <= waits_for(plan, endpoint.name)
    assert endpoint.ignore_changes == ("members",)
    assert endpoint.protect


def test_replica_without_endpoint_has_none() -> None:
    alone = {**REPLICATED, "replica": {"location": "northeurope", "sku": "Standard_D2s_v3", "virtual_endpoint": None}}
    plan = plan_of("prod", alone)
    assert plan.of_type("VirtualEndpoint") == ()
    assert not {"writer_host", "reader_host"} & set(plan.outputs)


def test_stable_hosts_are_told() -> None:
    outputs = plan_of("prod", REPLICATED).outputs
    assert outputs["writer_host"] == "zepmem.writer.postgres.database.azure.com"
    assert outputs["reader_host"] == "zepmem.reader.postgres.database.azure.com"
    assert outputs["replica_host"] == "zepmem-prod-replica.postgres.database.azure.com"
