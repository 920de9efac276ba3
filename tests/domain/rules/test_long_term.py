"""Rules on long-term retention: what a Backup vault refuses, what would stop without a word, and what passes."""

from __future__ import annotations

import pytest

from infra.domain.problem import Severity
from tests.builders import LONG_TERM
from tests.domain.rules.judged import Case, found, holds, passes

KEY, WARN, NAME = "backup.long_term", Severity.WARN, "server.name"


def asked(**changes: object) -> dict[str, object]:
    """A sound declaration with changes."""
    return {KEY: {**LONG_TERM, **changes}}


CASES = {
    "refuses_no_weekly_copies": Case("R21", f"{KEY}.weekly", "every copy of a vault is a weekly one", asked(weekly=0, monthly=0, yearly=0)),
    "refuses_more_than_ten_years_of_weeks": Case("R21", f"{KEY}.weekly", "is 522 weeks", asked(weekly=522)),
    "refuses_more_than_ten_years_of_months": Case("R21", f"{KEY}.monthly", "is 121 months", asked(monthly=121)),
    "refuses_more_than_ten_years": Case("R21", f"{KEY}.yearly", "is 11 years, a vault keeps a copy for at most 10", asked(yearly=11)),
    "refuses_premium_ssd_v2": Case(
        "R21", KEY, "takes no server on PremiumV2_LRS", {**asked(), "storage.kind": "PremiumV2_LRS", "storage.autogrow": False}
    ),
    "refuses_a_large_server": Case("R21", KEY, "of more than 1024 GiB fails, and the disk has 2048", {**asked(), "storage.size_gib": 2048}),
    "refuses_another_region_where_there_is_none": Case(
        "R21", f"{KEY}.redundancy", "has no paired region", {**asked(), "location": "polandcentral", "backup.geo_redundant": False}
    ),
    "refuses_other_zones_where_there_are_none": Case(
        "R21", f"{KEY}.redundancy", "westus has no zones", {**asked(redundancy="ZoneRedundant"), "location": "westus"}
    ),
    "refuses_a_server_name_too_long_for_the_vault": Case(
        "R21", "server.name", "has 51: Azure takes 50", {**asked(), "server.name": "z" * 44}
    ),
    "warns_of_a_disk_that_outgrows_the_vault": Case(
        "W9", "storage.autogrow", "from 1024 to 2048 GiB", {**asked(), "storage.size_gib": 1024}, WARN
    ),
    "warns_of_months_shorter_than_weeks": Case("W9", f"{KEY}.monthly", "keeps P2M, less than the P12W", asked(monthly=2), WARN),
    "warns_of_years_shorter_than_months": Case("W9", f"{KEY}.yearly", "keeps P2Y, less than the P60M", asked(yearly=2), WARN),
    "warns_of_years_shorter_than_weeks": Case(
        "W9", f"{KEY}.yearly", "keeps P1Y, less than the P60W", asked(weekly=60, monthly=0, yearly=1), WARN
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_long_term_rule(name: str) -> None:
    holds(CASES[name])


@pytest.mark.parametrize(
    "changes",
    [
        {KEY: None, "server.name": "z" * 63, "storage.size_gib": 2048},
        asked(),
        asked(weekly=521, monthly=0, yearly=0),
        asked(weekly=1, monthly=120, yearly=10),
        asked(redundancy="LocallyRedundant", immutable=False),
        {**asked(redundancy="ZoneRedundant"), "location": "polandcentral", "backup.geo_redundant": False},
        {**asked(), "storage.size_gib": 1024, "storage.autogrow": False},
        {**asked(), "server.name": "z" * 43},
        # No page excludes the tier, nor a private network.
        {**asked(), "server.sku": "Standard_B1ms"},
        {**asked(), "network.mode": "private_endpoint"},
    ],
)
@pytest.mark.parametrize("rule", ["R21", "W9"])
def test_passes(rule: str, changes: dict[str, object]) -> None:
    passes(rule, changes)


def test_says_what_keeps_copies_instead() -> None:
    (problem,) = found({**asked(), "storage.size_gib": 2048}, "R21", KEY)
    assert problem.hint == "long_term: null; backup.portable_copies keep longer than the service does"
