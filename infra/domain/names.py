"""Names of everything that an environment creates, in one place: a renamed resource is a replaced resource."""

from __future__ import annotations

import uuid

from infra.domain.environment import Environment

PORT = 5432
# The port of the pooler that the service has built in.
POOLED_PORT = 6432
DOMAIN = "postgres.database.azure.com"
PRIVATE_LINK_ZONE = f"privatelink.{DOMAIN}"
# The identity of the one-off containers, their group, and the role that they log in with: short enough for all three.
JOB = "agentmem-job"


def resource_group(environment: Environment) -> str:
    """The group that holds everything of the environment."""
    return f"rg-{environment.server.name}"


def server_host(environment: Environment) -> str:
    """Where the server answers; the same with a private network."""
    return f"{environment.server.name}.{DOMAIN}"


def virtual_network(environment: Environment) -> str:
    """The virtual network of a server that is not public."""
    return f"vnet-{environment.server.name}"


def subnet(environment: Environment) -> str:
    """The subnet that the server, or its private endpoint, lives in."""
    return f"snet-{environment.server.name}"


def security_group(environment: Environment) -> str:
    """The network security group of the subnet."""
    return f"nsg-{environment.server.name}"


def private_zone(environment: Environment) -> str:
    """The private DNS zone: as declared, else derived from the mode.

    Never the server's own host name, which Azure refuses: hence the word `private` in front of the domain.
    """
    if environment.network.dns_zone:
        return environment.network.dns_zone
    if environment.network.mode == "private_endpoint":
        return PRIVATE_LINK_ZONE
    return f"{environment.server.name}.private.{DOMAIN}"


def private_zone_link(environment: Environment) -> str:
    """The link between the private DNS zone and the virtual network."""
    return f"link-{environment.server.name}"


def private_endpoint(environment: Environment) -> str:
    """The private endpoint of the server."""
    return f"pe-{environment.server.name}"


def job_subnet(environment: Environment) -> str:
    """The subnet of the one-off containers."""
    return f"{subnet(environment)}-job"


def job_gateway(environment: Environment) -> str:
    """The NAT gateway through which the one-off containers reach the registry and Entra ID."""
    return f"nat-{environment.server.name}-job"


def job_address(environment: Environment) -> str:
    """The public address of that gateway."""
    return f"pip-{environment.server.name}-job"


def workspace(environment: Environment) -> str:
    """The log workspace."""
    return f"log-{environment.server.name}"


def diagnostic_setting(environment: Environment) -> str:
    """The setting that sends the server's logs and metrics to the workspace."""
    return f"diag-{environment.server.name}"


def lock(environment: Environment) -> str:
    """The lock against deletion."""
    return f"lock-{environment.server.name}"


def replica(environment: Environment) -> str:
    """The read replica."""
    return f"{environment.server.name}-replica"


def vault(environment: Environment) -> str:
    """The Backup vault of long-term retention."""
    return f"bvault-{environment.server.name}"


def vault_policy(environment: Environment) -> str:
    """The policy of the vault. Azure changes none in place, so another retention is another policy, and has another name."""
    kept = environment.backup.long_term
    return f"weekly-{kept.weekly}-monthly-{kept.monthly}-yearly-{kept.yearly}" if kept else ""


def vault_instance(environment: Environment) -> str:
    """What the vault calls the server that it copies."""
    return environment.server.name


def vault_assignment(environment: Environment, role: str) -> str:
    """The assignment of a role to the vault: a GUID as Azure wants it, the same each time, so that a lost one is met again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{vault(environment)}|{role}"))


def dsn(environment: Environment, *, user: str | None = None, pooled: bool = False) -> str:
    """The connection string of the application, without a password: that comes from PGPASSWORD or a token.

    The trusted root certificates come from the machine: `PGSSLROOTCERT=system`, or a file.
    """
    name = user or environment.access.administrator or "USER"
    port = POOLED_PORT if pooled else PORT
    return f"postgresql://{name}@{server_host(environment)}:{port}/{environment.database.name}?sslmode={environment.database.sslmode}"


def tags(environment: Environment) -> dict[str, str]:
    """Tags that every resource carries: whose it is and what made it."""
    return {"environment": environment.name, "managed-by": "agent-memory"}
