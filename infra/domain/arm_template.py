"""A plan as an ARM deployment template, so that scanners which know Azure but not Pulumi can read the program.

The template is of one resource group and leaves the group itself out. Secrets and what is known only after something was created are
parameters without a default. What has no form in a template (components, providers) is listed in `metadata.leftOut`, never dropped in
silence. Protection, ignored changes and hooks are Pulumi's and have no form either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.domain.arm_addresses import Address, Expression, address_of_id, address_of_inputs, literal
from infra.domain.azure import arm_bodies
from infra.domain.azure.arm_ids import NO_SUBSCRIPTION
from infra.domain.registrations import SECRET, UNKNOWN, Plan, Registration

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
USE = "for scanners to read; what is deployed is the Pulumi program"
GROUP = "azure-native:resources:ResourceGroup"
_NO_NAME_CHARACTER = re.compile(r"[^A-Za-z0-9]+")


@dataclass
class _Writer:
    """Turns values of one plan into values of a template, and notes the parameters that they need."""

    subscription: str
    group: str
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def address(self, item: Registration) -> Address | None:
        """Where the resource stands; None where a template cannot say it."""

        def piece(name: str) -> str:
            value = item.inputs.get(name)
            return value if isinstance(value, str) and _is_known(value) else self._parameter(item, name, value)

        def scope(name: str) -> Address | Expression | None:
            value = item.inputs.get(name)
            if not _is_known(value):
                return self._parameter(item, name, value)
            return address_of_id(str(value), self.subscription, self.group)

        parts = arm_bodies.path_parts(item.type) - {"subscriptionId", "resourceGroupName"}
        if any(not isinstance(item.inputs.get(name), str) for name in parts):
            return None
        return address_of_inputs(item.type, item.inputs, piece, scope)

    def value(self, item: Registration, path: str, value: Any) -> Any:
        """The value in the template's language; nulls inside are left out."""
        if isinstance(value, Mapping):
            kept = ((name, each) for name, each in value.items() if each is not None and not str(name).startswith("__"))
            return {self._key(item, path, name): self.value(item, f"{path}.{name}" if path else str(name), each) for name, each in kept}
        if isinstance(value, list | tuple):
            return [self.value(item, f"{path}.{number}", each) for number, each in enumerate(value) if each is not None]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return self._text(item, path, value) if isinstance(value, str) else value

    def _key(self, item: Registration, path: str, name: str) -> str:
        """A key is a name of a property, but for those of identities: each is the id of one."""
        is_id = name.startswith("/") or not _is_known(name)
        return self._text(item, f"{path}.key", name) if is_id else name

    def _text(self, item: Registration, path: str, text: str) -> str:
        if not _is_known(text):
            return f"[{self._parameter(item, path, text)}]"
        if text == NO_SUBSCRIPTION:  # who runs the program is not known to a plan that was made without Azure
            tenant = path.rpartition(".")[2] == "tenantId"
            return "[subscription().tenantId]" if tenant else f"[{self._parameter(item, path, UNKNOWN)}]"
        found = address_of_id(text, self.subscription, self.group)
        if found is None:
            return literal(text)
        return f"[{found.expression if isinstance(found, Address) else found}]"

    def _parameter(self, item: Registration, path: str, value: Any) -> Expression:
        """The parameter that stands for a value which is nobody's to see, or which nobody knows yet."""
        if (name := self._known.get((item.urn, path))) is None:
            wanted = name = _NO_NAME_CHARACTER.sub("_", f"{item.name}_{path}").strip("_")
            while name in self.parameters:
                name = f"{wanted}_{len(self.parameters)}"
            self._known[item.urn, path] = name
            secret = SECRET in str(value)
            why = "a secret, which no plan holds" if secret else "known only after something was created"
            self.parameters[name] = {
                "type": "securestring" if secret else "string", "metadata": {"description": f"{path} of {item.name}: {why}"},
            }  # fmt: skip
        return Expression(f"parameters('{name}')")


def template(plan: Plan, *, subscription: str = NO_SUBSCRIPTION) -> dict[str, Any]:
    """The template of a plan whose ids are resolved in `subscription`. JSON values, in the order of registration."""
    group = _group_of(plan)
    writer = _Writer(subscription, _name(group))
    exported: dict[str, Address] = {}
    left_out = []
    for item in plan.registrations:
        address = None if (why := _why_not(item, group)) else writer.address(item)
        if address is not None:
            exported[item.urn] = address
        elif item is not group:
            left_out.append({"name": item.name, "type": item.type, "why": why or "its place in Azure cannot be told from its inputs"})
    names = _by_name(plan, exported)
    resources = [_resource(item, exported, names, writer) for item in plan.registrations if item.urn in exported]
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": {
            "madeBy": "agentmem template", "use": USE, "stack": plan.stack, "resourceGroup": _told(group, writer), "leftOut": left_out,
        },
        "parameters": writer.parameters,
        "resources": resources,
    }  # fmt: skip


def _resource(item: Registration, exported: Mapping[str, Address], names: Mapping[str, list[str]], writer: _Writer) -> dict[str, Any]:
    address = exported[item.urn]
    scope = address.scope.expression if isinstance(address.scope, Address) else address.scope
    parts = arm_bodies.path_parts(item.type)
    body = arm_bodies.body_of(item.type, {name: writer.value(item, name, value) for name, value in item.inputs.items() if name not in parts
                                          and value is not None and not name.startswith("__")})  # fmt: skip
    after = dict.fromkeys(exported[urn].expression for urn in _before(item, exported, names))
    return {
        "type": address.type,
        "apiVersion": str(item.inputs.get("azureApiVersion") or arm_bodies.api_version(item.type)),
        "name": address.name,
        **({"scope": f"[{scope}]"} if scope else {}),
        **body,
        **({"dependsOn": [f"[{expression}]" for expression in after]} if after else {}),
    }


def _before(item: Registration, exported: Mapping[str, Address], names: Mapping[str, list[str]]) -> Iterator[str]:
    """What must be there first: what the program says, what the resource lies in, and what it hangs on."""
    told = (*item.depends_on, *(name for each in item.property_depends_on.values() for name in each))
    yield from (urn for name in told for urn in names.get(name, ()) if urn != item.urn)
    own = exported[item.urn]
    needed = {each.key for each in (own.parent, own.scope) if isinstance(each, Address)}
    yield from (urn for urn, address in exported.items() if address.key in needed)


def _by_name(plan: Plan, exported: Mapping[str, Address]) -> dict[str, list[str]]:
    """The exported resources behind each logical name; behind a component's, everything below it."""
    found: dict[str, list[str]] = {}
    components = {item.urn: item for item in plan.registrations if not item.custom}
    for item in plan.registrations:
        if item.urn in exported:
            found.setdefault(item.name, []).append(item.urn)
    own = set(found)
    for item in plan.registrations:
        above = components.get(item.parent)
        while item.urn in exported and above is not None:
            if above.name not in own:
                found.setdefault(above.name, []).append(item.urn)
            above = components.get(above.parent)
    return found


def _why_not(item: Registration, group: Registration | None) -> str:
    """Why a template cannot hold this registration; empty where it can."""
    if not item.custom:
        return "a component, which has nothing of its own in Azure"
    if not item.is_resource:
        return "a provider"
    elsewhere = item.inputs.get("resourceGroupName")
    if arm_bodies.bare(item.type) == GROUP:
        return "another resource group"
    if elsewhere is not None and _is_known(elsewhere) and str(elsewhere).lower() != _name(group).lower():
        return f"in another resource group, {elsewhere}"
    return "" if arm_bodies.api_version(item.type) and arm_bodies.path_parts(item.type) else "no ARM shape is known of this type"


def _group_of(plan: Plan) -> Registration | None:
    """The group that the template is deployed into: of several, the one with the most in it."""
    inside = Counter(str(item.inputs.get("resourceGroupName", "")).lower() for item in plan.resources)
    groups = [item for item in plan.resources if arm_bodies.bare(item.type) == GROUP]
    return max(groups, key=lambda item: inside[_name(item).lower()], default=None)


def _name(group: Registration | None) -> str:
    return "" if group is None else str(group.inputs.get("resourceGroupName", ""))


def _told(group: Registration | None, writer: _Writer) -> dict[str, Any] | None:
    """The group that the template does not hold, for whoever makes it."""
    if group is None:
        return None
    shown = {name: value for name, value in group.inputs.items() if name in ("resourceGroupName", "location", "tags")}
    told = {name: value if _is_known(value) else "not known" for name, value in shown.items()}
    return {"name": told.pop("resourceGroupName", ""), **told}


def _is_known(value: Any) -> bool:
    """Whether nothing in a value is secret or unknown; also not inside a text."""
    return not any(mark in str(value) for mark in (SECRET, UNKNOWN))
