"""Rules on what takes over: standby and zones, replica, and the alert on its lag."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.domain import names
from infra.domain.azure import regions, skus
from infra.domain.environment import Environment
from infra.domain.problem import Problem
from infra.domain.rules.rule import Rule, refuse, sku, warn

# Names of servers and virtual endpoints (validators of az).
HOST_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
HOST_NAME_HINT = "3 to 63 lower-case letters, digits and hyphens, no hyphen at the ends"
_HOST_NAME_LENGTH = 63
# What a replica must have at least as much of as its primary (page on replicas).
REPLICA_PARAMETERS = (
    "max_connections",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "max_wal_senders",
    "max_worker_processes",
)
# The lag that a replica reports is the time since the last replayed transaction: it grows on an idle primary though
# nothing is missing. Microsoft suggests five minutes.
_QUIET_LAG_SECONDS = 300


def zones_of_region(environment: Environment) -> Iterator[Problem]:
    """R4: zone redundancy only where the region has zones."""
    region = regions.find(environment.location)
    if region is None or region.zone_redundant:
        return
    without = f"but {region.name} has no availability zones"
    if environment.availability.mode == "ZoneRedundant":
        says = f"is ZoneRedundant, {without}: Azure would refuse the server"
        hint = "mode: SameZone with standby_zone: null, or a region with zones"
        yield refuse("R4", "availability.mode", says, found="ZoneRedundant", hint=hint)
    says = f"is {environment.server.zone}, {without}: Azure may refuse the server"
    yield warn("R4", "server.zone", says, found=environment.server.zone, hint="a region with zones; our table is an offline fallback")


def zones_of_sku(environment: Environment) -> Iterator[Problem]:
    """R4: the SKU is offered in the zones of primary and standby."""
    size = sku(environment)
    wanted = (("server.zone", environment.server.zone), ("availability.standby_zone", environment.availability.standby_zone))
    for key, zone in wanted:
        if size is not None and zone is not None and zone not in size.zones:
            says = f"is {zone}, but {size.name} is offered in zones {', '.join(map(str, size.zones)) or 'none'}"
            yield refuse("R4", key, says, found=zone, hint="another zone, or another SKU")


def standby_zone(environment: Environment) -> Iterator[Problem]:
    """R4: the zone of the standby fits the mode."""
    mode, zone, primary = environment.availability.mode, environment.availability.standby_zone, environment.server.zone
    key = "availability.standby_zone"
    if mode == "Disabled" and zone is not None:
        says = f"is {zone}, but availability.mode is Disabled: there is no standby to place, and Azure refuses it"
        yield refuse("R4", key, says, found=zone, hint="standby_zone: null")
    elif mode == "ZoneRedundant" and zone == primary:
        says = f"is {zone}, the zone of the primary: the loss of that zone would take both"
        other = next(number for number in (1, 2, 3) if number != primary)
        yield refuse("R4", key, says, found=zone, hint=f"standby_zone: {other}, or mode: SameZone")
    elif mode == "SameZone" and zone not in (None, primary):
        says = f"is {zone}, but SameZone keeps the standby in zone {primary}"
        yield refuse("R4", key, says, found=zone, hint="standby_zone: null, or mode: ZoneRedundant")


def smaller_replica(environment: Environment) -> Iterator[Problem]:
    """R17: a replica is at least as large as its primary."""
    primary, replica = sku(environment), environment.replica
    copy = skus.find(replica.sku) if replica is not None else None
    if primary is None or copy is None:
        return
    if copy.vcores < primary.vcores or copy.memory_mib < primary.memory_mib:
        says = f"is {copy.name}, smaller than {primary.name} of the server: it would fall behind, and Azure refuses it"
        yield refuse("R17", "replica.sku", says, found=copy.name, hint=f"sku: {primary.name}")
    elif copy.iops < primary.iops:
        says = f"is {copy.name} with {copy.iops} IOPS, the server has {primary.iops}: it may fall behind under load"
        yield warn("R17", "replica.sku", says, found=copy.name, hint=f"sku: {primary.name}")


def uneven_switchover(environment: Environment) -> Iterator[Problem]:
    """R17: a planned switchover wants two equal servers."""
    replica, own = environment.replica, environment.server.sku
    if replica is not None and replica.virtual_endpoint is not None and replica.sku != own:
        says = f"is {replica.sku}, the server is {own}: a planned switchover through the virtual endpoint would be refused"
        yield warn("R17", "replica.sku", says, found=replica.sku, hint=f"sku: {own}")


def replica_names(environment: Environment) -> Iterator[Problem]:
    """R17: the names of replica and virtual endpoint are host names."""
    replica = environment.replica
    if replica is None:
        return
    endpoint = replica.virtual_endpoint
    if endpoint is not None and not HOST_NAME.fullmatch(endpoint):
        says = f"is {endpoint}, which Azure does not take as a name"
        yield refuse("R17", "replica.virtual_endpoint", says, found=endpoint, hint=HOST_NAME_HINT)
    longer = len(names.replica(environment)) - _HOST_NAME_LENGTH
    if longer > 0:
        says = f"is so long that the replica's name {names.replica(environment)} would have more than {_HOST_NAME_LENGTH} characters"
        yield refuse("R17", "server.name", says, found=environment.server.name, hint=f"{longer} characters less")


def replica_in_step(environment: Environment) -> Iterator[Problem]:
    """R17: settings that a replica must not undercut are inherited once and not again."""
    if environment.replica is None:
        return
    pinned = sorted(set(environment.database.parameters) & set(REPLICA_PARAMETERS))
    if pinned:
        says = f"sets {', '.join(pinned)}, which a replica takes over only when it is created: without care it ends up with less"
        hint = "raise it on the replica first, then here; lower it here first, then on the replica"
        yield warn("R17", "database.parameters", says, found=pinned, hint=hint)


def nervous_lag_alert(environment: Environment) -> Iterator[Problem]:
    """W7: the alert on lag does not fire because nothing happens."""
    seconds = environment.alerts.replica_lag_seconds
    if environment.replica is not None and seconds < _QUIET_LAG_SECONDS:
        says = f"is {seconds}: the lag counts from the last transaction, so on a quiet primary it fires though nothing is missing"
        hint = f"at least {_QUIET_LAG_SECONDS}, or a heartbeat that writes more often than that"
        yield warn("W7", "alerts.replica_lag_seconds", says, found=seconds, hint=hint)


RULES = (
    Rule(
        "R4",
        "Zones and standby fit the region, the SKU and each other",
        "page on high availability; validators of az",
        (zones_of_region, zones_of_sku, standby_zone),
    ),
    Rule(
        "R17",
        "A replica is not smaller than its primary",
        "pages on replicas and promotion",
        (smaller_replica, uneven_switchover, replica_names, replica_in_step),
    ),
    Rule("W7", "The alert on replication lag does not flap", "pages on replicas and metrics", (nervous_lag_alert,)),
)
