"""Plain requests to a local Azure whose model has no servers behind it: bytes and headers are judged, not objects of a client."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.local_azure.arm_door import ArmDoor
from scripts.local_azure.certificates import Certificates
from scripts.local_azure.cloud import Cloud
from scripts.local_azure.identity_door import OBJECT_ID
from scripts.local_azure.tokens import TokenOffice
from tests.scripts.local_azure.made_cloud import SUBSCRIPTION, TENANT, Hands, request

VERSION, GROUPS = "2025-08-01", "2024-11-01"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-recorded"
PROVIDER = f"{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers"


@dataclass
class Wire:
    """The front door, asked with a good token."""

    url: str
    bundle: str
    token: str

    def ask(self, method: str, path: str, body: Any = None, *, version: str = VERSION) -> requests.Response:
        """One request. `path` is absolute, or a whole URL as Azure hands it out."""
        url = path if path.startswith("https://") else f"{self.url}{path}{'&' if '?' in path else '?'}api-version={version}"
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, url, json=body, headers=headers, verify=self.bundle, timeout=20)

    def ended(self, accepted: requests.Response) -> dict[str, Any]:
        """The last poll of an accepted write."""
        deadline = time.monotonic() + 20
        while (poll := self.ask("GET", accepted.headers["azure-asyncoperation"]).json())["status"] == "InProgress":
            assert time.monotonic() < deadline, poll
            threading.Event().wait(0.02)
        return dict(poll)

    def done(self, method: str, path: str, body: object = None, *, version: str = VERSION) -> requests.Response:
        """A write that must succeed, waited for; its first answer."""
        accepted = self.ask(method, path, body, version=version)
        assert accepted.status_code == 202, accepted.text
        assert self.ended(accepted)["status"] == "Succeeded"
        return accepted


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A door with one group and one server, as the recordings begin."""
    state: Path = tmp_path_factory.mktemp("recorded")
    certificates, office = Certificates(state), TokenOffice(TENANT)
    cloud = Cloud(state, subscription=SUBSCRIPTION, tenant=TENANT, backend=Hands())
    door = ArmDoor(cloud, certificates.door(), office, SUBSCRIPTION)
    door.start()
    made = Wire(door.url, str(certificates.bundle_file), office.issue(door.url, OBJECT_ID).text)
    try:
        made.ask("PUT", GROUP, {"location": "canadacentral"}, version=GROUPS)
        made.done("PUT", f"{PROVIDER}/recorded", request())
        yield made
    finally:
        door.close()
        cloud.close()
