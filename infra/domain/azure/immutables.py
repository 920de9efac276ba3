"""What cannot change in place: the inputs of each resource type whose change replaces it, as the provider decides.

Source: mutability marks of Microsoft's own SDK (the same in every API version from 2026-01-01-preview on) and the
source of the provider and of its generator, which adds a few of its own (group, network, private endpoint, role
assignment, storage account). The schema that the provider ships could not be read.
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
        "azure-native:network:VirtualNetwork": ("resourceGroupName", "virtualNetworkName", "location"),
        "azure-native:network:PrivateEndpoint": ("resourceGroupName", "privateEndpointName", "subnet"),
        "azure-native:authorization:RoleAssignment": ("scope", "roleAssignmentName", "principalId"),
        "azure-native:storage:StorageAccount": ("resourceGroupName", "accountName", "location", "isHnsEnabled"),
        "azure-native:dataprotection:BackupVault": ("resourceGroupName", "vaultName", "location"),
        "azure-native:dataprotection:BackupPolicy": ("resourceGroupName", "vaultName", "backupPolicyName"),
        "azure-native:dataprotection:BackupInstance": ("resourceGroupName", "vaultName", "backupInstanceName"),
        # Tracked resources of ARM's common types, where the location is marked create-only.
        "azure-native:managedidentity:UserAssignedIdentity": ("resourceGroupName", "resourceName", "location"),
        "azure-native:operationalinsights:Workspace": ("resourceGroupName", "workspaceName", "location"),
    }
)

# Create-only inside an object. The generator drops such a mark, so the provider should plan an update that Azure then refuses
# or ignores; no run of the real one has shown it, so a replacement is feared too.
NESTED_CREATE_ONLY: Mapping[str, tuple[str, ...]] = MappingProxyType({SERVER: ("backup.geoRedundantBackup",)})

# Not marked create-only, but the service refuses the change: an update that fails.
REFUSED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SERVER: ("network.delegatedSubnetResourceId", "dataEncryption.type", "storage.type"),
        # Pages on the REST API of Azure Backup and on vaults: no policy is modified, and redundancy stays once there is a copy.
        "azure-native:dataprotection:BackupPolicy": ("properties",),
        "azure-native:dataprotection:BackupVault": ("properties.storageSettings",),
    }
)
