"""The product's ARM client against the local Azure, reached through the environment alone, as a command reaches it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb

from scripts.edges import arm
from scripts.edges.exits import BAD, BUSY, CONFIGURATION, REFUSED, UNREACHABLE, Failure
from scripts.local_azure.serve import LocalAzure

GROUP, SERVER = "rg-arm-edge", "zepmem-edge"
MODULE = "azure-native:dbforpostgresql:"


def make(azure: LocalAzure, type_: str, **values: Any) -> None:
    properties = Struct()
    properties.update({"resourceGroupName": GROUP, **values})
    azure.provider_stub().Create(pb.CreateRequest(urn=f"urn:pulumi:dev::agent-memory::{type_}::x", type=type_, properties=properties))


@pytest.fixture(scope="module")
def made(azure: LocalAzure) -> None:
    make(azure, "azure-native:resources:ResourceGroup", location="westeurope")
    make(
        azure, MODULE + "Server", serverName=SERVER, location="westeurope", version="16",
        sku={"name": "Standard_D2s_v3", "tier": "GeneralPurpose"}, storage={"storageSizeGB": 64}, availabilityZone="1",
        highAvailability={"mode": "ZoneRedundant", "standbyAvailabilityZone": "2"}, network={"publicNetworkAccess": "Enabled"},
        administratorLogin="cogadmin", administratorLoginPassword="Local-" + uuid.uuid4().hex,
        backup={"backupRetentionDays": 14, "geoRedundantBackup": "Enabled"},
    )  # fmt: skip


@pytest.fixture
def client(at_azure: LocalAzure, made: None) -> arm.Arm:
    return arm.connect()


def test_tells_a_servers_facts(client: arm.Arm) -> None:
    facts = client.wait_ready(GROUP, SERVER, poll_seconds=0.1)
    assert (facts.state, facts.location, facts.host) == ("Ready", "westeurope", f"{SERVER}.postgres.database.azure.com")
    assert (facts.sku, facts.tier, facts.storage_gib, facts.version) == ("Standard_D2s_v3", "GeneralPurpose", 64, "16")
    assert (facts.availability_mode, facts.zone, facts.standby_zone) == ("ZoneRedundant", "1", "2")
    assert (facts.retention_days, facts.geo_redundant) == (14, True)


def test_names_the_parameters_that_wait_for_a_restart(azure: LocalAzure, client: arm.Arm) -> None:
    assert client.pending_restart(GROUP, SERVER) == ()
    for name, value in (("max_worker_processes", "16"), ("lock_timeout", "1000")):
        make(azure, MODULE + "Configuration", serverName=SERVER, configurationName=name, value=value, source="user-override")
    assert client.pending_restart(GROUP, SERVER) == ("max_worker_processes",)


def failure_of(client: arm.Arm, name: str = SERVER) -> Failure:
    with pytest.raises(Failure) as caught:
        client.server(GROUP, name)
    return caught.value


def test_a_server_that_is_not_there_is_bad(client: arm.Arm) -> None:
    found = failure_of(client, "zepmem-none")
    assert (found.code, found.where) == (BAD, "zepmem-none")
    assert found.fact.startswith("ResourceNotFound: ")


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(409, "ServerIsBusy", BUSY), (409, "ScopeLocked", BUSY), (403, "AuthorizationFailed", REFUSED), (409, "Conflict", REFUSED)],
)
def test_a_refusal_becomes_its_exit_code(azure: LocalAzure, client: arm.Arm, status: int, code: str, exit_code: int) -> None:
    azure.fault({"effect": "refuse", "method": "GET", "pattern": f"*/{SERVER}", "status": status, "code": code, "message": "No. Way."})
    found = failure_of(client)
    assert (found.code, found.fact) == (exit_code, f"{code}: No. Way")


def test_an_unknown_principal_is_refused(client: arm.Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    assert failure_of(arm.connect()).code == REFUSED


def test_a_closed_door_is_unreachable(client: arm.Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.core.pipeline.policies import RetryPolicy
    from azure.identity import DefaultAzureCredential
    from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient

    sdk = PostgreSQLManagementClient(
        DefaultAzureCredential(), "s", base_url="https://127.0.0.1:9", credential_scopes=["https://x/.default"],
        api_version=arm.API_VERSION, retry_policy=RetryPolicy.no_retries(),
    )  # fmt: skip
    found = failure_of(arm.Arm(sdk))
    assert (found.code, found.where) == (UNREACHABLE, SERVER)


def test_a_server_that_does_not_become_ready_in_time_is_busy(azure: LocalAzure, client: arm.Arm) -> None:
    from scripts.edges.arm import ServerFacts

    class Stopped(arm.Arm):
        def server(self, resource_group: str, name: str) -> ServerFacts:
            from dataclasses import replace

            return replace(super().server(resource_group, name), state="Updating")

    with pytest.raises(Failure) as caught:
        Stopped(client._client).wait_ready(GROUP, SERVER, seconds=0.05, poll_seconds=0.01)
    assert (caught.value.code, "Updating" in caught.value.fact) == (BUSY, True)


def test_waits_until_the_standby_is_healthy_and_tells_every_state_before(client: arm.Arm) -> None:
    from dataclasses import replace

    from scripts.edges.arm import ServerFacts

    states = iter(["CreatingStandby", "ReplicatingData", "Healthy"])

    class Growing(arm.Arm):
        def server(self, resource_group: str, name: str) -> ServerFacts:
            return replace(super().server(resource_group, name), availability_state=next(states))

    heard: list[str] = []
    facts = Growing(client._client).wait_healthy(GROUP, SERVER, poll_seconds=0.01, watch=heard.append)
    assert facts.availability_state == "Healthy"
    assert heard == ["CreatingStandby", "ReplicatingData"]


def test_a_standby_that_is_not_healthy_in_time_is_busy(client: arm.Arm) -> None:
    from dataclasses import replace

    from scripts.edges.arm import ServerFacts

    class Failing(arm.Arm):
        def server(self, resource_group: str, name: str) -> ServerFacts:
            return replace(super().server(resource_group, name), availability_state="FailingOver")

    with pytest.raises(Failure) as caught:
        Failing(client._client).wait_healthy(GROUP, SERVER, seconds=0.05, poll_seconds=0.01)
    assert caught.value.code == BUSY
    assert caught.value.fact.startswith("its standby is FailingOver, not Healthy, after ")


@pytest.mark.parametrize(
    "endpoint", ["https://management.evil.example", "http://127.0.0.1:1", "https://127.0.0.1.evil.example", "nonsense"]
)
def test_refuses_an_endpoint_that_is_not_https_on_loopback(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AGENTMEM_ARM_ENDPOINT", endpoint)
    monkeypatch.setenv("ARM_SUBSCRIPTION_ID", "s")
    with pytest.raises(Failure, match="loopback") as caught:
        arm.connect()
    assert caught.value.code == CONFIGURATION


def test_says_when_no_subscription_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARM_SUBSCRIPTION_ID", raising=False)
    monkeypatch.delenv("AGENTMEM_ARM_ENDPOINT", raising=False)
    with pytest.raises(Failure, match="ARM_SUBSCRIPTION_ID"):
        arm.connect()


def test_importing_it_loads_no_azure_sdk() -> None:
    probe = "import sys, scripts.edges.arm; sys.exit(any(name.split('.')[0] == 'azure' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", probe]).returncode == 0
