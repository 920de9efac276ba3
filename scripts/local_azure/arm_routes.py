"""What a path of Azure Resource Manager means: each request becomes one call on the cloud model, each result one answer.

Paths are compared without regard to case, as ARM does. Shapes follow wire/server.md; where no recording speaks (operationResults while
the operation runs, deletion of what is not there, other providers' status codes) the documents' general rule is played.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from scripts.local_azure import arm_inventory, arm_limits, resource_ids
from scripts.local_azure.arm_links import Links
from scripts.local_azure.operations import Operation, Status
from scripts.local_azure.refusal import Refusal

Body = dict[str, Any]

POSTGRESQL = "microsoft.dbforpostgresql"
FIRST_API_VERSION = "2025-08-01"
# What the name of a private zone ends in, as recorded.
PRIVATE_ZONE_SUFFIX = "postgres.database.azure.com"
# From this version on the empty storage type is spelled out (wire/replica.md 2).
NAMED_STORAGE_VERSION = "2026-07-01"
# What a flexible server has below it at that version (the SDK's operation groups); another name is no resource type at all.
CHILDREN = frozenset({
    "configurations", "databases", "firewallrules", "administrators", "backups", "privateendpointconnections", "privatelinkresources",
    "virtualendpoints", "replicas", "migrations", "logfiles", "ltrbackupoperations", "advancedthreatprotectionsettings", "tuningoptions",
    "quotausages",
})  # fmt: skip
# ARM's own actions on a provider, at ARM's own api-versions.
REGISTERS = ("/register", "/unregister")
_CHILD = re.compile(r".*/providers/microsoft\.dbforpostgresql/flexibleservers/[^/]+/([^/]+)(?:/.*)?")
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(?:-\w+)?")


class Cloud(Protocol):
    """What the doors need of the model; all methods but `wait` raise Refusal."""

    def get(self, resource_id: str) -> Body: ...
    def list(self, collection_id: str) -> list[Body]: ...
    def put(self, resource_id: str, body: Body, api_version: str) -> Operation | Body: ...
    def patch(self, resource_id: str, body: Body) -> Operation | Body: ...
    def delete(self, resource_id: str) -> Operation | None: ...
    def act(self, resource_id: str, action: str, body: Body) -> Operation | Body: ...
    def capabilities(self, location: str, server: str | None = None) -> Body: ...
    def operation(self, operation_id: str) -> Operation: ...
    def wait(self, operation: Operation) -> Body: ...
    def log(self, resource_id: str, container: str, tail: str = "") -> Body: ...


@dataclass(frozen=True)
class Request:
    """One request: upper-case method, path without query, api-version, parsed body, and the query's $filter and tail."""

    method: str
    path: str
    api_version: str
    body: Body
    filter: str = ""
    tail: str = ""


@dataclass(frozen=True)
class Reply:
    """One answer: status, JSON body (None: empty) and the headers that depend on it."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Routes:
    """The paths of one subscription."""

    def __init__(self, cloud: Cloud, links: Links, subscription: str, tenant: str) -> None:
        self._cloud, self._links, self._subscription, self._tenant = cloud, links, subscription, tenant
        self._unregistered: set[str] = set()
        provider = r"/subscriptions/[^/]+/providers/microsoft\.dbforpostgresql"
        self._table: list[tuple[str, re.Pattern[str], Callable[..., Reply]]] = [
            (method, re.compile(pattern, re.IGNORECASE), handler)
            for method, pattern, handler in (
                ("GET", r"/subscriptions", self._subscriptions),
                ("GET", r"/subscriptions/[^/]+", lambda request: Reply(200, self._own_subscription())),
                ("GET", r"/subscriptions/[^/]+/locations", lambda request: Reply(200, arm_inventory.locations(subscription))),
                ("GET", r"/subscriptions/[^/]+/resources", self._resources),
                ("GET", r"/subscriptions/[^/]+/operationresults/([^/]+)", self._result),
                ("GET", r"/subscriptions/[^/]+/providers/([^/]+)", self._registration),
                ("POST", r"/subscriptions/[^/]+/providers/([^/]+)/(register|unregister)", self._register),
                # az asks it before it makes a private server (wire/replica.md 3).
                ("POST", r"/providers/microsoft\.dbforpostgresql/getPrivateDnsZoneSuffix", lambda request: Reply(200, PRIVATE_ZONE_SUFFIX)),
                ("POST", provider + r"(?:/locations/[^/]+)?/checkNameAvailability", self._check_name),
                ("GET", provider + r"/locations/([^/]+)/capabilities", self._capabilities),
                ("GET", provider + r"/locations/([^/]+)/resourceType/flexibleServers/usages", self._usages),
                ("GET", r"(/subscriptions/.+)/providers/microsoft\.authorization/permissions", self._permissions),
                ("GET", provider + r"/locations/[^/]+/azureAsyncOperation/([^/]+)", self._poll),
                ("GET", provider + r"/locations/[^/]+/operationResults/([^/]+)", self._result),
                ("GET", r"(/subscriptions/.+/flexibleServers/[^/]+)/capabilities", self._server_capabilities),
                ("GET", r"(/subscriptions/.+/containerGroups/[^/]+)/containers/([^/]+)/logs", self._log),
            )
        ]

    def answer(self, request: Request) -> Reply:
        """The answer to a request. Raises Refusal, and ConnectionLost for a fault that was asked for."""
        parts = request.path.lower().split("/")
        if len(parts) > 2 and parts[1] == "subscriptions" and parts[2] != self._subscription.lower():
            raise Refusal(404, "SubscriptionNotFound", f"The subscription '{parts[2]}' could not be found.")
        _refuse_version(request)
        for method, pattern, handler in self._table:
            if method == request.method and (match := pattern.fullmatch(request.path)):
                return handler(request, *match.groups())
        _refuse_unknown_child(request)
        return self._resource(request) if _names_resource(request.path) else self._collection_or_action(request)

    def _resource(self, request: Request) -> Reply:
        handler = {"GET": self._get, "HEAD": self._head, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}.get(request.method)
        if handler is None:
            raise Refusal(405, "HttpMethodNotAllowed", f"The HTTP method '{request.method}' is not supported at scope '{request.path}'.")
        return handler(request)

    def _get(self, request: Request) -> Reply:
        return Reply(200, _for_version(self._cloud.get(request.path), request.api_version))

    def _head(self, request: Request) -> Reply:
        self._cloud.get(request.path)
        return Reply(204)

    def _put(self, request: Request) -> Reply:
        new = POSTGRESQL not in request.path.lower() and not self._exists(request.path)
        return self._outcome(self._cloud.put(request.path, request.body, request.api_version), request, 201 if new else 200)

    def _patch(self, request: Request) -> Reply:
        return self._outcome(self._cloud.patch(request.path, request.body), request, 200)

    def _delete(self, request: Request) -> Reply:
        outcome = self._cloud.delete(request.path)
        if outcome is None:  # ARM's rule for what is not there; other providers' things are gone at once
            return Reply(204 if POSTGRESQL in request.path.lower() else 200)
        return self._outcome(outcome, request, 200)

    def _collection_or_action(self, request: Request) -> Reply:
        if request.method == "GET":
            members = self._cloud.list(request.path)
            return Reply(200, {"value": [_for_version(each, request.api_version) for each in members]})
        resource_id, _, action = request.path.rpartition("/")
        if request.method != "POST" or not _names_resource(resource_id):
            raise Refusal(404, "NotFound", f"No HTTP resource was found that matches the request URI '{request.path}'.")
        return self._outcome(self._cloud.act(resource_id, action, request.body), request, 200)

    def _outcome(self, outcome: Operation | Body, request: Request, status: int) -> Reply:
        if isinstance(outcome, Operation) and POSTGRESQL not in outcome.resource_id.lower():
            return Reply(202, None, self._links.own_headers(outcome, request.api_version))
        if isinstance(outcome, Operation):
            body = {"operation": outcome.name, "startTime": outcome.wire_start_time}
            return Reply(202, body, self._links.headers(outcome, request.api_version))
        return Reply(status, _for_version(outcome, request.api_version))

    def _poll(self, request: Request, operation_id: str) -> Reply:
        """Always 200: name, status, startTime, and the error of a failed one; nothing else (wire/server.md 1)."""
        operation = self._cloud.operation(operation_id)
        body: Body = {"name": operation.id, "status": str(operation.status), "startTime": operation.wire_start_time}
        if operation.error is not None:
            body["error"] = {"code": operation.error[0], "message": operation.error[1]}
        return Reply(200, body, self._links.pace(operation) if operation.status == Status.RUNNING else {})

    def _result(self, request: Request, operation_id: str) -> Reply:
        operation = self._cloud.operation(operation_id)
        if operation.status == Status.RUNNING:
            links = self._links.headers if POSTGRESQL in request.path.lower() else self._links.own_headers
            return Reply(202, None, links(operation, request.api_version))
        if operation.error is not None:
            raise Refusal(400, *operation.error)
        if operation.method == "DELETE":
            return Reply(200)
        if operation.method == "POST":
            # Recorded for restart, stop and start; `type` is not the ARM type there either.
            return Reply(200, {"properties": {}, "name": operation.resource_id.rsplit("/", 1)[1], "type": "PostgreSQL"})
        return Reply(200, _for_version(self._cloud.get(operation.resource_id), request.api_version))

    def _resources(self, request: Request) -> Reply:
        return Reply(200, {"value": arm_inventory.resources(self._cloud, self._subscription, request.filter)})

    def _subscriptions(self, request: Request) -> Reply:
        return Reply(200, {"value": [self._own_subscription()], "count": {"type": "Total", "value": 1}})

    def _own_subscription(self) -> Body:
        return {
            "id": f"/subscriptions/{self._subscription}", "subscriptionId": self._subscription, "tenantId": self._tenant,
            "displayName": "local Azure", "state": "Enabled", "authorizationSource": "RoleBased",
            "subscriptionPolicies": {"quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"},
        }  # fmt: skip

    def _registration(self, request: Request, namespace: str) -> Reply:
        """Assumed, never recorded: every provider is registered until somebody unregisters it."""
        return self._registered(namespace, "Unregistered" if namespace.lower() in self._unregistered else "Registered")

    def _register(self, request: Request, namespace: str, action: str) -> Reply:
        """Assumed, like the state in between; forgotten with the process. What exists of the provider stays as it is."""
        if action.lower() == "register":
            self._unregistered.discard(namespace.lower())
            return self._registered(namespace, "Registering")
        self._unregistered.add(namespace.lower())
        return self._registered(namespace, "Unregistering")

    def _registered(self, namespace: str, state: str) -> Reply:
        path = f"/subscriptions/{self._subscription}/providers/{namespace}"
        types = arm_inventory.server_types(FIRST_API_VERSION) if namespace.lower() == POSTGRESQL else []
        return Reply(200, {"id": path, "namespace": namespace, "resourceTypes": types, "registrationState": state})

    def _check_name(self, request: Request) -> Reply:
        outcome = self._cloud.act(request.path.rpartition("/")[0], "checkNameAvailability", request.body)
        return self._outcome(outcome, request, 200)

    def _capabilities(self, request: Request, location: str) -> Reply:
        return Reply(200, self._cloud.capabilities(location))

    def _usages(self, request: Request, location: str) -> Reply:
        return Reply(200, arm_limits.usages(self._cloud, self._subscription, location))

    def _permissions(self, request: Request, scope: str) -> Reply:
        return Reply(200, arm_limits.permissions(self._cloud, scope))

    def _server_capabilities(self, request: Request, server_id: str) -> Reply:
        return Reply(200, self._cloud.capabilities(self._cloud.get(server_id)["location"], server_id))

    def _log(self, request: Request, group_id: str, container: str) -> Reply:
        return Reply(200, self._cloud.log(group_id, container, request.tail))

    def _exists(self, resource_id: str) -> bool:
        try:
            self._cloud.get(resource_id)
        except Refusal as refused:
            if refused.status == 404:
                return False
            raise
        return True


def _names_resource(path: str) -> bool:
    try:
        resource_ids.parse(path)
    except Refusal:
        return False
    return True


def _refuse_version(request: Request) -> None:
    version = request.api_version
    if not version:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refusal(400, "MissingApiVersionParameter", text)
    if not _VERSION.fullmatch(version):
        raise Refusal(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")
    path = request.path.lower()
    if f"/providers/{POSTGRESQL}/" in path and not path.endswith(REGISTERS) and version < FIRST_API_VERSION:
        text = f"No registered resource provider found for API version '{version}'. The supported api-versions begin with"
        raise Refusal(400, "NoRegisteredProviderFound", f"{text} '{FIRST_API_VERSION}'.")


def _refuse_unknown_child(request: Request) -> None:
    child = _CHILD.fullmatch(request.path.lower())
    if child is not None and request.method != "POST" and child[1] not in CHILDREN:
        text = f"The resource type could not be found in the namespace 'Microsoft.DBforPostgreSQL' for api version '{request.api_version}'."
        raise Refusal(404, "InvalidResourceType", text)


def _for_version(resource: Body, version: str) -> Body:
    """The resource as the api-version shows it."""
    storage = resource.get("properties", {}).get("storage")
    if version < NAMED_STORAGE_VERSION or not isinstance(storage, dict) or storage.get("type") != "":
        return resource
    shown: Body = json.loads(json.dumps(resource))
    shown["properties"]["storage"]["type"] = "Premium_LRS"
    return shown
