"""`agentmem explain`: each effective value of an environment, where it comes from, and what set it."""

from __future__ import annotations

import json
from pathlib import Path

from infra.domain.explanation import Explanation, explain as explain_environment
from infra.domain.problem import Invalid
from scripts.edges import screen, stack_file
from scripts.edges.exits import GOOD, USAGE, Failure


def explain(stack: str, folder: Path, key: str | None, as_json: bool) -> int:
    """Print the values of `stack`, or those whose key begins with `key`; returns the exit code."""
    loaded = stack_file.load(stack, folder)
    if loaded.environment is None:
        raise Invalid(loaded.problems)
    from infra.domain.rules import compute

    refusals = tuple(loaded.locate(problem) for problem in compute.unknown_sku(loaded.environment))
    if refusals:  # nothing can be derived from a SKU that nobody knows
        raise Invalid(refusals)
    chosen = [item for item in explain_environment(loaded.environment) if key is None or _matches(item.key, key)]
    if not chosen:
        raise Failure(USAGE, f"{key!r} is not a value of {stack}", hint=f"agentmem explain --stack {stack} lists them all")
    if as_json:
        screen.document("explain", {"environment": stack, "values": [_row(item, loaded) for item in chosen]})
        return GOOD
    screen.say(f"{stack} as {loaded.path.name} declares it, and what follows from that")
    for line in screen.table(
        (item.key, _text(item.value), f"{_origin(item, loaded)}{'  ' + item.because if item.because else ''}") for item in chosen
    ):
        screen.say(line)
    screen.say(f"{len(chosen)} values; the password is {'set' if loaded.password_is_set else 'not set in this file'}")
    return GOOD


def _matches(name: str, key: str) -> bool:
    key = key.removesuffix(".")
    return name == key or name.startswith((f"{key}.", f"{key}["))


def _origin(item: Explanation, loaded: stack_file.Loaded) -> str:
    if item.source != "declared":
        return item.source
    line = loaded.lines.get(item.key)
    return f"{loaded.path.name}:{line}" if line else loaded.path.name


def _row(item: Explanation, loaded: stack_file.Loaded) -> dict[str, object]:
    return {"key": item.key, "value": item.value, "from": _origin(item, loaded), "because": item.because}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
