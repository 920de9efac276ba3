"""Where the server's logs and metrics go: a workspace of its own."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import dbforpostgresql, monitor, operationalinsights

from infra.components.write_queue import WriteQueue
from infra.domain import names
from infra.domain.environment import Environment

# Logs hold query text, so personal data: no longer than needed. 30 days is the least that this pricing tier keeps, and
# its price includes them.
RETENTION_DAYS = 30
# The categories that a flexible server offers (Azure's list of supported resource logs).
LOG_CATEGORIES = (
    "PostgreSQLLogs",
    "PostgreSQLFlexSessions",
    "PostgreSQLFlexQueryStoreRuntime",
    "PostgreSQLFlexQueryStoreWaitStats",
    "PostgreSQLFlexTableStats",
    "PostgreSQLFlexDatabaseXacts",
)
POOLER_CATEGORY = "PostgreSQLFlexPGBouncer"


class Monitoring(pulumi.ComponentResource):
    """A log workspace, and the setting that sends everything there. The setting outlives a server, so it is deleted by us."""

    def __init__(
        self,
        name: str,
        environment: Environment,
        group: pulumi.Resource,
        server: dbforpostgresql.Server,
        queue: WriteQueue,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("agent-memory:index:Monitoring", name, None, opts)
        self.workspace = operationalinsights.Workspace(
            f"{name}-workspace",
            workspace_name=names.workspace(environment),
            resource_group_name=names.resource_group(environment),
            location=environment.location,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),  # pay for what arrives, the only tier open to new workspaces
            retention_in_days=RETENTION_DAYS,
            public_network_access_for_ingestion="Enabled",  # Azure's own log pipe comes in this way
            public_network_access_for_query="Enabled",  # guarded by Entra, read from the portal and from scripts
            tags=names.tags(environment),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[group], protect=False),
        )
        self.setting = queue.write(
            lambda options: monitor.DiagnosticSetting(
                f"{name}-diagnostics",
                name=names.diagnostic_setting(environment),
                resource_uri=server.id,
                workspace_id=self.workspace.id,
                logs=[monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in categories(environment)],
                metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)],
                opts=options,
            ),
            self,
        )
        self.register_outputs({"workspace_id": self.workspace.id, "setting_id": self.setting.id})


def categories(environment: Environment) -> tuple[str, ...]:
    """The log categories of a server: the pooler's only where there is one."""
    return (*LOG_CATEGORIES, POOLER_CATEGORY) if environment.database.pool.pgbouncer else LOG_CATEGORIES
