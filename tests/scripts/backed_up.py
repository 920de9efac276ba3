"""A shipped environment with its server made on the local Azure, for tests of its backups."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb

from infra.domain import names
from infra.domain.copies import Listed
from infra.domain.environment import Environment
from infra.domain.ledger import Record
from scripts.edges import arm, backups
from scripts.edges.exits import Failure
from scripts.edges.ledger_file import LedgerFile
from scripts.edges.stack_file import read
from scripts.local_azure.serve import LocalAzure
from scripts.snapshot.create import create

SERVER = "azure-native:dbforpostgresql:Server"


def create_resource(azure: LocalAzure, type_: str, **values: Any) -> str:
    """The ARM id of a resource made through the provider's door."""
    properties = Struct()
    properties.update(values)
    urn = f"urn:pulumi:prod::agent-memory::{type_}::x"
    return str(azure.provider_stub().Create(pb.CreateRequest(urn=urn, type=type_, properties=properties)).id)


def with_server(azure: LocalAzure, root: Path, stack: str, name: str) -> tuple[Environment, str]:
    """The environment under another server name, with that server made, and the server's ARM id."""
    found = read(stack, root)
    found = found.model_copy(update={"server": found.server.model_copy(update={"name": name})})
    group = names.resource_group(found)
    create_resource(azure, "azure-native:resources:ResourceGroup", resourceGroupName=group, location=found.location)
    small = found.server.sku.startswith("Standard_B")
    server = create_resource(
        azure, SERVER, resourceGroupName=group, serverName=name, location=found.location, version="16",
        sku={"name": found.server.sku, "tier": "Burstable" if small else "GeneralPurpose"}, storage={"storageSizeGB": 64},
        network={"publicNetworkAccess": "Enabled"}, administratorLogin="cogadmin",
        administratorLoginPassword="Local-" + uuid.uuid4().hex,
    )  # fmt: skip
    return found, server


def shelf(environment: Environment) -> backups.Backups:
    """The product's edge to the server's backups."""
    return backups.Backups(arm.connect(), names.resource_group(environment), environment.server.name)


def with_restorable_server(azure: LocalAzure, root: Path, stack: str, name: str) -> tuple[Environment, str]:
    """The same once the server has its first backup, 0.3 s after its creation on a fast local Azure."""
    found, server = with_server(azure, root, stack, name)
    with azure.as_environment():
        while shelf(found).look().earliest is None:
            time.sleep(0.05)
    return found, server


def on_demand(environment: Environment) -> list[Listed]:
    """What Azure lists as made on demand."""
    return [each for each in shelf(environment).look().backups if each.on_demand]


def take(environment: Environment, name: str) -> Listed:
    """A backup made by somebody else's hand: nothing of it is in a ledger."""
    return shelf(environment).take(name, None, lambda token: None)


def emptied(environment: Environment) -> None:
    """Delete every on-demand backup."""
    for each in on_demand(environment):
        shelf(environment).drop(each.name)


def records(folder: Path) -> tuple[Record, ...]:
    """What the ledger in the folder says."""
    return LedgerFile(folder).read().records


def run(environment: Environment, ledger: Path, **more: Any) -> int:
    """`agentmem snapshot create --json`; its exit code."""
    return create(environment, **{"reason": "before 0042", "folder": ledger, "as_json": True, **more})


def refusal(environment: Environment, ledger: Path, **more: Any) -> Failure:
    """How it ends where it cannot go on."""
    with pytest.raises(Failure) as caught:
        run(environment, ledger, **more)
    return caught.value
