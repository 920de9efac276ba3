"""From the values of a stack file to a frozen Environment, or to every Problem of shape at once."""

from __future__ import annotations

import contextlib
import copy
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from infra.domain.environment import Environment
from infra.domain.problem import Invalid, Problem

# Rules of shape: C1 unknown key, C2 missing key, C3 wrong type, C4 value not allowed, C7 the stack's name.
_KIND = {"extra_forbidden": "C1", "missing": "C2", "literal_error": "C4", "union_tag_invalid": "C4", "union_tag_not_found": "C2"}
_VALUE_ERRORS = ("greater_than", "less_than", "string_pattern", "string_too_short", "too_short")
# pydantic names the chosen member of a tagged union in the path of an error; the file has no such key.
_TAGS = {"hnsw", "ivfflat"}


def parse(values: Mapping[str, object], stack: str) -> Environment:
    """The Environment that `values` declare for `stack`; raises Invalid with all Problems of shape.

    `values` has the keys of a stack file without their namespace: environment, location, server, ...
    """
    try:
        environment = Environment.model_validate(_tuples(dict(values)))
    except ValidationError as error:
        raise Invalid((*_misnamed(values.get("environment"), stack), *_problems(error, values))) from None
    problems = tuple(_misnamed(environment.name, stack))
    if problems:
        raise Invalid(problems)
    return environment


def legible(values: Mapping[str, object], stack: str) -> Environment | None:
    """What can be judged in spite of misspelt and unknown keys: they are renamed or left out; None if that is not enough.

    Only for finding more Problems in the same run. It must never reach a program that creates something.
    """
    try:
        Environment.model_validate(_tuples(dict(values)))
    except ValidationError as error:
        repaired: Any = copy.deepcopy(dict(values))
        for item in error.errors(include_url=False):
            if item["type"] == "extra_forbidden":
                _rename(repaired, _path(item["loc"], values))
        values = repaired
    with contextlib.suppress(ValidationError):
        return Environment.model_validate(_tuples(dict(values)))
    return None


def _rename(values: Any, path: tuple[int | str, ...]) -> None:
    """Give the unknown key at `path` the name that was probably meant, if that one is free."""
    for part in path[:-1]:
        values = values[part]
    value = values.pop(path[-1])
    meant = _meant(path)
    if meant and meant not in values:
        values[meant] = value


def _misnamed(found: object, stack: str) -> Iterator[Problem]:
    if isinstance(found, str) and found != stack:
        message = f"environment is {found}, but this is the stack {stack}"
        yield Problem(
            key="environment", message=message, rule="C7", found=found, hint=f"write environment: {stack}, or select the stack {found}"
        )


def _tuples(value: Any) -> Any:
    """Lists as tuples, all the way down: strict pydantic takes no list for a tuple."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _problems(error: ValidationError, values: Mapping[str, object]) -> Iterator[Problem]:
    items = [(item, _path(item["loc"], values)) for item in error.errors(include_url=False)]
    # A misspelt key is told once, as misspelt; the key that it stands for is not missing as well.
    seen = {_dotted((*path[:-1], _meant(path))) for item, path in items if item["type"] == "extra_forbidden"}
    for item, path in items:
        key = _dotted(path)
        if key not in seen:  # a union reports each member that did not fit; the first says enough
            seen.add(key)
            yield _problem(key, path, item["type"], dict(item.get("ctx", {})), item["input"], item["msg"])


def _path(location: tuple[int | str, ...], values: object) -> tuple[int | str, ...]:
    """The path of an error through the file: without the names of union members, which are no keys."""
    path: list[int | str] = []
    here: object = values
    for part in location:
        absent = not (isinstance(here, Mapping) and part in here)
        if isinstance(part, str) and absent and (part in _TAGS or not isinstance(here, Mapping)):
            continue
        path.append(part)
        if isinstance(here, Mapping):
            here = here.get(str(part))
        elif isinstance(here, list | tuple) and isinstance(part, int) and part < len(here):
            here = here[part]
    return tuple(path)


def _dotted(path: tuple[int | str, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _problem(key: str, path: tuple[int | str, ...], kind: str, context: dict[str, Any], found: object, text: str) -> Problem:
    rule = _KIND.get(kind, "C4" if kind.startswith(_VALUE_ERRORS) else "C3")
    if rule == "C1":
        siblings = _keys_beside(path)
        return Problem(key=key, message=f"{key} is not a key of the contract", rule=rule, hint=_did_you_mean(path, siblings))
    if rule == "C2":
        inside = f"{key}.kind" if kind == "union_tag_not_found" else key
        return Problem(
            key=inside,
            message=f"{inside} is missing",
            rule=rule,
            hint="every file has every key: take it from another environment",
        )
    if rule == "C4":
        return Problem(key=key, message=f"{key} is {_shown(found)}, expected {_expectation(kind, context, text)}", rule=rule, found=found)
    return Problem(key=key, message=f"{key} is {_shown(found)}, {_lowered(text)}", rule=rule, found=found)


def _expectation(kind: str, context: dict[str, Any], text: str) -> str:
    if "expected" in context:
        return str(context["expected"])
    if "expected_tags" in context:
        return f"kind to be one of {context['expected_tags']}"
    if kind == "string_pattern_mismatch":
        return "1 to 63 lower-case letters, digits or underscores, not beginning with a digit"
    if kind == "string_too_short":
        return "some text"
    return _lowered(text).removeprefix("input should be ").removeprefix("string should ")


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _shown(found: object) -> str:
    """A value as the stack file writes it."""
    if found is None or isinstance(found, bool):
        return {None: "null", True: "true", False: "false"}[found]
    if isinstance(found, Mapping):
        return "a mapping"
    if isinstance(found, list | tuple):
        return "a list"
    return repr(found) if isinstance(found, str) else str(found)


def _keys_beside(path: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys that the contract has where an unknown one was found."""
    models: list[type[BaseModel]] = [Environment]
    for part in path[:-1]:
        if isinstance(part, str):
            models = [inner for model in models for inner in _models_of(model, part)]
    return tuple(field.alias or name for model in models for name, field in model.model_fields.items())


def _models_of(model: type[BaseModel], key: str) -> list[type[BaseModel]]:
    field = model.model_fields.get(key)
    return [] if field is None else list(_models_in(field.annotation))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


def _meant(path: tuple[int | str, ...]) -> str:
    """The key of the contract that an unknown one is close to; empty if none is."""
    close = difflib.get_close_matches(str(path[-1]), _keys_beside(path), n=1)
    return close[0] if close else ""


def _did_you_mean(path: tuple[int | str, ...], keys: tuple[str, ...]) -> str:
    meant = _meant(path)
    if meant:
        return f"did you mean {_dotted((*path[:-1], meant))}?"
    return f"keys here: {', '.join(keys)}" if keys else "remove it"
