"""An update of the server's inputs is judged like the change of the stack file that caused it."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Mapping
from typing import Any

import pytest

from infra.domain.problem import Problem, Severity
from infra.domain.server_change import fate, judge_fate, judge_update
from tests.builders import build_environment

TODAY = datetime.date(2026, 11, 21)
NETWORK = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks"
SUBNET = "network.delegatedSubnetResourceId"
# What the program sends for the environment of `build_environment`; of the password a test must not learn anything.
INPUTS: Mapping[str, Any] = {
    "serverName": "zepmem-prod",
    "version": "16",
    "sku": {"name": "Standard_D2s_v3", "tier": "GeneralPurpose"},
    "storage": {"storageSizeGB": 128.0, "autoGrow": "Enabled", "type": "Premium_LRS"},
    "backup": {"backupRetentionDays": 35.0, "geoRedundantBackup": "Enabled"},
    "highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": "2"},
    "network": {"delegatedSubnetResourceId": f"{NETWORK}/vnet/subnets/memory", "publicNetworkAccess": "Disabled"},
    "administratorLogin": "cogadmin",
    "administratorLoginPassword": object(),
    "dataEncryption": {"type": "SystemManaged"},
}
OWN_KEYS = {"type": "AzureKeyVault", "primaryKeyURI": "https://v.vault.azure.net/keys/k", "primaryUserAssignedIdentityId": "/i"}
KEY = {"key": "k", "identity": "i", "backup_key": "b", "backup_identity": "j"}


class Unresolved:
    """As what a value arrives that is secret or not known yet: an object that must not be asked for anything."""

    def __bool__(self) -> bool:
        raise TypeError("not known yet")


def inputs(changes: Mapping[str, object]) -> dict[str, Any]:
    """INPUTS with changes by dotted path; None removes."""
    made = copy.copy(dict(INPUTS))
    for path, value in changes.items():
        top, _, name = path.partition(".")
        made[top] = {**made[top], name: value} if name else value
    return made


def judged(
    before: Mapping[str, object], after: Mapping[str, object] | None = None, declared: Mapping[str, object] | None = None
) -> tuple[Problem, ...]:
    return judge_update(build_environment(declared or {}), inputs(before), inputs(after or {}), TODAY)


CHANGES: dict[str, tuple[Mapping[str, object], Mapping[str, object], Mapping[str, object], str, str, str]] = {
    "less_retention": (
        {}, {"backup.backupRetentionDays": 14.0}, {"backup.retention_days": 14}, "R5", "backup.retention_days", "falls from 35 to 14",
    ),
    "no_geo_backup_any_more": (
        {}, {"backup.geoRedundantBackup": "Disabled"}, {"backup.geo_redundant": False}, "R6", "backup.geo_redundant", "from true to false",
    ),
    "geo_backup_afterwards": ({"backup.geoRedundantBackup": "Disabled"}, {}, {}, "R6", "backup.geo_redundant", "from false to true"),
    "a_smaller_disk": ({"storage.storageSizeGB": 256.0}, {}, {}, "R9", "storage.size_gib", "is 128, but the disk has 256 GiB"),
    "another_kind_of_disk": ({"storage.type": "PremiumV2_LRS"}, {}, {}, "R9", "storage.kind", "from PremiumV2_LRS to Premium_LRS"),
    "an_older_version": ({"version": "17"}, {}, {}, "R10", "server.version", "is 16, the server runs 17"),
    "a_newer_version": ({"version": "15"}, {}, {}, "R10", "server.version", "without return"),
    "another_login": ({"administratorLogin": "root"}, {}, {}, "R6", "access.administrator", "from root to cogadmin"),
    "a_server_that_was_public": (
        {"network": {"publicNetworkAccess": "Enabled"}}, {}, {}, "R6", "network.mode", "from public to private",
    ),
    "a_server_behind_an_endpoint": (
        {"network": {"publicNetworkAccess": "Disabled"}}, {}, {}, "R6", "network.mode", "from private_endpoint to private",
    ),
    "another_subnet": ({SUBNET: f"{NETWORK}/vnet/subnets/old"}, {}, {}, "R6", "network.subnet", "changes from vnet/old to 10.20.1.0/28"),
    "own_keys_afterwards": (
        {}, {"dataEncryption": OWN_KEYS}, {"access.customer_managed_key": KEY}, "R6", "access.customer_managed_key", "to customer-managed",
    ),
    "own_keys_given_up": ({"dataEncryption": OWN_KEYS}, {}, {}, "R6", "access.customer_managed_key", "to service-managed"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_refuses(name: str) -> None:
    before, after, declared, rule, key, says = CHANGES[name]
    (problem,) = judged(before, after, declared)
    assert (problem.rule, problem.key, problem.severity) == (rule, key, Severity.REFUSE)
    assert says in problem.message


UNHARMFUL: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
    "nothing": ({}, {}),
    "more_retention": ({"backup.backupRetentionDays": 7.0}, {}),
    "a_larger_disk": ({"storage.storageSizeGB": 64.0}, {}),
    "a_disk_that_grew_by_itself": ({"storage.storageSizeGB": 512.0}, {"storage.storageSizeGB": 512.0}),
    "ids_in_another_casing": ({SUBNET: f"{NETWORK}/VNET/subnets/Memory"}, {}),
    "a_subnet_that_is_not_known_yet": ({}, {SUBNET: Unresolved()}),
    "keys_that_are_not_known_yet": ({}, {"dataEncryption": {"type": Unresolved()}}),
    "inputs_of_an_import": ({"dataEncryption": None, "network": None, "backup": None, "storage": None}, {}),
    "a_new_password": ({"administratorLoginPassword": Unresolved()}, {"administratorLoginPassword": Unresolved()}),
}


@pytest.mark.parametrize("name", UNHARMFUL)
def test_lets_pass(name: str) -> None:
    assert judged(*UNHARMFUL[name]) == ()


def test_upgrade_on_request_passes() -> None:
    assert judged({"version": "15"}, {}, {"server.allow_major_upgrade": True}) == ()


def test_several_refusals_come_at_once() -> None:
    found = judged({"backup.geoRedundantBackup": "Disabled", "storage.storageSizeGB": 256.0, "version": "17"})
    assert {problem.rule for problem in found} == {"R6", "R9", "R10"}


def test_another_size_of_server_is_told() -> None:
    (problem,) = judged({"sku": {"name": "Standard_D4s_v3", "tier": "GeneralPurpose"}})
    assert (problem.rule, problem.severity) == ("W3", Severity.WARN)


def test_allowed_change_is_a_warning() -> None:
    allowed = [{"change": "backup.retention_days", "until": "2026-11-21", "reason": "copies are kept elsewhere"}]
    (problem,) = judged({}, {"backup.backupRetentionDays": 14.0}, {"backup.retention_days": 14, "guard.overrides": allowed})
    assert problem.severity is Severity.WARN
    assert "copies are kept elsewhere" in problem.message


def test_another_login_name_or_place_is_another_server() -> None:
    now = build_environment({"access.administrator": "somebody", "server.name": "zepmem-other", "database.name": "zap"})
    found = judge_fate(now, fate(build_environment()), TODAY)
    assert {(problem.key, problem.rule) for problem in found} == {
        ("access.administrator", "R6"), ("server.name", "R1"), ("database.name", "R1"),
    }  # fmt: skip
    assert {problem.severity for problem in found} == {Severity.REFUSE}


def test_what_was_never_told_is_no_change() -> None:
    assert judge_fate(build_environment(), {}, TODAY) == ()
    assert judge_fate(build_environment({"access.administrator": None}), fate(build_environment()), TODAY) == ()
