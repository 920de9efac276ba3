"""A cloud for model tests: no servers behind it, a clock that a test moves, and the requests that the recordings hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scripts.local_azure.cloud import Cloud, Pace, Settings
from scripts.local_azure.operations import Operation
from scripts.local_azure.times import Clock
from scripts.local_azure.world import Access, NoServers

SUBSCRIPTION, TENANT = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
SERVERS = f"{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers"
SERVER = f"{SERVERS}/zep-test"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
ZONE = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/zep.private.postgres.database.azure.com"
VERSION = "2025-08-01"
PASSWORD = "Not-a-secret-1"
ADDRESS = {"startIpAddress": "203.0.113.45", "endIpAddress": "203.0.113.45"}


class Hands(NoServers):
    """Notes what the servers behind were told, and fails when a test says so."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.broken: set[str] = set()

    def _note(self, *words: Any) -> None:
        self.told.append(words)
        if words[0] in self.broken:
            raise RuntimeError(f"{words[0]} is broken")

    def create_server(self, name: str, version: str, login: str | None, password: str | None, access: Access) -> None:
        self._note("create", name, version, login, password)

    def resume_server(self, name: str, access: Access, running: bool, entra: Mapping[str, str]) -> None:
        self._note("resume", name, running)

    def delete_server(self, name: str) -> None:
        self._note("delete", name)

    def restart(self, name: str) -> None:
        self._note("restart", name)

    def stop(self, name: str) -> None:
        self._note("stop", name)

    def set_password(self, name: str, login: str, password: str) -> None:
        self._note("password", name, login, password)

    def apply_parameters(self, name: str, values: Mapping[str, str | None]) -> None:
        self._note("apply", dict(values))

    def create_database(self, name: str, database: str, collation: str) -> None:
        self._note("database", database, collation)

    def set_access(self, name: str, access: Access) -> None:
        self._note("access", access)

    def add_entra_role(self, name: str, role: str, object_id: str) -> None:
        self._note("role", role, object_id)


class HandClock(Clock):
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self._now = datetime(2026, 5, 19, 8, 40, 47, 830_000, tzinfo=UTC)
        self._moved = threading.Condition()

    def now(self) -> datetime:
        with self._moved:
            return self._now

    def sleep_until(self, due: datetime) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._now >= due, timeout=20)

    def move(self, seconds: float) -> None:
        """Lets time go by."""
        with self._moved:
            self._now += timedelta(seconds=seconds)
            self._moved.notify_all()


@contextmanager
def cloud(
    state: Path, *, pace: Pace = Pace.FAST, clock: Clock | None = None, settings: Settings | None = None, hands: NoServers | None = None
) -> Iterator[Cloud]:
    """A cloud with one resource group in canadacentral, closed afterwards."""
    made = Cloud(state, subscription=SUBSCRIPTION, tenant=TENANT, pace=pace, clock=clock, settings=settings, backend=hands or Hands())
    made.put(GROUP, {"location": "canadacentral"}, VERSION)
    try:
        yield made
    finally:
        made.close()


def request(**changes: Any) -> dict[str, Any]:
    """The creating PUT of wire/server.md 6 with another SKU; a change named `properties` is merged."""
    properties = {
        "administratorLogin": "cogadmin",
        "administratorLoginPassword": PASSWORD,
        "version": "16",
        "storage": {"storageSizeGB": 128, "autoGrow": "Disabled"},
        "authConfig": {"activeDirectoryAuth": "Disabled", "passwordAuth": "Enabled", "tenantId": ""},
        "backup": {"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"},
        "network": {"publicNetworkAccess": "Enabled"},
        "highAvailability": {"mode": "Disabled"},
        "createMode": "Create",
        **changes.pop("properties", {}),
    }
    return {"location": "canadacentral", "sku": {"name": "Standard_D2s_v3", "tier": "GeneralPurpose"}, **changes, "properties": properties}


BURSTABLE = {"name": "Standard_B1ms", "tier": "Burstable"}
ZONE_REDUNDANT = {"highAvailability": {"mode": "ZoneRedundant"}}


def done(made: Cloud, outcome: Any) -> dict[str, Any]:
    """Waits for an operation and gives the resource. Raises Refusal as it failed."""
    assert isinstance(outcome, Operation)
    return made.wait(outcome)


def created(made: Cloud, server: str = SERVER, **changes: Any) -> dict[str, Any]:
    """A server that is ready."""
    return done(made, made.put(server, request(**changes), VERSION))


def patched(made: Cloud, body: dict[str, Any]) -> dict[str, Any]:
    """The server after a change."""
    return done(made, made.patch(SERVER, body, VERSION))


def parameter(made: Cloud, name: str) -> dict[str, Any]:
    """The properties of one of the server's parameters."""
    properties: dict[str, Any] = made.get(f"{SERVER}/configurations/{name}")["properties"]
    return properties


def set_to(made: Cloud, name: str, value: str, source: str = "user-override") -> dict[str, Any]:
    """The same after it was set."""
    body = {"properties": {"value": value, "source": source}}
    properties: dict[str, Any] = done(made, made.patch(f"{SERVER}/configurations/{name}", body, VERSION))["properties"]
    return properties


def subnet(made: Cloud, prefix: str = "10.20.1.0/28", *, delegated: bool = True) -> dict[str, str]:
    """A network with a subnet and a zone: the `network` section of a server in it."""
    made.put(NETWORK, {"location": "canadacentral", "properties": {"addressSpace": {"addressPrefixes": ["10.20.0.0/16"]}}}, VERSION)
    service = {"name": "own", "properties": {"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}}
    body = {"properties": {"addressPrefix": prefix, "delegations": [service] if delegated else []}}
    made.put(f"{NETWORK}/subnets/db", body, VERSION)
    made.put(ZONE, {"location": "global"}, VERSION)
    return {"delegatedSubnetResourceId": f"{NETWORK}/subnets/db", "privateDnsZoneArmResourceId": ZONE}
