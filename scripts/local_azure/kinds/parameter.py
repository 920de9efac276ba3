"""Server parameters: the recorded table per server, what a write may say, and what waits for a restart.

Recorded: the shape of an entry, its `source`, PATCH of a dynamic parameter (wire/parameter.md 2), that writing the default leaves
`user-override` (wire/older.md 3). Assumed: every refusal and its code, that a static parameter shows its new value while pending, and
that `source: system-default` brings the default back. `description` is our own sentence and `documentationLink` is left out: the
table holds neither. `parameter_effect` says which values really reach PostgreSQL.
"""

from __future__ import annotations

import re
from typing import Any

from infra.domain.azure import parameters as table, skus
from scripts.local_azure import refusal
from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.access import enforce
from scripts.local_azure.kinds.kind import Body, Outcome, ServerChild, server_key
from scripts.local_azure.kinds.parameter_effect import Effect, effect
from scripts.local_azure.operations import Timing
from scripts.local_azure.refusal import bad_value
from scripts.local_azure.resource_ids import ResourceId
from scripts.local_azure.store import Record

UPDATE = "UpdateOrcasServerParameterManagementOperation"
TIMING = Timing(10.5, 10.0)
SLOW = {"azure.fabric_mirror_enabled": Timing(45.0, 10.0)}
"""A dynamic parameter may run a workflow of its own (wire/older.md 3)."""
POOLER = "pgbouncer.enabled"
OVERRIDE, DEFAULT = "user-override", "system-default"
_RANGE = re.compile(r"(-?\d[\d.]*(?:e[+-]?\d+)?)-(-?\d[\d.]*(?:e[+-]?\d+)?)")
_BY_NAME = {name.lower(): name for name in table.PARAMETERS}


class Parameters(ServerChild):
    """The `configurations` of a server; they exist with it and are never created or deleted."""

    type = "Microsoft.DBforPostgreSQL/flexibleServers/configurations"

    def get(self, resource: ResourceId) -> Body:
        """One entry. Raises Refusal (404) for a name that is not listed now."""
        server = self.server(resource)
        return self._entry(server, self._row(resource, server))

    def list(self, parent: str, records: list[Record]) -> list[Body]:
        """All entries on one page, by name without regard to case."""
        server = self.world.store.get(parent)
        if server is None:
            raise refusal.parent_not_found(parent)
        rows = sorted(table.PARAMETERS.values(), key=lambda row: row.name.lower())
        return [self._entry(server, row) for row in rows if not _hidden(server, row)]

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """The same as PATCH: Pulumi sends PUT, az sends PATCH."""
        return self._write(resource, body, fault, "PUT")

    def patch(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Sets a value."""
        return self._write(resource, body, fault, "PATCH")

    def _write(self, resource: ResourceId, body: Body, fault: Fault | None, method: str) -> Outcome:
        server = self.ready_server(resource)
        row = self._row(resource, server)
        sent = body.get("properties") or {}
        source = sent.get("source") or OVERRIDE
        value = _default(server, row) if source == DEFAULT else sent.get("value")
        if value is None:
            raise bad_value(row.name, "no value was sent")
        _refuse(server, row, str(value))
        return self.begin(
            resource, UPDATE, method, SLOW.get(row.name, TIMING), lambda: self._apply(server_key(resource), row, str(value), source), fault
        )

    def _apply(self, key: str, row: table.Parameter, value: str, source: str) -> None:
        server = self.world.store.get(key)
        if server is None:
            raise refusal.internal_error()
        if effect(row.name) is Effect.APPLIED:
            self.world.backend.apply_parameters(server["body"]["name"], {row.name: None if source == DEFAULT else value})
        with self.world.store.change() as data:
            own = data["resources"][key]["hidden"]["parameters"]
            own[row.name] = {"value": value, "source": source} | self._waiting(server, row, value)
        if effect(row.name) is Effect.GATEWAY:
            enforce(self.world, key)

    def _waiting(self, server: Record, row: table.Parameter, value: str) -> Body:
        """What a static parameter still runs with, until a restart."""
        before = server["hidden"]["parameters"].get(row.name, {})
        running = before.get("running", before.get("value", _initial(server, row)))
        return {} if row.dynamic or running == value else {"running": running}

    def _row(self, resource: ResourceId, server: Record) -> table.Parameter:
        name = _BY_NAME.get(resource.name.lower())
        if name is None or _hidden(server, table.PARAMETERS[name]):
            raise refusal.not_found(resource.text)
        return table.PARAMETERS[name]

    def _entry(self, server: Record, row: table.Parameter) -> Body:
        own = server["hidden"]["parameters"].get(row.name, {})
        default, initial = _default(server, row), _initial(server, row)
        properties: dict[str, Any] = {
            "value": own.get("value", initial),
            "description": f"Server parameter {row.name}.",
            "defaultValue": default,
            "dataType": row.kind,
            "allowedValues": row.allowed,
            "source": own.get("source", DEFAULT if initial == default else OVERRIDE),
            "isDynamicConfig": row.dynamic,
            "isReadOnly": row.read_only,
            "isConfigPendingRestart": "running" in own,
        }
        properties |= {"unit": row.unit} if row.unit else {}
        return {"properties": properties, "id": f"{server['id']}/configurations/{row.name}", "name": row.name, "type": self.type}


def _default(server: Record, row: table.Parameter) -> str:
    """The default for the SKU that the server was created with: it does not move when the server is scaled (azure-facts 1.2)."""
    sku = skus.find(server["hidden"]["sized_by"])
    if sku is None:
        return row.default
    pages = sku.memory_mib * 1024 // 8
    # A quarter and three quarters of the memory in pages of 8 kB, as recorded for 16 GiB (wire/parameter.md 2).
    sized = {"max_connections": sku.max_connections, "shared_buffers": pages // 4, "effective_cache_size": pages * 3 // 4}
    return str(sized.get(row.name, row.default))


def _initial(server: Record, row: table.Parameter) -> str:
    """What a fresh server has: it differs from the default for 40 parameters that nobody touched."""
    return _default(server, row) if row.initial is None or row.initial == row.default else row.initial


def _hidden(server: Record, row: table.Parameter) -> bool:
    """The pooler's parameters are listed only while it is on (wire/parameter.md 2)."""
    on = server["hidden"]["parameters"].get(POOLER, {}).get("value") == "true"
    return row.name.startswith("pgbouncer.") and row.name != POOLER and not on


def _refuse(server: Record, row: table.Parameter, value: str) -> None:
    if row.read_only:
        raise bad_value(row.name, "is read-only")
    if not allowed(row.kind, row.allowed, value):
        raise bad_value(row.name, f"{value} is not one of {row.allowed}")
    if row.name == POOLER and value == "true" and server["body"]["sku"]["tier"] == "Burstable":
        raise bad_value(row.name, "Burstable has no PgBouncer")


def allowed(kind: str, values: str, value: str) -> bool:
    """True if a value is among those that a table entry allows: a range, a list, a set of list members, or a pattern."""
    choices = [each.strip().lower() for each in values.split(",")]
    if kind.lower() == "string":
        return re.fullmatch(values, value) is not None
    if kind.lower() == "set":
        return all(each.strip().lower() in choices for each in value.split(","))
    span = _RANGE.fullmatch(values)
    if kind.lower() not in ("integer", "numeric") or span is None:
        return value.lower() in choices
    if not re.fullmatch(r"-?\d+" if kind.lower() == "integer" else r"-?\d+(\.\d+)?(e[+-]?\d+)?", value):
        return False
    return float(span[1]) <= float(value) <= float(span[2])
