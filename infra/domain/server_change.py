"""An update of the server as the provider sees it, old and new inputs of the resource, judged like a change of the stack file."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from infra.domain import transitions
from infra.domain.environment import CustomerManagedKey, Environment
from infra.domain.overrides import lift
from infra.domain.problem import Problem

# Whole numbers come out of Pulumi's JSON as floating ones.
_TO_INT = (int, float)
# Encryption as the resource names it when the keys are the customer's.
_OWN_KEYS = "AzureKeyVault"

Inputs = Mapping[str, Any]

_FATE: Mapping[str, tuple[str, Callable[[Environment], str | None]]] = {
    "server.name": ("serverName", lambda environment: environment.server.name),
    "location": ("location", lambda environment: environment.location),
    "database.name": ("databaseName", lambda environment: environment.database.name),
    "access.administrator": ("administratorLogin", lambda environment: environment.access.administrator),
}


def judge_update(environment: Environment, old: Inputs, new: Inputs, today: datetime.date) -> tuple[Problem, ...]:
    """What an update of the server from `old` to `new` inputs breaks; `environment` is the declared one.

    Refusals that an exception in `guard.overrides` covers on `today` are warnings.
    """
    return lift(transitions.judge(before(environment, old, new), environment), environment.guard.overrides, today)


def fate(environment: Environment) -> dict[str, str | None]:
    """What a server is from its first day to its last, by name among the component's inputs and outputs. Another is another server."""
    return {name: read(environment) for name, read in _FATE.values()}


def judge_fate(environment: Environment, old: Inputs, today: datetime.date) -> tuple[Problem, ...]:
    """What the declared environment makes of a server whose fate was `old`: the end of it, or of its database.

    Of a replacement the server itself tells nothing before it happens: the engine shows no guard of it what was there.
    """
    sections: dict[str, dict[str, Any]] = {}
    for key, (name, read) in _FATE.items():
        was = _text(old.get(name))
        if was is not None and read(environment) is not None:
            section, _, field = key.rpartition(".")
            sections.setdefault(section, {})[field] = was
    own = sections.pop("", {})
    parts = {section: getattr(environment, section).model_copy(update=values) for section, values in sections.items()}
    return lift(transitions.judge(environment.model_copy(update={**own, **parts}), environment), environment.guard.overrides, today)


def before(environment: Environment, old: Inputs, new: Inputs) -> Environment:
    """The environment as it was: what differs between the inputs is taken from `old`, everything else as declared.

    Only differences count, so that an ignored property (the size of a disk that grew by itself) is never a change. A
    value that is not known yet, or secret, says nothing. Name and place are not here: their change is a
    replacement, which no update ever sees.
    """
    sections: dict[str, dict[str, Any]] = {}
    for key, value in (_plain(environment, old, new) | _derived(old, new)).items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    update = {section: getattr(environment, section).model_copy(update=values) for section, values in sections.items()}
    return environment.model_copy(update=update)


def _plain(environment: Environment, old: Inputs, new: Inputs) -> dict[str, Any]:
    """What the resource and the contract spell alike, or nearly: old values of the properties that differ, by key."""
    paths = {
        "backup.retention_days": ("backup.backupRetentionDays", _number),
        "backup.geo_redundant": ("backup.geoRedundantBackup", _flag),
        "storage.size_gib": ("storage.storageSizeGB", _number),
        "storage.kind": ("storage.type", _text),
        "server.version": ("version", _number),
        "server.sku": ("sku.name", _text),
        "availability.mode": ("highAvailability.mode", _text),
        "access.administrator": ("administratorLogin", _text),
    }
    found: dict[str, Any] = {}
    for key, (path, read) in paths.items():
        was, becomes = read(_at(old, path)), read(_at(new, path))
        if was is not None and becomes is not None and was != becomes:
            found[key] = was
    return found


def _derived(old: Inputs, new: Inputs) -> dict[str, Any]:
    """What several properties together say, or the resource names otherwise."""
    found: dict[str, Any] = {}
    modes = _mode(old), _mode(new)
    if None not in modes and modes[0] != modes[1]:
        found["network.mode"] = modes[0]
    subnets = _subnet(old), _subnet(new)
    if None not in subnets and subnets[0] != subnets[1]:
        found["network.subnet"] = subnets[0]
    own = _own_keys(old), _own_keys(new)
    if None not in own and own[0] != own[1]:
        found["access.customer_managed_key"] = _key(old) if own[0] else None
    return found


def _own_keys(inputs: Inputs) -> bool | None:
    """Whether the customer's keys encrypt; a server that was never told has the service's. None: not known yet."""
    kind = _at(inputs, "dataEncryption.type")
    return kind == _OWN_KEYS if kind is None or isinstance(kind, str) else None


def _key(inputs: Inputs) -> CustomerManagedKey:
    """The keys that the server has. Only that they are the customer's is judged, not which."""
    key, identity = (
        _text(_at(inputs, f"dataEncryption.{name}")) or "unknown" for name in ("primaryKeyURI", "primaryUserAssignedIdentityId")
    )
    return CustomerManagedKey(key=key, identity=identity, backup_key=None, backup_identity=None)


def _mode(inputs: Inputs) -> str | None:
    """The network mode: a delegated subnet makes it private, whatever its id."""
    network = inputs.get("network")
    if not isinstance(network, Mapping):
        return None
    # Compared, not tested for truth: an id that is not known yet is an object of Pulumi's.
    if network.get("delegatedSubnetResourceId") not in (None, ""):
        return "private"
    access = _text(network.get("publicNetworkAccess"))
    return None if access is None else {"Enabled": "public"}.get(access, "private_endpoint")


def _at(inputs: Inputs, path: str) -> Any:
    value: Any = inputs
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _number(value: Any) -> int | None:
    if isinstance(value, _TO_INT) and not isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _flag(value: Any) -> bool | None:
    return {"Enabled": True, "Disabled": False}.get(value) if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _subnet(inputs: Inputs) -> str | None:
    """Network and subnet by name, in lower case: Azure answers ids in another casing than it was given."""
    found = _text(_at(inputs, "network.delegatedSubnetResourceId"))
    parts = found.lower().split("/") if found else []
    return f"{parts[-3]}/{parts[-1]}" if len(parts) > 2 else None
