"""The resource monitor and the engine that a captured program talks to: Pulumi's own messages, answered in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc
from pulumi.runtime.proto import engine_pb2 as engine, resource_pb2 as pb

from infra.domain.azure.arm_ids import NO_SUBSCRIPTION, arm_id, name_of as arm_name
from infra.domain.registrations import PROVIDER_PREFIX, UNKNOWN, Plan, Registration, name_of
from scripts.edges.exits import BUG, Failure
from scripts.edges.property_values import masked, sealed, text

Outcome = TypeVar("Outcome")
STACK_TYPE = "pulumi:pulumi:Stack"
SERVER_TYPE = "azure-native:dbforpostgresql:Server"
CLIENT_CONFIG = "azure-native:authorization:getClientConfig"
# What this monitor says it can do. Output values are left out, as in the SDK's own test monitor: with them, inputs would
# arrive wrapped. INVOKE_DEPENDS_ON too: a monitor without dependency gates must not claim it, then the SDK waits by itself.
_CAN = (
    "SECRETS",
    "RESOURCE_REFERENCES",
    "ALIAS_SPECS",
    "REPLACEMENT_TRIGGER",
    "DELETED_WITH",
    "REPLACE_WITH",
    "TRANSFORMS",
    "INVOKE_TRANSFORMS",
    "PARAMETERIZATION",
    "RESOURCE_HOOKS",
    "ERROR_HOOKS",
)
FEATURES = [pb.ResourceMonitorFeature.Value(f"RESOURCE_MONITOR_FEATURE_{name}") for name in _CAN]
_MOMENTS = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete", "on_error")
_TIMEOUTS = ("create", "read", "update", "delete")


@dataclass(frozen=True)
class Answer:
    """What the program learns about one resource: an id ("" is not known yet) and its properties."""

    id: str
    properties: Struct


class Answers(Protocol):
    """Where the monitor gets its answers from: nowhere (a first preview), the table of ARM ids, or a provider."""

    def resource(self, request: pb.RegisterResourceRequest, urn: str, inputs: Mapping[str, Any], hooks: Mapping[str, Any]) -> Answer: ...
    def call(self, request: pb.ResourceInvokeRequest) -> Struct: ...


@dataclass(frozen=True)
class Unknowing:
    """Answers of a first preview: nothing exists yet, so no id and no property is known."""

    subscription: str = NO_SUBSCRIPTION

    def resource(self, request: pb.RegisterResourceRequest, urn: str, inputs: Mapping[str, Any], hooks: Mapping[str, Any]) -> Answer:
        return Answer("", Struct())

    def call(self, request: pb.ResourceInvokeRequest) -> Struct:
        return nobody(request, self.subscription)


@dataclass(frozen=True)
class Resolving:
    """Answers with what can be said without Azure: the inputs, the ARM id and name, and a server's host name."""

    subscription: str = NO_SUBSCRIPTION

    def resource(self, request: pb.RegisterResourceRequest, urn: str, inputs: Mapping[str, Any], hooks: Mapping[str, Any]) -> Answer:
        identifier = arm_id(request.type, inputs, self.subscription) or ""
        properties = Struct()
        properties.CopyFrom(request.object)
        if identifier:
            text(properties, "name", arm_name(identifier))
        if request.type == SERVER_TYPE and identifier:
            text(properties, "fullyQualifiedDomainName", f"{arm_name(identifier)}.postgres.database.azure.com")
        if "SystemAssigned" in str((inputs.get("identity") or {}).get("type", "")):  # Azure makes its principal with the resource
            text(properties.fields["identity"].struct_value, "principalId", rpc.UNKNOWN)
        return Answer(identifier, sealed(properties, request.additionalSecretOutputs))

    def call(self, request: pb.ResourceInvokeRequest) -> Struct:
        return nobody(request, self.subscription)


def nobody(request: pb.ResourceInvokeRequest, subscription: str) -> Struct:
    """Who the program runs as, where nobody is logged in: the one function that can be answered without Azure."""
    if request.tok != CLIENT_CONFIG:
        raise Failure(BUG, f"the program calls {request.tok}, which cannot be answered without Azure")
    found = Struct()
    for name in ("clientId", "objectId", "tenantId"):
        text(found, name, NO_SUBSCRIPTION)  # like the subscription: an id that nobody has
    text(found, "subscriptionId", subscription)
    return found


@dataclass
class Monitor:
    """Takes every request of one run; `plan` is what came. After a failure nothing further is registered."""

    project: str
    stack: str
    answers: Answers
    registrations: dict[str, Registration] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    hooks: dict[str, Any] = field(default_factory=dict)
    failure: BaseException | None = None
    stopped: bool = False

    @property
    def plan(self) -> Plan:
        """What was registered so far, in order."""
        return Plan(stack=self.stack, registrations=tuple(self.registrations.values()), outputs=self.outputs)

    def GetDeploymentInfo(self, request: Empty) -> pb.DeploymentInfo:
        return pb.DeploymentInfo(supportedFeatures=FEATURES)

    def SupportsFeature(self, request: pb.SupportsFeatureRequest) -> pb.SupportsFeatureResponse:
        return pb.SupportsFeatureResponse(hasSupport=request.id != "outputValues")

    def RegisterResource(self, request: pb.RegisterResourceRequest) -> pb.RegisterResourceResponse:
        urn = self._urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return pb.RegisterResourceResponse(urn=urn)
        answer = self._guarded(lambda: self._registered(request, urn))
        return pb.RegisterResourceResponse(urn=urn, id=answer.id, object=answer.properties)

    def RegisterResourceOutputs(self, request: pb.RegisterResourceOutputsRequest) -> Empty:
        if f"::{STACK_TYPE}::" in request.urn:
            self.outputs = masked(request.outputs)
        return Empty()

    def ReadResource(self, request: pb.ReadResourceRequest) -> pb.ReadResourceResponse:
        urn = self._urn(request.parent, request.type, request.name)
        return pb.ReadResourceResponse(urn=urn, id=request.id, properties=request.properties)

    def Invoke(self, request: pb.ResourceInvokeRequest) -> pb.ResourceInvokeResponse:
        return self._guarded(lambda: pb.ResourceInvokeResponse(**{"return": self.answers.call(request)}))

    def RegisterResourceHook(self, request: pb.RegisterResourceHookRequest) -> Empty:
        self.hooks[request.name] = request
        return Empty()

    def RegisterErrorHook(self, request: pb.RegisterErrorHookRequest) -> Empty:
        self.hooks[request.name] = request
        return Empty()

    def RegisterStackTransform(self, request: Any) -> Empty:
        return self._guarded(_no_transforms)

    def RegisterStackInvokeTransform(self, request: Any) -> Empty:
        return self._guarded(_no_transforms)

    def RegisterPackage(self, request: pb.RegisterPackageRequest) -> pb.RegisterPackageResponse:
        return pb.RegisterPackageResponse(ref=f"{request.name}@{request.version}")

    def SignalAndWaitForShutdown(self, request: Empty) -> Empty:
        return Empty()

    def _urn(self, parent: str, type_: str, name: str) -> str:
        above = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if above == STACK_TYPE else f"{above}${type_}"
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    def _registered(self, request: pb.RegisterResourceRequest, urn: str) -> Answer:
        if urn in self.registrations:
            raise Failure(BUG, f"{request.name} ({request.type}) is registered twice", hint="two resources share one logical name")
        if request.transforms:
            _no_transforms()
        registration = _registration(request, urn)
        self.registrations[urn] = registration
        if not request.custom:
            return Answer("", Struct())
        if request.type.startswith(PROVIDER_PREFIX):
            return Answer(request.name, request.object)
        return self.answers.resource(request, urn, registration.inputs, self.hooks)

    def _guarded(self, work: Callable[[], Outcome]) -> Outcome:
        """The first failure is kept, because the SDK hands on only its text; whatever comes after it is refused."""
        if self.stopped:
            raise RuntimeError("the run has ended")
        try:
            return work()
        except BaseException as error:
            self.failure, self.stopped = error, True
            raise


@dataclass
class Engine:
    """The engine's side of the talk: takes the log lines, keeps warnings and errors."""

    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def Log(self, request: engine.LogRequest) -> Empty:
        if request.severity == engine.WARNING:
            self.warnings.append(request.message)
        elif request.severity == engine.ERROR:
            self.errors.append(request.message)
        return Empty()

    def GetRootResource(self, request: Any) -> engine.GetRootResourceResponse:
        return engine.GetRootResourceResponse()

    def SetRootResource(self, request: Any) -> engine.SetRootResourceResponse:
        return engine.SetRootResourceResponse()

    def RequirePulumiVersion(self, request: Any) -> Any:
        return engine.RequirePulumiVersionResponse()  # whatever is asked: no Pulumi takes part here


def _no_transforms() -> Empty:
    raise Failure(BUG, "the program registers a transform, which a capture does not run", hint="pass options where the resource is made")


def _registration(request: pb.RegisterResourceRequest, urn: str) -> Registration:
    timeouts = {name: getattr(request.customTimeouts, name) for name in _TIMEOUTS if getattr(request.customTimeouts, name)}
    return Registration(
        urn=urn,
        type=request.type,
        name=request.name,
        parent="" if f"::{STACK_TYPE}::" in request.parent else request.parent,
        custom=request.custom,
        inputs=masked(request.object),
        protect=request.protect,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        depends_on=_names(request.dependencies),
        property_depends_on={key: _names(value.urns) for key, value in request.propertyDependencies.items() if value.urns},
        deleted_with=_name(request.deletedWith),
        replace_with=_names(request.replace_with),
        retain_on_delete=request.retainOnDelete,
        delete_before_replace=request.deleteBeforeReplace,
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        custom_timeouts=timeouts,
        provider=_name(request.provider.rpartition("::")[0]),
        import_id=request.importId,
        hooks={moment: tuple(getattr(request.hooks, moment)) for moment in _MOMENTS if getattr(request.hooks, moment)},
    )


def _name(urn: str) -> str:
    return name_of(urn) if urn else ""


def _names(urns: Iterable[str]) -> tuple[str, ...]:
    """Names in a stable order: the SDK gathers dependencies in sets, so theirs says nothing."""
    return tuple(sorted({_name(urn) for urn in urns if urn and urn != UNKNOWN}))
