"""Container groups: one container that runs once, in a subnet delegated to such groups. Its command is a process of this machine.

Played: the states of group and container, the exit code, the log, and that secrets are taken and never answered. Checked: group, subnet,
delegation, identity. Modelled: image, sizes, registry. Assumed throughout, after the documents of the service: no recording has one.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import PurePosixPath
from typing import Any

from scripts.local_azure.containers import KILLED, WORD, Containers, Description, Running
from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.kind import Body, Kind, Outcome
from scripts.local_azure.operations import Operation
from scripts.local_azure.refusal import Refusal, bad_value, not_found, not_played
from scripts.local_azure.resource_ids import ResourceId
from scripts.local_azure.store import Record
from scripts.local_azure.times import stored
from scripts.local_azure.world import World

TYPE = "microsoft.containerinstance/containergroups"
DELEGATE = "Microsoft.ContainerInstance/containerGroups"


class ContainerGroups(Kind):
    """The groups of one subscription."""

    type = DELEGATE

    def __init__(self, world: World, containers: Containers) -> None:
        super().__init__(world)
        self._containers = containers

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Starts the container. A group that is there is not changed: what Azure would do with a running one is not played."""
        if self.world.store.has(resource.key):
            raise not_played("a change of a container group")
        described = self._described(body)
        self._check_surroundings(body)
        properties = {**_without_secrets(body["properties"]), "provisioningState": "Succeeded"}
        kept = {key: value for key, value in body.items() if key in ("location", "tags", "identity")}
        whole = {"id": resource.text, "name": resource.name, "type": self.type, **kept, "properties": properties}
        self.world.store.put(resource.key, {"id": resource.text, "type": self.type, "body": whole, "hidden": {}})
        self._containers.start(resource.key, described)
        # The answer to the request comes before anything runs.
        return {**whole, "properties": {**properties, "provisioningState": "Pending", "instanceView": {"events": [], "state": "Pending"}}}

    def show(self, record: Record) -> Body:
        """The group as it is now: the state of its process in both views."""
        body = dict(record["body"])
        view, state = _view(self._containers.find(record["id"].lower()))
        (container,) = body["properties"]["containers"]
        shown = {**container, "properties": {**container["properties"], "instanceView": view}}
        body["properties"] = {**body["properties"], "containers": [shown], "instanceView": {"events": [], "state": state}}
        return body

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Ends the process and removes the group."""
        self._containers.remove(resource.key)
        self.world.store.drop(resource.key)
        return None

    def log(self, resource: ResourceId, container: str, tail: str) -> Body:
        """What the container said; `tail` is the text of a number of lines, or empty for all."""
        (known,) = self.record(resource)["body"]["properties"]["containers"]
        if known["name"] != container:
            raise not_found(f"{resource.text}/containers/{container}")
        if tail and not tail.isdigit():
            raise bad_value("tail", f"{tail} is no number of lines")
        return {"content": self._containers.log(resource.key, int(tail) if tail else None)}

    def _described(self, body: Body) -> Description:
        properties = body.get("properties") or {}
        containers = properties.get("containers") or []
        if len(containers) != 1 or properties.get("restartPolicy") != "Never":
            raise not_played("a container group of several containers, or one that starts again,")
        inner = containers[0].get("properties") or {}
        command = inner.get("command") or []
        if not command or PurePosixPath(command[0]).name != WORD:
            raise not_played(f"a container that runs anything but {WORD}")
        if not inner.get("image") or not (inner.get("resources") or {}).get("requests"):
            raise bad_value("containers[0]", "an image and resources.requests are needed")
        given = inner.get("environmentVariables") or []
        variables = {each["name"]: str(each.get("secureValue") or each.get("value") or "") for each in given}
        secrets = {each["name"]: each.get("secret") for each in properties.get("volumes") or []}
        mounted = {each["mountPath"]: _decoded(secrets.get(each["name"])) for each in inner.get("volumeMounts") or []}
        return Description(command, variables, mounted)

    def _check_surroundings(self, body: Body) -> None:
        for each in body["properties"].get("subnetIds") or []:
            subnet = self.world.store.get(str(each.get("id", "")).lower())
            if subnet is None:
                raise Refusal(400, "SubnetNotFound", f"the subnet {each.get('id')} does not exist")
            if DELEGATE not in [one["properties"]["serviceName"] for one in subnet["body"]["properties"].get("delegations", [])]:
                raise Refusal(400, "SubnetMissingRequiredDelegation", f"the subnet {each['id']} is not delegated to {DELEGATE}")
        for identity in (body.get("identity") or {}).get("userAssignedIdentities") or {}:
            if not self.world.store.has(identity.lower()):
                raise Refusal(400, "FailedIdentityOperation", f"the identity {identity} does not exist")


def _decoded(secret: Any) -> dict[str, bytes]:
    try:
        return {name: base64.b64decode(text, validate=True) for name, text in (secret or {}).items()}
    except (binascii.Error, ValueError):
        raise bad_value("volumes", "what a secret volume holds is base64") from None


def _without_secrets(properties: Body) -> Body:
    containers = []
    for each in properties["containers"]:
        given = each["properties"].get("environmentVariables") or []
        variables = [{key: value for key, value in one.items() if key != "secureValue"} for one in given]
        containers.append({**each, "properties": {**each["properties"], "environmentVariables": variables}})
    volumes = [{**each, "secret": {}} if "secret" in each else each for each in properties.get("volumes") or []]
    return {**properties, "containers": containers, "volumes": volumes}


def _view(found: Running | None) -> tuple[Body, str]:
    """The container's instanceView and the group's state."""
    if found is None:  # its process died with an earlier stand-in
        return {"restartCount": 0, "currentState": {"state": "Terminated", "exitCode": KILLED, "detailStatus": "Error"}}, "Failed"
    code = found.exit_code
    if code is None or found.ended is None:
        return {"restartCount": 0, "currentState": {"state": "Running", "startTime": stored(found.started), "detailStatus": ""}}, "Running"
    ended = {"startTime": stored(found.started), "finishTime": stored(found.ended), "exitCode": code}
    status = "Completed" if code == 0 else "Error"
    state = {"state": "Terminated", **ended, "detailStatus": status}
    return {"restartCount": 0, "currentState": state}, "Failed" if code else "Succeeded"
