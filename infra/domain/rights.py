"""What whoever brings an environment up must be allowed to do in Azure, held against the roles that it has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.domain.environment import Environment

LOCKS = "Microsoft.Authorization/locks/write"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments/write"


@dataclass(frozen=True)
class Grant:
    """What one role allows and what it leaves out; patterns in which `*` stands for anything."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()


def wanted(environment: Environment) -> Iterator[str]:
    """The operations that an `up` asks Azure for: one for each kind of resource that the program declares."""
    yield "Microsoft.Resources/subscriptions/resourceGroups/write"
    yield "Microsoft.DBforPostgreSQL/flexibleServers/write"
    yield "Microsoft.OperationalInsights/workspaces/write"
    yield "Microsoft.Insights/diagnosticSettings/write"
    if environment.network.mode != "public":
        yield "Microsoft.Network/virtualNetworks/write"
        yield "Microsoft.Network/privateDnsZones/write"
    if environment.network.job is not None:
        yield "Microsoft.ManagedIdentity/userAssignedIdentities/write"
        yield "Microsoft.ContainerInstance/containerGroups/write"
    if environment.backup.long_term is not None:
        yield "Microsoft.DataProtection/backupVaults/write"
        yield ASSIGNMENTS
    if environment.guard.lock:
        yield LOCKS


def lacking(environment: Environment, grants: Iterable[Grant]) -> tuple[str, ...]:
    """The operations that no role allows. What one role leaves out another may allow, as Azure adds roles up."""
    listed = tuple(grants)
    return tuple(action for action in wanted(environment) if not any(_allows(grant, action) for grant in listed))


def _allows(grant: Grant, action: str) -> bool:
    return _matches(grant.actions, action) and not _matches(grant.not_actions, action)


def _matches(patterns: tuple[str, ...], action: str) -> bool:
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), action, re.IGNORECASE) for pattern in patterns)
