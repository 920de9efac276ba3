"""A server of the local Azure with parameters of known value and source, and what a test of raising them asks."""

from __future__ import annotations

import json
import uuid
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from infra.domain import names
from infra.domain.environment import Environment
from infra.domain.restore_parameters import raises
from scripts.edges import arm, raised_parameters
from scripts.edges.arm_retry import Deadline
from scripts.edges.ledger_file import LedgerFile
from scripts.edges.server_parameters_arm import DEFAULT, OVERRIDE, ServerParameters
from scripts.edges.stack_file import read
from scripts.local_azure.serve import LocalAzure
from tests.scripts.backed_up import create_resource

PASSWORD = "Local-" + uuid.uuid4().hex
# Name: what it is before a restore and where that comes from. max_wal_size and autovacuum are a fresh server's, the others a person's.
BEFORE = {
    "max_wal_size": ("12288", DEFAULT),
    "checkpoint_timeout": ("900", OVERRIDE),
    "wal_compression": ("off", OVERRIDE),
    "maintenance_work_mem": ("2097151", OVERRIDE),
    "autovacuum": ("on", DEFAULT),
}
RAISED = {"max_wal_size": "32768", "checkpoint_timeout": "3600", "wal_compression": "on", "autovacuum": "off"}


class World:
    """The server, the ledger's folder and what was told, as a test asks them."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.server = environment.server.name
        self.path = folder / f"{self.server}.parameters.pending.json"
        self.group = names.resource_group(environment)
        self.wanted = partial(raises, environment)
        self.ledger = LedgerFile(folder)
        self.azure = arm.connect()
        self.parameters = ServerParameters(self.azure, self.group, self.server)
        self.told: list[str] = []

    def raised(self, **more: Any) -> AbstractContextManager[None]:
        return raised_parameters.raised(
            self.azure, self.group, self.server, **{"wanted": self.wanted, "ledger": self.ledger, "tell": self.told.append, **more}
        )

    def raised_alone(self, name: str, **more: Any) -> AbstractContextManager[None]:
        """The same with one parameter, where the others would only cost time."""
        return self.raised(wanted=lambda present: [each for each in self.wanted(present) if each.name == name], **more)

    def put_back_left(self, **more: Any) -> tuple[str, ...]:
        return raised_parameters.put_back_left(self.azure, self.group, self.server, self.ledger, self.told.append, **more)

    def now(self) -> dict[str, tuple[str, str]]:
        found = {name: self.parameters.get(name, Deadline(10)) for name in BEFORE}
        return {name: (found[name].value, found[name].source) for name in BEFORE}

    def values(self) -> dict[str, str]:
        return {name: value for name, (value, _) in self.now().items() if name in RAISED}

    def set(self, name: str, value: str) -> None:
        self.parameters.set(name, value, Deadline(10))

    def is_as_before(self) -> bool:
        assert self.now() == BEFORE
        assert not self.path.exists()
        return True

    def note(self) -> dict[str, Any]:
        listed = json.loads(self.path.read_text(encoding="utf-8"))["parameters"]
        return {each["name"]: each for each in listed}

    def prepared(self) -> World:
        """The same with BEFORE on the server."""
        now = self.now()
        for name, (value, source) in BEFORE.items():
            if now[name] != (value, source):
                self.parameters.reset(name, value, Deadline(10)) if source == DEFAULT else self.set(name, value)
        return self


def with_reachable_server(azure: LocalAzure, root: Path, server: str) -> Environment:
    """The shipped prod with a server of this name that this machine may reach."""
    found = read("prod", root)
    found = found.model_copy(update={"server": found.server.model_copy(update={"name": server})})
    where = {"resourceGroupName": names.resource_group(found)}
    create_resource(azure, "azure-native:resources:ResourceGroup", **where, location=found.location)
    create_resource(
        azure, "azure-native:dbforpostgresql:Server", **where, serverName=server, location=found.location, version="16",
        sku={"name": found.server.sku, "tier": "GeneralPurpose"}, storage={"storageSizeGB": 128},
        network={"publicNetworkAccess": "Enabled"}, administratorLogin="cogadmin", administratorLoginPassword=PASSWORD,
    )  # fmt: skip
    with azure.as_environment():
        arm.connect().allow_address(where["resourceGroupName"], server, "here", "127.0.0.1")
    return found


def fault(azure: LocalAzure, effect: str, name: str = "*", **more: object) -> None:
    azure.fault({"effect": effect, "method": "PATCH", "pattern": f"*/configurations/{name}", **more})
