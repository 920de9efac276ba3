"""Azure fails in the middle of an `up`: whatever goes wrong and wherever, the next ones end in the cloud that an undisturbed one makes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.engine.faults import Case, Site, Whole, every, nightly, rounds, seed, site_at, undisturbed
from tests.engine.records_only import RecordsOnly

# Of 135 on dev and 205 on prod. A failed `up` takes two seconds, so the rest is for the night.
ON_DEV, ON_PROD = 34, 6


@pytest.fixture(scope="module")
def seeded() -> int:
    return seed()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stack", "number"), [("dev", ON_DEV), ("prod", ON_PROD)])
def test_faults_at_any_write_end_in_the_same_cloud(path_with_pulumi: str, tmp_path: Path, seeded: int, stack: str, number: int) -> None:
    whole = undisturbed(tmp_path / "whole", stack)
    cases = every(whole.ids)
    chosen = cases if nightly() else sorted(random.Random(seeded).sample(cases, number), key=cases.index)
    print(f"AGENTMEM_SEED={seeded}: {len(chosen)} of {len(cases)} faults in ups of {stack}:", "; ".join(map(str, chosen)))
    for number, part in enumerate(rounds(chosen)):
        with RecordsOnly(tmp_path / f"round-{number}") as azure:
            _live_through(site_at(azure, path_with_pulumi, stack), part, stack, whole)


def _live_through(site: Site, cases: list[Case], stack: str, whole: Whole) -> None:
    for case in cases:
        site.azure.fault(case.planned)
    failed = site.end_of(stack, most=2 * len(cases) + 1)
    assert site.azure.faults_left() == [], "every fault was met"
    assert not [told for told in failed if "ServerIsBusy" in told], "the program waits for a busy server"
    site.assert_whole(stack, whole)
