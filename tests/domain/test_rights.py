"""What an up must be allowed to do: Azure adds roles up, and what a role leaves out it leaves out of its own alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.domain.environment import STACKS
from infra.domain.rights import ASSIGNMENTS, LOCKS, Grant, lacking, wanted
from scripts.edges.stack_file import read
from tests.builders import LONG_TERM, build_environment

CONTRIBUTOR = Grant(("*",), ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"))
LOCKER = Grant(("Microsoft.Authorization/locks/*",))


@pytest.mark.parametrize(
    ("grants", "lacks"),
    [((Grant(("*",)),), ()), ((CONTRIBUTOR,), (LOCKS,)), ((CONTRIBUTOR, LOCKER), ()), ((LOCKER, CONTRIBUTOR), ())],
)
def test_roles_add_up(root: Path, grants: tuple[Grant, ...], lacks: tuple[str, ...]) -> None:
    assert lacking(read("prod", root), grants) == lacks


def test_a_pattern_is_matched_whole_and_in_any_case(root: Path) -> None:
    prod = read("prod", root)
    assert "Microsoft.DBforPostgreSQL/flexibleServers/write" not in lacking(prod, [Grant(("microsoft.dbforpostgresql/*/WRITE",))])
    assert set(lacking(prod, [Grant(("Microsoft",)), Grant(("",))])) == set(wanted(prod))


def test_a_vault_is_made_by_who_may_also_give_it_its_roles() -> None:
    asks = build_environment({"backup.long_term": LONG_TERM})
    assert lacking(asks, (CONTRIBUTOR, LOCKER)) == (ASSIGNMENTS,)
    assert lacking(asks, (CONTRIBUTOR, LOCKER, Grant(("Microsoft.Authorization/roleAssignments/*",)))) == ()
    assert set(wanted(asks)) - set(wanted(build_environment())) == {ASSIGNMENTS, "Microsoft.DataProtection/backupVaults/write"}


@pytest.mark.parametrize("stack", STACKS)
def test_only_what_is_declared_is_asked_for(root: Path, stack: str) -> None:
    environment = read(stack, root)
    asked = set(wanted(environment))
    assert (LOCKS in asked) is environment.guard.lock
    assert any("Network" in each for each in asked) is (environment.network.mode != "public")
