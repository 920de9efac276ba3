"""Rules on long-term retention: what a Backup vault takes, and what would be declared and never be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from infra.domain import names
from infra.domain.azure import regions, storage
from infra.domain.environment import Environment
from infra.domain.long_term import MOST_GIB, MOST_MONTHS, MOST_NAME_LETTERS, MOST_WEEKS, MOST_YEARS, days_of, kept
from infra.domain.problem import Problem
from infra.domain.rules.rule import Rule, refuse, warn

_KEY = "backup.long_term"
_KEYS = {"Default": "weekly", "Monthly": "monthly", "Yearly": "yearly"}
_INSTEAD = "long_term: null; backup.portable_copies keep longer than the service does"
_SOURCE = "support matrix of Azure Backup for flexible servers, 2025-05-15; page on its policies; page on Premium SSD v2"


def retention(environment: Environment) -> Iterator[Problem]:
    """R21: a vault keeps a copy for 7 days to 10 years."""
    declared = environment.backup.long_term
    if declared is None:
        return
    if declared.weekly < 1:
        says = "is 0, but every copy of a vault is a weekly one, kept for at least 7 days"
        yield refuse("R21", f"{_KEY}.weekly", says, found=declared.weekly, hint="weekly: 1, or long_term: null")
    most = {"weekly": (MOST_WEEKS, "weeks"), "monthly": (MOST_MONTHS, "months"), "yearly": (MOST_YEARS, "years")}
    for name, (high, unit) in most.items():
        found = getattr(declared, name)
        if found > high:
            says = f"is {found} {unit}, a vault keeps a copy for at most {MOST_YEARS} years"
            yield refuse("R21", f"{_KEY}.{name}", says, found=found, hint=f"{name}: {high}")


def copied(environment: Environment) -> Iterator[Problem]:
    """R21: a server that Azure Backup copies."""
    if environment.backup.long_term is None:
        return
    disk = environment.storage
    if disk.kind == storage.PREMIUM_V2:
        says = f"is declared, but Azure Backup takes no server on {storage.PREMIUM_V2}"
        yield refuse("R21", _KEY, says, found=disk.kind, hint=_INSTEAD)
    elif disk.size_gib > MOST_GIB:
        says = f"is declared, but a copy of a server of more than {MOST_GIB} GiB fails, and the disk has {disk.size_gib}"
        yield refuse(
            "R21", _KEY, says, found=disk.size_gib, hint="long_term: null; backup.portable_copies keep longer than the service does"
        )


def redundancy(environment: Environment) -> Iterator[Problem]:
    """R21: copies in another zone or region only where there is one."""
    declared, region = environment.backup.long_term, regions.find(environment.location)
    if declared is None or region is None:
        return
    key = f"{_KEY}.redundancy"
    if declared.redundancy == "GeoRedundant" and not region.geo_backup:
        says = f"is GeoRedundant, but {region.name} has no paired region"
        yield refuse("R21", key, says, found=declared.redundancy, hint="redundancy: ZoneRedundant, or LocallyRedundant")
    elif declared.redundancy == "ZoneRedundant" and not region.zone_redundant:
        says = f"is ZoneRedundant, but {region.name} has no zones"
        yield refuse("R21", key, says, found=declared.redundancy, hint="redundancy: GeoRedundant, or LocallyRedundant")


def vault_name(environment: Environment) -> Iterator[Problem]:
    """R21: a name of the vault, which follows from the server's, that Azure takes."""
    name = names.vault(environment)
    if environment.backup.long_term is not None and len(name) > MOST_NAME_LETTERS:
        room = MOST_NAME_LETTERS - (len(name) - len(environment.server.name))
        says = f"has {len(environment.server.name)} letters, so the vault {name} has {len(name)}: Azure takes {MOST_NAME_LETTERS}"
        yield refuse("R21", "server.name", says, found=environment.server.name, hint=f"at most {room} letters, or long_term: null")


def growing(environment: Environment) -> Iterator[Problem]:
    """W9: a disk that grows beyond what is copied."""
    disk = environment.storage
    larger = storage.next_size(disk.size_gib)
    within = disk.kind == storage.PREMIUM_LRS and disk.size_gib <= MOST_GIB
    if environment.backup.long_term is not None and within and disk.autogrow and larger is not None and larger > MOST_GIB:
        says = f"is true: the disk grows from {disk.size_gib} to {larger} GiB, and from {MOST_GIB} on each copy for the vault fails"
        yield warn("W9", "storage.autogrow", says, found=True, hint="watch the vault's alerts, or delete what is not needed before")


def outlived(environment: Environment) -> Iterator[Problem]:
    """W9: the first copy of a month or a year is kept at least as long as the others, or it is the first to go."""
    declared = environment.backup.long_term
    if declared is None:
        return
    steps = [(_KEYS[each.tag], each.duration, days_of(each.duration) or 0.0) for each in kept(declared)]
    for (shorter, duration, days), (name, longer, least) in pairwise(steps):
        if least < days:
            says = f"keeps {longer}, less than the {duration} of {shorter}: the copy that is to stay longest goes first"
            yield warn("W9", f"{_KEY}.{name}", says, found=getattr(declared, name), hint=f"{name}: 0, or longer than {shorter}")


RULES = (
    Rule("R21", "Long-term retention is what a Backup vault takes", _SOURCE, (retention, copied, redundancy, vault_name)),
    Rule("W9", "Long-term copies go on being made, and the longest stay longest", _SOURCE, (growing, outlived)),
)
