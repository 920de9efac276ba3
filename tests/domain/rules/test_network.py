"""Rules on networks and firewalls: what trips them and what does not."""

from __future__ import annotations

import pytest

from infra.domain.problem import Severity
from tests.builders import PUBLIC
from tests.domain.rules.judged import Case, found, holds, passes

WARN = Severity.WARN
_SPACE, _SUBNET, _ZONE, _FIREWALL = "network.address_space", "network.subnet", "network.dns_zone", "network.firewall"
_FIRST = "network.firewall[0]"


def _rule(start: str, end: str, name: str = "office") -> dict[str, str]:
    return {"name": name, "start": start, "end": end}


OFFICE = _rule("20.0.0.1", "20.0.0.9")

CASES = {
    "refuses_a_subnet_on_a_public_server": Case("R14", _SUBNET, "cannot be combined", {**PUBLIC, _SUBNET: "10.20.1.0/28"}),
    "refuses_an_address_space_on_a_public_server": Case("R14", _SPACE, "cannot be combined", {**PUBLIC, _SPACE: "10.20.0.0/16"}),
    "refuses_a_private_server_without_a_subnet": Case("R14", _SUBNET, "is null", {_SUBNET: None}),
    "refuses_a_private_endpoint_without_a_network": Case("R14", _SPACE, "is null", {"network.mode": "private_endpoint", _SPACE: None}),
    "refuses_firewall_rules_on_a_private_server": Case("R14", _FIREWALL, "only with public access", {_FIREWALL: [OFFICE]}),
    "refuses_firewall_rules_beside_a_private_endpoint": Case(
        "R14", _FIREWALL, "only with public access", {"network.mode": "private_endpoint", _FIREWALL: [OFFICE]}
    ),
    "refuses_a_subnet_outside_the_address_space": Case("R14", _SUBNET, "outside", {_SUBNET: "10.21.1.0/28"}),
    "refuses_a_subnet_that_is_too_small": Case("R14", _SUBNET, "at least a /28", {_SUBNET: "10.20.1.0/29"}),
    "refuses_a_subnet_too_small_for_an_endpoint": Case(
        "R14", _SUBNET, "at least a /29", {"network.mode": "private_endpoint", _SUBNET: "10.20.1.0/30"}
    ),
    "refuses_a_subnet_with_host_bits": Case("R14", _SUBNET, "not an IPv4 network", {_SUBNET: "10.20.1.1/28"}),
    "refuses_an_address_space_of_ipv6": Case("R14", _SPACE, "not an IPv4 network", {_SPACE: "fd00::/48"}),
    "refuses_a_network_without_a_length": Case("R14", _SPACE, "not an IPv4 network", {_SPACE: "10.20.0.0"}),
    "refuses_a_zone_without_the_suffix": Case("R14", _ZONE, "must end in", {_ZONE: "zep.example.org"}),
    "refuses_a_zone_that_only_looks_like_the_suffix": Case("R14", _ZONE, "must end in", {_ZONE: "evilpostgres.database.azure.com"}),
    "refuses_a_zone_that_is_the_servers_own_name": Case(
        "R14", _ZONE, "the name of the server itself", {_ZONE: "zepmem-prod.postgres.database.azure.com"}
    ),
    "refuses_a_zone_on_a_public_server": Case("R14", _ZONE, "network.mode is public", {**PUBLIC, _ZONE: "x.postgres.database.azure.com"}),
    "refuses_another_zone_for_an_endpoint": Case(
        "R14", _ZONE, "privatelink", {"network.mode": "private_endpoint", _ZONE: "x.postgres.database.azure.com"}
    ),
    "refuses_a_rule_name_that_ends_in_a_hyphen": Case(
        "R14", f"{_FIRST}.name", "does not take", {**PUBLIC, _FIREWALL: [_rule("20.0.0.1", "20.0.0.9", "office-")]}
    ),
    "refuses_a_rule_name_of_81_characters": Case(
        "R14", f"{_FIRST}.name", "does not take", {**PUBLIC, _FIREWALL: [_rule("20.0.0.1", "20.0.0.9", "a" * 81)]}
    ),
    "refuses_a_rule_name_twice": Case("R14", "network.firewall[1].name", "a second time", {**PUBLIC, _FIREWALL: [OFFICE, OFFICE]}),
    "refuses_an_address_of_ipv6": Case("R14", f"{_FIRST}.start", "not an IPv4 address", {**PUBLIC, _FIREWALL: [_rule("::1", "20.0.0.9")]}),
    "refuses_a_range_that_ends_before_it_starts": Case(
        "R14", f"{_FIRST}.end", "before the start", {**PUBLIC, _FIREWALL: [_rule("20.0.0.9", "20.0.0.1")]}
    ),
    "warns_of_a_rule_for_all_of_azure": Case(
        "W5", _FIRST, "every Azure resource of every customer", {**PUBLIC, _FIREWALL: [_rule("0.0.0.0", "0.0.0.0")]}, WARN
    ),
    "warns_of_a_rule_for_everybody": Case(
        "W5", _FIRST, "whole internet", {**PUBLIC, _FIREWALL: [_rule("0.0.0.0", "255.255.255.255")]}, WARN
    ),
    "warns_of_a_rule_that_starts_at_zero": Case("W5", _FIRST, "hardly", {**PUBLIC, _FIREWALL: [_rule("0.0.0.0", "99.0.0.0")]}, WARN),
}


@pytest.mark.parametrize("name", CASES)
def test_network_rule(name: str) -> None:
    holds(CASES[name])


def test_takes_an_office_in_front_of_a_public_server() -> None:
    for rule in ("R14", "W5"):
        passes(rule, {**PUBLIC, _FIREWALL: [OFFICE, _rule("20.0.1.1", "20.0.1.1", "a")]})


@pytest.mark.parametrize("zone", [None, "zep.private.postgres.database.azure.com"])
def test_takes_a_zone_with_the_suffix(zone: str | None) -> None:
    passes("R14", {_ZONE: zone})


@pytest.mark.parametrize("zone", [None, "privatelink.postgres.database.azure.com"])
def test_takes_a_private_endpoint(zone: str | None) -> None:
    passes("R14", {"network.mode": "private_endpoint", _ZONE: zone, _SUBNET: "10.20.1.0/29"})


def test_tells_of_both_ends_of_a_rule() -> None:
    changes = {**PUBLIC, _FIREWALL: [_rule("a", "b")]}
    assert found(changes, "R14", f"{_FIRST}.start") and found(changes, "R14", f"{_FIRST}.end")
