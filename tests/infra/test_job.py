"""The place of one-off containers: what the program declares for it, and nothing where it is not asked for."""

from __future__ import annotations

import pytest

from infra.domain.azure.arm_ids import NO_SUBSCRIPTION
from infra.domain.registrations import UNKNOWN
from scripts.edges import input_types
from scripts.edges.capture import Mode
from tests.infra.plans import SERVER, plan_of, waits_for

JOB = {"image": "r.azurecr.io/agentmem:1", "subnet": "10.20.2.0/28", "nat_gateway": True}
WITH = {"network.job": JOB}
NETWORK = f"/subscriptions/{NO_SUBSCRIPTION}/resourceGroups/rg-zepmem-prod/providers/Microsoft.Network"
ADMINISTRATOR = "memory-access-administrator-agentmem-job"


def test_nothing_is_made_where_it_is_not_asked_for() -> None:
    plan = plan_of("prod")
    assert not [item.name for item in plan.registrations if "job" in item.name]
    assert plan.find(SERVER).inputs["authConfig"]["activeDirectoryAuth"] == "Disabled"


def test_subnet_is_delegated_to_containers_with_a_way_out() -> None:
    inputs = plan_of("prod", WITH).find("memory-job-subnet").inputs
    assert [item["serviceName"] for item in inputs["delegations"]] == ["Microsoft.ContainerInstance/containerGroups"]
    assert inputs["addressPrefix"] == "10.20.2.0/28"
    assert inputs["natGateway"] == {"id": f"{NETWORK}/natGateways/nat-zepmem-prod-job"}
    gateway = plan_of("prod", WITH).find("memory-job-gateway").inputs
    assert gateway["publicIpAddresses"] == [{"id": f"{NETWORK}/publicIPAddresses/pip-zepmem-prod-job"}]


def test_without_a_gateway_none_is_paid_for() -> None:
    plan = plan_of("prod", {"network.job": {**JOB, "nat_gateway": False}})
    assert not plan.of_type("NatGateway") and not plan.of_type("PublicIPAddress")
    assert "natGateway" not in plan.find("memory-job-subnet").inputs


def test_subnets_of_one_network_are_written_one_after_the_other() -> None:
    assert "memory-network-subnet" in waits_for(plan_of("prod", WITH), "memory-job-subnet")


def test_the_identity_administers_the_server_without_a_password() -> None:
    plan = plan_of("prod", WITH)
    inputs = plan.find(ADMINISTRATOR).inputs
    assert (inputs["principalName"], inputs["principalType"], inputs["objectId"]) == ("agentmem-job", "ServicePrincipal", UNKNOWN)
    assert plan.find("memory-job-identity").inputs["resourceName"] == "agentmem-job"
    assert {"memory-job-identity", SERVER} <= waits_for(plan, ADMINISTRATOR)
    assert plan.find(SERVER).inputs["authConfig"] == {
        "activeDirectoryAuth": "Enabled", "passwordAuth": "Enabled", "tenantId": "00000000-0000-0000-0000-000000000000",
    }  # fmt: skip


def test_the_server_does_not_wait_for_the_place() -> None:
    assert not [name for name in waits_for(plan_of("prod", WITH), SERVER) if "job" in name]


@pytest.mark.parametrize("mode", Mode)
def test_every_input_fits_the_types_of_the_sdk(mode: Mode) -> None:
    assert input_types.check(plan_of("prod", WITH, mode=mode)) == ()


def test_it_works_beside_a_private_endpoint_too() -> None:
    plan = plan_of("prod", {**WITH, "network.mode": "private_endpoint"})
    assert plan.find("memory-job-subnet").inputs["delegations"]
    assert input_types.check(plan) == ()
