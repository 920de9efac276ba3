"""The ARM id that a resource will get, from its Pulumi type and inputs, and the way back from an id to its parent.

Sources: the path of the PUT operation of each type in the Azure REST specifications (API versions of azure-native 3.29);
the names in braces are the provider's input names for the parts of that path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.domain.registrations import UNKNOWN

# The subscription of every plan that is made without Azure: no real one has it.
NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"

_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
_POSTGRESQL = _GROUP + "/providers/Microsoft.DBforPostgreSQL/flexibleServers/{serverName}"
_NETWORK = _GROUP + "/providers/Microsoft.Network"
_ZONE = _NETWORK + "/privateDnsZones/{privateZoneName}"
_STORAGE = _GROUP + "/providers/Microsoft.Storage/storageAccounts/{accountName}"
_VAULT = _GROUP + "/providers/Microsoft.KeyVault/vaults/{vaultName}"
_INSIGHTS = _GROUP + "/providers/Microsoft.Insights"
_IDENTITY = _GROUP + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}"
_BACKUP = _GROUP + "/providers/Microsoft.DataProtection/backupVaults/{vaultName}"
_AUTHORIZATION = "{scope}/providers/Microsoft.Authorization"

PATHS: Mapping[str, str] = {
    "azure-native:resources:ResourceGroup": _GROUP,
    "azure-native:dbforpostgresql:Server": _POSTGRESQL,
    "azure-native:dbforpostgresql:Configuration": _POSTGRESQL + "/configurations/{configurationName}",
    "azure-native:dbforpostgresql:Database": _POSTGRESQL + "/databases/{databaseName}",
    "azure-native:dbforpostgresql:FirewallRule": _POSTGRESQL + "/firewallRules/{firewallRuleName}",
    "azure-native:dbforpostgresql:AdministratorsMicrosoftEntra": _POSTGRESQL + "/administrators/{objectId}",
    "azure-native:dbforpostgresql:VirtualEndpoint": _POSTGRESQL + "/virtualendpoints/{virtualEndpointName}",
    "azure-native:dbforpostgresql:BackupsAutomaticAndOnDemand": _POSTGRESQL + "/backups/{backupName}",
    "azure-native:network:VirtualNetwork": _NETWORK + "/virtualNetworks/{virtualNetworkName}",
    "azure-native:network:Subnet": _NETWORK + "/virtualNetworks/{virtualNetworkName}/subnets/{subnetName}",
    "azure-native:network:NetworkSecurityGroup": _NETWORK + "/networkSecurityGroups/{networkSecurityGroupName}",
    "azure-native:network:NatGateway": _NETWORK + "/natGateways/{natGatewayName}",
    "azure-native:network:PublicIPAddress": _NETWORK + "/publicIPAddresses/{publicIpAddressName}",
    "azure-native:network:PrivateEndpoint": _NETWORK + "/privateEndpoints/{privateEndpointName}",
    "azure-native:network:PrivateDnsZoneGroup": _NETWORK
    + "/privateEndpoints/{privateEndpointName}/privateDnsZoneGroups/{privateDnsZoneGroupName}",
    "azure-native:privatedns:PrivateZone": _ZONE,
    "azure-native:privatedns:VirtualNetworkLink": _ZONE + "/virtualNetworkLinks/{virtualNetworkLinkName}",
    "azure-native:managedidentity:UserAssignedIdentity": _IDENTITY,
    "azure-native:managedidentity:FederatedIdentityCredential": _IDENTITY
    + "/federatedIdentityCredentials/{federatedIdentityCredentialResourceName}",
    "azure-native:keyvault:Vault": _VAULT,
    "azure-native:keyvault:Key": _VAULT + "/keys/{keyName}",
    "azure-native:keyvault:Secret": _VAULT + "/secrets/{secretName}",
    "azure-native:dataprotection:BackupVault": _BACKUP,
    "azure-native:dataprotection:BackupPolicy": _BACKUP + "/backupPolicies/{backupPolicyName}",
    "azure-native:dataprotection:BackupInstance": _BACKUP + "/backupInstances/{backupInstanceName}",
    "azure-native:operationalinsights:Workspace": _GROUP + "/providers/Microsoft.OperationalInsights/workspaces/{workspaceName}",
    "azure-native:monitor:ActionGroup": _INSIGHTS + "/actionGroups/{actionGroupName}",
    "azure-native:monitor:MetricAlert": _INSIGHTS + "/metricAlerts/{ruleName}",
    "azure-native:monitor:ScheduledQueryRule": _INSIGHTS + "/scheduledQueryRules/{ruleName}",
    "azure-native:monitor:ActivityLogAlert": _INSIGHTS + "/activityLogAlerts/{activityLogAlertName}",
    "azure-native:monitor:DiagnosticSetting": "{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
    "azure-native:storage:StorageAccount": _STORAGE,
    "azure-native:storage:BlobServiceProperties": _STORAGE + "/blobServices/{blobServicesName}",
    "azure-native:storage:BlobContainer": _STORAGE + "/blobServices/default/containers/{containerName}",
    "azure-native:storage:ManagementPolicy": _STORAGE + "/managementPolicies/{managementPolicyName}",
    "azure-native:authorization:ManagementLockByScope": _AUTHORIZATION + "/locks/{lockName}",
    "azure-native:authorization:ManagementLockAtResourceGroupLevel": _GROUP + "/providers/Microsoft.Authorization/locks/{lockName}",
    "azure-native:authorization:RoleAssignment": _AUTHORIZATION + "/roleAssignments/{roleAssignmentName}",
}

_PART = re.compile(r"\{(\w+)\}")
_VERSIONED = re.compile(r"/v\d{8}\w*:")


def path_of(type_: str) -> str | None:
    """The ARM path of a type token, with or without an API version in it; None for a type without a row."""
    return PATHS.get(_VERSIONED.sub(":", type_))


def arm_id(type_: str, inputs: Mapping[str, object], subscription: str = NO_SUBSCRIPTION) -> str | None:
    """The id that Azure gives to this resource; None where the type has no row or a part of its path is not known."""
    path = path_of(type_)
    return None if path is None else filled(path, inputs, subscription)


def filled(path: str, inputs: Mapping[str, object], subscription: str) -> str | None:
    """The path with its parts filled in; None where one of them is not known."""
    values = {"subscriptionId": subscription, **inputs}
    parts = [values.get(name) for name in _PART.findall(path)]
    if not all(isinstance(part, str) and part and UNKNOWN not in part for part in parts):
        return None
    # A scope begins with its own slash and the path with the scope, so the pieces meet without a second one.
    return _PART.sub(lambda match: str(values[match[1]]).rstrip("/"), path)


def name_of(arm_id: str) -> str:
    """The last segment of an id, which ARM answers as `name`."""
    return arm_id.rstrip("/").rpartition("/")[2]


def parent_id(arm_id: str) -> str | None:
    """The id of what contains this resource: server of a database, group of a server, target of a lock; None at the top."""
    segments = arm_id.strip("/").split("/")[:-2]
    if len(segments) >= 2 and segments[-2].lower() == "providers":  # `.../providers/Microsoft.X` alone names nothing
        segments = segments[:-2]
    return "/" + "/".join(segments) if segments else None
