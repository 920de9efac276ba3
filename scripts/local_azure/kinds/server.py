"""Flexible servers: create, update, delete, restart, stop and start, as recorded.

Recorded: operation names, answers, what Azure fills in (wire/server.md 1 to 10). Assumed, because no recording holds it: the states
`Provisioning`, `Updating`, `Dropping`, `Starting`, `Stopping`, `Stopped` and `Restarting` while an operation runs (names from the
service's own list of states), that a GET during an update shows the old values, and that a stopped server refuses everything but
start and delete.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from scripts.local_azure import refusal, times
from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds import server_body, server_rules
from scripts.local_azure.kinds.access import access_of, entra_roles
from scripts.local_azure.kinds.kind import Body, Kind, Outcome
from scripts.local_azure.operations import Operation, Timing, Work
from scripts.local_azure.refusal import Refusal
from scripts.local_azure.resource_ids import ResourceId
from scripts.local_azure.store import Record

UPSERT = "UpsertServerManagementOperationV2"
POWER = {
    # action: operation, state meanwhile, state afterwards, recorded seconds (wire/server.md 2)
    "restart": ("RestartServerManagementOperation", "Restarting", "Ready", 90.0),
    "stop": ("StopServerManagementOperation", "Stopping", "Stopped", 270.0),
    "start": ("StartServerManagementOperation", "Starting", "Ready", 570.0),
}
NOT_PLAYED = frozenset(
    {"ltrprebackup", "startltrbackup", "migratenetwork", "startmajorversionupgradeprecheck", "majorversionupgradeprecheck"}
)
POLL = 60.0
DELETE_POLL = 15.0
CREATE_SECONDS, CREATE_HA_SECONDS = 240.0, 990.0
DELETE_SECONDS, DELETE_HA_SECONDS = 55.0, 134.0
SMALL_CHANGE_SECONDS = 30.0
"""Retention, window, tags, autogrow, password: done by the second poll."""
STORAGE_SECONDS, SKU_SECONDS, HA_ON_SECONDS, HA_OFF_SECONDS = 390.0, 750.0, 330.0, 990.0

log = logging.getLogger(__name__)


class Servers(Kind):
    """Flexible servers."""

    type = server_body.TYPE

    def show(self, record: Record) -> Body:
        """The server as GET answers it, with the endpoints that connect to it."""
        prefix = record["id"].lower() + "/privateendpointconnections/"
        connections = [each["body"] for each in self.world.store.records() if each["id"].lower().startswith(prefix)]
        return server_body.shown(self.world, record, connections)

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Creates a server, or updates one as a whole."""
        if self.world.store.has(resource.key):
            return self._update(resource, body, fault, whole=True)
        self._refuse_taken(resource)
        server_rules.refuse_unplayed(body)
        record = server_body.created(self.world, resource, body)
        server_rules.refuse_new(self.world, record, body)
        password = (body.get("properties") or {}).get("administratorLoginPassword")
        highly = record["body"]["properties"]["highAvailability"]["mode"] != "Disabled"
        work = Work(
            name=UPSERT, resource_id=record["id"], segment=record["hidden"]["location"],
            timing=Timing(CREATE_HA_SECONDS if highly else CREATE_SECONDS, POLL), server=resource.key,
            accept=lambda: self.world.store.put(resource.key, record),
            verify=lambda: server_rules.refuse_in_poll(record),
            apply=lambda: self._create(resource.key, password),
            undo=lambda: self._remove(resource.key),
        )  # fmt: skip
        return self.world.operations.begin(work, fault)

    def patch(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Changes what the body names; what it repeats unchanged is accepted."""
        return self._update(resource, body, fault, whole=False)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Drops the server; the operation's segment is the display name, on this operation only (wire/server.md 1)."""
        if not self.world.store.has(resource.key):
            return None
        record = self.record(resource)
        highly = record["body"]["properties"]["highAvailability"]["mode"] != "Disabled"
        work = Work(
            name="DropServerManagementOperation", resource_id=record["id"], segment=record["body"]["location"], method="DELETE",
            timing=Timing(DELETE_HA_SECONDS if highly else DELETE_SECONDS, DELETE_POLL), server=resource.key,
            accept=lambda: self._mark(resource.key, "Dropping"),
            apply=lambda: self._remove(resource.key, quietly=False),
            undo=lambda: self._mark(resource.key, record["body"]["properties"]["state"]),
        )  # fmt: skip
        return self.world.operations.begin(work, fault)

    def act(self, resource: ResourceId, action: str, body: Body, fault: Fault | None) -> Outcome:
        """restart, stop and start."""
        record, verb = self.record(resource), action.lower()
        if verb in NOT_PLAYED:
            raise refusal.not_played(action)
        if verb not in POWER:
            return super().act(resource, action, body, fault)
        self.world.operations.refuse_if_busy(resource.key)
        state = record["body"]["properties"]["state"]
        if (state == "Stopped") is not (verb == "start"):
            raise Refusal(409, "ServerIsNotReady", f"server {resource.name} is {state} and cannot {verb}")
        failover = bool(body.get("restartWithFailover"))
        if failover and record["body"]["properties"]["highAvailability"]["mode"] == "Disabled":
            raise refusal.bad_value("restartWithFailover", "there is no standby to fail over to")
        name, meanwhile, _, seconds = POWER[verb]
        work = Work(
            name=name, resource_id=record["id"], segment=record["hidden"]["location"], method="POST", timing=Timing(seconds, POLL),
            server=resource.key, accept=lambda: self._mark(resource.key, meanwhile),
            apply=lambda: self._power(resource.key, verb, failover), undo=lambda: self._mark(resource.key, state),
        )  # fmt: skip
        return self.world.operations.begin(work, fault)

    def resume(self) -> None:
        """At load: removes servers that were being made or dropped, makes the others what they were, starts the running ones."""
        for record in [each for each in self.world.store.records() if each["type"] == self.type]:
            key, state = record["id"].lower(), record["body"]["properties"]["state"]
            if record["hidden"].get("creating") or state == "Dropping":
                self._remove(key)
                continue
            running = state not in ("Stopping", "Stopped")
            entra = entra_roles(self.world, record)
            self.world.backend.resume_server(record["body"]["name"], access_of(self.world, record), running, entra)
            self._mark(key, "Ready" if running else "Stopped")

    def _update(self, resource: ResourceId, request: Body, fault: Fault | None, *, whole: bool) -> Operation:
        old = self.record(resource)
        self.world.operations.refuse_if_busy(resource.key)
        if old["body"]["properties"]["state"] != "Ready":
            raise Refusal(409, "ServerIsNotReady", f"server {resource.name} is {old['body']['properties']['state']}")
        new = server_body.changed(self.world, old, request, whole=whole)
        server_rules.refuse_change(self.world, old, new, request)
        password = (request.get("properties") or {}).get("administratorLoginPassword")
        if password:
            server_rules.refuse_password(new["body"]["properties"].get("administratorLogin", ""), password)
        work = Work(
            name=UPSERT, resource_id=old["id"], segment=old["hidden"]["location"], method="PUT" if whole else "PATCH",
            timing=Timing(_seconds(old["body"], new["body"]), POLL), server=resource.key,
            accept=lambda: self._mark(resource.key, "Updating"),
            verify=lambda: server_rules.refuse_in_poll(new),
            apply=lambda: self._change(resource.key, old, new, password),
            undo=lambda: self._mark(resource.key, "Ready"),
        )  # fmt: skip
        return self.world.operations.begin(work, fault)

    def _create(self, key: str, password: str | None) -> None:
        record = self._stored(key)
        properties = record["body"]["properties"]
        access = access_of(self.world, record)
        login = properties.get("administratorLogin")
        self.world.backend.create_server(record["body"]["name"], properties["version"], login, password, access)
        self._edit(key, _finished)

    def _change(self, key: str, old: Record, new: Record, password: str | None) -> None:
        name, was, becomes = old["body"]["name"], old["body"]["properties"], new["body"]["properties"]
        if password and becomes.get("administratorLogin"):
            self.world.backend.set_password(name, becomes["administratorLogin"], password)
        if old["body"]["sku"] != new["body"]["sku"]:
            self._swap_after_scaling(was, becomes, new["hidden"])
        restarted = old["body"]["sku"] != new["body"]["sku"] or was["authConfig"] != becomes["authConfig"]
        if restarted:
            # Scaling and turning Entra on restart the server (azure-facts 2 and 7).
            self.world.backend.restart(name)
            _nothing_pending(new)
        becomes["state"] = "Ready"
        self.world.store.put(key, new)
        if was["network"] != becomes["network"]:
            self.world.backend.set_access(name, access_of(self.world, new))

    def _swap_after_scaling(self, was: Body, becomes: Body, hidden: Body) -> None:
        """Scaling a zone-redundant server exchanges its zones, and for a while both read the same (wire/server.md 8)."""
        if self.world.settings.sku_change_swaps_zones and was["highAvailability"]["mode"] == "ZoneRedundant":
            _exchange_zones(becomes)
            settled = self.world.clock.now() + timedelta(seconds=self.world.settings.zones_settle(self.world.pace))
            hidden["zones_settle_at"] = times.stored(settled)

    def _power(self, key: str, verb: str, failover: bool) -> None:
        name = self._stored(key)["body"]["name"]
        {"restart": self.world.backend.restart, "stop": self.world.backend.stop, "start": self.world.backend.start}[verb](name)

        def done(record: Record) -> None:
            record["body"]["properties"]["state"] = POWER[verb][2]
            if verb != "stop":
                _nothing_pending(record)
            if failover:
                _exchange_zones(record["body"]["properties"])

        self._edit(key, done)

    def _remove(self, key: str, *, quietly: bool = True) -> None:
        record = self.world.store.get(key)
        if record is None:
            return
        with contextlib.ExitStack() as stack:
            if quietly:
                stack.enter_context(contextlib.suppress(Exception))
            self.world.backend.delete_server(record["body"]["name"])
        self.world.store.drop(key)

    def _refuse_taken(self, resource: ResourceId) -> None:
        """Server names are global: one in another group is taken (the answer's form is assumed)."""
        for each in self.world.store.records():
            if each["type"] == self.type and each["body"]["name"].lower() == resource.name.lower():
                raise Refusal(409, "ServerNameAlreadyExists", f"the server name {resource.name} is taken")

    def _mark(self, key: str, state: str) -> None:
        self._edit(key, lambda record: record["body"]["properties"].update(state=state))

    def _edit(self, key: str, how: Callable[[Record], Any]) -> None:
        with self.world.store.change() as data:
            if key in data["resources"]:
                how(data["resources"][key])

    def _stored(self, key: str) -> Record:
        record = self.world.store.get(key)
        if record is None:
            raise refusal.internal_error()
        return record


def _finished(record: Record) -> None:
    record["body"]["properties"]["state"] = "Ready"
    record["hidden"].pop("creating", None)


def _nothing_pending(record: Record) -> None:
    for each in record["hidden"]["parameters"].values():
        each.pop("running", None)


def _exchange_zones(properties: Body) -> None:
    """Primary and standby trade places; without two different zones nothing moves."""
    standby = properties["highAvailability"].get("standbyAvailabilityZone")
    if standby:
        properties["availabilityZone"], properties["highAvailability"]["standbyAvailabilityZone"] = standby, properties["availabilityZone"]


def _seconds(old: Body, new: Body) -> float:
    """The recorded length of a change (wire/server.md 2, wire/older.md 1)."""
    was, becomes = old["properties"], new["properties"]
    if was["highAvailability"]["mode"] != becomes["highAvailability"]["mode"]:
        return HA_OFF_SECONDS if becomes["highAvailability"]["mode"] == "Disabled" else HA_ON_SECONDS
    if old["sku"] != new["sku"]:
        return SKU_SECONDS
    return STORAGE_SECONDS if was["storage"]["storageSizeGB"] != becomes["storage"]["storageSizeGB"] else SMALL_CHANGE_SECONDS
