"""A plan as data: what it counts, how it reads, and that its text is canonical."""

from __future__ import annotations

import dataclasses
import json

import pytest

from infra.domain.registrations import SECRET, UNKNOWN, Plan, Registration, is_plain, name_of

STORE = Registration(urn="u::store", type="agent-memory:index:Store", name="server", custom=False)
SERVER = Registration(
    urn="u::server", type="azure-native:dbforpostgresql:Server", name="server", parent="u::store", protect=True,
    ignore_changes=("availabilityZone",), inputs={"storage": {"storageSizeGB": 128}, "password": SECRET}, custom_timeouts={"create": "45m"},
    hooks={"before_update": ("backup",)},
)  # fmt: skip
DATABASE = Registration(
    urn="u::db", type="azure-native:dbforpostgresql:Database", name="zep", parent="u::store", depends_on=("server",), deleted_with="server",
    property_depends_on={"serverName": ("server",)}, retain_on_delete=True, inputs={"serverName": UNKNOWN},
)  # fmt: skip
PROVIDER = Registration(urn="u::p", type="pulumi:providers:azure-native", name="azure")
PLAN = Plan(stack="prod", registrations=(PROVIDER, STORE, SERVER, DATABASE), outputs={"host": "h", "password": SECRET})


def test_components_and_providers_are_not_counted() -> None:
    assert PLAN.count == 2
    assert [item.name for item in PLAN.resources] == ["server", "zep"]
    assert PLAN.by_kind() == {"Database": 1, "Server": 1}
    assert PLAN.summary() == "prod: 2 resources (1 Database, 1 Server)"
    assert Plan(stack="dev").summary() == "dev: 0 resources"


def test_a_plan_survives_its_own_json() -> None:
    assert Plan.from_json(PLAN.to_json()) == PLAN


def test_equal_plans_have_equal_bytes_whatever_the_order_of_their_maps() -> None:
    turned = dataclasses.replace(SERVER, inputs=dict(reversed(list(SERVER.inputs.items()))))
    other = Plan(stack="prod", registrations=(PROVIDER, STORE, turned, DATABASE), outputs=dict(reversed(list(PLAN.outputs.items()))))
    assert other.to_json() == PLAN.to_json()
    assert PLAN.to_json().endswith("}\n")


def test_the_order_of_registration_is_part_of_the_plan() -> None:
    assert dataclasses.replace(PLAN, registrations=PLAN.registrations[::-1]).to_json() != PLAN.to_json()


def test_the_json_leaves_out_what_says_nothing() -> None:
    first = json.loads(PLAN.to_json())["registrations"][0]
    assert first == {"urn": "u::p", "type": "pulumi:providers:azure-native", "name": "azure"}
    assert json.loads(PLAN.to_json())["registrations"][1]["custom"] is False


STRANGE = '{"schema": "agentmem/plan/1", "stack": "x", "registrations": [{"nonsense": 1}], "outputs": {}}'


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema": "agentmem/plan/1"}', STRANGE, "nonsense"])
def test_anything_else_is_no_plan(text: str) -> None:
    with pytest.raises(ValueError):
        Plan.from_json(text)


def test_the_tree_shows_children_below_their_parent_and_what_protects_them() -> None:
    lines = [str(line) for line in PLAN.tree()]
    assert lines == [
        "azure-native  azure",
        "Store  server",
        "  Server  server  storageSizeGB 128  protected  ignores availabilityZone",
        "  Database  zep  kept on delete",
    ]


def test_a_child_is_shown_below_a_parent_that_comes_later() -> None:
    plan = Plan(stack="prod", registrations=(SERVER, STORE))
    assert [line.depth for line in plan.tree()] == [0, 1]


def test_a_name_that_a_component_shares_is_found_with_its_type() -> None:
    assert PLAN.find("zep") is DATABASE
    assert PLAN.find("server", "Server") is SERVER and PLAN.find("server", "agent-memory:index:Store") is STORE
    assert PLAN.of_type("Server") == (SERVER,)
    for name in ("server", "absent"):
        with pytest.raises(KeyError):
            PLAN.find(name)


def test_a_registration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SERVER.protect = False  # type: ignore[misc]


def test_the_name_is_the_end_of_the_urn_even_with_colons_in_it() -> None:
    assert name_of("urn:pulumi:prod::agent-memory::a$b::main") == "main"
    assert name_of("urn:pulumi:prod::agent-memory::a$b::x::y") == "x::y"


def test_a_value_with_a_secret_or_an_unknown_inside_is_not_plain() -> None:
    assert is_plain({"a": [1, {"b": "c"}]})
    assert not is_plain({"a": [1, {"b": SECRET}]}) and not is_plain([UNKNOWN])
