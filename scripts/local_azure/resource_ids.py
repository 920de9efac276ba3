"""ARM resource ids: what a path names, what it lies in, and how two spellings of it compare."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.local_azure.refusal import Refusal

GROUP_TYPE = "microsoft.resources/resourcegroups"
"""The type of a resource group, whose id has no provider in it."""


@dataclass(frozen=True)
class ResourceId:
    """One parsed id. `type` keeps the spelling that was asked with; compare through `kind` and `key`, which are lower-case."""

    text: str
    type: str
    names: tuple[str, ...]
    scope: str

    @property
    def key(self) -> str:
        """What identifies the resource: ARM ids are compared without regard to case."""
        return self.text.lower()

    @property
    def kind(self) -> str:
        """The type in lower case."""
        return self.type.lower()

    @property
    def name(self) -> str:
        """The last segment."""
        return self.names[-1]

    @property
    def group(self) -> str | None:
        """The resource group's name, None for something that lies in none."""
        parts = self.text.split("/")
        return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else None

    @property
    def parent(self) -> str | None:
        """The id that must exist before this one can: the resource above, the extended resource, or the group; None at the top."""
        if self.kind == GROUP_TYPE:
            return None
        if len(self.names) > 1:
            return self.text.rsplit("/", 2)[0]
        return self.scope if self.scope.count("/") > 2 else None


def parse(text: str) -> ResourceId:
    """The id that `text` spells. Raises Refusal (404) for a path that names no resource."""
    text = _tidy(text)
    parts = text.split("/")
    lowered = [part.lower() for part in parts]
    if "providers" not in lowered:
        if len(parts) == 5 and lowered[1] == "subscriptions" and lowered[3] == "resourcegroups":
            return ResourceId(text, "Microsoft.Resources/resourceGroups", (parts[4],), "/".join(parts[:3]))
        raise Refusal(404, "NotFound", f"{text} names no resource")
    at = len(lowered) - 1 - lowered[::-1].index("providers")
    rest = parts[at + 1 :]
    if len(rest) < 3 or len(rest) % 2 == 0 or not all(rest):
        raise Refusal(404, "NotFound", f"{text} names no resource")
    return ResourceId(text, "/".join([rest[0], *rest[1::2]]), tuple(rest[2::2]), "/".join(parts[:at]))


@dataclass(frozen=True)
class Collection:
    """A parsed path of a list: all resources of `kind` directly under `prefix`, or anywhere in a subscription."""

    prefix: str
    kind: str
    everywhere: bool

    def holds(self, resource: ResourceId) -> bool:
        """True if the list contains `resource`."""
        if resource.kind != self.kind:
            return False
        if self.everywhere:
            return resource.key.startswith(self.prefix + "/")
        return resource.key.rsplit("/", 1)[0] == self.prefix


def collection(text: str) -> Collection:
    """The list that `text` spells. Raises Refusal (404) for a path that is no list."""
    lowered = _tidy(text).lower()
    parts = lowered.split("/")
    if len(parts) == 4 and parts[1] == "subscriptions" and parts[3] == "resourcegroups":
        return Collection(lowered, GROUP_TYPE, False)
    if "providers" not in parts:
        raise Refusal(404, "NotFound", f"{text} is no list of resources")
    at = len(parts) - 1 - parts[::-1].index("providers")
    rest = parts[at + 1 :]
    if len(rest) < 2 or len(rest) % 2 == 1:
        raise Refusal(404, "NotFound", f"{text} is no list of resources")
    kind = "/".join([rest[0], *rest[1::2]])
    whole_subscription = at == 3 and len(rest) == 2 and parts[1] == "subscriptions"
    return Collection("/".join(parts[:3]), kind, True) if whole_subscription else Collection(lowered, kind, False)


def _tidy(text: str) -> str:
    """One spelling of the fixed segments: no slash at the end, `resourceGroups` as Azure answers it."""
    parts = text.rstrip("/").split("/")
    if len(parts) > 3 and parts[3].lower() == "resourcegroups":
        parts[3] = "resourceGroups"
    return "/".join(parts)
