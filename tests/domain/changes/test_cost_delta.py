"""What a change costs a month: before and after, told once with its amount, unknown where a price is missing. The prices are made up."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from infra.domain.changes import comment, report, told
from infra.domain.changes.change import Change, Danger, Operation
from infra.domain.changes.classify import classify
from infra.domain.changes.cost_delta import compare
from infra.domain.changes.report import Report, StackReport
from infra.domain.changes.steps import of_plans
from infra.domain.environment import Environment, Replica
from infra.domain.prices import EMPTY, PriceTable, parse_table
from scripts.edges.report import render
from tests.domain.changes.contracts import edited, shipped
from tests.domain.changes.corpus import CASES, old

SERVER = "azure-native:dbforpostgresql:Server"
URN = f"urn:pulumi:prod::agent-memory::agent-memory:index:MemoryStore$agent-memory:index:Server${SERVER}::memory-server-postgresql"
REPLICA_URN = (
    f"urn:pulumi:prod::agent-memory::agent-memory:index:MemoryStore$agent-memory:index:Replica${SERVER}::memory-replica-postgresql"
)
TODAY = datetime.date(2026, 11, 21)
# 730 hours of 0.20 and 128 GiB of 0.10, twice with a standby: 317.60.
TABLE = parse_table(
    {
        "schema": "agentmem/prices/1",
        "currency": "EUR",
        "regions": {
            "westeurope": {
                "date": "2026-11-20",
                "compute_hour": {"Standard_D2s_v3": "0.2", "Standard_D4s_v3": "0.4"},
                "storage_gib_month": {"Premium_LRS": "0.1"},
            },
            "northeurope": {
                "date": "2026-11-20",
                "compute_hour": {"Standard_D2s_v3": "0.3"},
                "storage_gib_month": {"Premium_LRS": "0.1"},
            },
        },
    }
)
NO_STANDBY = edited(shipped(), "availability", mode="Disabled", standby_zone=None)
LARGER = edited(shipped(), "server", sku="Standard_D4s_v3")
UNKNOWN_SKU = edited(shipped(), "server", sku="Standard_E2s_v3")
WITH_REPLICA = edited(shipped(), "replica", value=Replica(location="northeurope", sku="Standard_D2s_v3", virtual_endpoint=None))


def _change(path: str, danger: Danger, why: str = "because", **values: Any) -> Change:
    given: dict[str, Any] = {"urn": URN, "type": SERVER, "operation": Operation.UPDATE, "old": 1, "new": 2, **values}
    return Change(path=path, danger=danger, why=why, **given)


def _of(before: Environment | None, after: Environment | None, *changes: Change, table: PriceTable = TABLE) -> StackReport:
    return report.of_stack("prod", changes, old=before, new=after, today=TODAY, prices=table)


def _lines(found: StackReport) -> list[tuple[Danger, str, str]]:
    return [(each.change.danger, each.change.path, each.change.why) for each in found.changes]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (shipped(), shipped(), "317.60 EUR, as before"),
        (shipped(), LARGER, "317.60 EUR → 609.60 EUR (+292.00 EUR)"),
        (shipped(), NO_STANDBY, "317.60 EUR → 158.80 EUR (-158.80 EUR)"),
        (shipped(), UNKNOWN_SKU, "no price of Standard_E2s_v3 in westeurope, agentmem prices refresh)"),
        (None, shipped(), "unknown: one side has no contract to judge; the other: 317.60 EUR"),
        (None, None, "unknown: one side has no contract to judge"),
    ],
)
def test_the_delta_is_said_in_one_sentence(before: Environment | None, after: Environment | None, says: str) -> None:
    assert compare(before, after, TABLE).sentence.endswith(says)


def test_what_is_unknown_on_both_sides_takes_nothing_from_the_difference() -> None:
    bigger = edited(UNKNOWN_SKU, "storage", size_gib=256)
    delta = compare(UNKNOWN_SKU, bigger, TABLE)
    assert delta.as_json()["difference"] == 25.6
    assert compare(shipped(), UNKNOWN_SKU, TABLE).difference is None
    assert compare(shipped(), LARGER, EMPTY).difference is None


def test_a_larger_server_carries_its_amount_with_that_of_its_standby() -> None:
    found = _of(shipped(), LARGER, _change("sku.name", Danger.OUTAGE, "it restarts"))
    assert _lines(found)[0] == (Danger.OUTAGE, "sku.name", "it restarts; +292.00 EUR a month")
    assert [path for _, path, _ in _lines(found)] == ["sku.name"]


def test_a_server_that_gains_a_standby_pays_both_only_once() -> None:
    """The SKU's amount is that of the server alone, the standby's that of the whole standby: together the difference."""
    before, changes = NO_STANDBY, (_change("sku.name", Danger.OUTAGE), _change("highAvailability.mode", Danger.COSTS_MORE))
    found = _of(before, LARGER, *changes)
    assert [why for _, _, why in _lines(found)] == ["because; +146.00 EUR a month", "because; +304.80 EUR a month"]
    assert found.cost.difference is not None and float(found.cost.difference) == pytest.approx(146 + 304.8)


def test_a_standby_that_only_moves_costs_what_it_did() -> None:
    before = edited(shipped(), "availability", mode="SameZone", standby_zone=None)
    found = _of(before, LARGER, _change("sku.name", Danger.OUTAGE), _change("highAvailability.mode", Danger.COSTS_MORE))
    assert [why for _, _, why in _lines(found)] == ["because; +292.00 EUR a month", "because"]


def test_the_two_faces_of_a_new_tier_are_not_paid_twice() -> None:
    found = _of(shipped(), LARGER, _change("sku.name", Danger.OUTAGE), _change("sku.tier", Danger.COSTS_MORE))
    assert sum("a month" in why for _, _, why in _lines(found)) == 1


def test_a_replica_carries_its_whole_bill() -> None:
    change = _change("", Danger.HARMLESS, operation=Operation.CREATE, urn=REPLICA_URN)
    (line,) = _lines(_of(shipped(), WITH_REPLICA, change))
    assert line == (Danger.COSTS_MORE, "", "because; +231.80 EUR a month")


def test_what_costs_less_keeps_its_class_and_says_so() -> None:
    found = _of(shipped(), NO_STANDBY, _change("highAvailability.mode", Danger.WEAKER_RECOVERY))
    assert _lines(found)[0] == (Danger.WEAKER_RECOVERY, "highAvailability.mode", "because; -158.80 EUR a month")


def test_a_rise_that_no_change_explains_gets_a_line_of_its_own() -> None:
    (line,) = _lines(_of(edited(shipped(), "location", value="northeurope"), LARGER))[-1:]
    assert (line[0], line[1]) == (Danger.COSTS_MORE, "monthly cost")
    assert line[2] == "the server costs 146.00 EUR more a month"


def test_without_a_price_no_change_carries_an_amount() -> None:
    found = _of(shipped(), LARGER, _change("sku.name", Danger.OUTAGE), table=EMPTY)
    assert [why for _, _, why in _lines(found)] == ["because"]


def test_the_real_change_of_the_corpus_carries_its_amount() -> None:
    case = next(each for each in CASES if each.name == "larger SKU")
    found = report.of_stack("prod", classify(of_plans(old(), case.new)), old=shipped(), new=LARGER, today=TODAY, prices=TABLE)
    (why,) = (why for _, path, why in _lines(found) if path == "sku.name")
    assert why.endswith("it costs more each month; +292.00 EUR a month")


def test_a_ceiling_that_is_passed_stops_what_changes() -> None:
    found = _of(shipped(), LARGER, _change("sku.name", Danger.OUTAGE))
    assert "P4" in [each.rule for each in found.problems]
    assert found.stops
    assert "rule P4: guard.monthly&#95;cost&#95;ceiling&#95;eur is 600" in comment.markdown(Report(stacks=(found,), compared=""))
    assert not _of(shipped(), LARGER, _change("sku.name", Danger.OUTAGE), table=EMPTY).stops


def test_every_form_shows_the_same_sentence() -> None:
    found = Report(stacks=(_of(NO_STANDBY, shipped(), _change("highAvailability.mode", Danger.COSTS_MORE)),), compared="")
    says = "158.80 EUR → 317.60 EUR (+158.80 EUR)"
    assert f"cost per month: {says}" in comment.markdown(found)
    assert f"  cost per month {says}" in list(told.lines(found))
    assert f"cost per month: {says}" in render("preview.html.j2", **told.page(found))
    document = told.document(found)["cost_delta"]
    assert (document["why"], document["difference"], document["currency"]) == (says, 158.8, "EUR")
    assert (document["before"]["total"], document["after"]["total"]) == (158.8, 317.6)


def test_a_missing_price_is_named_in_the_comment() -> None:
    found = Report(stacks=(_of(shipped(), UNKNOWN_SKU, _change("sku.name", Danger.OUTAGE)),), compared="")
    assert "unknown: no price of Standard&#95;E2s&#95;v3 in westeurope, agentmem prices refresh" in comment.markdown(found)
