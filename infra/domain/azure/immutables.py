"""What cannot change in place: the inputs of each resource type whose change replaces it, as the provider decides.

Source: mutability marks of Microsoft's own SDK (the same in every API version from 2026-01-01-preview on) and the
provider's generator; the schema that the provider ships could not be read, so nested inputs are listed apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SERVER = "azure-native:dbforpostgresql:Server"

REPLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SERVER: (
            "resourceGroupName",
            "serverName",
            "location",
            "availabilityZone",
            "administratorLogin",
            "sourceServerResourceId",
            "pointInTimeUTC",
        ),
        "azure-native:dbforpostgresql:Configuration": ("resourceGroupName", "serverName", "configurationName"),
        "azure-native:dbforpostgresql:Database": ("resourceGroupName", "serverName", "databaseName", "charset", "collation"),
        "azure-native:dbforpostgresql:FirewallRule": ("resourceGroupName", "serverName", "firewallRuleName"),
        "azure-native:dbforpostgresql:AdministratorsMicrosoftEntra": (
            "resourceGroupName",
            "serverName",
            "objectId",
            "principalName",
            "principalType",
            "tenantId",
        ),
        "azure-native:dbforpostgresql:VirtualEndpoint": ("resourceGroupName", "serverName", "virtualEndpointName"),
        "azure-native:resources:ResourceGroup": ("resourceGroupName", "location"),
    }
)

# Create-only inside an object: Azure may replace, refuse or ignore; which one is not known, so all three are feared.
NESTED_CREATE_ONLY: Mapping[str, tuple[str, ...]] = MappingProxyType({SERVER: ("backup.geoRedundantBackup",)})

# Not marked create-only, but the service refuses the change: an update that fails.
REFUSED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {SERVER: ("network.delegatedSubnetResourceId", "dataEncryption.type", "storage.type")}
)
