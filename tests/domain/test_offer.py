"""What a region offers, held against what prod asks for: each lack is one fact with one hint, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.domain.environment import Environment
from infra.domain.offer import CORES, Offer, OfferedSku, Usage, family, hold, hold_quota
from scripts.edges.stack_file import read

SIZE = "Standard_D2s_v3"
WHOLE = Offer(
    location="westeurope",
    skus={SIZE: OfferedSku(zones=frozenset("123"), modes=frozenset({"SameZone", "ZoneRedundant"}))},
    versions=frozenset({"16", "17"}),
    zone_redundant=True,
    geo_backup=True,
    zone_redundant_and_geo_backup=True,
    restricted=False,
)
EVERYTHING = ["version", "sku", "zones", "high availability", "geo backup"]


@pytest.fixture
def prod(root: Path) -> Environment:
    return read("prod", root)


def with_size(zones: str = "123", *modes: str) -> Offer:
    return replace(WHOLE, skus={SIZE: OfferedSku(zones=frozenset(zones), modes=frozenset(modes or ("SameZone", "ZoneRedundant")))})


def lacks(environment: Environment, offer: Offer) -> list[str]:
    held = hold(environment, offer)
    assert all(bool(each.hint) is not each.ok for each in held)
    return [each.subject for each in held if not each.ok]


def test_a_whole_offer_lacks_nothing(prod: Environment) -> None:
    assert [each.subject for each in hold(prod, WHOLE)] == EVERYTHING
    assert lacks(prod, WHOLE) == []


@pytest.mark.parametrize(
    ("offer", "subjects"),
    [
        (replace(WHOLE, versions=frozenset({"17"})), ["version"]),
        (replace(WHOLE, skus={}), ["sku"]),
        (with_size("13"), ["zones"]),
        (with_size("23"), ["zones"]),
        (with_size("123", "SameZone"), ["high availability"]),
        (replace(WHOLE, zone_redundant=False), ["high availability"]),
        (replace(WHOLE, geo_backup=False), ["geo backup"]),
        (replace(WHOLE, zone_redundant_and_geo_backup=False), ["geo backup"]),
        (replace(WHOLE, restricted=True), ["region"]),
    ],
)
def test_each_lack_is_named_alone(prod: Environment, offer: Offer, subjects: list[str]) -> None:
    assert lacks(prod, offer) == subjects


def test_a_server_without_a_standby_asks_for_one_zone_alone(root: Path) -> None:
    dev = read("dev", root)
    offer = replace(
        WHOLE,
        skus={dev.server.sku: OfferedSku(zones=frozenset({str(dev.server.zone)}), modes=frozenset())},
        versions=frozenset({str(dev.server.version)}),
        zone_redundant=False,
        geo_backup=dev.backup.geo_redundant,
    )
    assert lacks(dev, offer) == []


@pytest.mark.parametrize(
    ("sku", "name"),
    [
        ("Standard_D2s_v3", "standardDSv3Family"),
        ("Standard_D4ads_v5", "standardDADSv5Family"),
        ("Standard_E20ds_v4", "standardEDSv4Family"),
        ("Standard_B1ms", "standardBSFamily"),
        ("Standard_B2s", "standardBSFamily"),
    ],
)
def test_a_size_counts_in_the_quota_of_its_family(sku: str, name: str) -> None:
    assert family(sku) == name


@pytest.mark.parametrize(
    ("usages", "had", "ok", "stops"),
    [
        ((), 0, False, False),
        ((Usage("standardESv3Family", 10, 10),), 0, False, False),
        ((Usage(CORES, 6, 10),), 0, True, False),
        ((Usage(CORES, 7, 10),), 0, False, False),
        ((Usage(CORES, 9, 10),), 0, False, True),
        ((Usage(CORES, 0, 100), Usage("standarddsv3family", 9, 10)), 0, False, True),
        ((Usage(CORES, 10, 10),), 4, True, False),
    ],
)
def test_the_tightest_quota_decides(prod: Environment, usages: tuple[Usage, ...], had: int, ok: bool, stops: bool) -> None:
    """Two vCores for the server, two for its standby; what the server has already is its own."""
    (held,) = hold_quota(prod, usages, had=had)
    assert (held.ok, held.critical and not held.ok) == (ok, stops)
