"""Changes of a production plan with the danger and the guilty property that each must be told with."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.domain.changes.change import Danger
from infra.domain.registrations import Plan

_GOLDEN = Path(__file__).resolve().parents[2] / "infra" / "golden" / "prod.json"
SERVER, GROUP, LOCK = "memory-server-postgresql", "memory-group", "memory-guard-lock"
DATABASE = "memory-database-application"
Document = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A change: what is done to the plan, to which resource, and what must be said of it."""

    name: str
    edit: Callable[[Document], None]
    resource: str
    danger: Danger
    path: str = ""

    @property
    def new(self) -> Plan:
        """The plan after the change."""
        document = copy.deepcopy(json.loads(_GOLDEN.read_text(encoding="utf-8")))
        self.edit(document)
        return Plan.from_json(json.dumps(document))


def old() -> Plan:
    """The plan of production as it is shipped."""
    return Plan.from_json(_GOLDEN.read_text(encoding="utf-8"))


def inputs(document: Document, name: str) -> Document:
    """The inputs of one resource of a plan's document."""
    found: Document = next(item for item in document["registrations"] if item["name"] == name and item.get("custom", True))["inputs"]
    return found


def _put(name: str, path: str, value: Any) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        place = inputs(document, name)
        *outer, last = path.split(".")
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value

    return edit


def _without(name: str) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        document["registrations"] = [item for item in document["registrations"] if item["name"] != name]

    return edit


def _with(type_: str, name: str, given: Mapping[str, Any]) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        urn = f"urn:pulumi:prod::agent-memory::{type_}::{name}"
        document["registrations"].append({"urn": urn, "type": type_, "name": name, "inputs": dict(given)})

    return edit


def _attended(edit: Callable[[Document], None]) -> Callable[[Document], None]:
    """The same without autogrow's ignored properties, so that the engine sees the disk."""

    def both(document: Document) -> None:
        edit(document)
        next(item for item in document["registrations"] if item["name"] == SERVER)["ignore_changes"] = []

    return both


def _server(name: str, path: str, value: Any, danger: Danger, property_: str = "") -> Case:
    return Case(name, _put(SERVER, path, value), SERVER, danger, property_ or path)


def _parameter(name: str, parameter: str, value: str, danger: Danger) -> Case:
    return Case(name, _put(f"memory-parameters-{parameter}", "value", value), f"memory-parameters-{parameter}", danger, "value")


_PG, _NET = "azure-native:dbforpostgresql", "azure-native:network"
_BACKUP, _ROLE = "azure-native:dataprotection", "azure-native:authorization:RoleAssignment"
_DEFINITIONS = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions"
CASES = (
    # What ends the server or holds data.
    _server("another server name", "serverName", "zepmem-prod2", Danger.DATA_LOSS),
    _server("another location", "location", "northeurope", Danger.DATA_LOSS),
    _server("another administrator", "administratorLogin", "somebody", Danger.DATA_LOSS),
    _server("another group of the server", "resourceGroupName", "rg-other", Danger.DATA_LOSS),
    _server("a point in time", "pointInTimeUTC", "2026-01-01T00:00:00Z", Danger.DATA_LOSS),
    _server("a source server", "sourceServerResourceId", "/subscriptions/x/y", Danger.DATA_LOSS),
    Case("another zone, not ignored", _attended(_put(SERVER, "availabilityZone", "3")), SERVER, Danger.DATA_LOSS, "availabilityZone"),
    Case("the server is gone", _without(SERVER), SERVER, Danger.DATA_LOSS),
    Case("the database is gone", _without(DATABASE), DATABASE, Danger.DATA_LOSS),
    Case("another database name", _put(DATABASE, "databaseName", "other"), DATABASE, Danger.DATA_LOSS, "databaseName"),
    Case("another collation", _put(DATABASE, "collation", "C"), DATABASE, Danger.DATA_LOSS, "collation"),
    Case("the group is gone", _without(GROUP), GROUP, Danger.DATA_LOSS),
    Case("another group", _put(GROUP, "resourceGroupName", "rg-other"), GROUP, Danger.DATA_LOSS, "resourceGroupName"),
    Case("the group moves", _put(GROUP, "location", "northeurope"), GROUP, Danger.DATA_LOSS, "location"),
    _server("fewer days", "backup.backupRetentionDays", 7, Danger.DATA_LOSS),
    _server("geo off", "backup.geoRedundantBackup", "Disabled", Danger.DATA_LOSS),
    # Backups, standby, disk.
    Case("more days", _put(SERVER, "backup.backupRetentionDays", 40), SERVER, Danger.COSTS_MORE, "backup.backupRetentionDays"),
    _server("no standby", "highAvailability.mode", "Disabled", Danger.WEAKER_RECOVERY),
    _server("standby in the same zone", "highAvailability.mode", "SameZone", Danger.WEAKER_RECOVERY),
    Case("smaller disk", _attended(_put(SERVER, "storage.storageSizeGB", 64)), SERVER, Danger.OUTAGE, "storage.storageSizeGB"),
    Case("larger disk", _attended(_put(SERVER, "storage.storageSizeGB", 256)), SERVER, Danger.IRREVERSIBLE, "storage.storageSizeGB"),
    Case("disk beyond 4 TiB", _attended(_put(SERVER, "storage.storageSizeGB", 8192)), SERVER, Danger.OUTAGE, "storage.storageSizeGB"),
    Case("another kind of disk", _attended(_put(SERVER, "storage.type", "PremiumV2_LRS")), SERVER, Danger.OUTAGE, "storage.type"),
    Case("a faster disk", _attended(_put(SERVER, "storage.tier", "P40")), SERVER, Danger.COSTS_MORE, "storage.tier"),
    _server("no autogrow", "storage.autoGrow", "Disabled", Danger.OUTAGE),
    # Compute and version.
    _server("larger SKU", "sku.name", "Standard_D4s_v3", Danger.OUTAGE),
    _server("SKU that nobody knows", "sku.name", "Standard_X9", Danger.UNKNOWN),
    _server("Burstable", "sku.tier", "Burstable", Danger.WEAKER_RECOVERY),
    _server("Memory Optimized", "sku.tier", "MemoryOptimized", Danger.COSTS_MORE),
    _server("major upgrade", "version", "17", Danger.IRREVERSIBLE),
    _server("older version", "version", "15", Danger.OUTAGE),
    # Network and access.
    _server("another subnet", "network.delegatedSubnetResourceId", "/subscriptions/s/other", Danger.OUTAGE),
    _server("public instead of private", "network.delegatedSubnetResourceId", "", Danger.WEAKER_SECURITY),
    _server("another DNS zone", "network.privateDnsZoneArmResourceId", "/subscriptions/s/other", Danger.OUTAGE),
    _server("open to the internet", "network.publicNetworkAccess", "Enabled", Danger.WEAKER_SECURITY),
    _server("no passwords", "authConfig.passwordAuth", "Disabled", Danger.OUTAGE),
    _server("Entra logins", "authConfig.activeDirectoryAuth", "Enabled", Danger.RESTART),
    _server("the tenant of the first Entra logins", "authConfig.tenantId", "72f9", Danger.HARMLESS),
    _server("own keys", "dataEncryption.type", "AzureKeyVault", Danger.OUTAGE),
    _server("another identity", "identity.type", "UserAssigned", Danger.OUTAGE),
    _server("another maintenance window", "maintenanceWindow.startHour", 5, Danger.HARMLESS),
    _server("a tag", "tags.team", "memory", Danger.HARMLESS),
    Case("a promotion", _attended(_put(SERVER, "replicationRole", "None")), SERVER, Danger.DATA_LOSS, "replicationRole"),
    _server("something new", "cluster.clusterSize", 4, Danger.UNKNOWN),
    Case("a firewall rule", _with(f"{_PG}:FirewallRule", "all", {"startIpAddress": "0.0.0.0"}), "all", Danger.WEAKER_SECURITY),
    Case("an administrator", _with(f"{_PG}:AdministratorsMicrosoftEntra", "ann", {"objectId": "x"}), "ann", Danger.WEAKER_SECURITY),
    Case("a replica", _with(f"{_PG}:Server", "copy", {"createMode": "Replica"}), "copy", Danger.COSTS_MORE),
    Case("another server beside it", _with(f"{_PG}:Server", "second", {"serverName": "x"}), "second", Danger.COSTS_MORE),
    Case("a way out", _with("azure-native:network:NatGateway", "out", {"natGatewayName": "x"}), "out", Danger.COSTS_MORE),
    Case("a bucket", _with("aws:s3:Bucket", "bucket", {"acl": "private"}), "bucket", Danger.HARMLESS),
    Case("a server in a vault", _with(f"{_BACKUP}:BackupInstance", "copied", {"vaultName": "x"}), "copied", Danger.COSTS_MORE),
    Case("a vault", _with(f"{_BACKUP}:BackupVault", "vault", {"vaultName": "x"}), "vault", Danger.HARMLESS),
    Case("a role that only looks", _with(_ROLE, "reader", {"roleDefinitionId": f"{_DEFINITIONS}/acdd72a7-3385-48ef-bd42-f606fba81ae7"}),
         "reader", Danger.HARMLESS),
    Case("a role that nobody knows", _with(_ROLE, "owner", {"roleDefinitionId": f"{_DEFINITIONS}/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"}),
         "owner", Danger.WEAKER_SECURITY),
    Case("the lock is gone", _without(LOCK), LOCK, Danger.WEAKER_SECURITY),
    Case("the lock is weaker", _put(LOCK, "level", "ReadOnly"), LOCK, Danger.WEAKER_SECURITY, "level"),
    Case("logs are gone", _without("memory-monitoring-workspace"), "memory-monitoring-workspace", Danger.IRREVERSIBLE),
    Case("logs are kept shorter", _put("memory-monitoring-workspace", "retentionInDays", 7), "memory-monitoring-workspace",
         Danger.IRREVERSIBLE, "retentionInDays"),
    Case("logs are kept longer", _put("memory-monitoring-workspace", "retentionInDays", 700), "memory-monitoring-workspace",
         Danger.COSTS_MORE, "retentionInDays"),
    Case("no diagnostics", _without("memory-monitoring-diagnostics"), "memory-monitoring-diagnostics", Danger.WEAKER_SECURITY),
    Case("no zone", _without("memory-network-zone"), "memory-network-zone", Danger.OUTAGE),
    Case("no link", _without("memory-network-zone-link"), "memory-network-zone-link", Danger.OUTAGE),
    Case("another prefix", _put("memory-network-subnet", "addressPrefix", "10.20.2.0/28"), "memory-network-subnet", Danger.OUTAGE,
         "addressPrefix"),
    Case("no filter", _without("memory-network-security-group"), "memory-network-security-group", Danger.WEAKER_SECURITY),
    Case("another address space", _put("memory-network-virtual-network", "addressSpace.addressPrefixes", ["10.30.0.0/16", "10.40.0.0/16"]),
         "memory-network-virtual-network", Danger.OUTAGE, "addressSpace.addressPrefixes"),
    # Parameters.
    _parameter("a static parameter", "max_connections", "900", Danger.RESTART),
    _parameter("a dynamic parameter", "log_min_duration_statement", "1000", Danger.HARMLESS),
    _parameter("no TLS", "require_secure_transport", "off", Danger.WEAKER_SECURITY),
    _parameter("old TLS", "ssl_min_protocol_version", "TLSv1", Danger.WEAKER_SECURITY),
    _parameter("vector leaves the allow-list", "azure.extensions", "pg_stat_statements", Danger.OUTAGE),
    _parameter("an extension more", "azure.extensions", "pg_stat_statements,vector,hstore", Danger.HARMLESS),
    _parameter("a value that is not known yet", "maintenance_work_mem", "[unknown]", Danger.UNKNOWN),
    Case("a static parameter for the first time", _with(f"{_PG}:Configuration", "locks",
         {"configurationName": "max_locks_per_transaction", "value": "128"}), "locks", Danger.RESTART),
    Case("a parameter is gone", _without("memory-parameters-max_connections"), "memory-parameters-max_connections", Danger.RESTART),
)  # fmt: skip
