"""What the provider finds wrong with the inputs of a resource before it asks Azure: what is missing, of another type, of no enumeration.

Required properties, types and enumerations are those of the API specification 2025-08-01 as azure-native 3.29 carries them. What only the
service judges (a size, a zone, a parameter's range) is left to the cloud model, as it is in Azure. The real provider leaves values of an
enumeration to Azure too; here the preview tells them already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.local_azure import arm_shape
from scripts.local_azure.property_bag import UNKNOWN

_POSTGRESQL = "azure-native:dbforpostgresql:"
_SWITCH = ("Enabled", "Disabled")

# A part of a property is required only where the property itself is given.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    arm_shape.SERVER: ("location", "sku.name", "sku.tier", "identity.type"),
    _POSTGRESQL + "FirewallRule": ("startIpAddress", "endIpAddress"),
    "azure-native:network:PrivateEndpoint": ("subnet",),
    "azure-native:monitor:MetricAlert": ("criteria", "enabled", "evaluationFrequency", "scopes", "severity", "windowSize"),
    "azure-native:monitor:ActionGroup": ("enabled", "groupShortName"),
    "azure-native:authorization:ManagementLockByScope": ("level",),
    "azure-native:authorization:RoleAssignment": ("principalId", "roleDefinitionId"),
    "azure-native:storage:StorageAccount": ("kind", "sku"),
    "azure-native:keyvault:Vault": ("properties",),
    "azure-native:dataprotection:BackupVault": ("properties", "properties.storageSettings"),
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
# Types of what a person writes; the parts of an id are strings for every kind of resource. Nothing turns "32" into 32 on the way.
TYPES: Mapping[str, Mapping[str, str]] = {
    arm_shape.SERVER: {
        "location": "string", "version": "string", "administratorLogin": "string", "availabilityZone": "string", "createMode": "string",
        "sku": "object", "storage": "object", "backup": "object", "highAvailability": "object", "network": "object", "authConfig": "object",
        "sku.name": "string", "sku.tier": "string", "storage.storageSizeGB": "integer", "storage.iops": "integer",
        "storage.throughput": "integer", "storage.tier": "string", "storage.autoGrow": "string", "backup.backupRetentionDays": "integer",
        "backup.geoRedundantBackup": "string", "highAvailability.mode": "string", "highAvailability.standbyAvailabilityZone": "string",
        "maintenanceWindow.dayOfWeek": "integer", "maintenanceWindow.startHour": "integer", "maintenanceWindow.startMinute": "integer",
    },
    _POSTGRESQL + "Configuration": {"value": "string", "source": "string"},
    _POSTGRESQL + "Database": {"charset": "string", "collation": "string"},
    _POSTGRESQL + "FirewallRule": {"startIpAddress": "string", "endIpAddress": "string"},
}  # fmt: skip
_CALLED = ((bool, "boolean"), (str, "string"), (int, "number"), (float, "number"), (list, "array"), (dict, "object"))
_SPELLED = {"string": "a string", "number": "a number", "array": "an array", "object": "an object", "boolean": "a boolean"}


def failures(type_: str, inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(property, reason) for everything found wrong, one for each property; unknown values are not judged."""
    token = arm_shape.bare(type_)
    if arm_shape.path_of(type_, inputs) is None:
        return [("", f"the local Azure cannot tell the id of a {token}: it has no names to make it of")]
    found: dict[str, str] = {}
    for path, reason in (*_missing(token, inputs), *_of_another_type(token, inputs), *_of_no_enumeration(token, inputs)):
        found.setdefault(path, reason)
    return list(found.items())


def _missing(token: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    parts = arm_shape.path_parts(token, inputs)
    for path in (*parts, *REQUIRED.get(token, ())):
        outer, _, inner = path.partition(".")
        if inner and not isinstance(inputs.get(outer), Mapping):
            continue
        value = _at(inputs, path)
        if value is None:
            where = ". Either set it explicitly or configure it with 'pulumi config set azure-native:location <value>'."
            yield path, f"missing required property '{path}'{where if path == 'location' else ''}"
        elif value == "" and path in parts:
            yield path, f"'{path}' is too short (0): at least 1 characters required"


def _of_another_type(token: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, wanted in {**dict.fromkeys(arm_shape.path_parts(token, inputs), "string"), **TYPES.get(token, {})}.items():
        value = _at(inputs, path)
        called = next((name for kind, name in _CALLED if isinstance(value, kind)), None)
        if called is None:
            continue
        if called == "number" and wanted == "integer":
            if isinstance(value, float):
                yield path, f"'{path}' must be an integer but got {value:f}"
        elif called != wanted:
            yield path, f"'{path}' should be of type '{wanted}' but got {_SPELLED[called]}"


def _of_no_enumeration(token: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, allowed in ALLOWED.get(token, {}).items():
        value = _at(inputs, path)
        if value is not None and value is not UNKNOWN and value not in allowed:
            yield path, f"expected '{path}' to be one of {', '.join(repr(each) for each in allowed)}, got {value!r}"


def _at(inputs: Mapping[str, Any], path: str) -> Any:
    value: Any = inputs
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
