"""Checks captured inputs against the SDK's own input types: unknown keys, wrong types, misspelt values, missing keys.

The SDK looks at nothing of this when the program runs, so a misspelt key in a dictionary would reach Azure, or be
dropped on the way. The types are read by reflection from pulumi_azure_native, so they are those of the pinned version.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import pulumi
from pulumi import _types as sdk_types

from infra.domain.problem import Problem
from infra.domain.registrations import SECRET, UNKNOWN, Plan, Registration

RULE = "T1"
PACKAGE = "azure-native"
# Enums of the SDK module dbforpostgresql that another kind of resource has overwritten under the same name; the values that
# flexible servers take, from the enums of azure-mgmt-postgresqlflexibleservers 3.0.0 (a test compares them).
CORRECTED: Mapping[str, tuple[str, ...]] = {
    "DataEncryptionType": ("SystemManaged", "AzureKeyVault"),
    "PrincipalType": ("Unknown", "User", "Group", "ServicePrincipal"),
    "IdentityType": ("None", "UserAssigned", "SystemAssigned", "SystemAssigned,UserAssigned"),
}
_COLLIDING_MODULE = "pulumi_azure_native.dbforpostgresql"
_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def check(plan: Plan) -> tuple[Problem, ...]:
    """Every input of `plan` that does not fit the SDK's types, in the order of registration.

    The key is `Kind/name.path` with the wire's names (`Server/server.storage.storageSizeGB`). Secrets and unknowns fit everywhere.
    """
    return tuple(problem for item in plan.resources for problem in _of_registration(item))


@dataclass(frozen=True)
class _Field:
    """One property of an input type: what it may hold and whether it must be there."""

    hint: Any
    required: bool


def _of_registration(item: Registration) -> Iterator[Problem]:
    if not item.type.startswith(f"{PACKAGE}:"):
        return
    where = f"{item.kind}/{item.name}"
    arguments = _arguments(item.type)
    if arguments is None:
        yield Problem(key=where, message=f"{where} has the type {item.type}, which the SDK does not know", rule=RULE, found=item.type)
        return
    yield from _of_map(item.inputs, arguments, where)


@cache
def _arguments(token: str) -> type | None:
    """The class of a resource's arguments (`ServerArgs`, `SubnetInitArgs`), found beside the resource's own class."""
    _, module_name, kind = token.split(":")
    try:
        # Only the namespace is imported, and the class through it: importing a resource's file directly breaks the namespace.
        resource = getattr(importlib.import_module(f"pulumi_azure_native.{module_name.partition('/')[0]}"), kind, None)
    except ImportError:
        return None
    if resource is None:
        return None
    home = sys.modules[resource.__module__]
    found = [getattr(home, name) for name in home.__all__ if name.endswith("Args")]
    return next((item for item in found if sdk_types.is_input_type(item)), None)


@cache
def _fields(cls: type) -> Mapping[str, _Field]:
    """The properties of an input type by their names on the wire."""
    parameters = inspect.signature(cls).parameters
    namespace = vars(sys.modules[cls.__module__])
    # `pulumi.Input[X]` mentions its Output by name only, and for our purpose it does not matter of what it is one.
    here = {"Output": pulumi.Output, "T": type(None)}
    return {
        wire: _Field(typing.get_type_hints(getter.fget, namespace, here)["return"], parameters[name].default is inspect.Parameter.empty)
        for name, wire, getter in sdk_types._py_properties(cls)
        if name in parameters
    }


def _of_map(values: Mapping[str, Any], cls: type, where: str) -> Iterator[Problem]:
    fields = _fields(cls)
    for name, value in sorted(values.items()):
        if name in fields:
            yield from _of_value(value, fields[name].hint, f"{where}.{name}")
        else:
            message = f"{where}.{name} is not a property of the SDK's {cls.__name__}"
            yield Problem(key=f"{where}.{name}", message=message, rule=RULE, found=value, hint=_nearest(name, fields))
    for name, field in fields.items():
        if field.required and values.get(name) is None:
            yield Problem(key=f"{where}.{name}", message=f"{where}.{name} is missing, {cls.__name__} requires it", rule=RULE)


def _of_value(value: Any, hint: Any, where: str) -> Iterator[Problem]:
    if value is None or value in (SECRET, UNKNOWN):
        return
    attempts = [list(_of_alternative(value, choice, where)) for choice in _choices(hint)]
    if attempts and all(attempts):
        # Of several types that all do not fit, the one with the fewest objections is the one that was meant.
        yield from min(attempts, key=len)


def _choices(hint: Any) -> list[Any]:
    """The types that a value on the wire may have: without None, Output, Awaitable and the dictionary twins of the classes."""
    found = []
    for choice in _flat(hint):
        origin = typing.get_origin(choice) or choice
        if choice is type(None) or typing.is_typeddict(origin):
            continue
        if isinstance(origin, type) and (issubclass(origin, pulumi.Output) or origin is Awaitable):
            continue
        found.append(choice)
    enums = [choice for choice in found if isinstance(choice, type) and issubclass(choice, Enum)]
    return [choice for choice in found if choice is not str] if enums else found  # the SDK offers `str` beside every enum


def _flat(hint: Any) -> Iterator[Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        for part in typing.get_args(hint):
            yield from _flat(part)
    else:
        yield hint


def _of_alternative(value: Any, choice: Any, where: str) -> Iterable[Problem]:
    origin, parts = typing.get_origin(choice) or choice, typing.get_args(choice)
    if origin is Any or origin is object:
        return ()
    if not isinstance(origin, type):
        return ()  # a type variable or a name that says nothing
    if sdk_types.is_input_type(origin):
        return _of_map(value, origin, where) if isinstance(value, Mapping) else _unfit(value, f"an object ({origin.__name__})", where)
    if issubclass(origin, Mapping):
        return _of_entries(value, parts, where)
    if issubclass(origin, Enum):
        return _of_enum(value, origin, where)
    if issubclass(origin, Iterable) and origin is not str:
        return _of_items(value, parts, where)
    return () if _fits(value, origin) else _unfit(value, _WORDS.get(origin, origin.__name__), where)


def _of_entries(value: Any, parts: tuple[Any, ...], where: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield from _unfit(value, "a mapping", where)
        return
    for name, item in value.items():
        yield from _of_value(item, parts[1] if len(parts) > 1 else Any, f"{where}.{name}")


def _of_items(value: Any, parts: tuple[Any, ...], where: str) -> Iterator[Problem]:
    if not isinstance(value, list | tuple):
        yield from _unfit(value, "a list", where)
        return
    for index, item in enumerate(value):
        yield from _of_value(item, parts[0] if parts else Any, f"{where}[{index}]")


def _of_enum(value: Any, enum: type[Enum], where: str) -> Iterator[Problem]:
    corrected = CORRECTED.get(enum.__name__) if enum.__module__.startswith(_COLLIDING_MODULE) else None
    allowed = corrected or tuple(item.value for item in enum)
    if value not in allowed:
        message = f"{where} is {value!r}, the SDK's {enum.__name__} knows {', '.join(map(str, allowed))}"
        yield Problem(key=where, message=message, rule=RULE, found=value, hint=_nearest(str(value), map(str, allowed)))


def _fits(value: Any, wanted: type) -> bool:
    if isinstance(value, bool):
        return wanted is bool
    if wanted is float:
        return isinstance(value, int | float)
    return isinstance(value, wanted)


def _unfit(value: Any, wanted: str, where: str) -> Iterator[Problem]:
    yield Problem(key=where, message=f"{where} is {value!r}, the SDK wants {wanted}", rule=RULE, found=value)


def _nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion without regard to case and underscores, because those are what is usually wrong."""
    plain = {item.replace("_", "").lower(): item for item in known}
    found = difflib.get_close_matches(name.replace("_", "").lower(), plain, n=1)
    return f"did you mean {plain[found[0]]}?" if found else ""
