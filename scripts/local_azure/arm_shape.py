"""azure-native's flat properties and ARM's nested bodies: one put into the form of the other, per resource type.

azure-native lifts ARM's `properties` level to the top and keeps ARM's own names. Only that one level is put back in a body: flattened
parts further down (the delegations of a subnet, say) are sent as they are, which the model takes; in answers they are lifted too.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from infra.domain.azure import arm_ids

Body = dict[str, Any]

SERVER = "azure-native:dbforpostgresql:Server"
CONFIGURATION = "azure-native:dbforpostgresql:Configuration"

# What stays beside `properties` in an ARM body (the common part of all resource definitions).
_TOP = frozenset({"location", "tags", "sku", "identity", "kind", "zones", "extendedLocation", "managedBy", "plan"})
# Types whose body has it otherwise (Azure REST specifications): a workspace's SKU is one of its properties, a subnet's own name is not.
_OWN_TOP: Mapping[str, frozenset[str]] = {
    "azure-native:operationalinsights:Workspace": _TOP - {"sku"},
    "azure-native:network:Subnet": _TOP | {"name"},
}
# The input and output that tells at which version a resource is written and read.
API_VERSION = "azureApiVersion"
# Types that exist from the beginning and are written over, never created or deleted.
SINGLETONS = frozenset({CONFIGURATION, "azure-native:storage:BlobServiceProperties"})
# The versions that azure-native 3.29 talks, read off its package.
_API_VERSIONS: Mapping[str, str] = {
    "dbforpostgresql": "2025-08-01", "resources": "2024-03-01", "network": "2024-05-01", "privatedns": "2024-06-01",
    "managedidentity": "2023-01-31", "keyvault": "2024-11-01", "operationalinsights": "2023-09-01", "storage": "2024-01-01",
    "dataprotection": "2025-01-01",
    "monitor:MetricAlert": "2018-03-01", "monitor:ScheduledQueryRule": "2025-01-01-preview", "monitor:ActionGroup": "2024-10-01-preview",
    "monitor:DiagnosticSetting": "2021-05-01-preview", "monitor:ActivityLogAlert": "2020-10-01",
    "authorization:ManagementLockByScope": "2020-05-01", "authorization:ManagementLockAtResourceGroupLevel": "2020-05-01",
    "authorization:RoleAssignment": "2022-04-01",
}  # fmt: skip
# Types whose resources lie in a region, which the provider takes from its configuration when a program does not say it.
_REGIONAL = frozenset(
    f"azure-native:{each}"
    for each in (
        "resources:ResourceGroup", "dbforpostgresql:Server", "network:VirtualNetwork", "network:NetworkSecurityGroup",
        "network:PrivateEndpoint", "network:NatGateway", "network:PublicIPAddress", "managedidentity:UserAssignedIdentity",
        "keyvault:Vault", "operationalinsights:Workspace", "monitor:ScheduledQueryRule", "storage:StorageAccount",
        "dataprotection:BackupVault",
    )
)  # fmt: skip
# What Azure tells and nobody sets; a dotted path names a part of a property.
_READ_ONLY_EVERYWHERE = frozenset({"id", "name", "type", "etag", "systemData", "provisioningState"})
_READ_ONLY: Mapping[str, frozenset[str]] = {
    SERVER: frozenset({
        "fullyQualifiedDomainName", "state", "minorVersion", "replicaCapacity", "privateEndpointConnections",
        "backup.earliestRestoreDate", "highAvailability.state", "replica.capacity", "replica.replicationState",
        "identity.tenantId", "identity.principalId",
    }),
    CONFIGURATION: frozenset({
        "description", "defaultValue", "dataType", "allowedValues", "isDynamicConfig", "isReadOnly", "isConfigPendingRestart", "unit",
        "documentationLink",
    }),
    "azure-native:dbforpostgresql:FirewallRule": frozenset({"sourceAddressPrefixes"}),
    "azure-native:dbforpostgresql:VirtualEndpoint": frozenset({"virtualEndpoints"}),
    "azure-native:network:VirtualNetwork": frozenset({"subnets"}),
    "azure-native:network:NatGateway": frozenset({"subnets", "resourceGuid"}),
    "azure-native:network:PublicIPAddress": frozenset({"ipAddress", "ipConfiguration", "resourceGuid"}),
    "azure-native:privatedns:PrivateZone": frozenset({
        "numberOfRecordSets", "maxNumberOfRecordSets", "maxNumberOfVirtualNetworkLinks", "maxNumberOfVirtualNetworkLinksWithRegistration",
    }),
    "azure-native:privatedns:VirtualNetworkLink": frozenset({"virtualNetworkLinkState"}),
    "azure-native:operationalinsights:Workspace": frozenset({"customerId"}),
    "azure-native:managedidentity:UserAssignedIdentity": frozenset({"clientId", "principalId", "tenantId"}),
    "azure-native:dataprotection:BackupVault": frozenset({
        "identity.principalId", "identity.tenantId", "properties.provisioningState", "properties.isVaultProtectedByResourceGuard",
    }),
    "azure-native:dataprotection:BackupInstance": frozenset({
        "properties.provisioningState", "properties.currentProtectionState", "properties.protectionStatus",
    }),
}  # fmt: skip
_PART = re.compile(r"\{(\w+)\}")
_VERSIONED = re.compile(r"/v\d{8}\w*:")


def bare(type_: str) -> str:
    """The type token without an API version in it."""
    return _VERSIONED.sub(":", type_)


def path_of(type_: str, inputs: Mapping[str, Any] | None = None) -> str | None:
    """The path of the resource's id, made up of its names where the type is in no table; None where it has none to make it of."""
    known = arm_ids.path_of(type_)
    if known is not None:
        return known
    _, module, kind = bare(type_).split(":")
    own = kind[:1].lower() + kind[1:]
    names = [name for name in sorted(inputs or {}) if name.endswith("Name") and name != "resourceGroupName"]
    names.sort(key=lambda name: name == own + "Name")  # the resource's own name last
    if not names or "resourceGroupName" not in (inputs or {}):
        return None
    spelled = ".".join(f"{{{name}}}" for name in names)
    return f"/subscriptions/{{subscriptionId}}/resourceGroups/{{resourceGroupName}}/providers/Microsoft.{module.title()}/{own}s/{spelled}"


def path_parts(type_: str, inputs: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The inputs that are parts of the resource's id, in order, without the subscription."""
    return tuple(name for name in _PART.findall(path_of(type_, inputs) or "") if name != "subscriptionId")


def regional(type_: str) -> bool:
    """True if the resource lies in a region."""
    return bare(type_) in _REGIONAL


def api_version(type_: str) -> str:
    """The version that the provider talks for this type; that of resource groups where the table has no row."""
    short = bare(type_).removeprefix("azure-native:")
    return _API_VERSIONS.get(short) or _API_VERSIONS.get(short.split(":")[0], _API_VERSIONS["resources"])


def body_of(type_: str, inputs: Mapping[str, Any]) -> Body:
    """The body of the PUT that the provider sends for these inputs."""
    parts, top = {*path_parts(type_, inputs), API_VERSION}, _OWN_TOP.get(bare(type_), _TOP)
    sent = {name: value for name, value in inputs.items() if name not in parts}
    if "properties" in sent:  # a type that the provider does not flatten, like a key vault
        return sent
    body: Body = {name: value for name, value in sent.items() if name in top}
    below = {name: value for name, value in sent.items() if name not in top}
    if below or bare(type_) != "azure-native:resources:ResourceGroup":
        body["properties"] = below
    return body


def outputs_of(type_: str, resource: Mapping[str, Any]) -> Body:
    """What the provider tells of a resource: the ARM answer flattened, with the API version that it was read at."""
    found = copy.deepcopy(dict(resource))
    if bare(type_).startswith(("azure-native:keyvault:", "azure-native:dataprotection:")):
        below: Body = {}
    else:
        below = _lifted(found.pop("properties", None) or {})
    return {**below, **found, API_VERSION: api_version(type_)}


def _lifted(value: Any) -> Any:
    """Parts that are resources of their own have a name or an id beside their properties; those are lifted at every depth."""
    if isinstance(value, list):
        return [_lifted(each) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _lifted(each) for key, each in value.items()}
    own = inner.get("properties")
    if isinstance(own, dict) and ("name" in inner or "id" in inner):
        del inner["properties"]
        inner = {**own, **inner}
    return inner


def settable(type_: str, resource: Mapping[str, Any]) -> Body:
    """Every input that would describe this resource as it is: what an import writes into the state."""
    found = inputs_of(type_, outputs_of(type_, resource))
    return {**found, **(parts_of(type_, str(resource["id"])) if arm_ids.path_of(type_) else {})}


def inputs_of(type_: str, outputs: Mapping[str, Any]) -> Body:
    """The part of the outputs that somebody can set, without empty lists and maps: Azure answers those for what was never set."""
    told = copy.deepcopy(dict(outputs))
    hidden = _READ_ONLY_EVERYWHERE | _READ_ONLY.get(bare(type_), frozenset()) | {API_VERSION}
    found = {name: value for name, value in told.items() if name not in hidden}
    for path in hidden:
        outer, _, inner = path.partition(".")
        if inner and isinstance(found.get(outer), dict):
            found[outer].pop(inner, None)
    for each in found.get("delegations", []):  # of a subnet: what was asked for, without what Azure added
        for name in ("id", "etag", "provisioningState", "actions"):
            each.pop(name, None)
    return _without_empty(found)


def told_later(type_: str) -> frozenset[str]:
    """What Azure adds to an identity that somebody sets, as dotted paths: other resources wait for it, and a preview does not know it."""
    return frozenset(path for path in _READ_ONLY.get(bare(type_), frozenset()) if path.startswith("identity."))


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {name: _without_empty(each) for name, each in value.items()}
        return {name: each for name, each in inner.items() if each not in ({}, [])}
    if isinstance(value, list):
        return [each for each in map(_without_empty, value) if each not in ({}, [])]
    return value


def parts_of(type_: str, resource_id: str) -> dict[str, str]:
    """The path inputs that an id was made of. Raises ValueError for an id of another type."""
    path = arm_ids.path_of(type_) or ""
    pieces = [
        f"(?P<{piece[1:-1]}>{'.+' if piece in ('{scope}', '{resourceUri}') else '[^/]+'})" if _PART.fullmatch(piece) else re.escape(piece)
        for piece in re.split(r"(\{\w+\})", path)
    ]
    match = re.fullmatch("".join(pieces), resource_id, re.IGNORECASE)
    if match is None:
        raise ValueError(f"{resource_id} is no id of a {bare(type_).rpartition(':')[2]}")
    return {name: value for name, value in match.groupdict().items() if name != "subscriptionId"}
