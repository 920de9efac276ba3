"""What the tests of the program share: a stack's plan, with some of its values changed, and the order of the writes in it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from infra.domain.registrations import Plan, Registration
from scripts.edges import stack_file
from scripts.edges.capture import MARKER, PASSWORD_KEY, SECRET_KEYS, Mode, capture, configuration_of

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).resolve().parent / "golden"
SERVER = "memory-server-postgresql"
REPLICA = "memory-replica-postgresql"
# Types whose creation is a management operation on the server: of these Azure takes one at a time.
WRITES = (
    "Server",
    "AdministratorsMicrosoftEntra",
    "Database",
    "FirewallRule",
    "Configuration",
    "PrivateEndpoint",
    "VirtualEndpoint",
    "DiagnosticSetting",
    "BackupInstance",
    "ManagementLockByScope",
)


def values_of(stack: str, changes: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The values of a stack file with `changes` by dotted key (`network.mode`)."""
    values: dict[str, Any] = copy.deepcopy(dict(stack_file.load(stack, ROOT).values))
    for key, value in (changes or {}).items():
        *path, last = key.split(".")
        target = values
        for part in path:
            target = target[part]
        target[last] = value
    return values


def plan_of(stack: str, changes: Mapping[str, object] | None = None, *, mode: Mode = Mode.RESOLVED, password: str = MARKER) -> Plan:
    """What the program registers for a stack; raises what it raises. Captured once for the same arguments: a plan is frozen."""
    return _captured(stack, json.dumps(changes or {}, sort_keys=True), mode, password)


@cache
def _captured(stack: str, changes: str, mode: Mode, password: str) -> Plan:
    config = configuration_of(values_of(stack, json.loads(changes)), {PASSWORD_KEY: password})
    return capture("agent-memory", stack, config, mode=mode)


def plan_with(config: Mapping[str, str], stack: str = "dev", secret_keys: tuple[str, ...] = SECRET_KEYS) -> Plan:
    """What the program registers for a configuration given as Pulumi delivers it."""
    return capture("agent-memory", stack, config, secret_keys, mode=Mode.RESOLVED)


def config_of(stack: str) -> dict[str, str]:
    """The configuration of a stack as Pulumi delivers it, with a made-up password."""
    return configuration_of(values_of(stack))


def writes(plan: Plan) -> tuple[Registration, ...]:
    """The resources whose creation is an operation on the server, in the order of registration."""
    return tuple(item for item in plan.resources if item.kind in WRITES)


def waits_for(plan: Plan, name: str) -> set[str]:
    """The logical names of everything that must exist before `name`, near and far."""
    direct = {
        item.name: {*item.depends_on, *(one for names in item.property_depends_on.values() for one in names)} for item in plan.resources
    }
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for before in direct.get(waiting.pop(), set()) - found:
            found.add(before)
            waiting.append(before)
    return found
