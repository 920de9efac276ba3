"""What a server costs a month: exact where every price is known, at least where one is not, and never a guess. The prices are made up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from infra.domain.check import judge
from infra.domain.price_meters import map_meters
from infra.domain.prices import EMPTY, NotATable, PriceTable, as_data, monthly_cost, parse_table
from infra.domain.problem import Problem, Severity
from tests.builders import LONG_TERM, build_environment

DATA: dict[str, Any] = {
    "schema": "agentmem/prices/1",
    "currency": "EUR",
    "source": "made up",
    "regions": {
        "westeurope": {
            "date": "2026-11-20",
            "compute_hour": {"Standard_D2s_v3": "0.2", "Standard_D4s_v3": "0.4"},
            "storage_gib_month": {"Premium_LRS": "0.1", "PremiumV2_LRS": "0.05"},
            "iops_month": {"PremiumV2_LRS": "0.004"},
            "throughput_month": {"PremiumV2_LRS": "0.04"},
            "backup_gib_month": {"LRS": "0.09"},
        },
        "northeurope": {"date": "2026-11-21", "compute_hour": {"Standard_D2s_v3": "0.18"}, "storage_gib_month": {"Premium_LRS": "0.11"}},
    },
}
TABLE = parse_table(DATA)
V2 = {"storage.kind": "PremiumV2_LRS", "storage.autogrow": False}
REPLICA = {"location": "northeurope", "sku": "Standard_D2s_v3", "virtual_endpoint": None}


def bill(changes: Mapping[str, object] | None = None, table: PriceTable = TABLE) -> dict[str, Decimal | None]:
    return {line.name: line.amount for line in monthly_cost(build_environment(changes or {}), table).lines}


def ceiling(changes: Mapping[str, object], table: PriceTable = TABLE) -> list[Problem]:
    return [each for each in judge(build_environment(changes), table) if each.rule == "P4"]


def test_a_standby_is_compute_and_storage_once_more() -> None:
    """730 hours of 0.20, 128 GiB of 0.10, twice."""
    assert bill() == {
        "compute": Decimal(146), "storage": Decimal("12.8"), "standby compute": Decimal(146), "standby storage": Decimal("12.8"),
        "backup": None,
    }  # fmt: skip
    cost = monthly_cost(build_environment(), TABLE)
    assert (str(cost), cost.total, cost.dates) == ("317.60 EUR", Decimal("317.6"), ("2026-11-20",))
    assert set(bill({"availability": {"mode": "Disabled", "standby_zone": None}})) == {"compute", "storage", "backup"}


def test_a_replica_is_priced_where_it_stands_and_by_its_own_size() -> None:
    found = bill({"replica": REPLICA})
    assert (found["replica compute"], found["replica storage"]) == (Decimal("131.4"), Decimal("14.08"))
    assert monthly_cost(build_environment({"replica": REPLICA}), TABLE).dates == ("2026-11-20", "2026-11-21")


def test_backups_are_told_and_not_counted() -> None:
    def line(geo: bool) -> str:
        found = monthly_cost(build_environment({"backup.geo_redundant": geo}), TABLE).lines[-1]
        assert (found.amount, found.by_use) == (None, True)
        return f"{found.what}: {found.why}"

    assert line(False) == "128 GiB are free: 9.00 EUR for each 100 GiB more"
    assert line(True) == "128 GiB are free; a geo-redundant backup counts twice: 18.00 EUR for each 100 GiB more"


def test_a_vault_is_unknown_and_never_guessed() -> None:
    cost = monthly_cost(build_environment({"backup.long_term": LONG_TERM}), TABLE)
    assert (cost.lines[-1].name, cost.lines[-1].amount, cost.total) == ("long-term retention", None, None)
    assert str(cost) == "at least 317.60 EUR (unknown: nobody here knows what a Backup vault costs)"
    (problem,) = ceiling({"backup.long_term": LONG_TERM, "guard.monthly_cost_ceiling_eur": 600})
    assert problem.severity is Severity.NOTE and "cannot be judged: nobody here knows what a Backup vault costs" in problem.message


def test_a_geo_redundant_backup_with_a_price_of_its_own_takes_that() -> None:
    region = {**DATA["regions"]["westeurope"], "backup_gib_month": {"LRS": "0.09", "GRS": "0.2"}}
    found = monthly_cost(build_environment(), parse_table({**DATA, "regions": {"westeurope": region}})).lines[-1]
    assert found.why == "20.00 EUR for each 100 GiB more"


def test_a_second_generation_disk_pays_for_what_is_above_what_it_brings() -> None:
    found = bill({**V2, "storage.iops": 5000, "storage.throughput_mb_per_second": 225})
    assert (found["IOPS"], found["standby IOPS"], found["throughput"]) == (Decimal(8), Decimal(8), Decimal(4))
    assert not {"IOPS", "throughput"} & set(bill({**V2, "storage.iops": 3000, "storage.throughput_mb_per_second": 125}))
    assert "IOPS" not in bill({**V2, "storage.size_gib": 400, "storage.iops": 12000})


@pytest.mark.parametrize(
    ("changes", "line", "why"),
    [
        ({"server.sku": "Standard_E2s_v3"}, "compute", "no price of Standard_E2s_v3 in westeurope, agentmem prices refresh"),
        ({"location": "francecentral"}, "storage", "no prices of francecentral, agentmem prices refresh"),
        ({"storage.performance_tier": "P30"}, "performance tier", "nobody here knows the price of the performance tier P30"),
        (
            {**V2, "storage.size_gib": 400, "storage.throughput_mb_per_second": 300},
            "throughput",
            "nobody here knows how many MB/s are free",
        ),
        ({"storage.kind": "UltraSSD_LRS"}, "performance", "nobody here knows what an Ultra Disk's performance costs"),
    ],
)
def test_what_has_no_price_is_unknown_and_so_is_the_total(changes: Mapping[str, object], line: str, why: str) -> None:
    cost = monthly_cost(build_environment(changes), TABLE)
    (found,) = (each for each in cost.lines if each.name == line)
    assert found.is_unknown and found.why.startswith(why)
    assert cost.total is None
    assert "unknown: " in str(cost)
    assert cost.as_json()["total"] is None


def test_the_known_part_is_a_lower_bound_and_says_so() -> None:
    assert str(monthly_cost(build_environment({"server.sku": "Standard_E2s_v3"}), TABLE)) == (
        "at least 25.60 EUR (unknown: no price of Standard_E2s_v3 in westeurope, agentmem prices refresh)"
    )
    assert str(monthly_cost(build_environment(), EMPTY)) == "unknown: no prices of westeurope, agentmem prices refresh"


def test_the_own_tier_of_a_disk_costs_nothing_more() -> None:
    assert "performance tier" not in bill({"storage.performance_tier": "P10"})


def test_the_table_survives_its_file() -> None:
    assert parse_table(as_data(TABLE, "made up")) == TABLE


def _with(**changes: Any) -> dict[str, Any]:
    return {**DATA, **changes}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "the table is no mapping"),
        (_with(extra=1), "the table has the key 'extra', which this version does not know"),
        ({"schema": "agentmem/prices/1", "regions": {}}, "the table has no currency"),
        (_with(schema="agentmem/prices/2"), "this version reads agentmem/prices/1"),
        (_with(currency="euro"), "currency is 'euro'"),
        (_with(regions=[]), "regions is no mapping"),
        (_with(regions={"a": {"date": "yesterday"}}), "regions.a.date is 'yesterday', no date"),
        (_with(regions={"a": {"date": "2026-11-20", "compute": {}}}), "regions.a has the key 'compute'"),
        (_with(regions={"a": {"date": "2026-11-20", "compute_hour": {"s": 0}}}), "regions.a.compute_hour.s is 0, no price above 0"),
        (_with(regions={"a": {"date": "2026-11-20", "compute_hour": {"s": "NaN"}}}), "no price above 0"),
        (_with(regions={"a": {"date": "2026-11-20", "compute_hour": {"s": True}}}), "no price above 0"),
        (_with(regions={"a": {"date": "2026-11-20", "compute_hour": {"s": "cheap"}}}), "no price above 0"),
    ],
)
def test_a_table_that_is_wrong_is_an_error_with_its_place(data: object, says: str) -> None:
    with pytest.raises(NotATable) as raised:
        parse_table(data)
    assert says in str(raised.value)


def test_a_known_cost_above_the_ceiling_is_refused() -> None:
    (found,) = ceiling({"guard.monthly_cost_ceiling_eur": 300})
    assert found.severity is Severity.REFUSE
    assert found.message == "guard.monthly_cost_ceiling_eur is 300, but the server costs 317.60 EUR a month (prices of 2026-11-20)"
    assert found.hint == "the most of it is compute, 146.00 EUR; or monthly_cost_ceiling_eur: 320"
    assert ceiling({"guard.monthly_cost_ceiling_eur": 318}) == []
    assert ceiling({"guard.monthly_cost_ceiling_eur": None}, EMPTY) == []


def test_a_lower_bound_above_the_ceiling_is_enough() -> None:
    (found,) = ceiling({"guard.monthly_cost_ceiling_eur": 20, "server.sku": "Standard_E2s_v3"})
    assert found.severity is Severity.REFUSE
    assert "costs at least 25.60 EUR" in found.message


def test_an_unknown_cost_is_a_note_and_stops_nothing() -> None:
    (found,) = ceiling({}, EMPTY)
    assert (found.severity, found.message) == (
        Severity.NOTE,
        "guard.monthly_cost_ceiling_eur cannot be judged: no prices of westeurope, agentmem prices refresh",
    )
    assert judge(build_environment(), EMPTY).ok


def test_dollars_are_not_euros() -> None:
    (found,) = ceiling({"guard.monthly_cost_ceiling_eur": 1}, parse_table({**DATA, "currency": "USD"}))
    assert (found.severity, "nothing here converts money" in found.message) == (Severity.NOTE, True)


def test_without_a_table_the_ceiling_is_not_judged() -> None:
    assert [each for each in judge(build_environment()) if each.rule == "P4"] == []


def meter(product: str, name: str, sku: str, price: object, **values: Any) -> dict[str, Any]:
    return {
        "productName": product, "meterName": name, "skuName": sku, "armSkuName": "", "unitOfMeasure": "1 Hour", "retailPrice": price,
        "tierMinimumUnits": 0, "type": "Consumption", "effectiveStartDate": "2024-01-01T00:00:00Z", "armRegionName": "westeurope",
        "currencyCode": "EUR", **values,
    }  # fmt: skip


DSV3 = "Azure Database for PostgreSQL Flexible Server General Purpose\u00a0Dsv3\u00a0Series Compute"
DDSV5 = "Azure Database for PostgreSQL Flexible Server General Purpose - Ddsv5 Series Compute"
BURSTABLE = "Azure Database for PostgreSQL Flexible Server Burstable BS Series Compute"
STORAGE = "Az DB for PostgreSQL Flexible Server Storage"
BACKUP = "Azure Database for PostgreSQL Flexible Server Backup Storage"
MONTH = "1 GB/Month"


def compute(*items: dict[str, Any], today: str = "2026-11-21") -> tuple[Mapping[str, Decimal], tuple[str, ...]]:
    mapped = map_meters(items, "westeurope", today)
    return mapped.prices.compute_hour, mapped.left_out


def test_a_meter_of_one_vcore_prices_every_size_of_its_series() -> None:
    """With the stray hyphens and no-break spaces of the service's names."""
    found, left_out = compute(meter(DSV3, "vCore", "vCore", 0.1), meter(DDSV5, "1 vCore", "1 vCore", 0.2))
    assert (found["Standard_D2s_v3"], found["Standard_D64s_v3"], found["Standard_D4ds_v5"]) == (
        Decimal("0.2"), Decimal("6.4"), Decimal("0.8"),
    )  # fmt: skip
    assert "Standard_D2ds_v4" not in found and left_out == ()


@pytest.mark.parametrize(("second", "expected"), [(0.4, "0.1"), (0.2, "0.2")])
def test_two_sizes_tell_whether_a_meter_is_of_one_vcore_or_of_all(second: float, expected: str) -> None:
    found, left_out = compute(meter(DSV3, "vCore", "2 vCore", 0.2), meter(DSV3, "vCore", "4 vCore", second))
    assert found["Standard_D8s_v3"] == Decimal(expected) * 8
    assert left_out == ()


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([meter(DSV3, "vCore", "2 vCore", 0.2)], "one meter alone does not tell"),
        ([meter(DSV3, "vCore", "2 vCore", 0.2), meter(DSV3, "vCore", "4 vCore", 0.3)], "contradict each other"),
        ([meter(DSV3, "vCore", "vCore", 0.1), meter(DSV3, "vCore", "4 vCore", 0.3)], "4 vCores fits no price of one"),
        ([meter(DSV3, "vCore", "vCore", 0.1), meter(DSV3, "vCore", "vCore", 0.3)], "two prices at once"),
        ([meter(DSV3, "vCore", "2 vCore", 0.2, armSkuName="Standard_D4s_v3")], "it names Standard_D4s_v3 as well"),
        ([meter(DSV3, "vCore", "vCore", 0.1, unitOfMeasure="100 Hours")], "its unit is 100 Hours"),
        ([meter(DSV3, "vCore", "vCore", 0)], "its price is 0"),
        ([meter(DSV3, "vCore", "vCore", 0.1, tierMinimumUnits=100)], "it is a price from 100 units on"),
        ([meter(DSV3.replace("Dsv3", "Zsv9"), "vCore", "vCore", 0.1)], "does not know the series"),
        ([meter(BURSTABLE, "B99 vCore", "B99", 0.1)], "does not know the size"),
    ],
)
def test_a_meter_that_is_not_understood_is_told_and_left_out(items: list[dict[str, Any]], why: str) -> None:
    found, left_out = compute(*items)
    assert dict(found) == {}
    assert len(left_out) == 1 and why in left_out[0]


def test_a_burstable_size_has_a_price_of_its_own_whatever_its_letters() -> None:
    found, _ = compute(meter(BURSTABLE, "B1MS", "B1MS", 0.02), meter(BURSTABLE, "B2ms vCore", "B2ms", 0.16))
    assert found == {"Standard_B1ms": Decimal("0.02"), "Standard_B2ms": Decimal("0.16")}


def test_storage_and_backup_have_their_kinds_and_other_products_are_counted() -> None:
    items = (
        meter(STORAGE, "Storage Data Stored", "Storage", 0.1, unitOfMeasure=MONTH),
        meter(STORAGE, "Premium SSD v2 Storage Data Stored", "Premium SSD v2 Storage", 0.05, unitOfMeasure="1 GiB/Month"),
        meter(STORAGE, "Premium SSD v2 IOPS Provisioned IOPS", "Premium SSD v2 IOPS", 0.004, unitOfMeasure="1/Month"),
        meter(STORAGE, "IOPS Scaling Provisioned IOPS", "IOPS Scaling", 0.05, unitOfMeasure="1/Month"),
        meter(BACKUP, "Backup Storage LRS Data Stored", "Backup Storage LRS", 0.09, unitOfMeasure=MONTH),
        meter("Azure Database for PostgreSQL Single Server Basic - Storage", "Data Stored", "Basic", 0.1, unitOfMeasure=MONTH),
        meter(STORAGE, "Storage Data Stored", "Storage", 0.01, unitOfMeasure=MONTH, type="Reservation"),
    )
    mapped = map_meters(items, "westeurope", "2026-11-21")
    assert list(mapped.prices.rows()) == [
        ("storage_gib_month", "PremiumV2_LRS", Decimal("0.05")),
        ("storage_gib_month", "Premium_LRS", Decimal("0.1")),
        ("iops_month", "PremiumV2_LRS", Decimal("0.004")),
        ("backup_gib_month", "LRS", Decimal("0.09")),
    ]
    assert mapped.left_out == (f"{STORAGE}, IOPS Scaling Provisioned IOPS: this version does not know it",)
    assert mapped.others == 1


def test_the_latest_price_that_has_begun_holds() -> None:
    def at(day: str, price: float) -> dict[str, Any]:
        return meter(DSV3, "vCore", "vCore", price, effectiveStartDate=f"{day}T00:00:00Z")

    found, left_out = compute(at("2026-01-01", 0.2), at("2025-01-01", 0.1), at("2026-11-22", 0.9))
    assert (found["Standard_D2s_v3"], left_out) == (Decimal("0.4"), ())


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (None, "an item is no mapping"),
        (meter(DSV3, "vCore", "vCore", 0.1, armRegionName="eastus"), "an item is of eastus, asked for westeurope"),
        (meter(DSV3, "vCore", "vCore", -1), "the price of vCore is -1"),
        (meter(DSV3, "vCore", "vCore", "free"), "the price of vCore is 'free'"),
        (meter(DSV3, "vCore", "vCore", 0.1, skuName=7), "an item's skuName is 7, no text"),
        (meter(DSV3, "vCore", "vCore", 0.1, tierMinimumUnits="many"), "tierMinimumUnits is 'many'"),
    ],
)
def test_what_is_no_meter_is_an_error(item: object, says: str) -> None:
    with pytest.raises(NotATable) as raised:
        map_meters([item], "westeurope", "2026-11-21")
    assert says in str(raised.value)
