"""The shape that ARM gives to a resource: its type with all of its segments, its API version, and where its properties stand in a body.

Sources: the resource definitions in the Azure REST specifications, at the API versions that azure-native 3.29 talks. The provider lifts
`properties` to the level above, of a resource and of the resources written inside another one (the rules of a security group); here they
are put back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from infra.domain.azure import arm_ids

Body = dict[str, Any]

# Read off the provider's package: by type where a service has more than one version, else by service.
_API_VERSIONS: Mapping[str, str] = {
    "dbforpostgresql": "2025-08-01", "network": "2024-05-01", "privatedns": "2024-06-01", "managedidentity": "2023-01-31",
    "keyvault": "2024-11-01", "operationalinsights": "2023-09-01", "storage": "2024-01-01", "dataprotection": "2025-01-01",
    "monitor:MetricAlert": "2018-03-01", "monitor:ScheduledQueryRule": "2025-01-01-preview", "monitor:ActionGroup": "2024-10-01-preview",
    "monitor:DiagnosticSetting": "2021-05-01-preview", "monitor:ActivityLogAlert": "2020-10-01",
    "authorization:ManagementLockByScope": "2020-05-01", "authorization:ManagementLockAtResourceGroupLevel": "2020-05-01",
    "authorization:RoleAssignment": "2022-04-01",
}  # fmt: skip
# What stands beside `properties` (the common part of all resource definitions).
_BESIDE = frozenset({"location", "tags", "sku", "identity", "kind", "zones", "extendedLocation", "managedBy", "plan"})
# A workspace has its SKU among its properties.
_BESIDE_OF: Mapping[str, frozenset[str]] = {"azure-native:operationalinsights:Workspace": _BESIDE - {"sku"}}
# Lists of resources inside another one, all of the network service: their items have properties of their own.
_INSIDE = frozenset(
    {
        "subnets", "delegations", "securityRules", "privateLinkServiceConnections", "manualPrivateLinkServiceConnections",
        "privateDnsZoneConfigs",
    }
)  # fmt: skip
_BESIDE_INSIDE = frozenset({"id", "name", "type"})
# What the provider calls by another name than ARM, as far as it is known here; none of the types of the program.
_RENAMED: Mapping[str, Mapping[str, str]] = {"azure-native:storage:StorageAccount": {"enableHttpsTrafficOnly": "supportsHttpsTrafficOnly"}}
_NETWORK = "azure-native:network:"
_PART = re.compile(r"\{(\w+)\}")
_VERSIONED = re.compile(r"/v\d{8}\w*:")


def bare(type_: str) -> str:
    """The type token without an API version in it."""
    return _VERSIONED.sub(":", type_)


def api_version(type_: str) -> str | None:
    """The API version of a type token; None for a service without a row."""
    short = bare(type_).removeprefix("azure-native:")
    return _API_VERSIONS.get(short) or _API_VERSIONS.get(short.partition(":")[0])


def path_parts(type_: str) -> frozenset[str]:
    """The inputs that are told by the resource's id, so by no body."""
    return frozenset(_PART.findall(arm_ids.path_of(type_) or ""))


def body_of(type_: str, inputs: Mapping[str, Any]) -> Body:
    """The body of a resource, from the provider's inputs: the parts of the id left out, the properties a level below.

    A type that the provider does not flatten, such as a key vault, has `properties` among its inputs and stays as it is.
    """
    parts = {*path_parts(type_), "azureApiVersion"}
    renamed = _RENAMED.get(bare(type_), {})
    sent = {renamed.get(name, name): value for name, value in inputs.items() if name not in parts}
    if "properties" in sent:
        return sent
    if isinstance(identity := sent.get("identity"), Mapping):
        sent["identity"] = _identity(identity)
    if bare(type_).startswith(_NETWORK):
        sent = {name: _inside(name, value) for name, value in sent.items()}
    return _split(sent, _BESIDE_OF.get(bare(type_), _BESIDE))


def _identity(told: Mapping[str, Any]) -> Body:
    """The provider takes a list of identities where ARM has an object with their ids as keys."""
    own = told.get("userAssignedIdentities")
    return {**told, "userAssignedIdentities": {each: {} for each in own}} if isinstance(own, list | tuple) else dict(told)


def _inside(name: str, value: Any) -> Any:
    """The value with the properties of all resources inside it put back, at every depth."""
    if isinstance(value, Mapping):
        return {key: _inside(key, item) for key, item in value.items()}
    if not isinstance(value, list | tuple):
        return value
    items = [_inside("", item) for item in value]
    return [_split(item, _BESIDE_INSIDE) if isinstance(item, Mapping) else item for item in items] if name in _INSIDE else items


def _split(flat: Mapping[str, Any], beside: frozenset[str]) -> Body:
    """Two levels out of one; no empty `properties`."""
    below = {name: value for name, value in flat.items() if name not in beside}
    top = {name: value for name, value in flat.items() if name in beside}
    return {**top, "properties": below} if below else top
