"""What the rules say about resources as a program registers them: one by itself, and a server together with what belongs to it.

Rules about one resource hold it back before it is made. Rules that need several are judged at the end, on the inputs that
were seen on the way: the outputs that Pulumi hands over at that point are Azure's spelling of things nobody chose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.domain.check import RULES
from infra.domain.problem import Problem
from infra.domain.rules import availability, compute, database, network
from infra.domain.rules.rule import Face
from infra.policy.partial import UNKNOWN, Part, found, server, text

# With or without a version of the API: azure-native:dbforpostgresql/v20250801:Server, azure-native_dbforpostgresql_v20250801:….
_TYPE = re.compile(r"azure-native[a-z0-9_]*:dbforpostgresql(?:/[a-z0-9]+)?:([A-Za-z]+)")
# Faces that look at a server and at what another resource says. Those that look at one resource are judged with it.
TOGETHER: tuple[Face, ...] = (
    compute.burstable_pooler,
    compute.burstable_replica,
    compute.leftover_connections,
    availability.smaller_replica,
    availability.uneven_switchover,
    availability.replica_in_step,
    network.network_parts,
    database.unloaded_extensions,
)
_POOLER, _ALLOW_LIST = "pgbouncer.enabled", "azure.extensions"
# Parameters that the contract has keys of its own for: no rule on `database.parameters` is about them.
_OWN_KEY = (_POOLER, _ALLOW_LIST, "log_min_duration_statement")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource. `refers_to` holds the URNs of those that its properties come from."""

    urn: str
    kind: str
    properties: Mapping[str, Any]
    protected: bool = False
    refers_to: Sequence[str] = field(default=())

    @property
    def server_name(self) -> str:
        """The server that it is or belongs to, as far as it is known; empty else."""
        name = text(self.properties.get("serverName"), absent="")
        return name.lower() if isinstance(name, str) else ""


def kind(resource_type: str) -> str:
    """`Server` of azure-native:dbforpostgresql:Server; empty for what is not of this service."""
    match = _TYPE.fullmatch(resource_type)
    return match[1] if match else ""


def environment_words(*names: object) -> set[str]:
    """The words of stack names and tags: `payments-prod` holds `prod`."""
    return {word for name in names if isinstance(name, str) for word in re.split(r"[^a-z0-9]+", name.lower()) if word}


def by_itself(resource: Resource, stack: str) -> Iterator[Problem]:
    """All that the rules find in one resource, with `stack` as the environment's name."""
    tell = _TELL.get(resource.kind)
    if tell is None:
        return
    environment = tell(resource.properties)
    if resource.kind == "Server":
        vars(environment).update(name=stack, guard=Part(protect=resource.protected))
    for rule in RULES:
        for face in rule.faces:
            yield from found(face, environment)


def together(resources: Sequence[Resource]) -> Iterator[tuple[str, Problem]]:
    """What the rules find only when they see a server and its children or replicas, with the URN of the server or replica."""
    servers = [resource for resource in resources if resource.kind == "Server"]
    primaries = [resource for resource in servers if not _follows(resource)]
    for primary in primaries:
        children = [child for child in resources if child.kind != "Server" and _belongs(child, primary, primaries)]
        yield from ((primary.urn, problem) for problem in _judged(primary, children, None))
        for replica in servers:
            if _follows(replica) and _copies(replica, primary):
                yield from ((replica.urn, problem) for problem in _judged(primary, children, replica))


def _judged(primary: Resource, children: Sequence[Resource], replica: Resource | None) -> Iterator[Problem]:
    """Only what no smaller part of the same says by itself."""
    whole = _with_children(primary, children)
    if replica is None:
        smaller: tuple[Part, ...] = (server(primary.properties),)
    else:
        smaller = (server(replica.properties), _with_children(primary, children))
        vars(whole)["replica"] = _replica(replica, children)
    for face in TOGETHER:
        told = [problem.message for part in smaller for problem in found(face, part)]
        yield from (problem for problem in found(face, whole) if problem.message not in told)


def _with_children(primary: Resource, children: Sequence[Resource]) -> Part:
    environment = server(primary.properties)
    chosen = {parameter: value for child in children if child.kind == "Configuration" for parameter, value in _parameter(child)}
    extensions = chosen.get(_ALLOW_LIST)
    vars(environment)["database"] = Part(
        extensions=() if extensions is None else _names(extensions),
        parameters={name: value for name, value in chosen.items() if name not in _OWN_KEY},
        pool=Part(pgbouncer=chosen.get(_POOLER, "off").lower() in ("true", "on")),
    )
    reach = vars(environment).get("network")
    if isinstance(reach, Part):
        vars(reach)["firewall"] = tuple(_range(child.properties) for child in children if child.kind == "FirewallRule")
    return environment


def _replica(replica: Resource, children: Sequence[Resource]) -> Part:
    size = replica.properties.get("sku")
    names = [child.properties.get("virtualEndpointName") for child in children if child.kind == "VirtualEndpoint"]
    return Part(
        sku=text(size.get("name")) if isinstance(size, Mapping) else UNKNOWN,
        location=text(replica.properties.get("location")),
        virtual_endpoint=text(names[0]) if names else None,
    )


def _follows(resource: Resource) -> bool:
    mode = text(resource.properties.get("createMode"), absent="")
    return resource.kind == "Server" and isinstance(mode, str) and mode.lower() == "replica"


def _copies(replica: Resource, primary: Resource) -> bool:
    source = text(replica.properties.get("sourceServerResourceId"), absent="")
    if isinstance(source, str):
        return bool(primary.server_name) and source.lower().rpartition("/")[2] == primary.server_name
    return primary.urn in replica.refers_to


def _belongs(child: Resource, primary: Resource, primaries: Sequence[Resource]) -> bool:
    """By the server's name; where that is not known yet, by what the child refers to."""
    if child.server_name and primary.server_name:
        namesakes = [one for one in primaries if one.server_name == child.server_name]
        return child.server_name == primary.server_name and len(namesakes) == 1
    return primary.urn in child.refers_to


def _parameter(child: Resource) -> Iterator[tuple[str, str]]:
    name, value = text(child.properties.get("configurationName")), text(child.properties.get("value"))
    if isinstance(name, str) and isinstance(value, str):
        yield name, value


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in listed.split(",") if name.strip())


def _configuration(properties: Mapping[str, Any]) -> Part:
    """One server parameter, or the list of allowed extensions, which the contract has a key for."""
    name, value = text(properties.get("configurationName")), text(properties.get("value"))
    if not isinstance(name, str) or not isinstance(value, str):
        return Part()
    if name == _ALLOW_LIST:
        return Part(database=Part(extensions=_names(value)))
    return Part(database=Part(parameters={} if name in _OWN_KEY else {name: value}))


def _range(properties: Mapping[str, Any]) -> Part:
    return Part(
        name=text(properties.get("firewallRuleName")),
        start=text(properties.get("startIpAddress")),
        end=text(properties.get("endIpAddress")),
    )


def _administrator(properties: Mapping[str, Any]) -> Part:
    return Part(access=Part(entra_administrators=(Part(object_id=text(properties.get("objectId"))),)))


# What each kind of resource tells about an environment.
_TELL: Mapping[str, Callable[[Mapping[str, Any]], Part]] = {
    "Server": server,
    "Configuration": _configuration,
    "Database": lambda properties: Part(database=Part(name=text(properties.get("databaseName")))),
    "FirewallRule": lambda properties: Part(network=Part(firewall=(_range(properties),))),
    "AdministratorsMicrosoftEntra": _administrator,
    "VirtualEndpoint": lambda properties: Part(replica=Part(virtual_endpoint=text(properties.get("virtualEndpointName")))),
}
