"""The flexible server, with every weak default of the SDK written out and every way to a silent replacement closed."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dbforpostgresql

from infra.components.change_guard import change_guard, fate_guard
from infra.components.network import Network
from infra.components.outcomes import moved_zones_hook
from infra.domain import names, sizing
from infra.domain.environment import CustomerManagedKey, Environment, Storage, entra_logins
from infra.domain.server_change import fate

# Azure swaps the two zones by itself, after a failover and after a change of SKU. A refresh writes the new ones into the
# state, and since the zone can only be chosen at creation, the next update would replace the server.
ZONES = ("availabilityZone", "highAvailability.standbyAvailabilityZone")
# What Azure answers and nothing here declares. An import takes the answer as it is, and leaving it out would be an update.
ANSWERED = ("replica", "replicationRole")


class Server(pulumi.ComponentResource):
    """One flexible server; `server` is the resource itself, which every child needs."""

    def __init__(
        self,
        name: str,
        environment: Environment,
        group: pulumi.Resource,
        *,
        password: pulumi.Input[str] | None,
        tenant_id: pulumi.Input[str] | None,
        network: Network | None,
        busy: pulumi.ErrorHook,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("agent-memory:index:Server", name, fate(environment), self._guarded(name, environment, opts))
        access = environment.access
        # create_mode is left out on purpose: each update would repeat it, and leaving it out later is a change.
        self.server = dbforpostgresql.Server(
            f"{name}-postgresql",
            server_name=environment.server.name,
            resource_group_name=names.resource_group(environment),
            location=environment.location,
            version=str(environment.server.version),
            availability_zone=str(environment.server.zone),
            sku=dbforpostgresql.SkuArgs(name=environment.server.sku, tier=sizing.sku_of(environment).tier),
            storage=storage(environment.storage),
            backup=_backup(environment),
            high_availability=_high_availability(environment),
            network=_network(network, environment),
            auth_config=_auth_config(environment, tenant_id),
            administrator_login=access.administrator if access.password else None,
            administrator_login_password=pulumi.Output.secret(password) if access.password else None,
            identity=_identity(access.customer_managed_key),
            data_encryption=_data_encryption(access.customer_managed_key),
            maintenance_window=_maintenance_window(),
            tags=names.tags(environment),
            opts=self._options(
                environment,
                [group, *(network.ready if network else [])],
                change_guard(f"{name}-change", environment),
                [busy, moved_zones_hook(f"{name}-zones")],
            ),
        )
        told = {**fate(environment), "administratorLogin": self.server.administrator_login}
        self.register_outputs({"server_id": self.server.id, "host": self.server.fully_qualified_domain_name, **told})

    @staticmethod
    def _guarded(name: str, environment: Environment, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
        """The component's own options: it is what notices that the server would become another one."""
        hooks = pulumi.ResourceHookBinding(before_update=[fate_guard(f"{name}-fate", environment)])
        own = pulumi.ResourceOptions(hooks=hooks, ignore_changes=login_given(environment))
        return pulumi.ResourceOptions.merge(opts, own)

    def _options(
        self, environment: Environment, after: list[pulumi.Resource], guard: pulumi.ResourceHook, on_error: list[pulumi.ErrorHook]
    ) -> pulumi.ResourceOptions:
        """Against replacement stand protect, the ignored zones, and the order: the new server would have to come first.

        That cannot succeed while the old one has the name, so a replacement that gets past everything else stops before
        anything is deleted, in environments without protection too.
        """
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=after,
            protect=environment.guard.protect,
            ignore_changes=[*ZONES, *ANSWERED, *login_given(environment), *spelled(environment.storage), *grown(environment.storage)],
            delete_before_replace=False,
            additional_secret_outputs=["administratorLoginPassword"],
            hooks=pulumi.ResourceHookBinding(before_update=[guard], on_error=on_error),
        )


def storage(declared: Storage) -> dbforpostgresql.StorageArgs:
    """The data disk as Azure wants it.

    Tier, IOPS and throughput only if declared: otherwise they follow from the size, also when the disk grows.
    """
    return dbforpostgresql.StorageArgs(
        storage_size_gb=declared.size_gib,
        auto_grow=_enabled(declared.autogrow),
        type=declared.kind,
        tier=declared.performance_tier,
        iops=declared.iops,
        throughput=declared.throughput_mb_per_second,
    )


def login_given(environment: Environment) -> list[str]:
    """The login that a server was created with stays when logins by password end; leaving it out would replace the server."""
    return [] if environment.access.password else ["administratorLogin"]


def spelled(declared: Storage) -> list[str]:
    """The kind of a Premium SSD, which Azure answers as an empty text: an imported server has that, and it is no change.

    A disk never changes its kind in place, so nothing else is ignored by this.
    """
    return ["storage.type"] if declared.kind == "Premium_LRS" else []


def grown(declared: Storage) -> list[str]:
    """The properties of the disk that Azure moves by itself when it grows the disk; none without autogrow.

    With autogrow the declared size is the size at creation, and afterwards the live one holds: otherwise every update
    after a growth would ask for a shrink and fail, whatever it was meant to change. The price: a larger declaration is
    not applied either. To grow by declaration, switch autogrow off together with the larger size, then on again.
    """
    if not declared.autogrow:
        return []
    moving = {"storage.tier": declared.performance_tier, "storage.iops": declared.iops}
    return ["storage.storageSizeGB", *(path for path, value in moving.items() if value is None)]


def _backup(environment: Environment) -> dbforpostgresql.BackupArgs:
    return dbforpostgresql.BackupArgs(
        backup_retention_days=environment.backup.retention_days,
        geo_redundant_backup=_enabled(environment.backup.geo_redundant),
    )


def _high_availability(environment: Environment) -> dbforpostgresql.HighAvailabilityArgs:
    zone = environment.availability.standby_zone
    return dbforpostgresql.HighAvailabilityArgs(
        mode=environment.availability.mode, standby_availability_zone="" if zone is None else str(zone)
    )


def _network(private: Network | None, environment: Environment) -> dbforpostgresql.NetworkArgs:
    """Public access is on in mode `public` alone; left out, Azure would choose."""
    if private is None or environment.network.mode == "private_endpoint":
        return dbforpostgresql.NetworkArgs(public_network_access=_enabled(environment.network.mode == "public"))
    return dbforpostgresql.NetworkArgs(
        delegated_subnet_resource_id=private.subnet.id,
        private_dns_zone_arm_resource_id=private.zone.id,
        public_network_access=_enabled(False),
    )


def _auth_config(environment: Environment, tenant_id: pulumi.Input[str] | None) -> dbforpostgresql.AuthConfigArgsDict:
    """As a mapping, because the class fills in an empty tenant, which Azure never answers: an import would not agree with it."""
    found: dbforpostgresql.AuthConfigArgsDict = {
        "active_directory_auth": _enabled(entra_logins(environment)),
        "password_auth": _enabled(environment.access.password),
    }
    if tenant_id is not None:
        found["tenant_id"] = tenant_id
    return found


def _identity(key: CustomerManagedKey | None) -> dbforpostgresql.UserAssignedIdentityArgs | None:
    if key is None:
        return None
    identities = [key.identity, *([key.backup_identity] if key.backup_identity else [])]
    return dbforpostgresql.UserAssignedIdentityArgs(
        type="UserAssigned", user_assigned_identities={identity: dbforpostgresql.UserIdentityArgs() for identity in identities}
    )


def _data_encryption(key: CustomerManagedKey | None) -> dbforpostgresql.DataEncryptionArgs:
    """Plain text, because the SDK's enum of this name belongs to another service and lacks SystemManaged."""
    if key is None:
        return dbforpostgresql.DataEncryptionArgs(type="SystemManaged")
    return dbforpostgresql.DataEncryptionArgs(
        type="AzureKeyVault",
        primary_key_uri=key.key,
        primary_user_assigned_identity_id=key.identity,
        geo_backup_key_uri=key.backup_key,
        geo_backup_user_assigned_identity_id=key.backup_identity,
    )


def _maintenance_window() -> dbforpostgresql.MaintenanceWindowArgs:
    """The window that Azure chooses, at night in the region: the contract has none of its own."""
    return dbforpostgresql.MaintenanceWindowArgs(custom_window="Disabled", day_of_week=0, start_hour=0, start_minute=0)


def _enabled(value: bool) -> str:
    return "Enabled" if value else "Disabled"
