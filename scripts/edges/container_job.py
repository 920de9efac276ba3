"""One container in the network of an environment, as Azure Container Instances runs it: made, followed, read and removed through ARM.

Only the generic client is used, as its own SDK would be one more package for five requests.
"""

from __future__ import annotations

import base64
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.edges import arm
from scripts.edges.exits import BAD, BUSY, UNREACHABLE, Failure

# Stable versions of both providers; the log and the instance view have been the same since 2018.
API_VERSION, IDENTITY_VERSION = "2023-05-01", "2023-01-31"
# Says what runs there, so that the same is joined; and which start of it, so that nobody takes another run's container for its own.
WORK_TAG, RUN_TAG = "agentmem-work", "agentmem-run"
# Where the image of the Dockerfile has its command, and where the stack file is put: in a volume of memory, seen by this container alone.
PROGRAM, MOUNTED = "/opt/agentmem/bin/agentmem", "/run/agentmem"
_CONTAINER, _VOLUME = "agentmem", "stack"
# Index builds are the server's work; the verb itself holds a connection and little else.
_CPU, _MEMORY_GB = 1.0, 2.0
POLL_SECONDS = 1.0
# Drawing an image takes up to some minutes; after these the registry or the way to it is at fault.
START_SECONDS = 600.0
# How much of what was shown last is looked for in a log that has lost its beginning.
_OVERLAP = 200


@dataclass(frozen=True)
class Place:
    """Where a container runs and as whom: ARM ids of group, subnet and identity, and the identity's client id, which is no secret."""

    path: str
    location: str
    subnet: str
    identity: str
    client: str

    @property
    def name(self) -> str:
        """The name of the group."""
        return self.path.rpartition("/")[2]

    @property
    def network(self) -> str:
        """The name of the virtual network."""
        return self.subnet.split("/")[-3]


@dataclass(frozen=True)
class Work:
    """What to run. `files` are put beside each other in a secret volume; `digest` says whether two runs are the same.

    Azure takes `secrets`, variables too, and never answers them.
    """

    image: str
    command: Sequence[str]
    variables: Mapping[str, str]
    files: Mapping[str, bytes]
    digest: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Found:
    """A container group as it is now. `exit_code` is None until its container has ended; `events` are what Azure says of it."""

    command: tuple[str, ...]
    digest: str
    run: str
    state: str
    exit_code: int | None
    events: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing runs there any more."""
        return self.exit_code is not None or self.state in ("Failed", "Stopped", "Succeeded")


class Jobs:
    """The containers of one subscription. Every method raises Failure as `arm` does."""

    def __init__(self, azure: arm.Arm, poll_seconds: float = POLL_SECONDS) -> None:
        self._client = azure.sdk
        self._poll_seconds = poll_seconds
        self._subscription = os.environ[arm.SUBSCRIPTION]

    def place(self, group: str, location: str, name: str, network: str, subnet: str) -> Place:
        """Where a container called `name` runs, as the identity of that name; BAD if there is no such identity."""
        own = f"/subscriptions/{self._subscription}/resourceGroups/{group}/providers"
        identity = f"{own}/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        client = self._ask("GET", identity, IDENTITY_VERSION)["properties"]["clientId"]
        path = f"{own}/Microsoft.ContainerInstance/containerGroups/{name}"
        return Place(path, location, f"{own}/Microsoft.Network/virtualNetworks/{network}/subnets/{subnet}", identity, str(client))

    def find(self, place: Place) -> Found | None:
        """The group as it is; None if there is none."""
        try:
            return _found(self._ask("GET", place.path))
        except Failure as failure:
            if failure.code is BAD:
                return None
            raise

    def start(self, place: Place, work: Work, run: str) -> None:
        """Ask for the container, as the start named `run`; that it runs is seen later."""
        self._ask("PUT", place.path, body=description(place, work, run))

    def log(self, place: Place) -> str:
        """All that the container said so far; nothing before it has begun."""
        try:
            return str(self._ask("GET", f"{place.path}/containers/{_CONTAINER}/logs").get("content") or "")
        except Failure as failure:
            if failure.code is UNREACHABLE:
                raise
            return ""  # Azure refuses, in more than one way, to read the log of what has not begun

    def remove(self, place: Place, run: str) -> None:
        """Remove the group of the start `run`, and wait until it is gone. One that is not there is gone, and another run's stays."""
        if not self._is_of(place, run):
            return
        with contextlib.suppress(_Gone):
            self._ask("DELETE", place.path, gone=True)
        end = time.monotonic() + START_SECONDS
        while self._is_of(place, run):
            if time.monotonic() > end:
                hint = f"az container show -n {place.name} tells what it does"
                raise Failure(BUSY, f"is still there after {START_SECONDS:.0f} s", where=place.name, hint=hint)
            time.sleep(self._poll_seconds)

    def _is_of(self, place: Place, run: str) -> bool:
        found = self.find(place)
        return found is not None and found.run == run

    def follow(self, place: Place, run: str, say: Callable[[str], None], tell: Callable[[str], None]) -> int:
        """Stream the log until the container has ended; its exit code. `tell` hears what Azure does before it begins.

        Raises Failure: UNREACHABLE for one that does not begin, BAD for one that somebody removed.
        """
        shown, heard, end = "", set[str](), time.monotonic() + START_SECONDS
        while True:
            found = self.find(place)
            if found is None or found.run != run:
                raise Failure(BAD, "was removed while it ran", where=place.name, hint="somebody else, or another run, ended it")
            for event in (each for each in found.events if each not in heard):
                heard.add(event)
                tell(event)
            # The log is read after the state, so that of one that has ended it is whole.
            now = self.log(place)
            say(fresh(shown, now))
            shown = now or shown
            if found.exit_code is not None:
                return found.exit_code
            if found.ended or (found.state in ("Pending", "Waiting") and time.monotonic() > end):
                last = found.events[-1] if found.events else f"its state is {found.state}"
                hint = "may the identity draw the image (AcrPull), and does a way lead out of the subnet?"
                raise Failure(UNREACHABLE, f"did not begin: {last}", where=place.name, hint=hint)
            time.sleep(self._poll_seconds)

    def _ask(self, method: str, path: str, version: str = API_VERSION, *, body: Any = None, gone: bool = False) -> dict[str, Any]:
        from azure.core.rest import HttpRequest

        with arm.classified(path.rpartition("/")[2]):
            answer = self._client.send_request(HttpRequest(method, path, params={"api-version": version}, json=body))
            if gone and answer.status_code in (204, 404):
                raise _Gone
            answer.raise_for_status()
            found: dict[str, Any] = answer.json() if answer.content else {}
        return found


class _Gone(Exception):
    """What was to be removed is not there."""


def jobs() -> Jobs:
    """The subscription of the environment. Raises Failure if none is set; asks Azure nothing yet."""
    return Jobs(arm.connect())


def description(place: Place, work: Work, run: str) -> dict[str, Any]:
    """The body of the request. Nothing in it is secret but the volume and the secure values, which Azure takes and never answers."""
    variables = [{"name": name, "value": value} for name, value in {**work.variables, "AZURE_CLIENT_ID": place.client}.items()]
    variables += [{"name": name, "secureValue": value} for name, value in work.secrets.items()]
    container = {
        "image": work.image,
        "command": [PROGRAM, *work.command],
        "environmentVariables": variables,
        "resources": {"requests": {"cpu": _CPU, "memoryInGB": _MEMORY_GB}},
        "volumeMounts": [{"name": _VOLUME, "mountPath": MOUNTED, "readOnly": True}],
    }
    registry = work.image.partition("/")[0]
    secret = {name: base64.b64encode(content).decode() for name, content in work.files.items()}
    properties: dict[str, Any] = {
        "osType": "Linux",
        "restartPolicy": "Never",
        "containers": [{"name": _CONTAINER, "properties": container}],
        "subnetIds": [{"id": place.subnet}],
        "volumes": [{"name": _VOLUME, "secret": secret}],
    }
    if registry.endswith(".azurecr.io"):
        properties["imageRegistryCredentials"] = [{"server": registry, "identity": place.identity}]
    identity = {"type": "UserAssigned", "userAssignedIdentities": {place.identity: {}}}
    tags = {"managed-by": "agent-memory", WORK_TAG: work.digest, RUN_TAG: run}
    return {"location": place.location, "tags": tags, "identity": identity, "properties": properties}


def fresh(before: str, now: str) -> str:
    """What of the log `now` was not in `before`. Azure keeps the last 4 MB, so that a long log loses its beginning."""
    if now.startswith(before):
        return now[len(before) :]
    known = before[-_OVERLAP:]
    at = now.rfind(known)
    return now if at < 0 else now[at + len(known) :]


def write(text: str) -> None:
    """Pass on what a container said, as it is and at once."""
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()


def _found(group: Mapping[str, Any]) -> Found:
    properties = group["properties"]
    (container,) = properties["containers"]
    view = container["properties"].get("instanceView") or {}
    now = view.get("currentState") or {}
    events = [*(properties.get("instanceView") or {}).get("events", []), *view.get("events", [])]
    ended = now.get("state") == "Terminated"
    return Found(
        command=tuple(container["properties"].get("command", ())[1:]),
        digest=str((group.get("tags") or {}).get(WORK_TAG, "")),
        run=str((group.get("tags") or {}).get(RUN_TAG, "")),
        state=str((properties.get("instanceView") or {}).get("state") or properties.get("provisioningState") or ""),
        exit_code=int(now.get("exitCode", 1)) if ended else None,
        events=tuple(" ".join(f"{each.get('name', '')}: {each.get('message', '')}".split()) for each in events),
    )
