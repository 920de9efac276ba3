"""Long-term retention: what the program declares for a Backup vault, and nothing where it is not asked for."""

from __future__ import annotations

from typing import Any

import pytest

from infra.components.vault import RIGHT_ATTEMPTS, is_right_awaited
from infra.domain import long_term
from infra.domain.azure import roles
from infra.domain.azure.arm_ids import NO_SUBSCRIPTION
from infra.domain.environment import LongTerm
from infra.domain.registrations import UNKNOWN, Plan
from scripts.edges import input_types
from scripts.edges.capture import Mode
from tests.builders import LONG_TERM
from tests.infra.plans import SERVER, plan_of, waits_for

VAULT, POLICY, INSTANCE = "memory-vault-vault", "memory-vault-policy", "memory-vault-instance"
GROUP = f"/subscriptions/{NO_SUBSCRIPTION}/resourceGroups/rg-zepmem-prod"
SERVER_ID = f"{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/zepmem-prod"


def asked(stack: str = "prod", **changes: object) -> Plan:
    return plan_of(stack, {"backup.long_term": {**LONG_TERM, **changes}})


def test_nothing_is_made_where_it_is_not_asked_for() -> None:
    plan = plan_of("prod")
    assert not [item.name for item in plan.registrations if "vault" in item.name.lower()]
    assert not plan.of_type("RoleAssignment")


@pytest.mark.parametrize("mode", Mode)
def test_every_input_fits_the_types_of_the_sdk(mode: Mode) -> None:
    assert input_types.check(plan_of("prod", {"backup.long_term": LONG_TERM}, mode=mode)) == ()


def test_the_vault_says_everything_that_azure_would_choose_weaker() -> None:
    vault = asked().find(VAULT)
    assert (vault.inputs["vaultName"], vault.inputs["location"], vault.inputs["identity"]) == (
        "bvault-zepmem-prod", "westeurope", {"type": "SystemAssigned"},
    )  # fmt: skip
    assert vault.inputs["properties"] == {
        "storageSettings": [{"datastoreType": "VaultStore", "type": "GeoRedundant"}],
        "securitySettings": {
            "softDeleteSettings": {"state": "On", "retentionDurationInDays": 14},
            "immutabilitySettings": {"state": "Unlocked"},
        },
        "featureSettings": {
            "crossRegionRestoreSettings": {"state": "Enabled"}, "crossSubscriptionRestoreSettings": {"state": "Disabled"},
        },
        "monitoringSettings": {"azureMonitorAlertSettings": {"alertsForAllJobFailures": "Enabled"}},
    }  # fmt: skip


def test_copies_that_stay_in_the_region_are_restored_there_and_need_not_be_immutable() -> None:
    properties = asked(redundancy="ZoneRedundant", immutable=False).find(VAULT).inputs["properties"]
    assert properties["storageSettings"] == [{"datastoreType": "VaultStore", "type": "ZoneRedundant"}]
    assert "crossRegionRestoreSettings" not in properties["featureSettings"]
    assert properties["securitySettings"]["immutabilitySettings"] == {"state": "Disabled"}


def _rules(plan: Plan) -> tuple[dict[str, Any], dict[str, str]]:
    inputs = plan.find(POLICY).inputs
    assert inputs["properties"]["datasourceTypes"] == ["Microsoft.DBforPostgreSQL/flexibleServers"]
    return inputs["properties"]["policyRules"][0]["trigger"], dict(long_term.told_by(inputs))


def test_the_policy_makes_one_copy_a_week_and_keeps_it_as_declared() -> None:
    trigger, kept = _rules(asked())
    assert trigger["schedule"] == {"repeatingTimeIntervals": ["R/2024-01-07T02:30:00+00:00/P1W"], "timeZone": "UTC"}
    assert kept == {"Default": "P12W", "Monthly": "P60M", "Yearly": "P10Y"}
    tags = {each["tagInfo"]["tagName"]: (each["isDefault"], each["taggingPriority"]) for each in trigger["taggingCriteria"]}
    assert tags == {"Default": (True, 99), "Monthly": (False, 15), "Yearly": (False, 10)}
    markers = [each["criteria"][0]["absoluteCriteria"] for each in trigger["taggingCriteria"] if "criteria" in each]
    assert markers == [["FirstOfMonth"], ["FirstOfYear"]]


def test_what_is_not_kept_longer_has_no_rule() -> None:
    trigger, kept = _rules(asked(monthly=0, yearly=0))
    assert kept == {"Default": "P12W"}
    assert len(trigger["taggingCriteria"]) == 1


def test_another_retention_is_another_policy_that_comes_before_the_old_one_goes() -> None:
    first, then = asked().find(POLICY), asked(monthly=24).find(POLICY)
    assert (first.inputs["backupPolicyName"], then.inputs["backupPolicyName"]) == (
        "weekly-12-monthly-60-yearly-10", "weekly-12-monthly-24-yearly-10",
    )  # fmt: skip
    assert first.delete_before_replace is False
    assert not first.protect


def test_the_vault_has_its_two_roles_and_no_other() -> None:
    plan = asked()
    found = {item.name: item.inputs for item in plan.of_type("RoleAssignment")}
    wanted = {"memory-vault-reader": (GROUP, roles.READER), "memory-vault-backup": (SERVER_ID, roles.LONG_TERM_BACKUP)}
    assert set(found) == set(wanted)
    for name, (scope, role) in wanted.items():
        inputs = found[name]
        assert (inputs["scope"], inputs["principalId"], inputs["principalType"]) == (scope, UNKNOWN, "ServicePrincipal")
        assert inputs["roleDefinitionId"] == f"/subscriptions/{NO_SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    names = {inputs["roleAssignmentName"] for inputs in found.values()}
    assert len(names) == 2 and names == {item.inputs["roleAssignmentName"] for item in asked(weekly=4).of_type("RoleAssignment")}


def test_the_server_joins_last_of_all_but_the_lock_and_after_its_roles() -> None:
    plan = asked()
    instance = plan.find(INSTANCE)
    before = waits_for(plan, INSTANCE)
    assert {VAULT, POLICY, SERVER, "memory-vault-reader", "memory-vault-backup", "memory-monitoring-diagnostics"} <= before
    assert INSTANCE in waits_for(plan, "memory-guard-lock")
    assert instance.hooks["on_error"] == ("memory-busy", "memory-vault-right")
    assert instance.inputs["properties"]["dataSourceInfo"]["resourceID"] == plan.outputs["server_id"] == SERVER_ID
    assert instance.inputs["properties"]["policyInfo"]["policyId"].endswith("/backupPolicies/weekly-12-monthly-60-yearly-10")
    # Copies outlive a server that somebody deletes.
    assert instance.deleted_with == ""


@pytest.mark.parametrize(("stack", "protected"), [("prod", True), ("dev", False)])
def test_what_holds_copies_is_protected_like_the_server(stack: str, protected: bool) -> None:
    plan = asked(stack)
    assert {plan.find(name).protect for name in (VAULT, INSTANCE, SERVER)} == {protected}


def test_a_role_that_is_not_seen_yet_is_waited_for_and_nothing_else() -> None:
    error = 'Code="UserErrorMSIMissingPermissions" Message="…"'
    assert is_right_awaited([error]) and is_right_awaited([error, "InvalidParameterValue"])
    assert not is_right_awaited(["InvalidParameterValue", error])
    assert not is_right_awaited([error] * RIGHT_ATTEMPTS) and not is_right_awaited([])


def test_durations_are_compared_over_their_units() -> None:
    assert [long_term.days_of(text) for text in ("P7D", "P2W", "P4", "")] == [7.0, 14.0, None, None]
    assert long_term.shorter({"Default": "P12W", "Monthly": "P60M"}, {"Default": "P12W", "Monthly": "P5Y"}) == ()
    assert long_term.shorter({"Default": "P12W", "Yearly": "P1Y"}, {"Default": "P12W"}) == ("Yearly P1Y to P12W",)
    assert long_term.shorter({"Default": "P12W"}, {}) == ("Default P12W to nothing",)
    only = LongTerm(weekly=60, monthly=0, yearly=0, redundancy="LocallyRedundant", immutable=False)
    assert [each.duration for each in long_term.kept(only)] == ["P60W"]
