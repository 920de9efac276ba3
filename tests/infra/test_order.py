"""The order of writes: Azure takes one management operation on a server at a time, and the lock comes last."""

from __future__ import annotations

from itertools import combinations

import pytest

from infra.components.write_queue import LONGEST_PAUSE_SECONDS, MOST_ATTEMPTS, pause_seconds
from infra.domain.environment import STACKS
from infra.domain.parsing import parse
from infra.domain.server_parameters import desired
from tests.builders import LONG_TERM
from tests.infra.plans import SERVER, plan_of, values_of, waits_for, writes
from tests.infra.test_network import ENDPOINT, FIREWALL
from tests.infra.test_replica import REPLICATED
from tests.infra.test_server import ENTRA_ONLY

SHAPES = [
    *((stack, {}) for stack in STACKS),
    ("dev", {**ENTRA_ONLY, **FIREWALL}),
    ("prod", ENDPOINT),
    ("prod", REPLICATED),
    ("prod", {"backup.long_term": LONG_TERM}),
]


@pytest.mark.parametrize(("stack", "changes"), SHAPES)
def test_no_two_writes_on_a_server_are_unordered(stack: str, changes: dict[str, object]) -> None:
    plan = plan_of(stack, changes)
    before = {item.name: waits_for(plan, item.name) for item in writes(plan)}
    loose = [(one, other) for one, other in combinations(before, 2) if one not in before[other] and other not in before[one]]
    assert loose == []


@pytest.mark.parametrize(("stack", "changes"), SHAPES)
def test_kinds_follow_each_other_as_azure_wants_them(stack: str, changes: dict[str, object]) -> None:
    order = [
        "Server",
        "AdministratorsMicrosoftEntra",
        "Database",
        "FirewallRule",
        "PrivateEndpoint",
        "Configuration",
        "Server of a replica",
    ]
    order += ["VirtualEndpoint", "DiagnosticSetting", "BackupInstance", "ManagementLockByScope"]
    plan = plan_of(stack, changes)
    found = ["Server of a replica" if item.kind == "Server" and item.name != SERVER else item.kind for item in writes(plan)]
    assert found == sorted(found, key=order.index)


@pytest.mark.parametrize("stack", ["uat", "prod"])
def test_lock_waits_for_everything_on_the_server(stack: str) -> None:
    plan = plan_of(stack)
    (lock,) = plan.of_type("ManagementLockByScope")
    assert plan.resources[-1] == lock
    assert {item.name for item in writes(plan)} - {lock.name} <= waits_for(plan, lock.name)
    assert lock.inputs["level"] == "CanNotDelete"
    assert lock.inputs["scope"] == plan.outputs["server_id"]


@pytest.mark.parametrize("changes", [{}, ENDPOINT, REPLICATED, {"backup.long_term": LONG_TERM}])
def test_refused_destroy_removes_nothing_on_its_way(changes: dict[str, object]) -> None:
    """A destroy begins with what nothing else waits for; all of that must be protected, or it is gone before the refusal."""
    plan = plan_of("prod", changes)
    awaited = {name for item in plan.resources for name in waits_for(plan, item.name)}
    assert [item.name for item in plan.resources if item.name not in awaited and not item.protect] == []


def test_environment_without_lock_has_none() -> None:
    assert plan_of("dev").of_type("ManagementLockByScope") == ()


@pytest.mark.parametrize("stack", STACKS)
def test_parameters_are_those_of_the_domain_in_its_order(stack: str) -> None:
    expected = [(parameter.name, parameter.value, "user-override") for parameter in desired(parse(values_of(stack), stack))]
    found = [
        (item.inputs["configurationName"], item.inputs["value"], item.inputs["source"]) for item in plan_of(stack).of_type("Configuration")
    ]
    assert found == expected


@pytest.mark.parametrize("stack", STACKS)
def test_parameters_go_with_the_server_and_are_not_protected(stack: str) -> None:
    for item in plan_of(stack).of_type("Configuration"):
        assert (item.deleted_with, item.protect) == (SERVER, False)


def test_what_outlives_a_server_is_deleted_by_us() -> None:
    plan = plan_of("prod", REPLICATED)
    for kind in ("ManagementLockByScope", "DiagnosticSetting", "VirtualEndpoint", "Server"):
        assert {item.deleted_with for item in plan.of_type(kind)} == {""}


@pytest.mark.parametrize("stack", STACKS)
def test_every_write_is_repeated_when_the_server_is_busy(stack: str) -> None:
    assert {item.hooks.get("on_error", ())[:1] for item in writes(plan_of(stack))} == {("memory-busy",)}


@pytest.mark.parametrize("code", ["ServerIsBusy", "ServerBusy", "ServerIsNotReady"])
def test_busy_in_its_three_faces_is_waited_out(code: str) -> None:
    error = f'Code="{code}" Message="try later"'
    assert [pause_seconds([error] * attempt) for attempt in (1, 2, 3, 4, 5, 6, 7)] == [1, 2, 4, 8, 16, LONGEST_PAUSE_SECONDS, 30]


def test_waiting_ends() -> None:
    assert pause_seconds(["ServerIsBusy"] * MOST_ATTEMPTS) is None


def test_other_errors_fail_at_once() -> None:
    assert pause_seconds(["InvalidParameterValue", "ServerIsBusy"]) is None
    assert pause_seconds([]) is None
