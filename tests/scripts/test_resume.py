"""What `agentmem resume` reads out of states and refusals: pure, so no engine is needed. tests/engine/test_resume.py has one."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from scripts.edges import pulumi_state
from scripts.edges.pulumi_state import Holder, Locked, begun, resources, unsettled

STACK = "urn:pulumi:dev::agent-memory::"
GROUP = {"urn": f"{STACK}azure-native:resources:ResourceGroup::group", "type": "azure-native:resources:ResourceGroup"}
OWN = "/subscriptions/one/resourceGroups/rg"


def database(name: str, **more: Any) -> dict[str, Any]:
    inputs = {"resourceGroupName": "rg", "serverName": "zepmem-dev", "databaseName": name}
    type_ = "azure-native:dbforpostgresql:Database"
    return {"urn": f"{STACK}{type_}::{name}", "type": type_, "custom": True, "inputs": inputs, **more}


def state(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"resources": [{**GROUP, "id": OWN}], "pending_operations": list(operations)}}


def test_an_open_creation_has_the_id_that_azure_gives_in_the_subscription_of_the_stack() -> None:
    found = unsettled(state({"type": "creating", "resource": database("zep")}), "another")
    assert [(each.name, each.id) for each in found] == [
        ("zep", f"{OWN}/providers/Microsoft.DBforPostgreSQL/flexibleServers/zepmem-dev/databases/zep")
    ]


def test_without_a_subscription_no_id_can_be_told() -> None:
    alone = {"version": 3, "deployment": {"pending_operations": [{"type": "creating", "resource": database("zep")}]}}
    assert [each.id for each in unsettled(alone, "")] == [None]
    assert resources(alone) == {}


def test_a_component_or_a_provider_that_was_being_made_is_left_to_the_next_up() -> None:
    component = {"urn": f"{STACK}agent-memory:index:Server::memory-server", "type": "agent-memory:index:Server", "custom": False}
    provider = {"urn": f"{STACK}pulumi:providers:azure-native::p", "type": "pulumi:providers:azure-native", "custom": True}
    left = unsettled(state(*({"type": "creating", "resource": each} for each in (component, provider, database("zep")))), "")
    assert [(each.name, each.creates) for each in left] == [("memory-server", False), ("p", False), ("zep", True)]


def test_only_what_has_all_that_it_needs_may_have_been_made() -> None:
    lost, later = database("zep", dependencies=[GROUP["urn"]]), database("next", dependencies=[database("zep")["urn"]])
    assert [each.name for each in unsettled(begun(state(), [lost, later], ""), "")] == ["zep"]


def test_what_is_open_already_is_not_open_twice() -> None:
    document = state({"type": "creating", "resource": database("zep")})
    assert len(unsettled(begun(document, [database("zep")], ""), "")) == 1


@pytest.mark.parametrize(
    ("said", "holders"),
    [
        (
            "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file.\n"
            "  azblob://states/.pulumi/locks/a.json: created by ada@laptop (pid 17) at 2026-11-21T08:30:09Z\n",
            (Holder(user="ada", host="laptop", pid=17, since="2026-11-21T08:30:09Z"),),
        ),
        ("error: [409] Conflict: Another update is currently in progress.\n", ()),
    ],
    ids=["a store that says who", "a service that does not"],
)
def test_a_refusal_because_of_a_lock_names_who_has_it(said: str, holders: tuple[Holder, ...]) -> None:
    refused = pulumi_state._refused("stack import", said)
    assert isinstance(refused, Locked) and refused.holders == holders


def test_another_refusal_is_told_whole() -> None:
    assert str(pulumi_state._refused("refresh", "Refreshing\nerror: 2 errors occurred:\n\t* one\n\t* two\n")) == (
        "pulumi refresh failed: 2 errors occurred:; * one; * two"
    )


def test_a_holder_that_is_no_engine_or_is_gone_does_not_run_and_one_elsewhere_cannot_be_seen() -> None:
    here = {"user": "ada", "since": "2026-11-21T08:30:09Z"}
    assert Holder(host=socket.gethostname(), pid=2**22 + 1, **here).runs is False
    assert Holder(host="elsewhere", pid=os.getpid(), **here).runs is None
    if os.path.exists("/proc/1/cmdline"):
        assert Holder(host=socket.gethostname(), pid=1, **here).runs is False
