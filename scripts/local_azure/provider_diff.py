"""What the provider says about old and new inputs: which properties differ, how, and whether that replaces the resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from infra.domain.azure import arm_ids
from infra.domain.azure.immutables import REPLACES
from scripts.local_azure import arm_shape
from scripts.local_azure.property_bag import has_unknown

Kind = Literal["add", "delete", "update"]


@dataclass(frozen=True)
class Difference:
    """One property that differs: dotted path with list positions in brackets, as Pulumi writes it."""

    path: str
    kind: Kind
    replaces: bool

    @property
    def top(self) -> str:
        """The name of the outermost property."""
        return self.path.split(".")[0].split("[")[0]


def differences(type_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """All differences of two sets of inputs; `location` is compared in one spelling, as the provider does and no other property."""
    token = arm_shape.bare(type_)
    fixed = {*REPLACES.get(token, ()), *arm_shape.path_parts(token)}
    found = _walk("", _spelled(old), _spelled(new))
    return [Difference(path, kind, any(_within(path, each) for each in fixed)) for path, kind in found]


def merged(inputs: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The stored inputs after a refresh: leaf by leaf, what Azure tells otherwise than before takes the place of what was set."""
    result: dict[str, Any] = {}
    for name, value in inputs.items():
        was, new = before.get(name), now.get(name)
        if isinstance(value, Mapping) and isinstance(was, Mapping) and isinstance(new, Mapping):
            result[name] = merged(value, was, new)
        elif was == new or was is None:
            result[name] = value
        elif new is not None:
            result[name] = new
    return result


def known_id(type_: str, inputs: Mapping[str, Any], subscription: str) -> str | None:
    """The resource's id, or None while a part of it is unknown."""
    parts = {name: inputs.get(name) for name in arm_shape.path_parts(type_)}
    return None if has_unknown(parts) else arm_ids.arm_id(type_, parts, subscription)


def _spelled(inputs: Mapping[str, Any]) -> dict[str, Any]:
    location = inputs.get("location")
    return {**inputs, "location": location.replace(" ", "").lower()} if isinstance(location, str) else dict(inputs)


def _walk(path: str, old: Any, new: Any) -> Iterator[tuple[str, Kind]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(each for each in new if each not in old)]:
            yield from _either(f"{path}.{name}" if path else str(name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list):
        for at in range(max(len(old), len(new))):
            yield from _either(f"{path}[{at}]", *(each[at] if at < len(each) else None for each in (old, new)))
    elif old != new:
        yield path, "update"


def _either(path: str, old: Any, new: Any) -> Iterator[tuple[str, Kind]]:
    if old is None and new is not None:
        yield path, "add"
    elif new is None and old is not None:
        yield path, "delete"
    else:
        yield from _walk(path, old, new)


def _within(path: str, fixed: str) -> bool:
    return path == fixed or path.startswith((fixed + ".", fixed + "["))
