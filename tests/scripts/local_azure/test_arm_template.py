"""The ARM template of a stack, put resource by resource into the local Azure, makes what the program makes through the provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.domain.arm_template import template
from scripts.edges.capture import PROJECT, capture
from scripts.local_azure import arm_shape
from scripts.local_azure.cloud import Cloud
from scripts.local_azure.operations import Operation
from scripts.local_azure.provider_door import Provider
from tests.infra.arm_expressions import Deployment
from tests.infra.plans import config_of, plan_of
from tests.scripts.local_azure.made_cloud import PASSWORD, SUBSCRIPTION, TENANT, Hands

# What tells when a resource was made, by which run or by whom, so never the same twice.
_OWN = frozenset({"systemData", "etag", "createdTime", "customerId", "earliestRestoreDate", "resourceGuid", "createdDate", "modifiedDate"})


def _deploy(cloud: Cloud, made: dict[str, Any]) -> list[str]:
    """What Azure does with a template: the resources in their order, each with its expressions worked out. Their ids."""
    group = made["metadata"]["resourceGroup"]
    where = Deployment(SUBSCRIPTION, group["name"], dict.fromkeys(made["parameters"], PASSWORD), TENANT)
    top = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group['name']}"
    cloud.put(top, {"location": group["location"], "tags": group["tags"]}, "2024-03-01")
    for resource in made["resources"]:
        body = {name: where.value(value) for name, value in resource.items() if name not in _ABOUT}
        outcome = cloud.put(where.id_of(resource), body, resource["apiVersion"])
        if isinstance(outcome, Operation):
            cloud.wait(outcome)
    return [top, *map(where.id_of, made["resources"])]


_ABOUT = frozenset({"type", "apiVersion", "name", "scope", "dependsOn"})


def _told(cloud: Cloud, ids: list[str]) -> dict[str, Any]:
    """These resources, and all others that are kept, as Azure answers them: what the provider writes flat and ARM does not, both flat."""
    every = {each.lower(): each for each in (*(record["id"] for record in cloud._store.records()), *ids)}
    return {name: arm_shape.outputs_of("azure-native:network:Any", _without_own(cloud.get(each))) for name, each in every.items()}


def _without_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_own(each) for name, each in value.items() if name not in _OWN}
    return [_without_own(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_template_makes_what_the_program_makes(stack: str, tmp_path: Path) -> None:
    clouds = [Cloud(tmp_path / name, subscription=SUBSCRIPTION, tenant=TENANT, backend=Hands()) for name in ("program", "template")]
    try:
        capture(PROJECT, stack, config_of(stack), provider=Provider(clouds[0], SUBSCRIPTION, TENANT, TENANT), subscription=SUBSCRIPTION)
        ids = _deploy(clouds[1], template(plan_of(stack)))
        by_program, by_template = (_told(cloud, ids) for cloud in clouds)
    finally:
        for cloud in clouds:
            cloud.close()
    assert len(ids) > 15
    assert by_template.keys() == by_program.keys()
    for name, body in by_program.items():
        assert by_template[name] == body, name
