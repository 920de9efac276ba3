"""The local Azure's model: what exists, what is asked of it, and what Azure would refuse. No HTTP and no gRPC: the doors add those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.local_azure import capabilities, refusal
from scripts.local_azure.containers import Containers
from scripts.local_azure.faults import Effect, Fault, FaultPlan
from scripts.local_azure.kinds.administrator import Administrators
from scripts.local_azure.kinds.backup import Backups
from scripts.local_azure.kinds.container_group import TYPE as CONTAINER_GROUPS, ContainerGroups
from scripts.local_azure.kinds.database import Databases
from scripts.local_azure.kinds.document import IDENTITY, Documents, Unplayed, refuse_locked
from scripts.local_azure.kinds.firewall import FirewallRules
from scripts.local_azure.kinds.group import Groups
from scripts.local_azure.kinds.kind import SERVERS, Kind
from scripts.local_azure.kinds.parameter import Parameters
from scripts.local_azure.kinds.private_endpoint import TYPE as PRIVATE_ENDPOINTS, Connections, PrivateEndpoints
from scripts.local_azure.kinds.server import Servers
from scripts.local_azure.kinds.server_body import region_of
from scripts.local_azure.kinds.server_rules import INVALID_NAME, valid_name
from scripts.local_azure.kinds.vault import INSTANCES, POLICIES, VAULTS, BackupInstances, BackupPolicies, BackupVaults
from scripts.local_azure.operations import Operation, Operations, Pace
from scripts.local_azure.refusal import ConnectionLost, Refusal
from scripts.local_azure.resource_ids import GROUP_TYPE, ResourceId, collection, parse
from scripts.local_azure.store import StateInUse, Store
from scripts.local_azure.times import Clock
from scripts.local_azure.world import Answer, Backend, NoServers, Settings, World

__all__ = ["Answer", "Backend", "Cloud", "ConnectionLost", "Operation", "Pace", "Refusal", "Settings", "StateInUse"]

Body = dict[str, Any]
IMPLICIT = ("/blobservices/default", "/fileservices/default")
"""Parents that Azure makes by itself."""


class Cloud:
    """One subscription of the local Azure. Safe to call from several threads. Every method that takes an id may raise Refusal."""

    def __init__(
        self, state: Path, *, subscription: str, tenant: str, clock: Clock | None = None, pace: Pace = Pace.FAST,
        backend: Backend | None = None, settings: Settings | None = None,
    ) -> None:  # fmt: skip
        """Takes up the folder `state` where the last process left it; operations that died with that process have failed.

        Without `backend` nothing runs behind the servers. Raises StateInUse if another process plays the folder.
        """
        store = Store(state)
        clock = clock or Clock()
        self.faults = FaultPlan()
        self._store = store
        self._world = World(
            subscription=subscription, tenant=tenant, store=store, operations=Operations(store, clock, pace), clock=clock, pace=pace,
            backend=backend or NoServers(), settings=settings or Settings(),
        )  # fmt: skip
        self._servers = Servers(self._world)
        self._documents, self._unplayed = Documents(self._world), Unplayed(self._world)
        self.containers = Containers(state, clock)
        self._groups = ContainerGroups(self._world, self.containers)
        children = (Parameters, Databases, FirewallRules, Administrators, Backups, Connections)
        self._kinds: dict[str, Kind] = {each.type.lower(): each(self._world) for each in children}
        self._kinds |= {SERVERS: self._servers, PRIVATE_ENDPOINTS: PrivateEndpoints(self._world), CONTAINER_GROUPS: self._groups}
        self._kinds |= {VAULTS: BackupVaults(self._world), POLICIES: BackupPolicies(self._world), INSTANCES: BackupInstances(self._world)}
        self._kinds[GROUP_TYPE] = Groups(self._world, self._remove_behind)
        self._world.operations.interrupted()
        try:
            self._servers.resume()
        except BaseException:
            self.close()
            raise

    @property
    def folder(self) -> Path:
        """The folder that all of it is kept in."""
        return self._store.folder

    def get(self, resource_id: str) -> Body:
        """The resource as Azure answers it."""
        resource = parse(resource_id)
        fault = self._meet("GET", resource.text)
        try:
            return self._kind(resource).get(resource)
        finally:
            _lose_afterwards(fault)

    def list(self, collection_id: str) -> list[Body]:
        """The members of a collection; `…/resourceGroups/NAME/resources` lists all that lies in a group."""
        self._meet("GET", collection_id)
        if collection_id.lower().endswith("/resources") and len(collection_id.split("/")) == 6:
            prefix = parse(collection_id.rsplit("/", 1)[0]).key + "/"
            return [_summary(each["body"]) for each in self._store.records() if each["id"].lower().startswith(prefix)]
        wanted = collection(collection_id)
        parent = wanted.prefix.rsplit("/", 1)[0]
        records = [each for each in self._store.records() if wanted.holds(parse(each["id"]))]
        return self._kind_of(wanted.kind).list(parent, records)

    def put(self, resource_id: str, body: Body, api_version: str = "") -> Operation | Body:
        """Creates or replaces: an operation for PostgreSQL's kinds, the resource itself for every other."""
        resource, fault = self._write("PUT", resource_id)
        self._require_parent(resource)
        return _ended(self._kind(resource).put(resource, body, fault), fault)

    def patch(self, resource_id: str, body: Body, api_version: str = "") -> Operation | Body:
        """Changes what the body names."""
        resource, fault = self._write("PATCH", resource_id)
        return _ended(self._kind(resource).patch(resource, body, fault), fault)

    def delete(self, resource_id: str) -> Operation | None:
        """Deletes; None if that was done at once or there was nothing to delete."""
        resource = parse(resource_id)
        fault = self._meet("DELETE", resource.text)
        refuse_locked(self._world, resource, deleting=True)
        outcome = self._kind(resource).delete(resource, fault)
        _lose_afterwards(fault)
        return outcome

    def act(self, resource_id: str, action: str, body: Body | None = None) -> Operation | Body:
        """A POST: restart, stop, start, checkNameAvailability (the id then ends in the location or the provider)."""
        if action.lower() == "checknameavailability":
            self._meet("POST", f"{resource_id}/{action}")
            return self._check_name(str((body or {}).get("name", "")), str((body or {}).get("type", "")))
        resource, fault = self._write("POST", resource_id, action)
        return _ended(self._kind(resource).act(resource, action, body or {}, fault), fault)

    def log(self, resource_id: str, container: str, tail: str = "") -> Body:
        """{"content": …} of a container in a container group; `tail` is a number of lines, empty for all."""
        self._meet("GET", f"{resource_id}/containers/{container}/logs")
        return self._groups.log(parse(resource_id), container, tail)

    def principal_of(self, client: str) -> str:
        """The object id of the managed identity with this client id; anything else stands for itself."""
        identities = (each["body"]["properties"] for each in self._store.records() if each["type"].lower() == IDENTITY)
        return next((str(each["principalId"]) for each in identities if each.get("clientId") == client), client)

    def capabilities(self, location: str, server: str | None = None) -> Body:
        """The whole answer {"value": [...]} for a location, or for the server with this id."""
        if server is not None:
            self._servers.get(parse(server))
        return capabilities.of_location(region_of(location), of_server=server is not None)

    def operation(self, operation_id: str) -> Operation:
        """The operation as it stands now. A fault meets the question as the method POLL and the id of what the operation works on."""
        found = self._world.operations.get(operation_id)
        self._meet("POLL", found.resource_id)
        return found

    def wait(self, operation: Operation) -> Body:
        """Blocks until it has ended: the resource, or {} where none is left. Raises Refusal with the operation's error."""
        ended = self._world.operations.wait(operation.id)
        if ended.error is not None:
            raise Refusal(400, *ended.error)
        resource = parse(ended.resource_id)
        return {} if ended.method == "DELETE" else self._kind(resource).get(resource)

    def hosts(self) -> dict[str, str]:
        """Where servers really listen: host name -> "address:port"."""
        return dict(self._world.backend.hosts())

    def close(self) -> None:
        """Ends what is in hand, stops the servers behind, gives the folder free. What exists stays in the folder."""
        self.containers.close()
        self._world.operations.close()
        self._world.backend.close()
        self._store.close()

    def _kind(self, resource: ResourceId) -> Kind:
        return self._kind_of(resource.kind)

    def _kind_of(self, kind: str) -> Kind:
        other = self._unplayed if kind.startswith("microsoft.dbforpostgresql/") else self._documents
        return self._kinds.get(kind, other)

    def _write(self, method: str, resource_id: str, action: str = "") -> tuple[ResourceId, Fault | None]:
        resource = parse(resource_id)
        fault = self._meet(method, f"{resource.text}/{action}" if action else resource.text)
        refuse_locked(self._world, resource, deleting=False)
        return resource, fault

    def _meet(self, method: str, text: str) -> Fault | None:
        fault = self.faults.take(method, text)
        if fault is not None and fault.effect is Effect.REFUSE:
            raise fault.refusal()
        if fault is not None and fault.effect is Effect.LOSE and not fault.done:
            raise ConnectionLost(f"{method} {text}")
        return fault

    def _require_parent(self, resource: ResourceId) -> None:
        parent = resource.parent
        if parent is None or self._store.has(parent.lower()):
            return
        if parse(parent).kind == GROUP_TYPE:
            raise refusal.group_not_found(parent.rsplit("/", 1)[1])
        if not parent.lower().endswith(IMPLICIT):
            raise refusal.parent_not_found(parent)

    def _check_name(self, name: str, kind: str) -> Body:
        """Recorded but for AlreadyExists, whose form is assumed (wire/server.md 4)."""
        answer: Body = {"name": name, "type": kind, "nameAvailable": True, "message": ""}
        if not valid_name(name):
            return {**answer, "nameAvailable": False, "reason": "Invalid", "message": INVALID_NAME}
        taken = any(each["type"].lower() == SERVERS and each["body"]["name"].lower() == name.lower() for each in self._store.records())
        if taken:
            return {**answer, "nameAvailable": False, "reason": "AlreadyExists", "message": f"the server name {name} is taken"}
        return answer

    def _remove_behind(self, key: str) -> None:
        """Ends what really runs behind a resource whose group goes."""
        self.containers.remove(key)
        record = self._store.get(key)
        if record is not None and record["type"].lower() == SERVERS:
            self._world.backend.delete_server(record["body"]["name"])


def _ended(outcome: Operation | Body, fault: Fault | None) -> Operation | Body:
    _lose_afterwards(fault)
    return outcome


def _lose_afterwards(fault: Fault | None) -> None:
    """The answer is lost, the work is not."""
    if fault is not None and fault.effect is Effect.LOSE and fault.done:
        raise ConnectionLost("after the request was done")


def _summary(body: Body) -> Body:
    return {key: body[key] for key in ("id", "name", "type", "location", "tags") if key in body}
