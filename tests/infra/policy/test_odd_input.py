"""No input is too odd for the policy pack: whatever a property holds, it judges the rest and never ends in an error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from infra.policy.judging import Resource
from infra.policy.partial import UNKNOWN
from tests.infra.policy.resources import KEY, REPLICA, SOUND, VNET, messages, parameter, resource, server

# Every property that is read, alone or in its section.
READ: Mapping[str, tuple[str, ...]] = {
    "": ("serverName", "location", "version", "availabilityZone", "createMode", "sourceServerResourceId", "administratorLogin", "tags"),
    "sku": ("name",),
    "storage": ("storageSizeGB", "autoGrow", "type", "tier", "iops", "throughput"),
    "highAvailability": ("mode", "standbyAvailabilityZone"),
    "backup": ("backupRetentionDays", "geoRedundantBackup"),
    "network": ("delegatedSubnetResourceId", "publicNetworkAccess", "privateDnsZoneArmResourceId"),
    "authConfig": ("passwordAuth",),
    "dataEncryption": ("type", "primaryKeyURI", "primaryUserAssignedIdentityId", "geoBackupKeyURI", "geoBackupUserAssignedIdentityId"),
}
CHILDREN = {
    "Configuration": ("serverName", "configurationName", "value"),
    "Database": ("serverName", "databaseName"),
    "FirewallRule": ("serverName", "firewallRuleName", "startIpAddress", "endIpAddress"),
    "AdministratorsMicrosoftEntra": ("serverName", "objectId"),
    "VirtualEndpoint": ("serverName", "virtualEndpointName"),
}
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    16.5,
    math.nan,
    math.inf,
    "",
    "?",
    "9" * 40,
    "ZoneRedundant",
    "AzureKeyVault",
    "Replica",
    [],
    ["x"],
    {},
    {"a": 1},
    UNKNOWN,
)


@pytest.mark.parametrize("part", READ)
def test_no_odd_value_of_a_server_breaks_the_pack(part: str) -> None:
    for name, odd in product(READ[part], ODD):
        full = {**KEY, **VNET, **SOUND["storage"], name: odd}
        one = server(**({part: full} if part else {name: odd}))
        assert all(rule and message for rule, message in messages(one, resource(**REPLICA), parameter("work_mem", "4096")))
    for odd in ODD:
        list(messages(server(**{part or "tags": odd})))


@pytest.mark.parametrize("of", CHILDREN)
def test_no_odd_value_of_a_child_breaks_the_pack(of: str) -> None:
    for name, odd in product(CHILDREN[of], ODD):
        child = Resource(urn="child", kind=of, properties={"serverName": "orders-db", name: odd})
        assert all(rule and message for rule, message in messages(server(), resource(**REPLICA), child))
