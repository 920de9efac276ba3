"""The tables of Azure: whole, consistent in themselves, and right in the numbers that everything else counts with."""

from __future__ import annotations

import pytest

from infra.domain.azure import extensions, immutables, parameters, regions, skus, storage


def test_there_are_101_skus_of_three_tiers() -> None:
    assert len(skus.SKUS) == 101
    assert {sku.tier for sku in skus.SKUS.values()} == set(skus.TIERS)


@pytest.mark.parametrize(
    ("name", "tier", "vcores", "memory_gib", "iops", "connections"),
    [
        ("Standard_B1ms", "Burstable", 1, 2, 640, 50),
        ("Standard_B2s", "Burstable", 2, 4, 1280, 429),
        ("Standard_D2s_v3", "GeneralPurpose", 2, 8, 3200, 859),
        ("Standard_D4ds_v5", "GeneralPurpose", 4, 16, 6400, 1718),
        ("Standard_E4ds_v5", "MemoryOptimized", 4, 32, 6400, 3437),
        ("Standard_B12ms", "Burstable", 12, 48, 4320, 5000),
        ("Standard_E64s_v3", "MemoryOptimized", 64, 432, 76800, 5000),
        ("Standard_E96bds_v5", "MemoryOptimized", 96, 672, 160000, 5000),
    ],
)
def test_a_sku_is_as_recorded(name: str, tier: str, vcores: int, memory_gib: int, iops: int, connections: int) -> None:
    sku = skus.SKUS[name]
    assert (sku.tier, sku.vcores, sku.memory_mib, sku.iops, sku.max_connections) == (tier, vcores, memory_gib * 1024, iops, connections)


def test_the_family_of_every_sku_tells_its_tier() -> None:
    assert [sku.name for sku in skus.SKUS.values() if skus.family_tier(sku.name) != sku.tier] == []


def test_a_sku_is_found_by_its_exact_name_only() -> None:
    assert skus.find("Standard_D2s_v3") is not None
    assert skus.find("standard_d2s_v3") is None
    assert skus.find("Standard_D2s_v5") is None
    assert skus.family_tier("D2s_v3") is None


def test_pairs_are_regions() -> None:
    for region in regions.REGIONS.values():
        assert region.pair is None or region.pair in regions.REGIONS
        assert region.pair != region.name
        assert region.geo_backup == (region.pair is not None)


def test_a_region_is_found_by_either_name() -> None:
    for region in regions.REGIONS.values():
        assert regions.find(region.display_name) is region
        assert regions.find(region.name) is region
    assert regions.find("nowhere") is None


def test_the_regions_of_the_shipped_environments_are_a_pair() -> None:
    west, north = regions.REGIONS["westeurope"], regions.REGIONS["northeurope"]
    assert (west.pair, north.pair) == ("northeurope", "westeurope")
    assert west.zone_redundant and north.zone_redundant


def test_larger_disks_are_faster_and_begin_with_their_own_tier() -> None:
    disks = list(storage.PREMIUM_SSD.values())
    assert [disk.size_gib for disk in disks] == [32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767]
    assert [disk.iops for disk in disks] == sorted(disk.iops for disk in disks)
    for disk in disks:
        assert disk.tiers[0] == disk.default_tier
        assert storage.TIER_IOPS[disk.default_tier] == disk.iops


@pytest.mark.parametrize(("size_gib", "percent"), [(32, 84.375), (64, 92.1875), (128, 95), (2048, 95)])
def test_a_disk_turns_read_only_at_95_percent_or_5_gib(size_gib: int, percent: float) -> None:
    assert storage.read_only_percent(size_gib) == pytest.approx(percent)


@pytest.mark.parametrize(("size_gib", "percent"), [(32, 80), (256, 80), (512, 87.5), (1024, 93.75), (2048, 96.875)])
def test_a_disk_grows_at_a_share_or_64_gib(size_gib: int, percent: float) -> None:
    assert storage.autogrow_percent(size_gib) == pytest.approx(percent)


def test_autogrow_comes_before_read_only_up_to_one_tib() -> None:
    late = [size for size in storage.PREMIUM_SSD if storage.autogrow_percent(size) >= storage.read_only_percent(size)]
    assert late == [2048, 4095, 4096, 8192, 16384, 32767]


def test_the_next_size_is_the_next_size() -> None:
    assert [storage.next_size(size) for size in (1, 128, 4095, 32767)] == [32, 256, 4096, None]


def test_73_extensions_are_on_the_list() -> None:
    assert len(extensions.ALLOWED) == 73
    assert {"vector", "pg_diskann", "pg_stat_statements", "uuid-ossp"} <= extensions.ALLOWED
    assert not set(extensions.MISTAKEN) & extensions.ALLOWED
    assert set(extensions.MISTAKEN.values()) <= extensions.ALLOWED
    assert extensions.PRELOADED <= extensions.PRELOADABLE
    assert "vector" not in extensions.PRELOADABLE


def test_what_is_decided_at_creation_is_listed() -> None:
    assert {"availabilityZone", "administratorLogin", "location", "serverName"} <= set(immutables.REPLACES[immutables.SERVER])
    assert immutables.NESTED_CREATE_ONLY[immutables.SERVER] == ("backup.geoRedundantBackup",)
    for kind in immutables.REPLACES:
        assert kind.startswith("azure-native:")


def test_every_parameter_is_there_once_with_a_known_kind() -> None:
    assert len(parameters.PARAMETERS) == 571
    kinds = {parameter.kind for parameter in parameters.PARAMETERS.values()}
    assert kinds == {"Boolean", "Enumeration", "Integer", "Numeric", "Set", "String"}
