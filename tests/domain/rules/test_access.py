"""Rules on names, logins and keys: what trips them and what does not."""

from __future__ import annotations

import pytest

from infra.domain.problem import Severity
from infra.domain.rules.access import password_problem
from tests.domain.rules.judged import Case, holds, passes

WARN = Severity.WARN
_ADMIN, _KEY, _NAME = "access.administrator", "access.customer_managed_key", "server.name"
_ID = "11111111-2222-3333-4444-555555555555"
_PERSON = {"object_id": _ID, "principal_name": "ops@example.org", "principal_type": "Group"}
_IDENTITIES = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
ENTRA_ONLY = {"access.password": False, _ADMIN: None, "access.entra_administrators": [_PERSON]}
PAIR: dict[str, str | None] = {
    "key": "https://west.vault.azure.net/keys/zep",
    "identity": f"{_IDENTITIES}/west",
    "backup_key": "https://north.vault.azure.net/keys/zep",
    "backup_identity": f"{_IDENTITIES}/north",
}
ONE: dict[str, str | None] = {**PAIR, "backup_key": None, "backup_identity": None}
LOCAL = {"backup.geo_redundant": False}

CASES = {
    "refuses_an_upper_case_server_name": Case("R20", _NAME, "does not take", {_NAME: "Zepmem"}),
    "refuses_a_server_name_of_two_letters": Case("R20", _NAME, "does not take", {_NAME: "ze"}),
    "refuses_a_server_name_that_ends_in_a_hyphen": Case("R20", _NAME, "does not take", {_NAME: "zepmem-"}),
    "refuses_a_server_name_of_64_letters": Case("R20", _NAME, "does not take", {_NAME: "z" * 64}),
    "refuses_a_login_like_a_system_role": Case("R20", _ADMIN, "reserved", {_ADMIN: "pg_ops"}),
    "refuses_a_login_that_is_a_role_of_the_application": Case("R20", _ADMIN, "post-provision", {_ADMIN: "app_rw"}),
    "refuses_a_login_with_a_space": Case("R20", _ADMIN, "does not take", {_ADMIN: "cog admin"}),
    "refuses_passwords_without_a_login": Case("R20", _ADMIN, "needs a login", {_ADMIN: None}),
    "refuses_a_login_on_an_entra_only_server": Case("R20", _ADMIN, "takes no login", {**ENTRA_ONLY, _ADMIN: "cogadmin"}),
    "refuses_a_server_that_nobody_can_enter": Case(
        "R20", "access.entra_administrators", "nobody could log in", {**ENTRA_ONLY, "access.entra_administrators": []}
    ),
    "refuses_an_object_id_that_is_a_name": Case(
        "R20",
        "access.entra_administrators[0].object_id",
        "not an object id",
        {"access.entra_administrators": [{**_PERSON, "object_id": "ops"}]},
    ),
    "refuses_an_administrator_twice": Case(
        "R20", "access.entra_administrators[1].object_id", "a second time", {"access.entra_administrators": [_PERSON, _PERSON]}
    ),
    "refuses_a_database_of_the_service": Case("R20", "database.name", "belongs to the service", {"database.name": "azure_sys"}),
    "refuses_an_identity_that_is_not_user_assigned": Case(
        "R8", f"{_KEY}.identity", "user-assigned", {**LOCAL, _KEY: {**ONE, "identity": "zepmem-prod"}}
    ),
    "refuses_a_key_that_is_not_in_a_vault": Case("R8", f"{_KEY}.key", "not the URI of a key", {**LOCAL, _KEY: {**ONE, "key": "zep"}}),
    "warns_of_a_key_that_does_not_rotate": Case(
        "R8", f"{_KEY}.key", "inaccessible", {**LOCAL, _KEY: {**ONE, "key": f"{ONE['key']}/{'0' * 32}"}}, WARN
    ),
    "refuses_geo_backup_with_one_key": Case("R8", f"{_KEY}.backup_key", "at creation", {_KEY: {**PAIR, "backup_key": None}}),
    "refuses_geo_backup_with_one_identity": Case("R8", f"{_KEY}.backup_identity", "at creation", {_KEY: {**PAIR, "backup_identity": None}}),
    "refuses_one_identity_for_both_keys": Case(
        "R8", f"{_KEY}.backup_identity", "a different one", {_KEY: {**PAIR, "backup_identity": PAIR["identity"]}}
    ),
    "refuses_one_key_for_both_regions": Case("R8", f"{_KEY}.backup_key", "paired region", {_KEY: {**PAIR, "backup_key": PAIR["key"]}}),
    "refuses_a_backup_key_without_geo_backup": Case(
        "R8", f"{_KEY}.backup_key", "geo_redundant is false", {**LOCAL, _KEY: {**ONE, "backup_key": PAIR["backup_key"]}}
    ),
    "warns_of_own_keys_on_premium_v2": Case(
        "R8", _KEY, "calls unsupported", {_KEY: PAIR, "storage.kind": "PremiumV2_LRS", "storage.autogrow": False}, WARN
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_access_rule(name: str) -> None:
    holds(CASES[name])


RESERVED = ["azure_superuser", "azuresu", "azure_pg_admin", "admin", "administrator", "root", "guest", "public", "Admin"]


@pytest.mark.parametrize("login", RESERVED)
def test_refuses_a_reserved_login(login: str) -> None:
    holds(Case("R20", _ADMIN, "can never be changed", {_ADMIN: login}))


@pytest.mark.parametrize("changes", [{}, ENTRA_ONLY, {"access.entra_administrators": [_PERSON]}])
def test_takes_passwords_entra_and_both(changes: dict[str, object]) -> None:
    passes("R20", changes)


@pytest.mark.parametrize("changes", [{_KEY: PAIR}, {**LOCAL, _KEY: ONE}])
def test_takes_own_keys(changes: dict[str, object]) -> None:
    passes("R8", changes)


@pytest.mark.parametrize("password", ["Short1!", "alllowercaseletters", "lower1234567", "A1!" + "x" * 126])
def test_refuses_a_weak_password_without_showing_it(password: str) -> None:
    problem = password_problem(password)
    assert problem is not None
    assert problem.rule == "R20"
    assert password not in str(problem) and problem.found is None


@pytest.mark.parametrize("password", ["Lower123", "lower12!", "LOWER12!", "A1!" + "x" * 125])
def test_takes_a_password_of_three_classes(password: str) -> None:
    assert password_problem(password) is None
