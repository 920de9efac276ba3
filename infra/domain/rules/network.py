"""Rules on how a server is reached: virtual network, private DNS, firewall."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from infra.domain import names
from infra.domain.environment import Environment, FirewallRule
from infra.domain.problem import Problem
from infra.domain.rules.rule import Rule, refuse, warn

_PRIVATE_SMALLEST = 28
# Azure takes five addresses of every subnet, so a /29 is its smallest.
_ENDPOINT_SMALLEST = 29
_RULE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,78}[A-Za-z0-9_])?")
_EVERYWHERE = ipaddress.IPv4Address("255.255.255.255")
_NOWHERE = ipaddress.IPv4Address("0.0.0.0")


def network_parts(environment: Environment) -> Iterator[Problem]:
    """R14: a network exactly where the mode has one; firewall rules and private DNS only where they work."""
    network = environment.network
    parts = (("network.address_space", network.address_space), ("network.subnet", network.subnet))
    for key, value in parts:
        if network.mode == "public" and value is not None:
            yield refuse(
                "R14",
                key,
                f"is {value}, but network.mode is public: the two cannot be combined or changed later",
                found=value,
                hint="null, or mode: private",
            )
        if network.mode != "public" and value is None:
            yield refuse(
                "R14",
                key,
                f"is null, but network.mode is {network.mode}",
                hint="for example address_space: 10.20.0.0/16 and subnet: 10.20.1.0/28",
            )
    if network.mode != "public" and network.firewall:
        says = f"has {len(network.firewall)} rules, but network.mode is {network.mode}: they work only with public access"
        yield refuse("R14", "network.firewall", says, found=len(network.firewall), hint="firewall: [], or mode: public")


def subnet(environment: Environment) -> Iterator[Problem]:
    """R14: the subnet lies in the address space and is large enough."""
    network = environment.network
    if network.mode == "public" or network.address_space is None or network.subnet is None:
        return
    space, inner = _cidr(network.address_space), _cidr(network.subnet)
    for key, text, cidr in (("network.address_space", network.address_space, space), ("network.subnet", network.subnet, inner)):
        if cidr is None:
            yield refuse(
                "R14",
                key,
                f"is {text}, which is not an IPv4 network",
                found=text,
                hint="an address and a length without host bits, for example 10.20.1.0/28",
            )
    if space is None or inner is None:
        return
    if not inner.subnet_of(space):
        yield refuse("R14", "network.subnet", f"is {inner}, which is outside network.address_space {space}", found=str(inner))
    smallest = _PRIVATE_SMALLEST if network.mode == "private" else _ENDPOINT_SMALLEST
    if inner.prefixlen > smallest:
        says = (
            f"is a /{inner.prefixlen}, Azure wants at least a /{smallest}: a server with a standby takes four addresses, Azure itself five"
        )
        yield refuse(
            "R14",
            "network.subnet",
            says,
            found=str(inner),
            hint=f"{inner.network_address}/{smallest}, or larger: a delegated subnet cannot be changed",
        )


def _cidr(text: str) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(text) if "/" in text else None
    except ValueError:
        return None


def dns_zone(environment: Environment) -> Iterator[Problem]:
    """R14: the private DNS zone has the suffix that Azure asks for and is not the server's own name."""
    zone, mode = environment.network.dns_zone, environment.network.mode
    if zone is None:
        return
    key = "network.dns_zone"
    if mode == "public":
        yield refuse("R14", key, f"is {zone}, but network.mode is public", found=zone, hint="dns_zone: null")
    elif mode == "private_endpoint" and zone != names.PRIVATE_LINK_ZONE:
        says = f"is {zone}, but the host name of a private endpoint is looked up in {names.PRIVATE_LINK_ZONE}"
        yield refuse("R14", key, says, found=zone, hint="dns_zone: null takes it")
    elif mode == "private" and not zone.endswith(f".{names.DOMAIN}"):
        yield refuse("R14", key, f"is {zone}, it must end in .{names.DOMAIN}", found=zone, hint="dns_zone: null derives one")
    elif mode == "private" and zone == names.server_host(environment):
        yield refuse(
            "R14", key, f"is {zone}, the name of the server itself, which Azure refuses", found=zone, hint="dns_zone: null derives one"
        )


def firewall(environment: Environment) -> Iterator[Problem]:
    """R14: names and ranges that Azure takes, each name once."""
    seen: set[str] = set()
    for index, rule in enumerate(environment.network.firewall):
        key = f"network.firewall[{index}]"
        if not _RULE_NAME.fullmatch(rule.name):
            hint = "at most 80 letters, digits, _ and -, beginning with a letter or digit and not ending in -"
            yield refuse("R14", f"{key}.name", f"is {rule.name}, which Azure does not take", found=rule.name, hint=hint)
        if rule.name.lower() in seen:
            yield refuse("R14", f"{key}.name", f"is {rule.name} a second time: the later rule would replace the earlier", found=rule.name)
        seen.add(rule.name.lower())
        yield from _range_problems(key, rule)


def _range_problems(key: str, rule: FirewallRule) -> Iterator[Problem]:
    for end, text in (("start", rule.start), ("end", rule.end)):
        if _address(text) is None:
            yield refuse("R14", f"{key}.{end}", f"is {text}, which is not an IPv4 address", found=text)
    start, last = _address(rule.start), _address(rule.end)
    if start is not None and last is not None and last < start:
        yield refuse("R14", f"{key}.end", f"is {last}, before the start {start}", found=rule.end, hint="exchange start and end")


def _address(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def open_firewall(environment: Environment) -> Iterator[Problem]:
    """W5: no rule lets in whoever comes."""
    for index, rule in enumerate(environment.network.firewall):
        start, end = _address(rule.start), _address(rule.end)
        if start != _NOWHERE or end is None:
            continue
        if end == _NOWHERE:
            says = "starts and ends at 0.0.0.0, which lets in every Azure resource of every customer"
        elif end == _EVERYWHERE:
            says = "is the whole internet"
        else:
            says = f"starts at 0.0.0.0 and ends at {end}: hardly a range that is yours"
        yield warn(
            "W5",
            f"network.firewall[{index}]",
            says,
            found=f"{rule.start} to {rule.end}",
            hint="the addresses of your own network, or network.mode: private_endpoint",
        )


RULES = (
    Rule(
        "R14",
        "The network fits its mode and is large enough",
        "pages on networking; validators of az",
        (network_parts, subnet, dns_zone, firewall),
    ),
    Rule("W5", "The firewall is not open to everybody", "page on public access; recorded expansion to AzureCloud", (open_firewall,)),
)
