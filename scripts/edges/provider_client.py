"""Creates registered resources at a provider, as the engine does: check, hooks, create, retry where the program says so."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, provider_pb2 as provider_messages, resource_pb2 as pb

from scripts.edges.capture import Event, Provider
from scripts.edges.exits import BUG, BUSY, CONFIGURATION, REFUSED, UNREACHABLE, Exit, Failure
from scripts.edges.monitor import Answer
from scripts.edges.property_values import opened, sealed, secret_names

# The engine stops asking an error hook after this many tries (Pulumi documentation, error hooks).
TRIES = 100
SEED_BYTES = 32  # the size of the engine's own random seed for names; ours is derived from the URN, so that runs repeat
# The callback server listens on loopback: a proxy from the environment must not be asked for it.
_DIRECT = [("grpc.enable_http_proxy", 0)]
_LOCKED = ("ServerIsBusy", "ScopeLocked", "AnotherOperationInProgress")


@dataclass
class Creating:
    """Answers of a monitor whose resources are created at `provider`, one after the other."""

    provider: Provider
    takes_secrets: bool
    on_event: Callable[[Event], None] | None = None

    def resource(self, request: pb.RegisterResourceRequest, urn: str, inputs: Mapping[str, Any], hooks: Mapping[str, Any]) -> Answer:
        """Create one resource; raises Failure with its name, the property and the reason."""
        if request.importId:
            raise Failure(CONFIGURATION, f"{_who(request)}: an import needs the real engine", hint="run it with pulumi on PATH")
        started = time.monotonic()
        self._tell("started", request, urn, 0.0)
        checked = self._check(request, urn)
        for name in request.hooks.before_create:
            _run_hook(hooks[name], _hook_request(request, urn, checked), request)
        answer = self._create(request, urn, checked, hooks)
        for name in request.hooks.after_create:
            _run_hook(hooks[name], _hook_request(request, urn, checked, answer), request)
        self._tell("done", request, urn, time.monotonic() - started)
        return answer

    def call(self, request: pb.ResourceInvokeRequest) -> Struct:
        """What a function of the provider answers; raises Failure where it does not."""
        try:
            response = self.provider.Invoke(provider_messages.InvokeRequest(tok=request.tok, args=request.args))
        except Exception as error:
            raise Failure(_code(error), f"{request.tok}: {_text(error)}") from error
        if response.failures:
            raise Failure(REFUSED, f"{request.tok}: {_reasons(response)}")
        answer: Struct = getattr(response, "return")  # a keyword of Python, so not to be had by its name
        return answer

    def _tell(self, kind: Any, request: pb.RegisterResourceRequest, urn: str, seconds: float) -> None:
        if self.on_event is not None:
            self.on_event(Event(kind=kind, urn=urn, type=request.type, name=request.name, seconds=seconds))

    def _check(self, request: pb.RegisterResourceRequest, urn: str) -> Struct:
        news = request.object if self.takes_secrets else opened(request.object)
        seed = hashlib.sha256(urn.encode()).digest()[:SEED_BYTES]
        message = provider_messages.CheckRequest(urn=urn, news=news, olds=Struct(), name=request.name, type=request.type, randomSeed=seed)
        try:
            response = self.provider.Check(message)
        except Exception as error:
            _fail(request, error)
        if response.failures:
            raise Failure(CONFIGURATION, f"{_who(request)}: {_reasons(response)}")
        return response.inputs

    def _create(self, request: pb.RegisterResourceRequest, urn: str, checked: Struct, hooks: Mapping[str, Any]) -> Answer:
        message = provider_messages.CreateRequest(urn=urn, properties=checked, name=request.name, type=request.type)
        errors: list[str] = []
        while True:
            try:
                response = self.provider.Create(message)
                break
            except Exception as error:
                errors.insert(0, _text(error))
                if len(errors) >= TRIES or not _may_retry(request, urn, checked, hooks, errors):
                    _fail(request, error)
        secrets = {*request.additionalSecretOutputs, *secret_names(request.object)}
        return Answer(response.id, sealed(response.properties, secrets))


def configured(provider: Provider, config: Mapping[str, str]) -> bool:
    """Hand the `azure-native:` configuration to a provider; True if it takes secrets in their wrapping."""
    namespace = "azure-native:"
    values = {key.removeprefix(namespace): value for key, value in config.items() if key.startswith(namespace)}
    arguments = Struct()
    arguments.update(values)
    variables = {f"azure-native:config:{key}": value for key, value in values.items()}
    message = provider_messages.ConfigureRequest(variables=variables, args=arguments, acceptSecrets=True, acceptResources=True)
    try:
        return bool(provider.Configure(message).acceptSecrets)
    except Exception as error:
        raise Failure(_code(error), f"the provider cannot be configured: {_text(error)}") from error


def _may_retry(request: pb.RegisterResourceRequest, urn: str, checked: Struct, hooks: Mapping[str, Any], errors: list[str]) -> bool:
    """Ask the program's error hooks, the newest error first; the first that says yes decides."""
    message = pb.ErrorHookRequest(
        urn=urn, name=request.name, type=request.type, new_inputs=checked, failed_operation="create", errors=errors
    )
    for name in request.hooks.on_error:
        answer = pb.ErrorHookResponse.FromString(_call_back(hooks[name].callback, message))
        if answer.error:
            raise Failure(BUG, f"{_who(request)}: the error hook {name} failed: {answer.error}")
        if answer.retry:
            return True
    return False


def _hook_request(request: pb.RegisterResourceRequest, urn: str, checked: Struct, answer: Answer | None = None) -> Message:
    message = pb.ResourceHookRequest(urn=urn, name=request.name, type=request.type, new_inputs=checked)
    if answer is not None:
        message.id = answer.id
        message.new_outputs.CopyFrom(answer.properties)
    return message


def _run_hook(hook: pb.RegisterResourceHookRequest, message: Message, request: pb.RegisterResourceRequest) -> None:
    answer = pb.ResourceHookResponse.FromString(_call_back(hook.callback, message))
    if answer.error and not hook.ignore_errors:
        raise Failure(REFUSED, f"{_who(request)}: the hook {hook.name} refused: {answer.error}")


def _call_back(callback: callback_pb2.Callback, message: Message) -> bytes:
    """Call a function of the program through the callback server that the SDK opened for it."""
    with grpc.insecure_channel(callback.target, options=_DIRECT) as channel:
        stub = callback_pb2_grpc.CallbacksStub(channel)
        answer = stub.Invoke(callback_pb2.CallbackInvokeRequest(token=callback.token, request=message.SerializeToString()))
    return bytes(answer.response)


def _who(request: pb.RegisterResourceRequest) -> str:
    return f"{request.name} ({request.type.rpartition(':')[2]})"


def _reasons(response: Any) -> str:
    return "; ".join(f"{item.property}: {item.reason}" if item.property else item.reason for item in response.failures)


def _fail(request: pb.RegisterResourceRequest, error: Exception) -> NoReturn:
    if isinstance(error, Failure):
        raise error
    raise Failure(_code(error), f"{_who(request)}: {_text(error)}") from error


def _text(error: Exception) -> str:
    """What the provider said: the details of a status, or an exception's own words."""
    details = error.details() if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call) else None
    return str(details or error)


def _code(error: Exception) -> Exit:
    """Which exit code a provider's error means; an exception of no known kind is a bug, ours or the provider's.

    A servicer in this process raises exceptions of its own: those that carry a service's error code are answers.
    """
    if any(word in f"{getattr(error, 'code', '')} {_text(error)}" for word in _LOCKED):
        return BUSY
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return UNREACHABLE if error.code() == grpc.StatusCode.UNAVAILABLE else REFUSED
    if getattr(error, "status", None) == grpc.StatusCode.UNAVAILABLE:
        return UNREACHABLE
    return REFUSED if isinstance(getattr(error, "code", None), str) else BUG
