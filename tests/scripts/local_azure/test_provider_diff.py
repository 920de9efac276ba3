"""What the provider door says about a difference: replaced, updated or nothing at all, as azure-native's source has it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from scripts.local_azure.arm_shape import SERVER
from scripts.local_azure.property_bag import UNKNOWN, bag
from scripts.local_azure.provider_door import Provider

NOBODY = "00000000-0000-4000-8000-000000000000"
PASSWORD = "Local-" + secrets.token_urlsafe(16)
# Judging a difference asks no cloud.
PROVIDER = Provider(None, NOBODY, NOBODY, NOBODY)  # type: ignore[arg-type]


def urn(type_: str, name: str = "x") -> str:
    return f"urn:pulumi:dev::agent-memory::{type_}::{name}"


def inputs(**changed: Any) -> dict[str, Any]:
    return {
        "resourceGroupName": "rg-diff", "serverName": "zepmem-diff", "location": "westeurope", "version": "16",
        "sku": {"name": "Standard_B1ms", "tier": "Burstable"}, "administratorLogin": "cogadmin", "administratorLoginPassword": PASSWORD,
        "backup": {"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"}, "tags": {"environment": "dev"}, **changed,
    }  # fmt: skip


def diff(new: dict[str, Any], old: dict[str, Any] | None = None) -> pb.DiffResponse:
    return PROVIDER.Diff(pb.DiffRequest(id="x", urn=urn(SERVER), type=SERVER, old_inputs=bag(old or inputs()), news=bag(new)))


def test_diff_of_equal_inputs_is_none_even_if_the_location_is_spelled_otherwise() -> None:
    answer = diff(inputs(location="West Europe"))
    assert answer.changes == pb.DiffResponse.DIFF_NONE


SUBNET = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Network/virtualNetworks/Net/subnets/db"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ({"location": "westeurope"}, {"location": "WestEurope"}),
        ({"network": {"delegatedSubnetResourceId": SUBNET}}, {"network": {"delegatedSubnetResourceId": SUBNET.lower()}}),
        ({"backup": {"geoRedundantBackup": "Disabled"}}, {"backup": {"geoRedundantBackup": "disabled"}}),
        ({"identity": {"userAssignedIdentities": {SUBNET: {}}}}, {"identity": {"userAssignedIdentities": {SUBNET.lower(): {}}}}),
    ],
)
def test_diff_sees_no_change_in_another_casing(was: dict[str, Any], becomes: dict[str, Any]) -> None:
    assert diff(inputs(**becomes), inputs(**was)).changes == pb.DiffResponse.DIFF_NONE


def test_diff_sees_what_is_left_out_as_a_change() -> None:
    answer = diff(inputs(), inputs(replica={"role": "Primary"}))
    assert {path: each.kind for path, each in answer.detailedDiff.items()} == {"replica": pb.PropertyDiff.DELETE}


def test_diff_updates_for_a_nested_create_only_value() -> None:
    answer = diff(inputs(backup={"backupRetentionDays": 7, "geoRedundantBackup": "Enabled"}))
    assert (list(answer.diffs), list(answer.replaces)) == (["backup"], [])


def test_diff_never_tells_a_secret() -> None:
    changed = inputs(administratorLoginPassword="Another-" + PASSWORD)
    request = pb.DiffRequest(
        id="x", urn=urn(SERVER), type=SERVER,
        old_inputs=bag(inputs(), ("administratorLoginPassword",)), news=bag(changed, ("administratorLoginPassword",)),
    )  # fmt: skip
    answer = PROVIDER.Diff(request)
    assert list(answer.diffs) == ["administratorLoginPassword"]
    assert PASSWORD not in str(answer)


def test_diff_names_the_inner_property_and_updates() -> None:
    answer = diff(inputs(backup={"backupRetentionDays": 14, "geoRedundantBackup": "Disabled"}))
    assert {path: each.kind for path, each in answer.detailedDiff.items()} == {"backup.backupRetentionDays": pb.PropertyDiff.UPDATE}
    assert (list(answer.diffs), list(answer.replaces)) == (["backup"], [])


@pytest.mark.parametrize(
    "changed", [{"location": "northeurope"}, {"serverName": "other"}, {"administratorLogin": "me"}, {"serverName": UNKNOWN}]
)
def test_diff_replaces_and_deletes_first_what_is_create_only(changed: dict[str, Any]) -> None:
    answer = diff(inputs(**changed))
    assert list(answer.replaces) == list(changed)
    assert answer.deleteBeforeReplace
    assert {each.kind for each in answer.detailedDiff.values()} == {pb.PropertyDiff.UPDATE_REPLACE}


def test_diff_says_nothing_about_a_version_that_only_the_outputs_tell() -> None:
    new = bag(inputs(azureApiVersion="2025-08-01"))
    request = pb.DiffRequest(
        id="x", urn=urn(SERVER), type=SERVER, old_inputs=bag(inputs()), news=new, olds=bag({"azureApiVersion": "2025-08-01"})
    )
    assert PROVIDER.Diff(request).changes == pb.DiffResponse.DIFF_NONE
