"""The resource provider azure-native of the local Azure: the servicer that the real Pulumi engine attaches to over gRPC.

The same object serves the capture in process: every method has a default for gRPC's context and then raises ProviderError instead of
ending a call. It behaves as azure-native's source and issues say the real one does: Create refuses what exists already, Update is a full
PUT, Delete of a server parameter writes the default back, Read gives every settable input on import.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2 as pb, provider_pb2_grpc

from scripts.local_azure import arm_shape, provider_checks
from scripts.local_azure.arm_routes import Cloud
from scripts.local_azure.operations import Operation
from scripts.local_azure.property_bag import UNKNOWN, bag, foretold, plain, secret_names
from scripts.local_azure.provider_diff import differences, known_id, merged
from scripts.local_azure.refusal import ConnectionLost, Refusal

log = logging.getLogger(__name__)

VERSION = "3.29.0"
NAMESPACE = "azure-native:"
# The engine asks for as many resources at once as it has workers; more threads than these only wait for the same two cores.
THREADS = 16
_KINDS = {
    ("add", False): pb.PropertyDiff.ADD, ("add", True): pb.PropertyDiff.ADD_REPLACE,
    ("delete", False): pb.PropertyDiff.DELETE, ("delete", True): pb.PropertyDiff.DELETE_REPLACE,
    ("update", False): pb.PropertyDiff.UPDATE, ("update", True): pb.PropertyDiff.UPDATE_REPLACE,
}  # fmt: skip
# Outputs that an update cannot change, so that a preview can tell them.
_STABLE = {"name", "location"}

Answer = TypeVar("Answer")


class ProviderError(Exception):
    """Why a call failed. `code` is Azure's error code, or a word of ours where Azure was not asked."""

    def __init__(self, code: str, message: str, status: grpc.StatusCode = grpc.StatusCode.UNKNOWN) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The servicer. `principal` is the object id that getClientConfig tells.

    `nested_replaces` plays a provider for which a create-only property inside another one replaces the resource.
    """

    def __init__(self, cloud: Cloud, subscription: str, tenant: str, principal: str, *, nested_replaces: bool = False) -> None:
        self._cloud, self._subscription, self._tenant, self._principal = cloud, subscription, tenant, principal
        self._nested_replaces = nested_replaces
        self._location: str | None = None

    def Handshake(self, request: Any, context: Any = None) -> pb.ProviderHandshakeResponse:
        """Secrets are understood; resources and outputs come as their plain values."""
        return pb.ProviderHandshakeResponse(accept_secrets=True, accept_resources=False, accept_outputs=False)

    def Attach(self, request: plugin_pb2.PluginAttach, context: Any = None) -> Empty:
        """The engine says where it is; nothing here calls it back."""
        return Empty()

    def GetPluginInfo(self, request: Any, context: Any = None) -> plugin_pb2.PluginInfo:
        """The version whose behaviour is played."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request: pb.CheckRequest, context: Any = None) -> pb.CheckResponse:
        """Every configuration is taken."""
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: pb.DiffRequest, context: Any = None) -> pb.DiffResponse:
        """No configuration replaces a provider."""
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    def Configure(self, request: pb.ConfigureRequest, context: Any = None) -> pb.ConfigureResponse:
        """Only the default location matters; a subscription of the real Azure is never taken."""
        given = plain(request.args).get("location") or request.variables.get("azure-native:config:location")
        self._location = given if isinstance(given, str) else None
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=False, acceptOutputs=False)

    def Cancel(self, request: Any, context: Any = None) -> Empty:
        """Running operations go on, as they do in Azure."""
        return Empty()

    def Check(self, request: pb.CheckRequest, context: Any = None) -> pb.CheckResponse:
        """The inputs with the provider's defaults, and one failure for each property that is missing or out of its enumeration."""
        type_ = _type_of(request)
        checked = Struct()
        checked.CopyFrom(request.news)
        for name, value in self._defaults(type_, request).items():
            checked.fields[name].string_value = value
        found = provider_checks.failures(type_, plain(checked))
        return pb.CheckResponse(inputs=checked, failures=[pb.CheckFailure(property=path, reason=reason) for path, reason in found])

    def Diff(self, request: pb.DiffRequest, context: Any = None) -> pb.DiffResponse:
        """Differences of the inputs; what is part of the id or create-only replaces, deleted first because names are fixed."""
        type_, told = _type_of(request), plain(request.olds)
        old = plain(request.old_inputs) or told
        if arm_shape.API_VERSION in told:  # an import has it among the outputs only
            old.setdefault(arm_shape.API_VERSION, told[arm_shape.API_VERSION])
        found = differences(type_, old, plain(request.news), told, nested_replaces=self._nested_replaces)
        replaces = sorted({each.top for each in found if each.replaces})
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if found else pb.DiffResponse.DIFF_NONE,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces),
            diffs=sorted({each.top for each in found}),
            detailedDiff={each.path: pb.PropertyDiff(kind=_KINDS[each.kind, each.replaces], inputDiff=True) for each in found},
            hasDetailedDiff=True,
        )

    def Create(self, request: pb.CreateRequest, context: Any = None) -> pb.CreateResponse:
        """Makes the resource and waits for it; in a preview the inputs stand for the outputs, and what Azure adds to them is unknown."""
        type_, inputs = _type_of(request), plain(request.properties)
        if request.preview:
            return pb.CreateResponse(id="", properties=foretold(request.properties, arm_shape.told_later(type_)))

        def create() -> pb.CreateResponse:
            resource_id = self._id(type_, inputs)
            if arm_shape.bare(type_) not in arm_shape.SINGLETONS and self._found(resource_id) is not None:
                raise ProviderError("AlreadyExists", f"cannot create already existing resource '{resource_id}'")
            told = self._put(type_, resource_id, inputs)
            log.info("created %s", told["id"])
            return pb.CreateResponse(id=told["id"], properties=_bag_of(type_, told, request.properties))

        return _guarded(context, create)

    def Read(self, request: pb.ReadRequest, context: Any = None) -> pb.ReadResponse:
        """The resource as it is; an empty id when it is gone. Without stored inputs (an import) all settable ones are told."""
        type_ = _type_of(request)

        def read() -> pb.ReadResponse:
            told = self._found(request.id)
            if told is None:
                return pb.ReadResponse(id="")
            stored, outputs = plain(request.inputs), arm_shape.outputs_of(type_, told)
            if stored:
                before, now = (arm_shape.inputs_of(type_, each) for each in (plain(request.properties), outputs))
                inputs = merged(stored, before, now)
            else:
                inputs = arm_shape.settable(type_, told)
            secrets = secret_names(request.inputs)
            return pb.ReadResponse(id=told["id"], properties=bag(outputs, secrets), inputs=bag(inputs, secrets))

        return _guarded(context, read)

    def Update(self, request: pb.UpdateRequest, context: Any = None) -> pb.UpdateResponse:
        """A PUT of the whole resource, waited for; in a preview the inputs, and of the outputs what never changes."""
        type_ = _type_of(request)
        if request.preview:
            shown = foretold(request.news, arm_shape.told_later(type_))
            for name in _STABLE & set(request.olds.fields):
                shown.fields[name].CopyFrom(request.olds.fields[name])
            return pb.UpdateResponse(properties=shown)

        def update() -> pb.UpdateResponse:
            told = self._put(type_, request.id, plain(request.news))
            log.info("updated %s", told["id"])
            return pb.UpdateResponse(properties=_bag_of(type_, told, request.news))

        return _guarded(context, update)

    def Delete(self, request: pb.DeleteRequest, context: Any = None) -> Empty:
        """Removes the resource and waits; a parameter is set back to its default; what is gone already is no error."""
        type_ = _type_of(request)

        def delete() -> Empty:
            told = self._found(request.id)
            if told is None or arm_shape.bare(type_) in arm_shape.SINGLETONS - {arm_shape.CONFIGURATION}:
                return Empty()
            if arm_shape.bare(type_) == arm_shape.CONFIGURATION:
                default = {"value": told["properties"]["defaultValue"], "source": "system-default"}
                self._ended(self._cloud.put(request.id, {"properties": default}, arm_shape.api_version(type_)))
            elif (operation := self._cloud.delete(request.id)) is not None:
                self._cloud.wait(operation)
            log.info("deleted %s", request.id)
            return Empty()

        return _guarded(context, delete)

    def Invoke(self, request: pb.InvokeRequest, context: Any = None) -> pb.InvokeResponse:
        """getClientConfig, and the get function of every type that the provider knows."""
        arguments = plain(request.args)
        if request.tok.endswith(":getClientConfig"):
            own = {
                "subscriptionId": self._subscription, "tenantId": self._tenant, "objectId": self._principal, "clientId": self._principal,
            }  # fmt: skip
            return pb.InvokeResponse(**{"return": bag(own)})
        module, _, function = request.tok.rpartition(":")
        type_ = f"{module}:{function.removeprefix('get')}"

        def get() -> pb.InvokeResponse:
            told = self._cloud.get(self._id(type_, arguments))
            return pb.InvokeResponse(**{"return": bag(arm_shape.outputs_of(type_, told))})

        return _guarded(context, get)

    def _defaults(self, type_: str, request: pb.CheckRequest) -> dict[str, str]:
        """The configured location, and Pulumi's own kind of name for a resource that was given none."""
        found: dict[str, str] = {}
        parts = arm_shape.path_parts(type_)
        if arm_shape.API_VERSION not in request.news.fields and parts:
            found[arm_shape.API_VERSION] = arm_shape.api_version(type_)
        if arm_shape.regional(type_) and "location" not in request.news.fields and self._location:
            found["location"] = self._location
        if parts and parts[-1].lower().endswith("name") and parts[-1] not in request.news.fields:
            old = plain(request.olds).get(parts[-1])
            name = request.name or request.urn.rpartition("::")[2]
            found[parts[-1]] = old if isinstance(old, str) else name + hashlib.sha256(request.randomSeed or name.encode()).hexdigest()[:8]
        return found

    def _id(self, type_: str, inputs: Mapping[str, Any]) -> str:
        found = known_id(type_, inputs, self._subscription)
        if found is None:
            raise ProviderError("UnknownResource", f"the id of a {arm_shape.bare(type_)} cannot be made of these inputs")
        return found

    def _put(self, type_: str, resource_id: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        known = {name: value for name, value in inputs.items() if value is not UNKNOWN}
        return self._ended(self._cloud.put(resource_id, arm_shape.body_of(type_, known), arm_shape.api_version(type_)))

    def _ended(self, outcome: Operation | dict[str, Any]) -> dict[str, Any]:
        return self._cloud.wait(outcome) if isinstance(outcome, Operation) else outcome

    def _found(self, resource_id: str) -> dict[str, Any] | None:
        try:
            return self._cloud.get(resource_id)
        except Refusal as refused:
            if refused.status == 404:
                return None
            raise


class ProviderDoor:
    """The gRPC server around a Provider. `address` is what PULUMI_DEBUG_PROVIDERS and a stub need: "127.0.0.1:PORT"."""

    def __init__(self, provider: Provider) -> None:
        self._server = grpc.server(futures.ThreadPoolExecutor(THREADS, "provider-door"))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve from gRPC's own threads."""
        self._server.start()

    def close(self) -> None:
        """Take no more calls and give those that run a second."""
        self._server.stop(grace=1.0).wait()


def _guarded(context: Any, work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except Exception as error:
        failure = _failure(error)
        if context is None:
            raise failure from error
        context.abort(failure.status, str(failure))
        raise AssertionError("abort raises") from error


def _failure(error: Exception) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, Refusal):
        return ProviderError(error.code, f'Status={error.status} Code="{error.code}" Message="{error.message}"')
    if isinstance(error, ConnectionLost):
        return ProviderError("ConnectionLost", "the connection to Azure was lost before an answer came", grpc.StatusCode.UNAVAILABLE)
    if isinstance(error, ValueError):
        return ProviderError("BadRequest", str(error), grpc.StatusCode.INVALID_ARGUMENT)
    log.error("the provider failed", exc_info=error)
    return ProviderError("InternalServerError", f"the local Azure failed: {type(error).__name__}", grpc.StatusCode.INTERNAL)


def _bag_of(type_: str, told: Mapping[str, Any], inputs: Struct) -> Struct:
    return bag(arm_shape.outputs_of(type_, told), secret_names(inputs))


def _type_of(request: Any) -> str:
    """The request's type; older engines leave the field empty and have it in the URN only (last `$` part of its third section)."""
    return str(request.type) or str(request.urn).split("::")[2].rpartition("$")[2]
