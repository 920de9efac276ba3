"""Backups of a server in the recorded form: the automatic one and those on demand (wire/backup.md 2).

A model only: no data is copied yet, so nothing can be restored from what is listed here.
Assumed, from Microsoft's pages (azure-facts 3.3): none on Burstable or Premium SSD v2, at most seven, a name used twice fails, an
automatic one cannot be deleted.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from scripts.local_azure import refusal, times
from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.kind import Body, Outcome, ServerChild, server_key
from scripts.local_azure.operations import Operation, Pace, Timing
from scripts.local_azure.refusal import Refusal, bad_value
from scripts.local_azure.resource_ids import ResourceId, parse
from scripts.local_azure.store import Record

AT_MOST = 7
CREATE_TIMING, DELETE_TIMING = Timing(92.0, 15.0), Timing(15.0, 15.0)
COMPLETED_AFTER_SECONDS = 80.0
"""`completedTime` lies this far behind the operation's start (81.0 and 79.4 s recorded)."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class Backups(ServerChild):
    """The `backups` of a server."""

    type = "Microsoft.DBforPostgreSQL/flexibleServers/backups"

    def get(self, resource: ResourceId) -> Body:
        """One backup, the same object as in the list."""
        server = self.server(resource)
        automatic = self._automatic(server)
        if automatic is not None and automatic["name"] == resource.name:
            return automatic
        return super().get(resource)

    def list(self, parent: str, records: list[Record]) -> list[Body]:
        """Oldest first: the automatic one, then those on demand."""
        server = self.world.store.get(parent)
        if server is None:
            raise refusal.parent_not_found(parent)
        automatic = self._automatic(server)
        return ([automatic] if automatic else []) + [self.show(each) for each in records]

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Takes a backup now. There is no body to send."""
        server = self.ready_server(resource)
        if server["body"]["sku"]["tier"] == "Burstable":
            raise Refusal(400, "BackupNotSupportedForBurstableSku", "a Burstable server has no on-demand backups")
        if server["body"]["properties"]["storage"]["type"] == "PremiumV2_LRS":
            raise Refusal(400, "BackupNotSupportedForStorage", "a server on Premium SSD v2 has no on-demand backups")
        if not _NAME.fullmatch(resource.name):
            raise bad_value("backup name", f"{resource.name} is none")
        taken = self.world.store.has(resource.key)
        if not taken and len(self.children(server_key(resource))) >= AT_MOST:
            raise Refusal(
                400, "BackupLimitReached", f"server {server['body']['name']} has {AT_MOST} on-demand backups, the most there can be"
            )
        started = self.world.clock.now()
        done_after = COMPLETED_AFTER_SECONDS if self.world.pace is Pace.RECORDED else 0.0

        def verify() -> None:
            if taken:
                raise refusal.internal_error()

        def apply() -> None:
            self.keep(resource, _properties("Customer On-Demand", "Customer Initiated", started + timedelta(seconds=done_after)))

        return self.begin(resource, "SnapshotManagementOperation", "PUT", CREATE_TIMING, apply, fault, verify)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Deletes an on-demand backup."""
        automatic = self._automatic(self.server(resource))
        if automatic is not None and automatic["name"] == resource.name:
            raise bad_value("backup name", f"{resource.name} was made by the service and goes with its retention")
        if not self.world.store.has(resource.key):
            return None
        self.ready_server(resource)
        drop = self.world.store.drop
        return self.begin(resource, "DropSnapshotManagementOperation", "DELETE", DELETE_TIMING, lambda: drop(resource.key), fault)

    def _automatic(self, server: Record) -> Body | None:
        """The first automatic backup once its time has come; that more of them follow day by day is not played."""
        completed = times.moment(server["hidden"]["first_backup_at"])
        if self.world.clock.now() < completed or server["hidden"].get("creating"):
            return None
        name = f"backup_{times.ticks(completed - timedelta(seconds=1))}"
        resource = parse(f"{server['id']}/backups/{name}")
        return {"properties": _properties("Full", "Automatic", completed), "id": resource.text, "name": name, "type": self.type}


def _properties(kind: str, source: str, completed: datetime) -> Body:
    return {"backupType": kind, "source": source, "completedTime": times.offset_time(completed)}
