"""Rules on the disk of a server: sizes, tiers, Premium SSD v2, and the alert before it turns read-only."""

from __future__ import annotations

from collections.abc import Iterator

from infra.domain.azure import storage
from infra.domain.environment import Environment
from infra.domain.problem import Problem
from infra.domain.rules.rule import Rule, refuse, warn

# Percent below the read-only point that leave somebody time to act.
_TIME_TO_ACT_PERCENT = 5


def size(environment: Environment) -> Iterator[Problem]:
    """R9: a size that the kind of disk comes in."""
    disk = environment.storage
    if disk.kind == storage.PREMIUM_LRS and disk.size_gib not in storage.PREMIUM_SSD:
        larger = storage.next_size(disk.size_gib)
        says = f"is {disk.size_gib}, Premium SSD comes in {', '.join(map(str, storage.PREMIUM_SSD))} GiB"
        hint = f"size_gib: {larger}" if larger else f"kind: {storage.PREMIUM_V2} goes further"
        yield refuse("R9", "storage.size_gib", says, found=disk.size_gib, hint=hint)
    low, high = storage.PREMIUM_V2_LIMITS.size_gib
    if disk.kind == storage.PREMIUM_V2 and not low <= disk.size_gib <= high:
        yield refuse("R9", "storage.size_gib", f"is {disk.size_gib}, Premium SSD v2 goes from {low} to {high} GiB", found=disk.size_gib)


def tier(environment: Environment) -> Iterator[Problem]:
    """R9: a performance tier that the size allows."""
    disk = environment.storage
    wanted, known = disk.performance_tier, storage.PREMIUM_SSD.get(disk.size_gib)
    if disk.kind != storage.PREMIUM_LRS or wanted is None or known is None or wanted in known.tiers:
        return
    says = f"is {wanted}, a disk of {known.size_gib} GiB takes {', '.join(known.tiers)}"
    yield refuse("R9", "storage.performance_tier", says, found=wanted, hint=f"performance_tier: null takes {known.default_tier}")


def fixed_performance(environment: Environment) -> Iterator[Problem]:
    """R9: the performance of a Premium SSD follows from its tier."""
    disk = environment.storage
    if disk.kind != storage.PREMIUM_LRS:
        return
    for key, value in (("storage.iops", disk.iops), ("storage.throughput_mb_per_second", disk.throughput_mb_per_second)):
        if value is not None:
            says = f"is {value}, but on Premium SSD it follows from the tier and Azure refuses it"
            yield refuse("R9", key, says, found=value, hint="null, and storage.performance_tier for more")


def second_generation(environment: Environment) -> Iterator[Problem]:
    """R9: what Premium SSD v2 does not take."""
    disk, limits = environment.storage, storage.PREMIUM_V2_LIMITS
    if disk.kind != storage.PREMIUM_V2:
        return
    if disk.autogrow:
        hint = "autogrow: false, and an earlier alerts.storage_percent"
        yield refuse("R9", "storage.autogrow", "is true, but a Premium SSD v2 does not grow by itself", found=True, hint=hint)
    if disk.performance_tier is not None:
        says = f"is {disk.performance_tier}, but Premium SSD v2 has no tiers"
        yield refuse("R9", "storage.performance_tier", says, found=disk.performance_tier, hint="null, and storage.iops")
    if environment.server.version < limits.oldest_version:
        says = f"is {environment.server.version}, Premium SSD v2 wants PostgreSQL {limits.oldest_version} or later"
        yield refuse("R9", "server.version", says, found=environment.server.version, hint="version: 16")
    ranges = (
        ("storage.iops", disk.iops, limits.iops),
        ("storage.throughput_mb_per_second", disk.throughput_mb_per_second, limits.throughput_mb_per_second),
    )
    for key, value, (low, high) in ranges:
        if value is not None and not low <= value <= high:
            yield refuse("R9", key, f"is {value}, Premium SSD v2 takes {low} to {high}", found=value, hint=f"null takes {low}")


def ultra(environment: Environment) -> Iterator[Problem]:
    """R9: Ultra disks are named by the API and offered nowhere that was seen."""
    if environment.storage.kind == storage.ULTRA:
        says = f"is {storage.ULTRA}, which the capabilities list without a single size"
        yield refuse("R9", "storage.kind", says, found=storage.ULTRA, hint=f"kind: {storage.PREMIUM_LRS} or {storage.PREMIUM_V2}")


def late_alert(environment: Environment) -> Iterator[Problem]:
    """W1: the alert comes before the server turns read-only."""
    percent, size_gib = environment.alerts.storage_percent, environment.storage.size_gib
    if size_gib < min(storage.PREMIUM_SSD):
        return
    read_only = storage.read_only_percent(size_gib)
    if percent >= read_only:
        says = f"is {percent}, but a disk of {size_gib} GiB turns read-only at {read_only:.1f} %: the alert comes after the fact"
        yield warn("W1", "alerts.storage_percent", says, found=percent, hint=f"at most {int(read_only) - _TIME_TO_ACT_PERCENT}")


def late_growth(environment: Environment) -> Iterator[Problem]:
    """W1: so does autogrow, which it does not on large disks."""
    disk = environment.storage
    if disk.kind != storage.PREMIUM_LRS or not disk.autogrow or disk.size_gib not in storage.PREMIUM_SSD:
        return
    grows, read_only = storage.autogrow_percent(disk.size_gib), storage.read_only_percent(disk.size_gib)
    if grows >= read_only:
        says = f"acts at {grows:.1f} % of {disk.size_gib} GiB, but the disk turns read-only at {read_only:.1f} %: it does not help"
        yield warn("W1", "storage.autogrow", says, found=True, hint="grow by hand when alerts.storage_percent fires, at 85 or below")


RULES = (
    Rule(
        "R9",
        "The disk exists in this size, tier and performance, and never shrinks",
        "pages on storage; capabilities of 2026-05-19",
        (size, tier, fixed_performance, second_generation, ultra),
    ),
    Rule(
        "W1",
        "The storage alert comes before the server turns read-only",
        "storage page: 95 % used or less than 5 GiB free",
        (late_alert, late_growth),
    ),
)
