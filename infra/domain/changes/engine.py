"""What the engine writes, read as steps and plans: `pulumi preview --json` and `pulumi stack export`. Secrets are masked on the way in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from infra.domain.changes.change import Operation, Step
from infra.domain.changes.steps import PROVIDERS_OWN, at, differences
from infra.domain.registrations import PROVIDER_PREFIX, SECRET, UNKNOWN, Plan, Registration, is_plain, name_of

# The engine marks a value that is more than it seems with this key, and one that is not known yet with one of these texts.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWNS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
# A replacement is told as three steps of one resource; the first of these that a resource has says what happens to it.
_OPERATIONS: Mapping[str, Operation] = {
    "replace": Operation.REPLACE, "create-replacement": Operation.REPLACE, "delete-replaced": Operation.REPLACE,
    "read-replacement": Operation.REPLACE, "import-replacement": Operation.REPLACE, "discard-replaced": Operation.REPLACE,
    "delete": Operation.DELETE, "discard": Operation.FORGET, "update": Operation.UPDATE, "create": Operation.CREATE,
    "import": Operation.CREATE, "read": Operation.READ, "refresh": Operation.FACT, "same": Operation.SAME,
    "remove-pending-replace": Operation.SAME,
}  # fmt: skip
_ORDER = tuple(_OPERATIONS)
STATE_VERSIONS = (3, 4)
_COUNTED = frozenset({"create", "update", "delete", "replace", "import"})


class NotReadable(ValueError):
    """A document that is not what it should be: cut short, of another kind, project or version. Never the same as "no changes"."""


def steps_of_preview(document: Any, project: str, stack: str) -> tuple[Step, ...]:
    """The steps of `pulumi preview --json` for one stack. Raises NotReadable."""
    if not isinstance(document, Mapping) or not isinstance(document.get("steps"), list):
        raise NotReadable("this is no document of `pulumi preview --json`: it has no list of steps")
    _whole(document)
    by_urn: dict[str, list[Mapping[str, Any]]] = {}
    for step in document["steps"]:
        if not isinstance(step, Mapping) or not isinstance(step.get("urn"), str) or not isinstance(step.get("op"), str):
            raise NotReadable("a step of this preview names no resource or no operation")
        _same_project(step["urn"], project, stack)
        by_urn.setdefault(step["urn"], []).append(step)
    return tuple(step for urn, told in by_urn.items() if (step := _step(urn, told)) is not None)


def plan_of_state(document: Any, project: str, stack: str) -> Plan:
    """What `pulumi stack export` holds, as if the program had asked for it. Raises NotReadable.

    What is pending deletion has a successor in the same state already and is left out.
    """
    found = []
    for item in _resources(document):
        if not isinstance(item, Mapping) or not isinstance(item.get("urn"), str):
            raise NotReadable("a resource of this state has no URN")
        if not isinstance(item.get("inputs") or {}, Mapping):
            raise NotReadable("the inputs of a resource of this state are no object")
        _same_project(item["urn"], project, stack)
        if not item.get("delete"):
            found.append(_registration(item))
    return Plan(stack=stack, registrations=tuple(found))


def masked(value: Any) -> Any:
    """A value of the engine without its secrets: neither clear text nor ciphertext is left of them."""
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            return SECRET
        if value.get(_SIGNATURE) == _OUTPUT_SIGNATURE:
            return SECRET if value.get("secret") else masked(value["value"]) if "value" in value else UNKNOWN
        return {name: masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str) and value in _UNKNOWNS:
        return UNKNOWN
    return SECRET if value == SECRET else value


def _whole(document: Mapping[str, Any]) -> None:
    """Raises NotReadable for a preview that failed or was cut short: what is missing from it is not the same as unchanged."""
    summary = document.get("changeSummary")
    if not isinstance(summary, Mapping):
        raise NotReadable("this preview was cut short: it has no changeSummary; a failed preview says nothing about the rest")
    said = document.get("diagnostics") or ()
    if any(isinstance(each, Mapping) and each.get("severity") == "error" for each in said):
        raise NotReadable("this preview failed: its diagnostics have an error; a failed preview says nothing about the rest")
    if document.get("maybeCorrupt"):
        raise NotReadable("this preview says of itself that it may be corrupt")
    # Every operation that the engine counts has its step in the document; that nothing happens need not be told.
    steps = Counter(step["op"] for step in document["steps"] if isinstance(step, Mapping) and isinstance(step.get("op"), str))
    for operation, number in summary.items():
        if operation in _COUNTED and isinstance(number, int) and steps[operation] < number:
            raise NotReadable(f"this preview was cut short: it counts {number} times {operation} and tells {steps[operation]}")


def _resources(document: Any) -> list[Any]:
    """The resources of a state. Raises NotReadable for another document or version, and where an update has not ended."""
    if isinstance(document, Mapping) and isinstance(document.get("checkpoint"), Mapping):
        raise NotReadable("this is a checkpoint, the file of a backend: `pulumi stack export` gives the document that is meant")
    if not isinstance(document, Mapping) or not isinstance(document.get("deployment"), Mapping):
        raise NotReadable("this is no document of `pulumi stack export`: it has no deployment")
    if document.get("version") not in STATE_VERSIONS:
        told = " and ".join(map(str, STATE_VERSIONS))
        raise NotReadable(f"this state has version {str(document.get('version'))[:20]}, and this program reads {told}")
    deployment = document["deployment"]
    if deployment.get("pending_operations"):
        raise NotReadable("this state has pending operations: an update has not ended, so nobody knows what stands; agentmem resume")
    resources = deployment.get("resources") or []
    if not isinstance(resources, list):
        raise NotReadable("the resources of this state are no list")
    return resources


def _step(urn: str, told: list[Mapping[str, Any]]) -> Step | None:
    """The one thing that happens to a resource, out of the steps that are told of it; None for stack, components and providers."""
    states = [state for step in told for key in ("newState", "oldState") if isinstance(state := step.get(key), Mapping)]
    type_ = str(states[0].get("type", "")) if states else urn.split("::")[2].rpartition("$")[2]
    if type_.startswith((PROVIDER_PREFIX, "pulumi:pulumi:")) or (states and not states[0].get("custom", True)):
        return None
    names = [str(step["op"]) for step in told]
    known = sorted((name for name in names if name in _OPERATIONS), key=_ORDER.index)
    strange = [name for name in names if name not in _OPERATIONS]
    operation = Operation.UNREADABLE if strange else _OPERATIONS[known[0]]
    old, new = _inputs(told, "oldState", operation), _inputs(told, "newState", operation)
    return Step(
        urn=urn, type=type_, operation=operation, said=", ".join(strange), old=old, new=new,
        hidden=tuple(_hidden(told, old, new)) if operation is Operation.UPDATE and old is not None and new is not None else (),
        protect=any(bool(state.get("protect")) for state in states),
        replaces=tuple(dict.fromkeys(_guilty(told))),
    )  # fmt: skip


def _inputs(told: list[Mapping[str, Any]], key: str, operation: Operation) -> Mapping[str, Any] | None:
    """The inputs; of a refresh the outputs, since that is where a drift shows."""
    of = "outputs" if operation is Operation.FACT else "inputs"
    state = next((step[key] for step in told if isinstance(step.get(key), Mapping)), None)
    found = None if state is None else masked(state.get(of) or {})
    return found if isinstance(found, Mapping) else None


def _hidden(told: list[Mapping[str, Any]], old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[str]:
    """The paths that the engine says differ and whose values are no help, because they are secret on both sides.

    "" stands for the whole resource, where nothing of all that is shown differs.
    """
    said = dict.fromkeys(str(path) for step in told for path in (*(step.get("diffReasons") or ()), *(step.get("detailedDiff") or ())))
    found = [path for path in said if at(old, path) == at(new, path) and not is_plain(at(old, path))]
    yield from found
    of_the_provider = said and PROVIDERS_OWN.issuperset(path.partition(".")[0] for path in said)
    if not found and not of_the_provider and not any(differences(old, new)):
        yield ""


def _guilty(told: list[Mapping[str, Any]]) -> Iterator[str]:
    for step in told:
        yield from (str(path) for path in step.get("replaceReasons") or ())
        for path, difference in (step.get("detailedDiff") or {}).items():
            if isinstance(difference, Mapping) and "replace" in str(difference.get("kind", "")):
                yield str(path)


def _registration(item: Mapping[str, Any]) -> Registration:
    inputs = masked(item.get("inputs") or {})
    return Registration(
        urn=item["urn"], type=str(item.get("type", "")), name=name_of(item["urn"]), parent=str(item.get("parent", "")),
        custom=bool(item.get("custom")), inputs=inputs, protect=bool(item.get("protect")),
        ignore_changes=tuple(item.get("ignoreChanges") or ()), replace_on_changes=tuple(item.get("replaceOnChanges") or ()),
        retain_on_delete=bool(item.get("retainOnDelete")),
    )  # fmt: skip


def _same_project(urn: str, project: str, stack: str) -> None:
    parts = urn.split("::")
    found = (parts[1], parts[0].rpartition(":")[2]) if len(parts) >= 4 else ("", "")
    if found != (project, stack):
        raise NotReadable(f"{urn[:80]} is of {'/'.join(found) or 'no project'}, not of {project}/{stack}")
