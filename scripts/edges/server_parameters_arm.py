"""The server parameters of one server through the SDK: read with their source, set, brought back to the default, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts.edges.arm import Arm, word
from scripts.edges.arm_retry import Deadline, finish, patiently
from scripts.edges.exits import UNREACHABLE, Failure

# Azure's two words for where a value comes from. Writing the default as a value leaves the first (recorded, wire/older.md 3).
OVERRIDE, DEFAULT = "user-override", "system-default"
# Writing a value twice does no harm, so an answer that got lost is asked for again.
TRIES = 3
Waits = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Present:
    """One parameter as Azure shows it now; values are text in the parameter's base unit."""

    name: str
    value: str
    default: str
    source: str
    dynamic: bool
    read_only: bool


class ServerParameters:
    """The parameters of one server. Every method raises Failure; `waits` hears why something is asked again."""

    def __init__(self, azure: Arm, group: str, server: str, waits: Waits = lambda reason: None) -> None:
        self._sdk = azure.sdk.configurations
        self._group = group
        self._server = server
        self._waits = waits

    def get(self, name: str, deadline: Deadline) -> Present:
        """One parameter. Raises Failure (BAD) where the server, or this parameter of it, is not there."""
        return _present(patiently(lambda: self._sdk.get(self._group, self._server, name), self._server, deadline, self._waits))

    def read(self, deadline: Deadline) -> dict[str, Present]:
        """Every parameter that is listed now, by name: one page of some 560."""
        found = patiently(lambda: list(self._sdk.list_by_server(self._group, self._server)), self._server, deadline, self._waits)
        return {str(each.name): _present(each) for each in found}

    def set(self, name: str, value: str, deadline: Deadline) -> Present:
        """Write a value, and what Azure shows afterwards."""
        return self._write(name, value, OVERRIDE, deadline)

    def reset(self, name: str, default: str, deadline: Deadline) -> Present:
        """Give the parameter its default back, and what Azure shows afterwards. The default is sent as well: no recording leaves it out."""
        return self._write(name, default, DEFAULT, deadline)

    def _write(self, name: str, value: str, source: str, deadline: Deadline) -> Present:
        for left in reversed(range(TRIES)):
            try:
                return patiently(lambda: self._written(name, value, source, deadline), self._server, deadline, self._waits)
            except Failure as failure:
                if failure.code is not UNREACHABLE or not left:
                    raise
                self._waits(failure.fact)
        raise AssertionError("the last try returns or raises")

    def _written(self, name: str, value: str, source: str, deadline: Deadline) -> Present:
        from azure.mgmt.postgresqlflexibleservers.models import ConfigurationForUpdate, ConfigurationProperties

        body = ConfigurationForUpdate(properties=ConfigurationProperties(value=value, source=source))
        return _present(finish(self._sdk.begin_update(self._group, self._server, name, body), self._server, deadline))


def _present(found: Any) -> Present:
    """`found` is the SDK's Configuration, whose `properties` level can be read flat."""
    return Present(
        name=str(found.name),
        value=str(found.value if found.value is not None else ""),
        default=str(found.default_value if found.default_value is not None else ""),
        source=word(found.source),
        dynamic=bool(found.is_dynamic_config),
        read_only=bool(found.is_read_only),
    )
