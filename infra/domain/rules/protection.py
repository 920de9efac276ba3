"""Rules on what protects the data: backups, geo-redundancy, recovery targets, locks, and what is not built yet."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from infra.domain.azure import regions
from infra.domain.environment import Environment
from infra.domain.overrides import CHANGES
from infra.domain.problem import Problem
from infra.domain.recovery import Outcome, verdicts
from infra.domain.rules.rule import Rule, note, refuse, warn

# Days that the service keeps (validators of az, Bicep and Terraform agree).
_RETENTION_DAYS = (7, 35)
GUARDED = ("uat", "prod")
_NOT_BUILT = "is declared, but the program does not build it yet"
_MEANS = {
    "node": "availability.mode: ZoneRedundant or SameZone",
    "zone": "availability.mode: ZoneRedundant",
    "corruption": "no feature of Azure promises it: measure it by drills",
    "region": "backup.geo_redundant: true (only at creation), or a replica in another region",
    "deletion": "guard.protect and guard.lock make it unlikely; no feature of Azure promises it",
}


def retention(environment: Environment) -> Iterator[Problem]:
    """R5: days of retention that Azure takes."""
    days, (low, high) = environment.backup.retention_days, _RETENTION_DAYS
    if not low <= days <= high:
        hint = "portable copies keep longer: backup.portable_copies.monthly" if days > high else f"retention_days: {low}"
        yield refuse("R5", "backup.retention_days", f"is {days}, Azure keeps {low} to {high} days", found=days, hint=hint)


def geo_without_pair(environment: Environment) -> Iterator[Problem]:
    """R7: geo-redundant backup only where the region has a pair."""
    region = regions.find(environment.location)
    if environment.backup.geo_redundant and region is not None and not region.geo_backup:
        says = f"is true, but {region.name} has no paired region: Azure would refuse the server, and the choice is made only once"
        yield refuse("R7", "backup.geo_redundant", says, found=True, hint="false with a replica in another region, or a region with a pair")


def targets(environment: Environment) -> Iterator[Problem]:
    """R19: each recovery target is met, or the environment says how it lives with it."""
    for failure, verdict in verdicts(environment).items():
        key = f"recovery.{failure}"
        if verdict.refused:
            asked = (
                f"asks for RPO {verdict.declared.rpo_minutes} min and RTO {verdict.declared.rto_minutes} min, which is {verdict.outcome}"
            )
            hint = f'{_MEANS[failure]}; or add accepted: "how you live with it"'
            yield refuse("R19", key, f"{asked}: {verdict.possible.why}", found=verdict.declared.model_dump(exclude_none=True), hint=hint)
        elif verdict.outcome is not Outcome.MET:
            yield note("R19", key, f'is {verdict.outcome}: {verdict.why}; accepted: "{verdict.accepted}"')


def unprotected(environment: Environment) -> Iterator[Problem]:
    """W8: uat and prod are protected twice, by Pulumi and by Azure."""
    if environment.name not in GUARDED:
        return
    if not environment.guard.protect:
        yield warn(
            "W8",
            "guard.protect",
            f"is false in {environment.name}: Pulumi would delete or replace the server when told to",
            found=False,
            hint="protect: true",
        )
    if not environment.guard.lock:
        yield warn(
            "W8",
            "guard.lock",
            f"is false in {environment.name}: anybody with the right can delete the server in the portal",
            found=False,
            hint="lock: true",
        )


def private_replica(environment: Environment) -> Iterator[Problem]:
    """P1: a replica outside the public network needs a second network, which is not built."""
    if environment.replica is not None and environment.network.mode != "public":
        says = f"{_NOT_BUILT} with network.mode {environment.network.mode}: the replica's region needs a network of its own"
        yield refuse("P1", "replica", says, found=environment.replica.location, hint="replica: null, or network.mode: public")


def encrypted_replica(environment: Environment) -> Iterator[Problem]:
    """P1: a replica of an encrypted server needs key and identity in its own region, which the contract cannot say."""
    if environment.replica is not None and environment.access.customer_managed_key is not None:
        says = f"{_NOT_BUILT} with a customer-managed key: key and identity must be in the replica's region"
        yield refuse("P1", "replica", says, found=environment.replica.location, hint="replica: null, or access.customer_managed_key: null")


def dated_overrides(environment: Environment) -> Iterator[Problem]:
    """P3: an exception from a guard ends on a day that can be read."""
    for index, override in enumerate(environment.guard.overrides):
        try:
            datetime.date.fromisoformat(override.until)
        except ValueError:
            says = f"is {override.until!r}, which is no date: the exception would never end"
            yield refuse("P3", f"guard.overrides[{index}].until", says, found=override.until, hint="YYYY-MM-DD, in quotes")


def named_overrides(environment: Environment) -> Iterator[Problem]:
    """P3: an exception names a change that a guard knows, else it would lift nothing and nobody would see."""
    for index, override in enumerate(environment.guard.overrides):
        if override.change not in CHANGES:
            says = f"is {override.change!r}, which is no change that can be allowed"
            yield refuse("P3", f"guard.overrides[{index}].change", says, found=override.change, hint=f"one of {', '.join(CHANGES)}")


RULES = (
    Rule("R1", "No plan deletes or replaces a server of uat or prod", "mutability marks of Microsoft's SDK", needs="server"),
    Rule("R5", "Backups are kept for 7 to 35 days", "page on backup; validators of az, Bicep, Terraform", (retention,)),
    Rule("R6", "What Azure decides at creation does not change", "pages on backup, keys, limits and networking", needs="server"),
    Rule("R7", "Geo-redundant backup only where the region has a pair", "page on backup; region features", (geo_without_pair,)),
    Rule("R15", "On-demand backups: at most seven, names used once, one at a time", "page on on-demand backup", needs="server"),
    Rule("R16", "A restore asks for what a restore can give", "pages on backup and restore; recordings of 2026", needs="server"),
    Rule("R19", "Recovery targets are met, or accepted aloud", "pages on business continuity and high availability", (targets,)),
    Rule("W8", "uat and prod are protected by Pulumi and by a lock", "page on deleted servers", (unprotected,)),
)
PRODUCT_RULES = (
    Rule("P1", "What is declared is also built", "this program", (private_replica, encrypted_replica)),
    Rule("P3", "Exceptions name a change and end on a date", "this program", (dated_overrides, named_overrides)),
)
