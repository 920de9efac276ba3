"""Pulumi's property bags as Python values and back, with secrets and unknowns kept apart from plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime import rpc

# The key and the words by which a map says that it is a secret, or a value that is not known yet. The SDK keeps them private.
_MARK = rpc._special_sig_key
_SECRET = rpc._special_secret_sig
_OUTPUT = rpc._special_output_value_sig


class Unknown:
    """A value that is known only after something else was made. There is one: UNKNOWN."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


def plain(bag: Struct) -> dict[str, Any]:
    """The properties with secrets opened, unknowns as UNKNOWN, whole numbers as int, nulls left out."""
    found = {name: _plain(value) for name, value in bag.fields.items()}
    return {name: value for name, value in found.items() if value is not None}


def secret_names(bag: Struct) -> set[str]:
    """The names of the properties that are a secret or have one inside."""
    return {name for name, value in bag.fields.items() if _holds_secret(value)}


def bag(values: Mapping[str, Any], secrets: Iterable[str] = ()) -> Struct:
    """The wire form; the properties named in `secrets` are marked as secret as a whole."""
    result, hidden = Struct(), set(secrets)
    for name, value in values.items():
        target = result.fields[name]
        if name in hidden:
            target.struct_value.fields[_MARK].string_value = _SECRET
            target = target.struct_value.fields["value"]
        target.CopyFrom(_wire(value))
    return result


def foretold(values: Struct, paths: Iterable[str]) -> Struct:
    """The properties with what only the resource itself will tell as unknown: `identity.principalId`, where there is an identity."""
    result = Struct()
    result.CopyFrom(values)
    for path in paths:
        outer, _, inner = path.partition(".")
        if inner and outer in result.fields and result.fields[outer].WhichOneof("kind") == "struct_value":
            held = result.fields[outer].struct_value
            if _MARK not in held.fields:
                held.fields[inner].string_value = rpc.UNKNOWN
    return result


def has_unknown(value: Any) -> bool:
    """True if the value is unknown or has an unknown inside."""
    if isinstance(value, Mapping):
        return any(has_unknown(each) for each in value.values())
    return any(has_unknown(each) for each in value) if isinstance(value, list) else value is UNKNOWN


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_plain(each) for each in value.list_value.values]
    return _plain_map(value.struct_value) if kind == "struct_value" else None


def _plain_map(found: Struct) -> Any:
    mark = found.fields[_MARK].string_value if _MARK in found.fields else ""
    if mark in (_SECRET, _OUTPUT):
        return _plain(found.fields["value"]) if "value" in found.fields else UNKNOWN
    return plain(found)


def _holds_secret(value: Value) -> bool:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return any(_holds_secret(each) for each in value.list_value.values)
    if kind != "struct_value":
        return False
    fields = value.struct_value.fields
    marked = _MARK in fields and (
        fields[_MARK].string_value == _SECRET or (fields[_MARK].string_value == _OUTPUT and fields["secret"].bool_value)
    )
    return marked or any(_holds_secret(each) for each in fields.values())


def _wire(value: Any) -> Value:
    result = Value()
    if value is None:
        result.null_value = 0
    elif value is UNKNOWN:
        result.string_value = rpc.UNKNOWN
    elif isinstance(value, bool):
        result.bool_value = value
    elif isinstance(value, int | float):
        result.number_value = value
    elif isinstance(value, Mapping):
        result.struct_value.SetInParent()
        for name, each in value.items():
            result.struct_value.fields[str(name)].CopyFrom(_wire(each))
    elif isinstance(value, list | tuple):
        result.list_value.SetInParent()
        result.list_value.values.extend(_wire(each) for each in value)
    else:
        result.string_value = str(value)
    return result
