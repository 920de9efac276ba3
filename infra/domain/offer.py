"""What a region offers to a subscription, as its capabilities tell, held against what an environment asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.domain.environment import Environment

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
    """One thing that an environment asks of its region: whether it is offered, the fact in words, and what to change if not."""

    subject: str
    ok: bool
    fact: str
    hint: str = ""


def hold(environment: Environment, offer: Offer) -> tuple[Held, ...]:
    """Everything that the environment asks of its own region, in the order in which Azure decides it."""
    if offer.restricted:
        hint = "ask Azure support for access to the region, or another location"
        return (Held(subject="region", ok=False, fact=f"{offer.location} is restricted for this subscription", hint=hint),)
    return tuple(_held(environment, offer))


def _held(environment: Environment, offer: Offer) -> Iterator[Held]:
    server = environment.server
    yield _one("version", str(server.version) in offer.versions, f"PostgreSQL {server.version}", offer, f"one of {_list(offer.versions)}")
    sku = offer.skus.get(server.sku)
    family = [name for name in offer.skus if name.startswith(server.sku.partition("_v")[0][:10])]
    yield _one("sku", sku is not None, server.sku, offer, f"server.sku: {_list(family[:_NEAR] or list(offer.skus)[:_NEAR])}, …")
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


def _one(subject: str, ok: bool, what: str, offer: Offer, hint: str) -> Held:
    return Held(subject=subject, ok=ok, fact=f"{what} {'offered' if ok else 'not offered'} in {offer.location}", hint="" if ok else hint)


def _list(names: frozenset[str] | list[str]) -> str:
    return ", ".join(sorted(names)) or "none"
