"""What a stack tells others: how to reach the memory and what its resources are called."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import dbforpostgresql

from infra.components.monitoring import Monitoring
from infra.components.network import Network
from infra.components.reach import Reach
from infra.components.replica import Replica
from infra.domain import names
from infra.domain.environment import Environment


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """No password anywhere, and None for what the environment does not have (Pulumi leaves such an output out).

    The DSNs lack a password: it comes from PGPASSWORD or is a token. `pooled_*` go through the built-in pooler.
    """

    host: pulumi.Output[str]
    port: int
    pooled_port: int | None
    database: str
    dsn: str
    pooled_dsn: str | None
    location: str
    resource_group: str
    server_name: str
    server_id: pulumi.Output[str]
    database_id: pulumi.Output[str]
    workspace_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str] | None
    private_endpoint_id: pulumi.Output[str] | None
    replica_id: pulumi.Output[str] | None
    replica_host: pulumi.Output[str] | None
    writer_host: str | None
    reader_host: str | None


def outputs_of(
    environment: Environment,
    server: dbforpostgresql.Server,
    database: dbforpostgresql.Database,
    monitoring: Monitoring,
    network: Network | None,
    reach: Reach,
    replica: Replica | None,
) -> Outputs:
    """The outputs of a built environment. Names and addresses are known at once, ids only after creation."""
    pooled = environment.database.pool.pgbouncer
    return Outputs(
        host=server.fully_qualified_domain_name,
        port=names.PORT,
        pooled_port=names.POOLED_PORT if pooled else None,
        database=environment.database.name,
        dsn=names.dsn(environment),
        pooled_dsn=names.dsn(environment, pooled=True) if pooled else None,
        location=environment.location,
        resource_group=names.resource_group(environment),
        server_name=environment.server.name,
        server_id=server.id,
        database_id=database.id,
        workspace_id=monitoring.workspace.id,
        subnet_id=network.subnet.id if network else None,
        private_endpoint_id=reach.endpoint.id if reach.endpoint else None,
        replica_id=replica.server.id if replica else None,
        replica_host=replica.server.fully_qualified_domain_name if replica else None,
        writer_host=endpoint_host(environment, "writer"),
        reader_host=endpoint_host(environment, "reader"),
    )


def endpoint_host(environment: Environment, role: str) -> str | None:
    """The host name of the virtual endpoint's `writer` or `reader`; None without an endpoint."""
    declared = environment.replica.virtual_endpoint if environment.replica else None
    return f"{declared}.{role}.{names.DOMAIN}" if declared else None
