"""Pulumi's property values on the wire: read with secrets masked, opened, or marked as secret again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime import rpc

from infra.domain.registrations import SECRET, UNKNOWN, name_of

# The keys by which a map says that it is no map but a secret, a resource, an asset. The SDK has no public name for them.
_MARK = rpc._special_sig_key
_SECRET_MARK = rpc._special_secret_sig
_RESOURCE_MARK = rpc._special_resource_sig
_OUTPUT_MARK = rpc._special_output_value_sig


def masked(properties: Struct) -> dict[str, Any]:
    """The properties as Python values: secrets as SECRET, unknowns as UNKNOWN, whole numbers as int, resources by name."""
    return {name: _masked(value) for name, value in properties.fields.items()}


def opened(properties: Struct) -> Struct:
    """The same properties with every secret in the clear: for a provider that takes no secret marks."""
    result = Struct()
    for name, value in properties.fields.items():
        result.fields[name].CopyFrom(_opened(value))
    return result


def sealed(properties: Struct, names: Iterable[str]) -> Struct:
    """The same properties with those of `names` marked as secrets, unless they already are."""
    result = Struct()
    result.CopyFrom(properties)
    for name in names:
        if name in properties.fields and _mark(properties.fields[name]) != _SECRET_MARK:
            wrapped = Struct()
            wrapped.fields[_MARK].string_value = _SECRET_MARK
            wrapped.fields["value"].CopyFrom(properties.fields[name])
            result.fields[name].struct_value.CopyFrom(wrapped)
    return result


def secret_names(properties: Struct) -> Collection[str]:
    """The names of the properties that are a secret, or have one inside."""
    return [name for name, value in properties.fields.items() if _holds_secret(value)]


def text(properties: Struct, name: str, content: str) -> None:
    """Set a text property, unless the program already gave it."""
    if name not in properties.fields:
        properties.fields[name].string_value = content


def _mark(value: Value) -> str:
    if value.WhichOneof("kind") != "struct_value":
        return ""
    found = value.struct_value.fields.get(_MARK)
    return found.string_value if found is not None else ""


def _masked(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_masked(item) for item in value.list_value.values]
    return _masked_map(value.struct_value) if kind == "struct_value" else None


def _masked_map(properties: Struct) -> Any:
    if _MARK not in properties.fields:
        return masked(properties)
    mark = properties.fields[_MARK].string_value
    if mark == _SECRET_MARK:
        return SECRET
    if mark == _RESOURCE_MARK:
        return name_of(properties.fields["urn"].string_value)
    if mark == _OUTPUT_MARK:
        return _masked_output(properties)
    return {name: _masked(value) for name, value in properties.fields.items() if name != _MARK}  # assets and archives


def _masked_output(properties: Struct) -> Any:
    if properties.fields["secret"].bool_value:
        return SECRET
    return _masked(properties.fields["value"]) if "value" in properties.fields else UNKNOWN


def _opened(value: Value) -> Value:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        if _mark(value) == _SECRET_MARK:
            return _opened(value.struct_value.fields["value"])
        return Value(struct_value=opened(value.struct_value))
    result = Value()
    if kind == "list_value":
        result.list_value.SetInParent()
        result.list_value.values.extend(_opened(item) for item in value.list_value.values)
    else:
        result.CopyFrom(value)
    return result


def _holds_secret(value: Value) -> bool:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _mark(value) == _SECRET_MARK or any(_holds_secret(item) for item in value.struct_value.fields.values())
    return kind == "list_value" and any(_holds_secret(item) for item in value.list_value.values)
