"""ARM's template language as far as our templates use it, played: an independent reader of what `arm_template` writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r"'(?:[^']|'')*'|[A-Za-z]+|[().,]")


@dataclass
class Deployment:
    """What Azure knows when it reads a template: where it goes, and the parameters."""

    subscription: str
    group: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tenant: str = "a-tenant"

    def value(self, given: Any) -> Any:
        """A value of the template with its expressions worked out, at every depth."""
        if isinstance(given, dict):
            return {self.value(name): self.value(each) for name, each in given.items()}
        if isinstance(given, list):
            return [self.value(each) for each in given]
        if not isinstance(given, str) or not (given.startswith("[") and given.endswith("]")):
            return given
        return given[1:] if given.startswith("[[") else _Reader(self, given[1:-1]).whole()

    def id_of(self, resource: Mapping[str, Any]) -> str:
        """The id that a resource of the template gets."""
        names = str(self.value(resource["name"])).split("/")
        if "scope" in resource:
            return str(self.call("extensionResourceId", [self.value(resource["scope"]), resource["type"], *names]))
        return str(self.call("resourceId", [resource["type"], *names]))

    def call(self, name: str, arguments: list[Any]) -> Any:
        """A function of the template language."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        if name == "parameters":
            return self.parameters[arguments[0]]
        if name == "format":
            return str(arguments[0]).format(*arguments[1:])
        if name == "resourceId":
            if "/" not in arguments[0]:
                group, arguments = f"/subscriptions/{self.subscription}/resourceGroups/{arguments[0]}", arguments[1:]
            return group + _below(arguments)
        if name == "extensionResourceId":
            return arguments[0] + _below(arguments[1:])
        if name == "subscriptionResourceId":
            return f"/subscriptions/{self.subscription}" + _below(arguments)
        if name in ("resourceGroup", "subscription"):
            return {"id": group, "tenantId": self.tenant}
        raise AssertionError(f"{name} is no function of ours")


def _below(arguments: list[Any]) -> str:
    service, *types = arguments[0].split("/")
    assert len(types) == len(arguments) - 1, f"{arguments}: a name for each segment of the type"
    assert all(arguments[1:])
    return f"/providers/{service}" + "".join(f"/{type_}/{name}" for type_, name in zip(types, arguments[1:], strict=True))


class _Reader:
    def __init__(self, deployment: Deployment, text: str) -> None:
        self.deployment, self.tokens = deployment, _TOKEN.findall(text)
        assert "".join(self.tokens) == text.replace(", ", ","), f"{text} is no expression"

    def whole(self) -> Any:
        found = self._one()
        assert not self.tokens, f"{self.tokens} is left over"
        return found

    def _one(self) -> Any:
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        assert self.tokens.pop(0) == "("
        arguments = []
        while self.tokens[0] != ")":
            arguments.append(self._one())
            if self.tokens[0] == ",":
                self.tokens.pop(0)
        self.tokens.pop(0)
        found = self.deployment.call(token, arguments)
        while self.tokens and self.tokens[0] == ".":
            found = found[self.tokens[1]]
            del self.tokens[:2]
        return found
