"""ARM ids from inputs, and the way back to what contains a resource."""

from __future__ import annotations

import pytest

from infra.domain.azure.arm_ids import NO_SUBSCRIPTION, PATHS, arm_id, name_of, parent_id, path_of
from infra.domain.registrations import UNKNOWN

GROUP = f"/subscriptions/{NO_SUBSCRIPTION}/resourceGroups/rg"
SERVER = f"{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/zep"
TYPE = "azure-native:dbforpostgresql:Server"
INPUTS = {"resourceGroupName": "rg", "serverName": "zep"}


def test_an_id_is_built_from_the_inputs() -> None:
    assert arm_id(TYPE, INPUTS) == SERVER
    assert arm_id("azure-native:dbforpostgresql:Database", {**INPUTS, "databaseName": "db"}) == f"{SERVER}/databases/db"
    assert arm_id("azure-native:resources:ResourceGroup", INPUTS, "s1") == "/subscriptions/s1/resourceGroups/rg"


def test_an_id_within_a_scope_follows_the_scope() -> None:
    lock = arm_id("azure-native:authorization:ManagementLockByScope", {"scope": SERVER + "/", "lockName": "keep"})
    assert lock == f"{SERVER}/providers/Microsoft.Authorization/locks/keep"


@pytest.mark.parametrize("name", [UNKNOWN, "", None, f"a-{UNKNOWN}"])
def test_there_is_no_id_while_a_part_is_not_known(name: object) -> None:
    assert arm_id(TYPE, {**INPUTS, "serverName": name}) is None
    assert arm_id(TYPE, {"serverName": "zep"}) is None


def test_there_is_no_id_for_a_type_without_a_row() -> None:
    assert arm_id("azure-native:compute:Machine", INPUTS) is None


def test_a_type_with_an_api_version_has_the_same_path() -> None:
    assert path_of("azure-native:dbforpostgresql/v20250801:Server") == PATHS[TYPE]
    assert path_of("azure-native:dbforpostgresql/v20260101preview:Server") == PATHS[TYPE]


def test_parents_lead_up_to_the_subscription() -> None:
    above = parent_id(f"{SERVER}/databases/db/providers/Microsoft.Authorization/locks/keep")
    seen = []
    while above:
        seen.append(above)
        above = parent_id(above)
    assert seen == [f"{SERVER}/databases/db", SERVER, GROUP, f"/subscriptions/{NO_SUBSCRIPTION}"]


def test_the_name_is_the_last_segment() -> None:
    assert name_of(SERVER) == "zep" and name_of(GROUP + "/") == "rg"
