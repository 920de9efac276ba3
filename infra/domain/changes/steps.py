"""Steps from two plans: what the program asked for before and asks for now, or what a state holds against what the program asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from infra.domain.azure import immutables
from infra.domain.changes.change import Operation, Step
from infra.domain.registrations import Plan, Registration

# Written into a state by the provider, asked for by nobody.
PROVIDERS_OWN = frozenset({"__defaults", "__inputs", "azureApiVersion", "__internal"})
_INDEX = re.compile(r"\[\d+\]")


def of_plans(old: Plan, new: Plan) -> tuple[Step, ...]:
    """A step for each resource of either plan, in the order of the new one; what is gone comes last."""
    before = {item.urn: item for item in old.resources}
    steps = [of_pair(before.get(item.urn), item) for item in new.resources]
    there = {item.urn for item in new.resources}
    return (*steps, *(of_pair(item, None) for item in old.resources if item.urn not in there))


def of_pair(old: Registration | None, new: Registration | None) -> Step:
    """What happens to one resource between two registrations of it, as the provider and the engine decide it."""
    given = new or old
    if given is None:
        raise ValueError("a step needs a registration before or after")
    common = partial(Step, urn=given.urn, type=given.type, protect=(old or given).protect)
    if old is None:
        return common(operation=Operation.CREATE, new=given.inputs)
    if new is None:
        return common(operation=Operation.FORGET if old.retain_on_delete else Operation.DELETE, old=old.inputs)
    found = [path for path in differences(old.inputs, new.inputs) if not _ignored(path, new.ignore_changes)]
    guilty = [path for path in found if path.split(".")[0] in immutables.REPLACES.get(given.type, ())]
    guilty += [path for path in found if any(_within(path, each) for each in new.replace_on_changes)]
    operation = Operation.REPLACE if guilty else Operation.UPDATE if found else Operation.SAME
    seen = _kept(old.inputs, new.inputs, new.ignore_changes)
    return common(operation=operation, old=old.inputs, new=seen, replaces=tuple(dict.fromkeys(guilty)))


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The paths at which two sets of inputs differ. A location respelt is none, and nor is what the provider alone writes."""
    if isinstance(old or {}, Mapping) and isinstance(new or {}, Mapping) and (old or new):
        old, new = old or {}, new or {}
        for name in dict.fromkeys((*old, *new)):
            if name not in PROVIDERS_OWN:
                yield from differences(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for number, (was, becomes) in enumerate(zip(old, new, strict=True)):
            yield from differences(was, becomes, f"{path}[{number}]")
    elif _spelled(path, old) != _spelled(path, new):
        yield path


def at(inputs: Mapping[str, Any] | None, path: str) -> Any:
    """The value at a path such as `storage.storageSizeGB` or `subnets[0].name`; None where there is none."""
    value: Any = inputs
    for part in path.replace("[", ".[").split("."):
        inner = part[1:-1]
        if part.startswith("[") and inner.isdecimal():
            number = int(inner)
            value = value[number] if isinstance(value, list | tuple) and number < len(value) else None
        elif part.startswith("["):  # the engine's way to write a key with signs in it: `tags["a-b"]`
            value = value.get(inner.strip('"')) if isinstance(value, Mapping) else None
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _spelled(path: str, value: Any) -> Any:
    if path == "location" and isinstance(value, str):
        return value.replace(" ", "").lower()
    # A state stores numbers as floating ones.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _kept(old: Mapping[str, Any], new: Mapping[str, Any], ignored: tuple[str, ...]) -> Mapping[str, Any]:
    """The new inputs with what is ignored as it was: that is what the engine hands on."""
    found: dict[str, Any] = dict(new)
    for path in ignored:
        outer, _, inner = path.partition(".")
        if not inner:
            found = {**found, outer: old[outer]} if outer in old else {name: value for name, value in found.items() if name != outer}
        elif isinstance(found.get(outer), Mapping) and isinstance(old.get(outer), Mapping):
            found[outer] = _kept(old[outer], found[outer], (inner,))
    return found


def _ignored(path: str, ignored: tuple[str, ...]) -> bool:
    return any(_within(path, each) for each in ignored)


def _within(path: str, outer: str) -> bool:
    plain, outer = _INDEX.sub("", path), _INDEX.sub("", outer).replace("[*]", "")
    return plain == outer or plain.startswith(f"{outer}.")
