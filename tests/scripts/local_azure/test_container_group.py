"""Container groups of the local Azure: what is refused, what a description becomes, and that nothing outlives its group or its cloud."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local_azure.cloud import Cloud, Refusal
from tests.scripts.local_azure.made_cloud import GROUP, NETWORK, SUBSCRIPTION, TENANT, VERSION, cloud, subnet

CONTAINER = f"{GROUP}/providers/Microsoft.ContainerInstance/containerGroups/job"
SUBNET = f"{NETWORK}/subnets/job"
DELEGATION = {"name": "d", "properties": {"serviceName": "Microsoft.ContainerInstance/containerGroups"}}
STACK = "config: {}\n"
PATIENCE = 20.0


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud with a network and a subnet for containers."""
    with cloud(tmp_path / "state") as made:
        subnet(made)
        made.put(SUBNET, {"properties": {"addressPrefix": "10.20.2.0/28", "delegations": [DELEGATION]}}, VERSION)
        yield made


def body(*command: str, **changes: Any) -> dict[str, Any]:
    """A description; `changes` are properties of the group."""
    variables = [{"name": "AGENTMEM_FOLDER", "value": "/run/it"}, {"name": "PGPASSWORD", "secureValue": "hush"}]
    container = {
        "image": "r.io/agentmem:1", "command": list(command), "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
        "environmentVariables": variables, "volumeMounts": [{"name": "v", "mountPath": "/run/it"}],
    }  # fmt: skip
    secret = {"Pulumi.prod.yaml": base64.b64encode(STACK.encode()).decode()}
    properties = {
        "osType": "Linux", "restartPolicy": "Never", "containers": [{"name": "one", "properties": container}],
        "subnetIds": [{"id": SUBNET}], "volumes": [{"name": "v", "secret": secret}],
    }  # fmt: skip
    return {"location": "canadacentral", "properties": {**properties, **changes}}


def ended(made: Cloud) -> dict[str, Any]:
    """The group once its container has ended."""
    end = time.monotonic() + PATIENCE
    while (found := made.get(CONTAINER))["properties"]["instanceView"]["state"] == "Running":
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_it_runs_in_its_own_environment_with_the_files_of_its_volume(azure: Cloud) -> None:
    first = azure.put(CONTAINER, body("/opt/agentmem/bin/agentmem", "check", "--stack", "prod"), VERSION)
    assert isinstance(first, dict)
    assert first["properties"]["provisioningState"] == "Pending"
    found = ended(azure)["properties"]
    state = found["containers"][0]["properties"]["instanceView"]["currentState"]
    assert (found["instanceView"]["state"], state["exitCode"], state["detailStatus"]) == ("Failed", 3, "Error")
    log = azure.log(CONTAINER, "one")["content"]
    assert log.startswith("Pulumi.prod.yaml"), "it read the file of the volume"
    assert azure.log(CONTAINER, "one", "1")["content"] == log.splitlines(keepends=True)[-1]


def test_what_is_secret_is_neither_answered_nor_kept(azure: Cloud) -> None:
    azure.put(CONTAINER, body("agentmem", "--help"), VERSION)
    (kept,) = [each for each in azure.list(f"{GROUP}/providers/Microsoft.ContainerInstance/containerGroups")]
    assert kept["properties"]["volumes"] == [{"name": "v", "secret": {}}]
    variables = kept["properties"]["containers"][0]["properties"]["environmentVariables"]
    assert variables == [{"name": "AGENTMEM_FOLDER", "value": "/run/it"}, {"name": "PGPASSWORD"}]
    assert "hush" not in (azure.folder / "cloud.json").read_text()


@pytest.mark.parametrize(
    ("description", "status", "says"),
    [
        (body("sh", "-c", "agentmem"), 501, "anything but agentmem"),
        (body(), 501, "anything but agentmem"),
        (body("agentmem", restartPolicy="Always"), 501, "one that starts again"),
        (body("agentmem", volumes=[{"name": "v", "secret": {"a": "not base64"}}]), 400, "base64"),
        (body("agentmem", subnetIds=[{"id": f"{NETWORK}/subnets/none"}]), 400, "does not exist"),
        (body("agentmem", subnetIds=[{"id": f"{NETWORK}/subnets/db"}]), 400, "not delegated to Microsoft.ContainerInstance"),
        ({**body("agentmem"), "identity": {"userAssignedIdentities": {f"{GROUP}/none": {}}}}, 400, "identity"),
    ],
)
def test_what_is_refused_starts_nothing(description: dict[str, Any], status: int, says: str, azure: Cloud) -> None:
    azure.put(f"{NETWORK}/subnets/db", {"properties": {"addressPrefix": "10.20.3.0/28"}}, VERSION)
    with pytest.raises(Refusal) as refused:
        azure.put(CONTAINER, description, VERSION)
    assert refused.value.status == status
    assert says in refused.value.message
    assert not (azure.folder / "containers").exists()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("way", ["itself", "its group", "its cloud"])
def test_no_process_outlives_what_it_belongs_to(way: str, azure: Cloud) -> None:
    azure.put(CONTAINER, body("agentmem", "--help"), VERSION)
    running = azure.containers.find(CONTAINER.lower())
    assert running is not None and running.exit_code is None
    if way == "itself":
        azure.delete(CONTAINER)
    elif way == "its group":
        azure.wait(azure.delete(GROUP))  # type: ignore[arg-type]
    else:
        azure.containers.close()
    assert not _lives(running.process.pid)
    assert not list((azure.folder / "containers").iterdir()), "its log and its secrets are gone too"


def test_a_group_of_an_earlier_stand_in_has_ended(azure: Cloud, tmp_path: Path) -> None:
    azure.put(CONTAINER, body("agentmem", "--help"), VERSION)
    azure.close()
    later = Cloud(tmp_path / "state", subscription=SUBSCRIPTION, tenant=TENANT)
    try:
        found = later.get(CONTAINER)["properties"]
        assert found["instanceView"]["state"] == "Failed"
        assert found["containers"][0]["properties"]["instanceView"]["currentState"]["exitCode"] == 137
        assert later.log(CONTAINER, "one") == {"content": ""}
    finally:
        later.close()
