"""Rules on copies of a live server: on-demand backups, restores, and a replica beside its primary.

The facts come from Azure at that moment; the caller hands in the clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from infra.domain.azure import regions, skus, storage
from infra.domain.problem import Problem
from infra.domain.rules.availability import REPLICA_PARAMETERS
from infra.domain.rules.rule import refuse, warn

MOST_ON_DEMAND = 7
_BACKUP_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_UNLIKE = "a public server restores to public, one in a virtual network to a virtual network"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One copy in the list of a server. `on_demand` copies count against the limit; `running` ones are not complete."""

    name: str
    on_demand: bool
    running: bool = False


@dataclass(frozen=True, kw_only=True)
class LiveServer:
    """What Azure says about a server now.

    `earliest_restore` is None (absent) until the first backup; `private` means in a virtual network.
    """

    name: str
    location: str
    sku: str
    storage_kind: str
    size_gib: int
    private: bool
    geo_redundant: bool
    earliest_restore: datetime | None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RestoreRequest:
    """A wanted restore. `at` is the moment for `pitr`; `geo` takes the newest copy of the paired region."""

    kind: Literal["pitr", "geo"]
    location: str
    sku: str
    private: bool
    at: datetime | None = None


def on_demand_backup(server: LiveServer, existing: Sequence[Backup], name: str) -> Iterator[Problem]:
    """R3, R15: whether an on-demand backup of this name can be taken now."""
    if skus.family_tier(server.sku) == skus.BURSTABLE:
        yield refuse(
            "R3",
            "backup",
            f"on demand is refused on Burstable ({server.sku})",
            found=server.sku,
            hint="take a logical dump, or note the time for a point-in-time restore",
        )
    if server.storage_kind == storage.PREMIUM_V2:
        yield refuse("R15", "backup", "on demand is refused on Premium SSD v2", found=server.storage_kind, hint="take a logical dump")
    if not _BACKUP_NAME.fullmatch(name):
        yield refuse(
            "R15", "backup.name", f"is {name!r}, which Azure does not take", found=name, hint="1 to 128 letters, digits, _, - and ."
        )
    if name.lower() in {backup.name.lower() for backup in existing}:
        yield refuse(
            "R15",
            "backup.name",
            f"is {name}, which exists: Azure answers InternalServerError",
            found=name,
            hint="put date and time into the name",
        )
    running = [backup.name for backup in existing if backup.running]
    if running:
        yield refuse(
            "R15",
            "backup",
            f"{running[0]} is still running: a second one fails with InternalServerError",
            found=running,
            hint="wait for it",
        )
    number = sum(backup.on_demand for backup in existing)
    if number >= MOST_ON_DEMAND:
        says = f"would be number {number + 1}, a server keeps {MOST_ON_DEMAND}"
        yield refuse("R15", "backup", says, found=number, hint="delete the oldest one that is on demand")


def restore(source: LiveServer, request: RestoreRequest, now: datetime) -> Iterator[Problem]:
    """R16: whether Azure would take this restore. `now` and all moments have a time zone."""
    yield from _moment(source, request, now)
    yield from _place(source, request)
    if _rank(request.sku) < _rank(source.sku):
        says = f"is {request.sku}, of a lower tier than {source.sku}: a restore takes at least the tier of its source"
        yield refuse("R16", "restore.sku", says, found=request.sku, hint=f"{source.sku}, scaled down afterwards")
    if request.private != source.private:
        yield refuse("R16", "restore.network", f"changes between public and private: {_UNLIKE}", found=request.private)


def _moment(source: LiveServer, request: RestoreRequest, now: datetime) -> Iterator[Problem]:
    if source.earliest_restore is None:
        says = f"has nothing to take from {source.name} yet: its first backup comes 5 to 21 minutes after creation"
        yield refuse("R16", "restore", says, hint="wait until earliestRestoreDate is there")
        return
    if request.kind == "geo":
        return
    if request.at is None:
        yield refuse(
            "R16",
            "restore.at",
            "is not given, a point-in-time restore wants a moment",
            hint="a moment with time zone, for example 2026-11-21T04:00:00Z",
        )
    elif request.at > now:
        yield refuse(
            "R16", "restore.at", f"is {request.at.isoformat()}, in the future", found=request.at, hint=f"at most {now.isoformat()}"
        )
    elif request.at < source.earliest_restore:
        says = f"is {request.at.isoformat()}, before the oldest backup of {source.earliest_restore.isoformat()}"
        yield refuse("R16", "restore.at", says, found=request.at, hint="older states are in portable copies")


def _place(source: LiveServer, request: RestoreRequest) -> Iterator[Problem]:
    here, there = regions.find(source.location), regions.find(request.location)
    home = here.name if here else source.location
    target = there.name if there else request.location
    if request.kind == "pitr" and target != home:
        yield refuse(
            "R16",
            "restore.location",
            f"is {target}: a point-in-time restore stays in {home}",
            found=target,
            hint="a geo-restore goes to the paired region, without a moment",
        )
    if request.kind == "geo" and not source.geo_redundant:
        yield refuse(
            "R16",
            "restore",
            f"cannot be a geo-restore: {source.name} has no geo-redundant backup",
            hint="it is chosen at creation and never again",
        )
    elif request.kind == "geo" and here is not None and target != here.pair:
        yield refuse("R16", "restore.location", f"is {target}, a geo-restore goes to the paired region {here.pair}", found=target)


def replica_beside(primary: LiveServer, replica: LiveServer) -> Iterator[Problem]:
    """R17: a live replica is not smaller than its primary, in compute, disk and the five parameters."""
    large, small = skus.find(primary.sku), skus.find(replica.sku)
    if large is not None and small is not None and (small.vcores < large.vcores or small.memory_mib < large.memory_mib):
        yield refuse(
            "R17",
            "replica.sku",
            f"is {replica.sku}, smaller than {primary.sku} of the primary",
            found=replica.sku,
            hint="scale the replica first",
        )
    if replica.size_gib < primary.size_gib:
        says = f"has a disk of {replica.size_gib} GiB, the primary {primary.size_gib}: it fills up first, and replication stops"
        yield refuse("R17", "replica", says, found=replica.size_gib, hint="grow the replica's disk first")
    for name in REPLICA_PARAMETERS:
        ours, theirs = primary.parameters.get(name, ""), replica.parameters.get(name, "")
        if ours.isdigit() and theirs.isdigit() and int(theirs) < int(ours):
            says = f"has {name} {theirs}, the primary {ours}: it would not start again"
            yield refuse("R17", "replica", says, found=theirs, hint=f"raise {name} on the replica first")
    if replica.geo_redundant:
        yield warn("R17", "replica", "reports geo-redundant backup, which replicas do not have", found=True)


def _rank(name: str) -> int:
    """The place of a SKU's tier among the tiers; -1 for a name without one."""
    found = skus.family_tier(name)
    return skus.TIERS.index(found) if found else -1
