"""Server parameters as the recordings show them, and what was never recorded, marked as assumed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local_azure.cloud import Cloud, Refusal, Settings
from scripts.local_azure.kinds.parameter import allowed
from scripts.local_azure.kinds.parameter_effect import Effect, effect
from scripts.local_azure.operations import Operation
from scripts.local_azure.world import Access
from tests.scripts.local_azure.made_cloud import BURSTABLE, SERVER, VERSION, Hands, cloud, created, done, parameter, set_to

OID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def azure(tmp_path: Path, hands: Hands) -> Iterator[Cloud]:
    with cloud(tmp_path, hands=hands, settings=Settings(first_backup_seconds=3600)) as made:
        created(made)
        yield made


def test_lists_the_562_parameters_on_one_page_by_name(azure: Cloud) -> None:
    # wire/parameter.md 2
    listed = azure.list(f"{SERVER}/configurations")
    names = [each["name"] for each in listed]
    assert len(names) == 562 and names == sorted(names, key=str.lower)
    assert [name for name in names if name.startswith("pgbouncer.")] == ["pgbouncer.enabled"]
    # On a server that nobody touched; 40 were counted on the wire, 38 of them are in the table that was written down from it.
    assert sum(each["properties"]["source"] == "user-override" for each in listed) == 38
    assert list(listed[0]) == ["properties", "id", "name", "type"]


def test_an_entry_has_the_recorded_fields_in_their_order(azure: Cloud) -> None:
    # wire/parameter.md 2: unit only if present, never null
    with_unit = ["value", "description", "defaultValue", "dataType", "allowedValues", "source", "isDynamicConfig", "isReadOnly"]
    assert list(parameter(azure, "lock_timeout")) == [*with_unit, "isConfigPendingRestart", "unit"]
    assert list(parameter(azure, "jit")) == [*with_unit, "isConfigPendingRestart"]
    preloaded = parameter(azure, "shared_preload_libraries")
    assert (preloaded["value"], preloaded["defaultValue"]) == ("pg_cron,pg_stat_statements", "pg_stat_statements")


def test_a_dynamic_parameter_is_applied_at_once(azure: Cloud, hands: Hands) -> None:
    # wire/parameter.md 2
    operation = azure.patch(f"{SERVER}/configurations/lock_timeout", {"properties": {"value": "2000", "source": "user-override"}}, VERSION)
    assert isinstance(operation, Operation) and operation.name == "UpdateOrcasServerParameterManagementOperation"
    properties = azure.wait(operation)["properties"]
    assert (properties["value"], properties["source"], properties["defaultValue"]) == ("2000", "user-override", "0")
    assert properties["isConfigPendingRestart"] is False
    assert ("apply", {"lock_timeout": "2000"}) in hands.told


def test_writing_the_default_leaves_the_source_overridden(azure: Cloud) -> None:
    # wire/older.md 3; system-default itself is assumed
    set_to(azure, "lock_timeout", "2000")
    assert set_to(azure, "lock_timeout", "0")["source"] == "user-override"
    back = set_to(azure, "lock_timeout", "", source="system-default")
    assert (back["value"], back["source"]) == ("0", "system-default")


def test_a_static_parameter_waits_for_a_restart(azure: Cloud) -> None:
    # assumed: never recorded
    pending = set_to(azure, "max_connections", "200")
    assert (pending["value"], pending["isConfigPendingRestart"]) == ("200", True)
    assert set_to(azure, "max_connections", "859")["isConfigPendingRestart"] is False
    set_to(azure, "max_connections", "200")
    done(azure, azure.act(SERVER, "restart"))
    assert parameter(azure, "max_connections")["isConfigPendingRestart"] is False


def test_max_connections_follows_the_sku_of_the_creation_and_not_a_later_one(azure: Cloud) -> None:
    # azure-facts 1.2
    assert parameter(azure, "max_connections")["value"] == "859"
    done(azure, azure.patch(SERVER, {"sku": {"name": "Standard_D8s_v3", "tier": "GeneralPurpose"}}, VERSION))
    assert parameter(azure, "max_connections")["value"] == "859"


def test_the_poolers_parameters_exist_only_while_it_is_on(azure: Cloud, hands: Hands) -> None:
    # wire/parameter.md 2; the 404 is assumed
    with pytest.raises(Refusal) as refused:
        set_to(azure, "pgbouncer.default_pool_size", "30")
    assert refused.value.status == 404
    set_to(azure, "pgbouncer.enabled", "true")
    assert set_to(azure, "pgbouncer.default_pool_size", "30")["value"] == "30"
    assert any(word[0] == "access" and isinstance(word[1], Access) and word[1].pooled for word in hands.told)


def test_the_poolers_switch_is_refused_on_burstable(azure: Cloud) -> None:
    small = SERVER.replace("zep-test", "zep-small")
    created(azure, small, sku=BURSTABLE)
    with pytest.raises(Refusal, match="PgBouncer"):
        azure.patch(f"{small}/configurations/pgbouncer.enabled", {"properties": {"value": "true"}}, VERSION)


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("no_such_thing", "1", 404),
        ("fsync", "off", 400),
        ("work_mem", "64", 400),
        ("work_mem", "8MB", 400),
        ("azure.extensions", "pgvector", 400),
    ],
)
def test_refuses_what_a_parameter_does_not_take(azure: Cloud, name: str, value: str, status: int) -> None:
    # assumed: never recorded
    with pytest.raises(Refusal) as refused:
        set_to(azure, name, value)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("kind", "values", "value", "expected"),
    [
        ("Integer", "-1-2147483647", "-1", True),
        ("Integer", "-15-3", "4", False),
        ("Numeric", "0-1.79769e+308", "2.5", True),
        ("Integer", "0-10", "2.5", False),
        ("Boolean", "true, false", "false", True),
        ("Set", ",vector,hstore", "", True),
        ("Set", ",vector,hstore", "VECTOR,hstore", True),
        ("Set", "a,b", "", False),
        ("Enumeration", ",TLSv1.2,TLSv1.3", "TLSv1.1", False),
        ("String", "[A-Za-z0-9._-]*", "a b", False),
    ],
)
def test_allowed_values_are_read_as_azure_spells_them(kind: str, values: str, value: str, expected: bool) -> None:
    # wire/parameter.md 2
    assert allowed(kind, values, value) is expected


def test_what_the_machine_cannot_do_is_modelled_only(azure: Cloud, hands: Hands) -> None:
    set_to(azure, "shared_buffers", "524288")
    set_to(azure, "pg_stat_statements.track", "top")
    assert not [word for word in hands.told if word[0] == "apply"]
    assert (effect("work_mem"), effect("require_secure_transport"), effect("azure.extensions")) == (
        Effect.APPLIED, Effect.GATEWAY, Effect.APPLIED,
    )  # fmt: skip


def test_a_parameter_that_cannot_be_applied_fails_and_keeps_its_value(azure: Cloud, hands: Hands) -> None:
    hands.broken.add("apply")
    with pytest.raises(Refusal, match="occured"):
        set_to(azure, "lock_timeout", "2000")
    assert parameter(azure, "lock_timeout")["value"] == "0"
