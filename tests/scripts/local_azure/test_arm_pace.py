"""The ARM door at the recorded pace, with a clock that a test moves and without a socket."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.local_azure.arm_door import ArmDoor
from scripts.local_azure.arm_routes import Reply
from scripts.local_azure.certificates import Certificates
from scripts.local_azure.cloud import Cloud, Pace
from scripts.local_azure.doors import SUBSCRIPTION
from scripts.local_azure.times import Clock
from scripts.local_azure.tokens import TokenOffice

VERSION = "2025-08-01"


class StandingClock(Clock):
    """Time passes only when a test says so."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def sleep_until(self, due: datetime) -> None:
        self.go_on.wait(10)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[tuple[ArmDoor, StandingClock, dict[str, str]]]:
    """A door at the recorded pace, asked without a socket."""
    clock, office = StandingClock(), TokenOffice(SUBSCRIPTION)
    cloud = Cloud(tmp_path, subscription=SUBSCRIPTION, tenant=SUBSCRIPTION, clock=clock, pace=Pace.RECORDED)
    door = ArmDoor(cloud, Certificates(tmp_path).door(), office, SUBSCRIPTION)
    door.start()
    yield door, clock, {"token": f"Bearer {office.issue(door.url, 'me').text}"}
    clock.go_on.set()
    door.close()
    cloud.close()


def test_at_the_recorded_pace_clients_are_told_to_poll_as_seldom_as_azures(
    recorded: tuple[ArmDoor, StandingClock, dict[str, str]],
) -> None:
    door, clock, headers = recorded
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"
    path = f"{group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/zepmem-slow"

    def send(method: str, target: str, content: dict[str, Any] | None = None) -> Reply:
        return door.answer(method, f"{target}?api-version={VERSION}", headers["token"], json.dumps(content or {}).encode())

    def finish(reply: Reply) -> None:
        link = reply.headers["Azure-AsyncOperation"].removeprefix(door.url).split("?")[0]
        running = send("GET", link)
        assert running.body is not None and running.body["status"] == "InProgress"
        assert running.headers == {"Retry-After": reply.headers["Retry-After"]}
        clock.go_on.set()
        while (send("GET", link).body or {})["status"] == "InProgress":
            time.sleep(0.01)
        clock.go_on.clear()
        assert send("GET", link).headers == {}

    send("PUT", group, {"location": "canadacentral"})
    created = send("PUT", path, {
        "location": "canadacentral", "sku": {"name": "Standard_B1ms", "tier": "Burstable"},
        "properties": {"administratorLogin": "cogadmin", "administratorLoginPassword": "Local-" + uuid.uuid4().hex, "version": "16"},
    })  # fmt: skip
    assert (created.status, created.headers["Retry-After"]) == (202, "60")
    finish(created)
    parameter = send("PATCH", f"{path}/configurations/lock_timeout", {"properties": {"value": "1", "source": "user-override"}})
    assert (parameter.status, parameter.headers["Retry-After"]) == (202, "10")
    finish(parameter)
    deleted = send("DELETE", path)
    assert (deleted.status, deleted.headers["Retry-After"]) == (202, "15")
    finish(deleted)
