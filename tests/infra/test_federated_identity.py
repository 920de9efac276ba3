"""The logins of the workflows: who may log in, from where, and how little they may do."""

from __future__ import annotations

from typing import Any

import pytest

from infra.domain.registrations import Plan
from scripts.edges import input_types
from scripts.edges.capture import Mode, capture
from tests.infra.plans import ROOT

PROGRAM = ROOT / "infra" / "federated_identity" / "__main__.py"
PROJECT = "agent-memory-identity"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-zepmem-prod"
STATE = "/subscriptions/s/resourceGroups/rg-state/providers/Microsoft.Storage/storageAccounts/state"
VAULT = "/subscriptions/s/resourceGroups/rg-state/providers/Microsoft.KeyVault/vaults/keys"
CONTAINERS = "/subscriptions/s/resourceGroups/rg-copies/providers/Microsoft.Storage/storageAccounts/kept/blobServices/default/containers"
COPIES, LEDGER = f"{CONTAINERS}/copies", f"{CONTAINERS}/ledger"
WRITES, READS = "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


def _plan(**changes: str) -> Plan:
    told = {"repository": "acme/memory", "resource_group": "rg-zepmem-prod", "state_storage": STATE, "key_vault": VAULT}
    told |= {"copies_container": COPIES, "ledger_container": LEDGER, **changes}
    config = {"azure-native:location": "westeurope", **{f"{PROJECT}:{key}": value for key, value in told.items()}}
    return capture(PROJECT, "prod", config, (), mode=Mode.RESOLVED, program=PROGRAM)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return _plan()


def _rights(plan: Plan, who: str) -> dict[str, tuple[Any, str]]:
    """What an identity may do: scope and the last part of the role's id, by the name of the assignment."""
    assigned = [item for item in plan.of_type("RoleAssignment") if item.name.startswith(f"{who}-")]
    return {item.name: (item.inputs["scope"], item.inputs["roleDefinitionId"].rpartition("/")[2]) for item in assigned}


def test_each_identity_is_for_one_environment_of_one_repository(plan: Plan) -> None:
    subjects = {item.name: item.inputs["subject"] for item in plan.of_type("FederatedIdentityCredential")}
    assert subjects == {
        "apply-github": "repo:acme/memory:environment:prod",
        "read-github": "repo:acme/memory:environment:prod-read",
        "copies-github": "repo:acme/memory:environment:prod-copies",
        "drill-github": "repo:acme/memory:environment:prod-drill",
    }


def test_tokens_come_from_github_and_are_meant_for_azure(plan: Plan) -> None:
    for item in plan.of_type("FederatedIdentityCredential"):
        assert item.inputs["issuer"] == "https://token.actions.githubusercontent.com"
        assert item.inputs["audiences"] == ["api://AzureADTokenExchange"]


def test_the_reader_may_look_and_nothing_else(plan: Plan) -> None:
    assert _rights(plan, "read") == {
        "read-group": (GROUP, "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
        "read-state": (STATE, "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"),
        "read-key": (VAULT, "12338af0-0e69-4776-bea7-57ae8d297424"),
    }


def test_apply_may_change_one_group_and_its_locks(plan: Plan) -> None:
    (locks,) = plan.of_type("RoleDefinition")
    assert _rights(plan, "apply") == {
        "apply-group": (GROUP, "b24988ac-6180-42a0-ab88-20f7382dd24c"),
        "apply-state": (STATE, "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
        "apply-key": (VAULT, "12338af0-0e69-4776-bea7-57ae8d297424"),
        "apply-locks": (GROUP, locks.inputs["roleDefinitionId"]),
    }
    assert [set(each["actions"]) for each in locks.inputs["permissions"]] == [
        {f"Microsoft.Authorization/locks/{verb}" for verb in ("read", "write", "delete")}
    ]
    assert locks.inputs["assignableScopes"] == [GROUP]
    assert "locks" in plan.find("apply-locks").depends_on


def test_who_copies_has_two_containers_and_who_drills_cannot_touch_a_copy(plan: Plan) -> None:
    """What a copy holds is run by the drill: it must not be able to delete the others."""
    assert _rights(plan, "copies") == {"copies-copies": (COPIES, WRITES), "copies-ledger": (LEDGER, WRITES)}
    assert _rights(plan, "drill") == {"drill-copies": (COPIES, READS), "drill-ledger": (LEDGER, WRITES)}


def test_where_no_copies_are_kept_nobody_may_write_them() -> None:
    plan = _plan(copies_container="", ledger_container="")
    assert {item.name for item in plan.of_type("UserAssignedIdentity")} == {"apply", "read"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ledger_container": ""}, "copies_container and ledger_container go together"),
        ({"copies_container": STATE}, "copies_container is no id of a container of Blob Storage: /subscriptions/s"),
        ({"copies_container": COPIES.replace("rg-copies", "RG-zepmem-prod")}, "copies_container lies in rg-zepmem-prod: whoever may"),
        ({"ledger_container": COPIES}, "copies_container and ledger_container are one"),
    ],
)
def test_copies_lie_where_nobody_else_can_delete_them(changes: dict[str, str], says: str) -> None:
    with pytest.raises(Exception, match=says):
        _plan(**changes)


def test_nobody_who_may_change_the_environment_may_change_the_logins(plan: Plan) -> None:
    homes = {item.inputs["resourceGroupName"] for item in plan.of_type("UserAssignedIdentity")}
    assert homes == {"rg-zepmem-prod-identities"}
    assert all(scope in (GROUP, STATE, VAULT) for who in ("read", "apply") for scope, _ in _rights(plan, who).values())


def test_every_input_fits_the_types_of_the_sdk(plan: Plan) -> None:
    assert input_types.check(plan) == ()


def test_names_are_the_same_each_time(plan: Plan) -> None:
    assert plan.to_json() == _plan().to_json()


def test_without_a_state_of_its_own_there_is_no_right_to_one() -> None:
    assert set(_rights(_plan(state_storage="", key_vault=""), "apply")) == {"apply-group", "apply-locks"}


def test_every_mistake_is_told_at_once() -> None:
    says = r"repository is 'acme', not OWNER/NAME; resource_group is not set.*; key_vault is no resource id: keys"
    with pytest.raises(Exception, match=says):
        _plan(repository="acme", resource_group="", key_vault="keys")
