"""A plan as data: what a program registers for one stack, in order, with every secret masked and every unknown marked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

SECRET = "[secret]"  # stands for every value that the program marked as a secret
UNKNOWN = "[unknown]"  # stands for every value that is known only after something was created
SCHEMA = "agentmem/plan/1"
PROVIDER_PREFIX = "pulumi:providers:"
# What stands first in a registration's JSON whether or not it says something: a reader looks for these three.
_ALWAYS = ("urn", "type", "name")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource as the program asked for it.

    `parent` is the URN of the parent ("" directly under the stack). `depends_on`, `deleted_with`, `replace_with` and
    `provider` hold logical names, not URNs. `inputs` have the wire's spelling (`storageSizeGB`); secrets are SECRET,
    values not yet known UNKNOWN. `custom_timeouts` are Pulumi's durations ("30m"); `hooks` maps a moment
    (`before_update`) to names. Aliases are left out: the SDK adds some twenty of its own to every resource.
    """

    urn: str
    type: str
    name: str
    parent: str = ""
    custom: bool = True
    inputs: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    property_depends_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    deleted_with: str = ""
    replace_with: tuple[str, ...] = ()
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)
    provider: str = ""
    import_id: str = ""
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_resource(self) -> bool:
        """Whether something in the cloud stands behind it: no component, no provider."""
        return self.custom and not self.type.startswith(PROVIDER_PREFIX)

    @property
    def kind(self) -> str:
        """The last part of the type: `Server` of `azure-native:dbforpostgresql:Server`."""
        return self.type.rpartition(":")[2]

    def as_json(self) -> dict[str, Any]:
        """The registration as JSON values, without what says nothing."""
        default = Registration(urn="", type="", name="")
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: _listed(value) for name, value in found.items() if name in _ALWAYS or value != getattr(default, name)}


@dataclass(frozen=True)
class TreeLine:
    """One line of the readable tree: how deep it stands, what it is, and what a reader must know about it."""

    depth: int
    kind: str
    name: str
    notes: tuple[str, ...]
    resource: bool = True

    def __str__(self) -> str:
        return "  ".join(("  " * self.depth + self.kind, self.name, *self.notes))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a program registers for `stack`, in the order of registration, and what it exports."""

    stack: str
    registrations: tuple[Registration, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def resources(self) -> tuple[Registration, ...]:
        """The registrations behind which something in the cloud stands."""
        return tuple(item for item in self.registrations if item.is_resource)

    @property
    def count(self) -> int:
        """The number of resources, as `pulumi preview` counts them without stack, components and providers."""
        return len(self.resources)

    def of_type(self, type_: str) -> tuple[Registration, ...]:
        """All registrations of a type token (`azure-native:dbforpostgresql:Server`) or of a bare kind (`Server`)."""
        return tuple(item for item in self.registrations if type_ in (item.type, item.kind))

    def find(self, name: str, type_: str = "") -> Registration:
        """The one registration with this logical name (and type, where a component shares the name); raises KeyError."""
        found = [item for item in self.registrations if item.name == name and type_ in ("", item.type, item.kind)]
        if len(found) != 1:
            raise KeyError(f"{len(found)} registrations are named {name!r}: {[item.type for item in found]}")
        return found[0]

    def by_kind(self) -> Mapping[str, int]:
        """How many resources of each kind, the most frequent first, then by name."""
        counts = Counter(item.kind for item in self.resources)
        return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))

    def summary(self) -> str:
        """One sentence: `prod: 41 resources (24 Configuration, 2 MetricAlert, ...)`."""
        kinds = ", ".join(f"{number} {kind}" for kind, number in self.by_kind().items())
        noun = "resource" if self.count == 1 else "resources"
        return f"{self.stack}: {self.count} {noun}" + (f" ({kinds})" if kinds else "")

    def tree(self) -> tuple[TreeLine, ...]:
        """The registrations as a tree, children below their parent in the order of registration."""
        known = {item.urn for item in self.registrations}
        children: dict[str, list[Registration]] = {}
        for item in self.registrations:
            children.setdefault(item.parent if item.parent in known else "", []).append(item)
        return tuple(_branch(children, "", 0))

    def to_json(self) -> str:
        """The canonical text: keys sorted, registrations in order, one final newline. Equal plans, equal bytes."""
        document = {
            "schema": SCHEMA,
            "stack": self.stack,
            "registrations": [item.as_json() for item in self.registrations],
            "outputs": _listed(self.outputs),
        }
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str) -> Plan:
        """The plan that `to_json` wrote; raises ValueError on anything else."""
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"not a plan: the document does not say {SCHEMA}")
        try:
            registrations = tuple(_registration(item) for item in document["registrations"])
            return Plan(stack=document["stack"], registrations=registrations, outputs=document["outputs"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a plan: {error}") from None


def name_of(urn: str) -> str:
    """The logical name at the end of a URN (which may itself contain the separator)."""
    return urn.split("::", 3)[-1]


def is_plain(value: object) -> bool:
    """Whether a value from a plan is wholly known and no secret, at every depth."""
    if isinstance(value, Mapping):
        return all(is_plain(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(is_plain(item) for item in value)
    return value not in (SECRET, UNKNOWN)


def _branch(children: Mapping[str, list[Registration]], parent: str, depth: int) -> Iterator[TreeLine]:
    for item in children.get(parent, []):
        yield TreeLine(depth, item.kind, item.name, tuple(_notes(item)), item.is_resource)
        yield from _branch(children, item.urn, depth + 1)


# What a reader wants to know first about a kind: paths into its inputs.
_TELLING: Mapping[str, tuple[str, ...]] = {
    "Server": ("serverName", "sku.name", "version", "storage.storageSizeGB", "highAvailability.mode", "backup.backupRetentionDays"),
    "Configuration": ("value",),
    "Database": ("databaseName",),
    "FirewallRule": ("startIpAddress", "endIpAddress"),
    "AdministratorsMicrosoftEntra": ("principalName",),
    "ResourceGroup": ("resourceGroupName", "location"),
    "VirtualNetwork": ("addressSpace.addressPrefixes",),
    "Subnet": ("addressPrefix",),
    "PrivateZone": ("privateZoneName",),
    "Workspace": ("retentionInDays",),
    "ManagementLockByScope": ("level",),
}


def telling(item: Registration) -> str:
    """The inputs of a resource that tell most, in a few words; empty where no input does."""
    paths = _TELLING.get(item.kind, ()) if item.custom else ()
    found = ((path.rpartition(".")[2], _at(item.inputs, path.split("."))) for path in paths)
    return " ".join(_told(name, value) for name, value in found if value is not None)


def _told(name: str, value: Any) -> str:
    """Text speaks for itself; a number needs its name."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else f"{name} {value}"


def _at(value: Any, path: list[str]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _notes(item: Registration) -> Iterator[str]:
    if told := telling(item):
        yield told
    if item.protect:
        yield "protected"
    if item.retain_on_delete:
        yield "kept on delete"
    if item.import_id:
        yield "imported"
    if item.ignore_changes:
        yield f"ignores {', '.join(item.ignore_changes)}"


def _listed(value: Any) -> Any:
    """Tuples as lists, all the way down: what JSON gives back."""
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _registration(document: Mapping[str, Any]) -> Registration:
    blank = Registration(urn="", type="", name="")
    return Registration(**{name: _typed(value, getattr(blank, name, None), name) for name, value in document.items()})


def _typed(value: Any, default: object, name: str) -> Any:
    """Lists become tuples where the field says so; the inputs stay as JSON gives them."""
    if isinstance(default, tuple):
        return tuple(value)
    if name in ("property_depends_on", "hooks"):
        return {key: tuple(item) for key, item in value.items()}
    return value
