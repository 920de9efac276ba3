"""The check of captured inputs finds every mistake that the SDK lets pass, and nothing in a correct program."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.domain.azure.arm_ids import PATHS
from infra.domain.registrations import SECRET, UNKNOWN, Plan, Registration
from scripts.edges.capture import Mode, capture
from scripts.edges.input_types import CORRECTED, RULE, check

SERVER = "azure-native:dbforpostgresql:Server"
GOOD = {
    "resourceGroupName": "rg",
    "version": "16",
    "administratorLoginPassword": SECRET,
    "sku": {"name": "Standard_D2s_v3", "tier": "GeneralPurpose"},
    "storage": {"storageSizeGB": 128, "autoGrow": "Enabled", "type": "Premium_LRS"},
    "network": {"delegatedSubnetResourceId": UNKNOWN, "publicNetworkAccess": "Disabled"},
    "dataEncryption": {"type": "SystemManaged"},
    "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/id": {"clientId": "x"}}},
    "tags": {"environment": "prod"},
}


def found(inputs: Mapping[str, object], type_: str = SERVER) -> dict[str, tuple[str, str]]:
    plan = Plan(stack="prod", registrations=(Registration(urn="u", type=type_, name="main", inputs=inputs),))
    problems = check(plan)
    assert all(item.rule == RULE and item.message.startswith(item.key) for item in problems)
    return {item.key: (item.message, item.hint) for item in problems}


def test_correct_inputs_pass_with_secrets_and_unknowns_in_them() -> None:
    assert found(GOOD) == {}


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("storage.storageSizeGB", "128", "a whole number"),
        ("storage.storageSizeGB", 12.5, "a whole number"),
        ("storage.storageSizeGB", True, "a whole number"),
        ("storage.type", "Premium_LSR", "did you mean Premium_LRS?"),
        ("version", 16, "did you mean 16?"),
        ("sku.teir", "x", "did you mean tier?"),
        ("storage.storage_size_gb", 128, "did you mean storageSizeGB?"),
        ("skuu", {}, "did you mean sku?"),
        ("dataEncryption.type", "SystemAssigned", "SystemManaged"),
        ("identity.userAssignedIdentities", ["/id"], "a mapping"),
        ("identity.userAssignedIdentities", {"/id": {"clientid": "x"}}, "did you mean clientId?"),
        ("tags.environment", 1, "text"),
        ("storage", "128", "StorageArgs"),
    ],
)
def test_a_planted_mistake_is_named(path: str, value: object, says: str) -> None:
    inputs: dict[str, object] = {key: dict(item) if isinstance(item, dict) else item for key, item in GOOD.items()}
    first, _, rest = path.partition(".")
    if rest:
        inputs[first][rest] = value  # type: ignore[index]
    else:
        inputs[first] = value
    problems = found(inputs)
    assert len(problems) == 1
    ((key, (message, hint)),) = problems.items()
    assert key.startswith(f"Server/main.{path}") and says in message + hint


def test_a_missing_required_property_is_named_at_the_top_and_inside() -> None:
    without = {**GOOD, "sku": {"name": "x"}}
    del without["resourceGroupName"]
    assert set(found(without)) == {"Server/main.resourceGroupName", "Server/main.sku.tier"}


def test_lists_are_checked_item_by_item() -> None:
    inputs = {
        "resourceGroupName": "rg", "virtualNetworkName": "net",
        "delegations": [{"name": "a", "serviceName": "s"}, {"name": 5}], "serviceEndpoints": "x",
    }  # fmt: skip
    assert set(found(inputs, "azure-native:network:Subnet")) == {"Subnet/main.delegations[1].name", "Subnet/main.serviceEndpoints"}


def test_of_several_possible_types_the_nearest_one_is_reported() -> None:
    criterion = {
        "criterionType": "StaticThresholdCriterion", "metricName": "m", "name": "n", "operator": "GreaterThen", "threshold": 80,
        "timeAggregation": "Average",
    }  # fmt: skip
    inputs = {
        "resourceGroupName": "rg", "enabled": True, "severity": 2, "scopes": ["/s"], "windowSize": "PT5M", "evaluationFrequency": "PT1M",
        "criteria": {"odataType": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", "allOf": [criterion]},
    }  # fmt: skip
    problems = found(inputs, "azure-native:monitor:MetricAlert")
    assert set(problems) == {"MetricAlert/main.criteria.allOf[0].operator"}


def test_a_type_the_sdk_does_not_know_is_a_problem_and_other_packages_are_left_alone() -> None:
    assert "does not know" in found({}, "azure-native:dbforpostgresql:Servre")["Servre/main"][0]
    assert "does not know" in found({}, "azure-native:nowhere:Thing")["Thing/main"][0]
    assert found({"anything": 1}, "random:index/randomPassword:RandomPassword") == {}


def test_a_mistake_in_a_real_program_is_found_in_its_capture(tmp_path: Path) -> None:
    path = tmp_path / "__main__.py"
    path.write_text(
        "from pulumi_azure_native import dbforpostgresql as p\n"
        "p.Server('s', resource_group_name='rg', storage={'storage_size_gb': '128'}, backup={'retention': 7})\n"
    )
    for mode in Mode:
        problems = check(capture("agent-memory", "prod", {}, mode=mode, program=path))
        assert [item.key for item in problems] == ["Server/s.backup.retention", "Server/s.storage.storageSizeGB"]


def test_corrected_enums_are_those_of_the_arm_sdk() -> None:
    models = pytest.importorskip("azure.mgmt.postgresqlflexibleservers.models")
    for name, values in CORRECTED.items():
        assert sorted(values) == sorted(item.value for item in getattr(models, name))


@pytest.mark.parametrize("token", PATHS)
def test_every_row_of_the_id_table_names_inputs_that_the_sdk_has(token: str) -> None:
    from scripts.edges.input_types import _arguments, _fields

    arguments = _arguments(token)
    assert arguments is not None, f"{token} is no resource of the SDK"
    parts = set(re.findall(r"\{(\w+)\}", PATHS[token])) - {"subscriptionId"}
    assert parts <= set(_fields(arguments)), token
    assert inspect.isclass(getattr(importlib.import_module(f"pulumi_azure_native.{token.split(':')[1]}"), token.split(":")[2]))
