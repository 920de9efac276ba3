"""Resources for the tests of the policy pack: a sound server of somebody else, its replica and children, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.policy.judging import Resource, by_itself, together
from infra.policy.partial import UNKNOWN

TOKEN = "azure-native:dbforpostgresql:"
SOUND: Mapping[str, Any] = {
    "serverName": "orders-db",
    "location": "westeurope",
    "version": "16",
    "availabilityZone": "1",
    "sku": {"name": "Standard_D2s_v3", "tier": "GeneralPurpose"},
    "storage": {"storageSizeGB": 128.0, "autoGrow": "Disabled"},
    "administratorLogin": "boss",
    "highAvailability": {"mode": "Disabled"},
}
BURSTABLE = {"sku": {"name": "Standard_B1ms"}}
REPLICA: Mapping[str, Any] = {
    "serverName": "orders-copy",
    "location": "northeurope",
    "createMode": "Replica",
    "sourceServerResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.DBforPostgreSQL/flexibleServers/orders-db",
    "sku": {"name": "Standard_D2s_v3"},
}
KEY = {
    "type": "AzureKeyVault",
    "primaryKeyURI": "https://v.vault.azure.net/keys/k",
    "primaryUserAssignedIdentityId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i",
}
VNET = {"delegatedSubnetResourceId": UNKNOWN}


def resource(of: str = "Server", /, *, protected: bool = True, refers_to: tuple[str, ...] = (), **properties: Any) -> Resource:
    return Resource(
        urn=f"urn:pulumi:prod::shop::{TOKEN}{of}::{id(properties)}",
        kind=of,
        properties=properties,
        protected=protected,
        refers_to=refers_to,
    )


def server(**changes: Any) -> Resource:
    return resource(**{**SOUND, **changes})


def parameter(name: str, value: object) -> Resource:
    return resource("Configuration", serverName="orders-db", configurationName=name, value=value)


def firewall(start: str, end: str, name: str = "office") -> Resource:
    return resource("FirewallRule", serverName="orders-db", firewallRuleName=name, startIpAddress=start, endIpAddress=end)


def messages(*resources: Resource, stack: str = "prod") -> Iterator[tuple[str, str]]:
    """Rule and message of everything that the pack says, alone and together."""
    for one in resources:
        yield from ((problem.rule, problem.message) for problem in by_itself(one, stack))
    yield from ((problem.rule, problem.message) for _, problem in together(resources))
