"""Long-term retention: a Backup vault with a policy, and the server in it, beyond the days that the service keeps.

Confirmed by Microsoft's pages and tools: both roles and where they are assigned, the shape of policy and instance, a weekly schedule,
that a policy is never changed in place. Assumed, because nothing here was ever run on the real Azure: that the instance's creation asks
the server something, so that it stands in the server's queue; and the word in MISSING_RIGHT, from a page on the older single servers.
"""

from __future__ import annotations

import asyncio

import pulumi
from pulumi_azure_native import authorization, dataprotection, dbforpostgresql

from infra.components.write_queue import WriteQueue
from infra.domain import long_term, names
from infra.domain.azure import roles
from infra.domain.environment import Environment, LongTerm

DATASOURCE = "Microsoft.DBforPostgreSQL/flexibleServers"
STORE = "VaultStore"
# A role that was just assigned is not seen everywhere at once: up to ten minutes, says Microsoft's page on role assignments.
MISSING_RIGHT = "MissingPermissions"
RIGHT_PAUSE_SECONDS = 30
RIGHT_ATTEMPTS = 21


class Vault(pulumi.ComponentResource):
    """The vault and what is kept in it. It copies nothing without its two roles, so the server joins after them.

    Vault and instance are protected like the server: with them go the copies. The policy is not, because another retention is
    another policy: the new one is made, the instance changes over, and the old one is deleted last.
    """

    def __init__(
        self,
        name: str,
        environment: Environment,
        declared: LongTerm,
        group: pulumi.CustomResource,
        server: dbforpostgresql.Server,
        queue: WriteQueue,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("agent-memory:index:Vault", name, None, opts)
        self._name, self._environment, self._group = name, environment, names.resource_group(environment)
        self.vault = self._vault(declared, group)
        self.policy = self._policy(declared)
        rights = [
            self._right("reader", roles.READER, group.id, group.id),
            self._right("backup", roles.LONG_TERM_BACKUP, server.id, group.id),
        ]
        self.instance = self._instance(server, rights, queue)
        self.register_outputs({"vault_id": self.vault.id, "policy_id": self.policy.id, "instance_id": self.instance.id})

    def _vault(self, declared: LongTerm, group: pulumi.Resource) -> dataprotection.BackupVault:
        return dataprotection.BackupVault(
            f"{self._name}-vault",
            vault_name=names.vault(self._environment),
            resource_group_name=self._group,
            location=self._environment.location,  # a vault takes servers of its own region only
            identity=dataprotection.DppIdentityDetailsArgs(type="SystemAssigned"),
            properties=dataprotection.BackupVaultArgs(
                storage_settings=[dataprotection.StorageSettingArgs(datastore_type=STORE, type=declared.redundancy)],
                security_settings=_security(declared),
                feature_settings=_features(declared),
                # The only layer of copies whose failure Azure reports by itself.
                monitoring_settings=dataprotection.MonitoringSettingsArgs(
                    azure_monitor_alert_settings=dataprotection.AzureMonitorAlertSettingsArgs(alerts_for_all_job_failures="Enabled")
                ),
            ),
            tags=names.tags(self._environment),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[group], protect=self._environment.guard.protect),
        )

    def _policy(self, declared: LongTerm) -> dataprotection.BackupPolicy:
        return dataprotection.BackupPolicy(
            f"{self._name}-policy",
            backup_policy_name=names.vault_policy(self._environment),
            vault_name=names.vault(self._environment),
            resource_group_name=self._group,
            properties=dataprotection.BackupPolicyArgs(
                datasource_types=[DATASOURCE],
                object_type="BackupPolicy",
                policy_rules=[_weekly(declared), *map(_keeps, long_term.kept(declared))],
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.vault], protect=False, delete_before_replace=False),
        )

    def _right(self, name: str, role: str, scope: pulumi.Output[str], group: pulumi.Output[str]) -> authorization.RoleAssignment:
        return authorization.RoleAssignment(
            f"{self._name}-{name}",
            role_assignment_name=names.vault_assignment(self._environment, role),
            scope=scope,
            role_definition_id=group.apply(lambda text: roles.definition("/".join(text.split("/")[:3]), role)),
            principal_id=self.vault.identity.apply(lambda identity: identity.principal_id if identity else ""),
            principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,  # left out, the SDK says User
            opts=pulumi.ResourceOptions(parent=self, protect=False),
        )

    def _instance(
        self, server: dbforpostgresql.Server, rights: list[authorization.RoleAssignment], queue: WriteQueue
    ) -> dataprotection.BackupInstance:
        source = {
            "datasource_type": DATASOURCE, "resource_id": server.id, "resource_location": self._environment.location,
            "resource_name": self._environment.server.name, "resource_type": DATASOURCE, "resource_uri": server.id,
        }  # fmt: skip
        return queue.write(
            lambda options: dataprotection.BackupInstance(
                f"{self._name}-instance",
                backup_instance_name=names.vault_instance(self._environment),
                vault_name=names.vault(self._environment),
                resource_group_name=self._group,
                properties=dataprotection.BackupInstanceArgs(
                    object_type="BackupInstance",
                    friendly_name=self._environment.server.name,
                    data_source_info=dataprotection.DatasourceArgs(object_type="Datasource", **source),
                    data_source_set_info=dataprotection.DatasourceSetArgs(object_type="DatasourceSet", **source),
                    policy_info=dataprotection.PolicyInfoArgs(policy_id=self.policy.id),
                ),
                tags=names.tags(self._environment),
                opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=rights)),
            ),
            self,
            protect=self._environment.guard.protect,
            hooks=pulumi.ResourceHookBinding(on_error=[right_hook(f"{self._name}-right")]),
        )


def _security(declared: LongTerm) -> dataprotection.SecuritySettingsArgs:
    """Soft delete as Azure has it by default; immutability never locked, because nobody could ever unlock it."""
    return dataprotection.SecuritySettingsArgs(
        soft_delete_settings=dataprotection.SoftDeleteSettingsArgs(
            state="On", retention_duration_in_days=float(long_term.SOFT_DELETE_DAYS)
        ),
        immutability_settings=dataprotection.ImmutabilitySettingsArgs(state="Unlocked" if declared.immutable else "Disabled"),
    )


def _features(declared: LongTerm) -> dataprotection.FeatureSettingsArgs:
    """A restore in the paired region where the copies are there too, and into no other subscription."""
    elsewhere = dataprotection.CrossRegionRestoreSettingsArgs(state="Enabled") if declared.redundancy == "GeoRedundant" else None
    return dataprotection.FeatureSettingsArgs(
        cross_region_restore_settings=elsewhere,
        cross_subscription_restore_settings=dataprotection.CrossSubscriptionRestoreSettingsArgs(state="Disabled"),
    )


def _weekly(declared: LongTerm) -> dataprotection.AzureBackupRuleArgs:
    """When a copy is made, and which tag it gets."""
    return dataprotection.AzureBackupRuleArgs(
        name="BackupWeekly",
        object_type="AzureBackupRule",
        backup_parameters=dataprotection.AzureBackupParamsArgs(backup_type="Full", object_type="AzureBackupParams"),
        data_store=dataprotection.DataStoreInfoBaseArgs(data_store_type=STORE, object_type="DataStoreInfoBase"),
        trigger=dataprotection.ScheduleBasedTriggerContextArgs(
            object_type="ScheduleBasedTriggerContext",
            schedule=dataprotection.BackupScheduleArgs(repeating_time_intervals=[long_term.SCHEDULE], time_zone="UTC"),
            tagging_criteria=[_tagged(kept) for kept in long_term.kept(declared)],
        ),
    )


def _tagged(kept: long_term.Kept) -> dataprotection.TaggingCriteriaArgs:
    criteria = dataprotection.ScheduleBasedBackupCriteriaArgs(
        object_type="ScheduleBasedBackupCriteria", absolute_criteria=[kept.marker or ""]
    )
    return dataprotection.TaggingCriteriaArgs(
        is_default=kept.marker is None,
        tagging_priority=float(kept.priority),
        tag_info=dataprotection.RetentionTagArgs(tag_name=kept.tag),
        criteria=[criteria] if kept.marker else None,
    )


def _keeps(kept: long_term.Kept) -> dataprotection.AzureRetentionRuleArgs:
    """How long the copies with one tag are kept."""
    store = dataprotection.DataStoreInfoBaseArgs(data_store_type=STORE, object_type="DataStoreInfoBase")
    end = dataprotection.AbsoluteDeleteOptionArgs(duration=kept.duration, object_type="AbsoluteDeleteOption")
    return dataprotection.AzureRetentionRuleArgs(
        name=kept.tag,
        object_type="AzureRetentionRule",
        is_default=kept.marker is None,
        lifecycles=[dataprotection.SourceLifeCycleArgs(delete_after=end, source_data_store=store, target_data_store_copy_settings=[])],
    )


def right_hook(name: str) -> pulumi.ErrorHook:
    """A hook that waits for a role which was assigned and is not yet seen; other errors fail at once."""

    async def retry(error: pulumi.ErrorHookArgs) -> bool:
        if not is_right_awaited(error.errors):
            return False
        await asyncio.sleep(RIGHT_PAUSE_SECONDS)
        return True

    return pulumi.ErrorHook(name, retry)


def is_right_awaited(errors: list[str]) -> bool:
    """Whether the newest error, the first, may end by waiting, and has not been waited for long enough."""
    return bool(errors) and len(errors) < RIGHT_ATTEMPTS and MISSING_RIGHT in errors[0]
