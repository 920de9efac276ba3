"""What the provider says about old and new inputs: which properties differ, how, and whether that replaces the resource.

The rules are those of azure-native's own source: old inputs are compared with new ones in both directions; what is part of the id or marked
create-only at the top of the resource replaces; a create-only mark further down is dropped when the provider is generated, so such a
change is an update. `nested_replaces` plays a provider that keeps the mark: no run of the real one has settled it yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from infra.domain.azure import arm_ids
from infra.domain.azure.immutables import NESTED_CREATE_ONLY, REPLACES
from scripts.local_azure import arm_shape, provider_checks
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


def differences(
    type_: str, old: Mapping[str, Any], new: Mapping[str, Any], told: Mapping[str, Any] | None = None, *, nested_replaces: bool = False
) -> list[Difference]:
    """All differences of two sets of inputs. `told` are the outputs of the last deployment.

    `location` is compared without spaces and casing. Ids of other resources and enumerations are compared without casing: there the real
    provider would plan an update that Azure answers as if nothing had been asked. Names in the resource's own id are compared as they are.
    """
    token = arm_shape.bare(type_)
    own = {*arm_shape.path_parts(token, new)}
    fixed = {*REPLACES.get(token, ()), *own}
    fixed |= {*NESTED_CREATE_ONLY.get(token, ())} if nested_replaces else set()
    found = _walk("", _spelled(token, old, own), _spelled(token, new, own))
    judged = [Difference(path, kind, any(_within(path, each) for each in fixed)) for path, kind in found]
    return [_known_already(each, new, told or {}) for each in judged]


def merged(inputs: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The stored inputs after a refresh: what Azure tells otherwise than before takes the place of what was set, leaf by leaf.

    `before` and `now` are settable inputs made of the old and the new answer. What nobody had set enters too, once it has changed.
    """
    result = {name: value for name, value in inputs.items() if name in now or name not in before}
    for name, new in now.items():
        if name not in before:
            result[name] = new
        elif before[name] != new:
            result[name] = _leaf(inputs[name], before[name], new) if name in inputs else new
    return result


def known_id(type_: str, inputs: Mapping[str, Any], subscription: str) -> str | None:
    """The resource's id, or None while a part of it is unknown."""
    path = arm_shape.path_of(type_, inputs)
    parts = {name: inputs.get(name) for name in arm_shape.path_parts(type_, inputs)}
    return None if path is None or has_unknown(parts) else arm_ids.filled(path, parts, subscription)


def _leaf(value: Any, was: Any, new: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(was, Mapping) and isinstance(new, Mapping):
        return merged(value, was, new)
    if isinstance(value, list) and isinstance(was, list) and isinstance(new, list):
        both = min(len(value), len(was))
        return [_leaf(value[at], was[at], each) if at < both else each for at, each in enumerate(new)]
    return new


def _known_already(each: Difference, new: Mapping[str, Any], told: Mapping[str, Any]) -> Difference:
    """An input that is said now and was left out before replaces nothing where Azure had chosen the very same value."""
    same = each.kind == "add" and each.path in new and each.path in told and new[each.path] == told[each.path]
    return replace(each, replaces=False) if same else each


def _spelled(token: str, inputs: Mapping[str, Any], own: set[str]) -> dict[str, Any]:
    result = {name: value if name in own else _caseless_ids(value) for name, value in inputs.items()}
    if isinstance(result.get("location"), str):
        result["location"] = result["location"].replace(" ", "").lower()
    for path in provider_checks.ALLOWED.get(token, {}):
        outer, _, inner = path.partition(".")
        if not inner and isinstance(result.get(outer), str):
            result[outer] = result[outer].lower()
        elif inner and isinstance(result.get(outer), Mapping) and isinstance(result[outer].get(inner), str):
            result[outer] = {**result[outer], inner: result[outer][inner].lower()}
    return result


def _caseless_ids(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_lower(name): _caseless_ids(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_caseless_ids(each) for each in value]
    return _lower(value)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) and value.lower().startswith("/subscriptions/") else value


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
