"""What a region offers to a subscription, as its capabilities tell, held against what an environment asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from infra.domain.azure import skus
from infra.domain.environment import Environment

# How Azure calls the quota over all sizes of a region.
CORES = "cores"
_FAMILY = re.compile(r"Standard_([A-Z])\d+(?:-\d+)?([a-z]*)(?:_(v\d+))?")
# A person picks from a handful; the whole list of a region has more than a hundred sizes.
_NEAR = 6


@dataclass(frozen=True, kw_only=True)
class OfferedSku:
    """One compute size of a region: its availability zones, and the modes of high availability that it may have there."""

    zones: frozenset[str]
    modes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The capabilities of one region for one subscription. `skus` by ARM name; `restricted`: this offer may not use the region at all."""

    location: str
    skus: Mapping[str, OfferedSku]
    versions: frozenset[str]
    zone_redundant: bool
    geo_backup: bool
    zone_redundant_and_geo_backup: bool
    restricted: bool


@dataclass(frozen=True, kw_only=True)
class Held:
    """One thing that an environment asks of its region: whether it is offered, the fact in words, and what to change if not.

    Only what is critical and not offered stops an `up`.
    """

    subject: str
    ok: bool
    fact: str
    hint: str = ""
    critical: bool = True


@dataclass(frozen=True)
class Usage:
    """One quota of a region: how many vCores the servers there have, of how many that they may have."""

    name: str
    used: int
    limit: int


def hold(environment: Environment, offer: Offer) -> tuple[Held, ...]:
    """Everything that the environment asks of its own region, in the order in which Azure decides it."""
    if offer.restricted:
        hint = "ask Azure support for access to the region, or another location"
        return (Held(subject="region", ok=False, fact=f"{offer.location} is restricted for this subscription", hint=hint),)
    return tuple(_held(environment, offer))


def hold_replica(environment: Environment, offer: Offer) -> tuple[Held, ...]:
    """What the read replica asks of its own region, which may be another than the server's."""
    replica = environment.replica
    if replica is None:
        return ()
    sku = replica.sku
    if offer.restricted:
        fact, hint = f"{offer.location} is restricted for this subscription", "ask Azure support for access, or another replica.location"
        return (Held(subject="replica", ok=False, fact=fact, hint=hint),)
    missing = [
        what
        for what, there in ((sku, sku in offer.skus), (_version(environment), str(environment.server.version) in offer.versions))
        if not there
    ]
    hint = f"replica.sku: {_near(sku, offer)}, or another replica.location"
    return (_one("replica", not missing, " and ".join(missing) or sku, offer, hint),)


def hold_quota(environment: Environment, usages: Iterable[Usage], *, had: int = 0) -> tuple[Held, ...]:
    """Whether the region's quotas leave room for the server and its standby; `had` vCores are the server's own already.

    Whether a standby counts is documented nowhere: a quota that has room for the server alone is told, and stops nothing.
    """
    sku = skus.find(environment.server.sku)
    told = {usage.name.lower(): usage for usage in usages}
    if sku is None:
        return ()
    both = 2 if environment.availability.mode != "Disabled" else 1
    named = (told.get(name.lower()) for name in (CORES, family(sku.name)))
    asked = sorted((usage for usage in named if usage is not None), key=lambda usage: usage.limit - usage.used)
    if not asked:
        return (Held(subject="quota", ok=False, critical=False, fact=f"Azure tells none for {environment.location}"),)
    tightest = asked[0]
    free = tightest.limit - tightest.used + had
    fact = f"{tightest.name}: {tightest.used} of {tightest.limit} used in {environment.location}, {sku.vcores} wanted"
    fact += f", {sku.vcores * both} with the standby" if both > 1 else ""
    hint = "a smaller server.sku, or more of it: Azure portal, Help + support, Service and subscription limits (quotas)"
    ok = free >= sku.vcores * both
    return (Held(subject="quota", ok=ok, critical=free < sku.vcores or ok, fact=fact, hint="" if ok else hint),)


def family(sku: str) -> str:
    """How Azure calls the quota of a size's family: Standard_D2s_v3 counts in standardDSv3Family."""
    match = _FAMILY.fullmatch(sku)
    if match is None:
        return sku
    letter, letters, version = match[1], match[2].upper(), match[3] or ""
    # The first Burstable generation is one family, whatever memory a size has.
    return "standardBSFamily" if letter == "B" and not version else f"standard{letter}{letters}{version}Family"


def _version(environment: Environment) -> str:
    return f"PostgreSQL {environment.server.version}"


def _held(environment: Environment, offer: Offer) -> Iterator[Held]:
    server = environment.server
    yield _one("version", str(server.version) in offer.versions, _version(environment), offer, f"one of {_list(offer.versions)}")
    sku = offer.skus.get(server.sku)
    yield _one("sku", sku is not None, server.sku, offer, f"server.sku: {_near(server.sku, offer)}")
    if sku is not None:
        yield _zones(environment, offer, sku)
        yield _mode(environment, offer, sku)
    if environment.backup.geo_redundant:
        both = environment.availability.mode == "ZoneRedundant"
        offered = offer.geo_backup and (not both or offer.zone_redundant_and_geo_backup)
        what = "geo-redundant backup beside a standby in another zone" if both else "geo-redundant backup"
        yield _one("geo backup", offered, what, offer, "a location that has it, or backup.geo_redundant: false for the server's whole life")


def _zones(environment: Environment, offer: Offer, sku: OfferedSku) -> Held:
    wanted = [str(environment.server.zone)]
    if environment.availability.mode == "ZoneRedundant" and environment.availability.standby_zone is not None:
        wanted.append(str(environment.availability.standby_zone))
    missing = [zone for zone in wanted if zone not in sku.zones]
    what = f"{'zones' if len(wanted) > 1 else 'zone'} {' and '.join(wanted)} for {environment.server.sku}"
    return _one("zones", not missing, what, offer, f"zones there: {_list(sku.zones)}; another zone or another location")


def _mode(environment: Environment, offer: Offer, sku: OfferedSku) -> Held:
    mode = environment.availability.mode
    if mode == "Disabled":
        return Held(subject="high availability", ok=True, fact="none is asked for")
    offered = mode in sku.modes and (mode != "ZoneRedundant" or offer.zone_redundant)
    what = f"{mode} high availability for {environment.server.sku}"
    return _one("high availability", offered, what, offer, f"availability.mode: one of Disabled, {_list(sku.modes)}, or another location")


def _near(sku: str, offer: Offer) -> str:
    """A few sizes that are offered, of the same letter if there are any."""
    alike = [name for name in offer.skus if name.startswith(sku.partition("_v")[0][:10])]
    return f"{_list(alike[:_NEAR] or list(offer.skus)[:_NEAR])}, …"


def _one(subject: str, ok: bool, what: str, offer: Offer, hint: str) -> Held:
    return Held(subject=subject, ok=ok, fact=f"{what} {'offered' if ok else 'not offered'} in {offer.location}", hint="" if ok else hint)


def _list(names: frozenset[str] | list[str]) -> str:
    return ", ".join(sorted(names)) or "none"
