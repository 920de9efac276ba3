"""What the provider finds wrong with the inputs of a resource before it asks Azure: missing properties and values of no enumeration.

Required properties and enumerations are those of the API specification 2025-08-01 as azure-native 3.29 carries them. What only the service
judges (a size, a zone, a parameter's range) is left to the cloud model, as it is in Azure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.domain.azure import arm_ids
from scripts.local_azure import arm_shape
from scripts.local_azure.property_bag import UNKNOWN

_POSTGRESQL = "azure-native:dbforpostgresql:"
_SWITCH = ("Enabled", "Disabled")

# A part of a property is required only where the property itself is given.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    arm_shape.SERVER: ("sku.name", "sku.tier", "identity.type"),
    _POSTGRESQL + "FirewallRule": ("startIpAddress", "endIpAddress"),
    "azure-native:network:PrivateEndpoint": ("subnet",),
    "azure-native:monitor:MetricAlert": ("criteria", "enabled", "evaluationFrequency", "scopes", "severity", "windowSize"),
    "azure-native:monitor:ActionGroup": ("enabled", "groupShortName"),
    "azure-native:authorization:ManagementLockByScope": ("level",),
    "azure-native:authorization:RoleAssignment": ("principalId", "roleDefinitionId"),
    "azure-native:storage:StorageAccount": ("kind", "sku"),
    "azure-native:keyvault:Vault": ("properties",),
}
ALLOWED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    arm_shape.SERVER: {
        "sku.tier": ("Burstable", "GeneralPurpose", "MemoryOptimized"),
        "version": ("11", "12", "13", "14", "15", "16", "17", "18"),
        "createMode": ("Default", "Create", "Update", "PointInTimeRestore", "GeoRestore", "Replica", "ReviveDropped"),
        "storage.autoGrow": _SWITCH,
        "storage.type": ("", "Premium_LRS", "PremiumV2_LRS", "UltraSSD_LRS"),
        "backup.geoRedundantBackup": _SWITCH,
        "highAvailability.mode": ("Disabled", "ZoneRedundant", "SameZone"),
        "network.publicNetworkAccess": _SWITCH,
        "authConfig.activeDirectoryAuth": _SWITCH,
        "authConfig.passwordAuth": _SWITCH,
        "dataEncryption.type": ("SystemManaged", "AzureKeyVault"),
        "maintenanceWindow.customWindow": _SWITCH,
    },
    _POSTGRESQL + "AdministratorsMicrosoftEntra": {"principalType": ("Unknown", "User", "Group", "ServicePrincipal")},
    _POSTGRESQL + "VirtualEndpoint": {"endpointType": ("ReadWrite",)},
    "azure-native:authorization:ManagementLockByScope": {"level": ("NotSpecified", "CanNotDelete", "ReadOnly")},
}


def failures(type_: str, inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(property, reason) for everything found wrong; unknown values are not judged."""
    token = arm_shape.bare(type_)
    if arm_ids.path_of(type_) is None:
        return [("", f"the local Azure knows no resource of type {token}")]
    return [*_missing(token, inputs), *_of_no_enumeration(token, inputs)]


def _missing(token: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path in (*arm_shape.path_parts(token), *REQUIRED.get(token, ())):
        outer, _, inner = path.partition(".")
        value = inputs.get(outer)
        if inner and isinstance(value, Mapping):
            value = value.get(inner)
        elif inner:
            continue
        if value is None or value == "":
            yield path, f"missing required property '{path}'"


def _of_no_enumeration(token: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, allowed in ALLOWED.get(token, {}).items():
        value: Any = inputs
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None and value is not UNKNOWN and value not in allowed:
            yield path, f"expected '{path}' to be one of {', '.join(repr(each) for each in allowed)}, got {value!r}"
