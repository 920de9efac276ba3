"""The three ways to reach a server, and that they do not mix."""

from __future__ import annotations

from infra.domain.azure.arm_ids import NO_SUBSCRIPTION
from scripts.edges import input_types
from tests.infra.plans import SERVER, plan_of, waits_for

FIREWALL = {
    "network.firewall": [
        {"name": "office", "start": "203.0.113.0", "end": "203.0.113.255"},
        {"name": "runner", "start": "198.51.100.7", "end": "198.51.100.7"},
    ]
}
ENDPOINT = {"network.mode": "private_endpoint"}
GROUP = f"/subscriptions/{NO_SUBSCRIPTION}/resourceGroups/rg-zepmem-prod/providers"


def test_public_server_has_a_firewall_and_no_network() -> None:
    plan = plan_of("dev", FIREWALL)
    office, runner = plan.of_type("FirewallRule")
    assert plan.find(SERVER).inputs["network"] == {"publicNetworkAccess": "Enabled"}
    assert (office.inputs["firewallRuleName"], office.inputs["startIpAddress"], office.inputs["endIpAddress"]) == (
        "office",
        "203.0.113.0",
        "203.0.113.255",
    )
    assert runner.depends_on == (office.name,)
    assert not plan.of_type("VirtualNetwork") and not plan.of_type("PrivateEndpoint")
    assert input_types.check(plan) == ()


def test_private_server_waits_for_the_link_of_its_zone() -> None:
    plan = plan_of("prod")
    assert {"memory-network-zone-link", "memory-network-subnet"} <= waits_for(plan, SERVER)
    assert plan.of_type("FirewallRule") == () and plan.of_type("PrivateEndpoint") == ()


def test_private_subnet_is_delegated_and_reaches_storage() -> None:
    inputs = plan_of("prod").find("memory-network-subnet").inputs
    assert inputs["addressPrefix"] == "10.20.1.0/28"
    assert [item["serviceName"] for item in inputs["delegations"]] == ["Microsoft.DBforPostgreSQL/flexibleServers"]
    assert [item["service"] for item in inputs["serviceEndpoints"]] == ["Microsoft.Storage"]
    assert inputs["networkSecurityGroup"]["id"] == f"{GROUP}/Microsoft.Network/networkSecurityGroups/nsg-zepmem-prod"


def test_security_group_lets_through_what_the_service_needs() -> None:
    rules = plan_of("prod").find("memory-network-security-group").inputs["securityRules"]
    found = {
        (rule["direction"], rule["sourceAddressPrefix"], rule["destinationAddressPrefix"], tuple(rule["destinationPortRanges"]))
        for rule in rules
    }
    assert found == {
        ("Inbound", "VirtualNetwork", "10.20.1.0/28", ("5432", "6432")),
        ("Outbound", "10.20.1.0/28", "10.20.1.0/28", ("5432", "6432")),
        ("Outbound", "10.20.1.0/28", "Storage", ("443",)),
        ("Outbound", "10.20.1.0/28", "AzureActiveDirectory", ("443",)),
    }
    assert len({(rule["direction"], rule["priority"]) for rule in rules}) == len(rules)


def test_network_does_not_lose_its_subnet_to_a_refresh() -> None:
    assert "subnets" in plan_of("prod").find("memory-network-virtual-network").ignore_changes


def test_own_zone_is_used_when_declared() -> None:
    plan = plan_of("prod", {"network.dns_zone": "memory.private.postgres.database.azure.com"})
    assert plan.find("memory-network-zone").inputs["privateZoneName"] == "memory.private.postgres.database.azure.com"
    assert plan.find("memory-network-zone-link").inputs["privateZoneName"] == "memory.private.postgres.database.azure.com"
    assert plan.find(SERVER).inputs["network"]["privateDnsZoneArmResourceId"].endswith("/memory.private.postgres.database.azure.com")


def test_private_endpoint_leads_to_a_server_that_is_closed_otherwise() -> None:
    plan = plan_of("prod", ENDPOINT)
    endpoint = plan.find("memory-reach-private-endpoint").inputs
    assert plan.find(SERVER).inputs["network"] == {"publicNetworkAccess": "Disabled"}
    (connection,) = endpoint["privateLinkServiceConnections"]
    assert connection["privateLinkServiceId"] == f"{GROUP}/Microsoft.DBforPostgreSQL/flexibleServers/zepmem-prod"
    assert connection["groupIds"] == ["postgresqlServer"]
    assert endpoint["subnet"]["id"] == plan.outputs["subnet_id"]
    assert plan.find("memory-network-zone").inputs["privateZoneName"] == "privatelink.postgres.database.azure.com"
    assert "delegations" not in plan.find("memory-network-subnet").inputs
    assert input_types.check(plan) == ()


def test_private_endpoint_is_found_by_name() -> None:
    plan = plan_of("prod", ENDPOINT)
    group = plan.find("memory-reach-zone-group")
    zone = f"{GROUP}/Microsoft.Network/privateDnsZones/privatelink.postgres.database.azure.com"
    assert [item["privateDnsZoneId"] for item in group.inputs["privateDnsZoneConfigs"]] == [zone]
    assert {"memory-reach-private-endpoint", "memory-network-zone-link"} <= waits_for(plan, group.name)
