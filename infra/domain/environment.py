"""The contract: what one stack file says, as frozen values. Every key is written in every file, but for `accepted` and `network.job`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

STACKS = ("dev", "test", "staging", "uat", "prod")

# PostgreSQL cuts identifiers at 63 bytes (NAMEDATALEN - 1); a declared name must survive as it is written.
SqlName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
Minutes = Annotated[int, Field(ge=0)]
Percent = Annotated[int, Field(ge=1, le=100)]
Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """A section of the contract: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Server(Part):
    """The flexible server itself; the tier follows from the SKU."""

    name: Text = Field(description="Global in Azure: 3 to 63 lower-case letters, digits and hyphens.")
    version: int = Field(description="Major version of PostgreSQL.")
    sku: Text = Field(description="ARM name of the compute size, for example Standard_D2s_v3.")
    zone: int = Field(ge=1, le=3, description="Availability zone of the primary.")
    allow_major_upgrade: bool = Field(description="A higher version upgrades in place and cannot be undone.")


class Storage(Part):
    """The data disk. It never shrinks."""

    size_gib: int = Field(ge=1, description="Size in GiB; Azure offers fixed sizes on Premium SSD.")
    autogrow: bool = Field(description="Grow to the next size before the disk is full; for good.")
    kind: Literal["Premium_LRS", "PremiumV2_LRS", "UltraSSD_LRS"]
    performance_tier: str | None = Field(description="P4 to P80, at least the tier of the size; null takes the tier of the size.")
    iops: int | None = Field(description="Premium SSD v2 only, IOPS.")
    throughput_mb_per_second: int | None = Field(description="Premium SSD v2 only, MB/s.")


class Availability(Part):
    """High availability: a standby that takes over, in the same or in another zone."""

    mode: Literal["Disabled", "SameZone", "ZoneRedundant"]
    standby_zone: int | None = Field(ge=1, le=3)


class PortableCopies(Part):
    """How many verified logical dumps are kept."""

    weekly: int = Field(ge=0)
    monthly: int = Field(ge=0)


class LongTerm(Part):
    """Retention in an Azure Backup vault, beyond the 35 days of the service: a weekly copy of the whole server, which restores as files."""

    weekly: int = Field(ge=0, description="Weekly copies kept, so weeks; at least 1.")
    monthly: int = Field(ge=0, description="Of these, first copies of a month kept, so months; 0 keeps none longer.")
    yearly: int = Field(ge=0, description="Of these, first copies of a year kept, so years, at most 10; 0 keeps none longer.")
    redundancy: Literal["LocallyRedundant", "ZoneRedundant", "GeoRedundant"] = Field(
        description="Where the vault keeps its copies; decided before the first one is made."
    )
    immutable: bool = Field(description="Azure refuses to delete or shorten a copy before its time; can be switched off again by hand.")


class Backup(Part):
    """What the service keeps, and what we keep beside it."""

    retention_days: int = Field(description="Days of point-in-time restore.")
    geo_redundant: bool = Field(description="Decided when the server is created, never again.")
    long_term: LongTerm | None
    portable_copies: PortableCopies
    migration_gate_hours: int = Field(ge=1, description="Hours; a verified copy must be younger than this before a migration.")


class RecoveryTarget(Part):
    """What may be lost (RPO) and how long it may take (RTO), in minutes."""

    rpo_minutes: Minutes
    rto_minutes: Minutes
    accepted: Text | None = Field(default=None, description="How we live with what Azure does not promise, in one sentence.")


class Recovery(Part):
    """One target for each class of failure."""

    node: RecoveryTarget
    zone: RecoveryTarget
    corruption: RecoveryTarget
    region: RecoveryTarget
    deletion: RecoveryTarget


class Replica(Part):
    """A read replica, usually in another region."""

    location: Text
    sku: Text
    virtual_endpoint: str | None = Field(description="Base name of a writer/reader pair of host names that survives a promotion.")


class FirewallRule(Part):
    """A range of IPv4 addresses that may reach a public server."""

    name: Text
    start: Text
    end: Text


class Job(Part):
    """A place inside the network for one-off containers, which `agentmem inside` starts: a subnet, an identity, and a way out."""

    image: Text = Field(description="The image of the Dockerfile, for example REGISTRY.azurecr.io/agentmem:1@sha256:DIGEST.")
    subnet: Text = Field(description="CIDR inside the address space, for these containers alone; at least a /28.")
    nat_gateway: bool = Field(description="Make a NAT gateway as the way out, paid by the hour; false where another way leads out.")


class Network(Part):
    """How the server is reached; the mode is decided when the server is created."""

    mode: Literal["public", "private", "private_endpoint"]
    address_space: str | None = Field(description="CIDR of the virtual network; null on a public server.")
    subnet: str | None = Field(description="CIDR inside the address space, at least a /28.")
    dns_zone: str | None = Field(description="Name of the private DNS zone; null derives it.")
    firewall: tuple[FirewallRule, ...]
    job: Job | None = Field(default=None, description="Where `agentmem inside` runs a command; null: nowhere.")


class EntraAdministrator(Part):
    """A principal of Microsoft Entra ID that administers the server."""

    object_id: Text
    principal_name: Text
    principal_type: Literal["User", "Group", "ServicePrincipal"]


class CustomerManagedKey(Part):
    """Own encryption keys; the second pair serves the geo-redundant backup in the paired region."""

    key: Text = Field(description="Key URI; without a version it rotates by itself.")
    identity: Text = Field(description="ARM id of the user-assigned identity that may use the key.")
    backup_key: str | None
    backup_identity: str | None


class Access(Part):
    """Who administers the server and which key encrypts it."""

    password: bool = Field(description="Allow password logins.")
    administrator: str | None = Field(description="Login of the administrator; null on an Entra-only server.")
    entra_administrators: tuple[EntraAdministrator, ...]
    customer_managed_key: CustomerManagedKey | None


class Pool(Part):
    """Connections that the application holds open."""

    instances: Count = Field(description="Instances of the application.")
    connections_per_instance: Count
    idle_minutes: Count = Field(description="Minutes after which an idle connection is closed.")
    lifetime_minutes: Count = Field(description="Minutes after which a connection is replaced.")
    pgbouncer: bool = Field(description="Use the pooler built into the service, port 6432.")


class Database(Part):
    """The database of the application and the server around it."""

    name: SqlName
    extensions: tuple[Text, ...]
    pool: Pool
    slow_query_seconds: Count = Field(description="Statements that take longer, in seconds, are logged.")
    sslmode: Literal["verify-full", "require"] = Field(
        description="What the DSN asks of TLS: require encrypts, verify-full also authenticates."
    )
    parameters: dict[str, str | int | float | bool] = Field(description="Server parameters beyond the derived ones.")


class EmbeddingModel(Part):
    """Which model filled a vector column."""

    name: Text
    version: Text


class Hnsw(Part):
    """A graph index: best recall, needs memory to build."""

    kind: Literal["hnsw"]
    m: int = Field(description="Links per element, 2 to 100.")
    ef_construction: int = Field(description="Candidates while building, 4 to 1000, at least 2 m.")


class IvfFlat(Part):
    """A list index: quick to build, only after the data is there."""

    kind: Literal["ivfflat"]
    lists: int = Field(description="Number of lists, 1 to 32768; about rows / 1000.")


class VectorSet(Part):
    """A vector column with its index and model. `type` is what the index stores: a vector column declared halfvec is cast."""

    table: SqlName
    column: SqlName
    type: Literal["vector", "halfvec"]
    dimensions: Count
    distance: Literal["cosine", "l2", "inner_product"]
    model: EmbeddingModel
    expected_rows: Count
    recall_floor: float = Field(description="Smallest recall@10 that is good enough, 0 to 1.")
    index: Annotated[Hnsw | IvfFlat, Field(discriminator="kind")]
    index_if_memory_is_short: IvfFlat | None = Field(description="Built instead when the graph does not fit the SKU's build memory.")


class Alerts(Part):
    """When to wake somebody."""

    connections_percent: Percent = Field(description="Percent of the usable connections.")
    storage_percent: Percent
    replica_lag_seconds: Count
    drill_age_days: Count
    notify: tuple[Text, ...]


class Memory(Part):
    """How long the agents' memory lives."""

    session_days: Count
    facts: Literal["until_invalidated"]
    fact_grace_days: int = Field(ge=0)


class Override(Part):
    """A dangerous change that somebody allows, for a while and with a reason."""

    change: Text
    until: Text = Field(description="Date, YYYY-MM-DD.")
    reason: Text


class Guard(Part):
    """What stands between a typing error and the data."""

    protect: bool = Field(description="Pulumi refuses to delete or replace what holds data.")
    lock: bool = Field(description="Azure refuses to delete the server.")
    monthly_cost_ceiling_eur: int | None = Field(ge=1)
    overrides: tuple[Override, ...]


class Environment(Part):
    """One environment, whole."""

    location: Text = Field(description="Region, short name, for example westeurope.")
    name: Literal["dev", "test", "staging", "uat", "prod"] = Field(alias="environment", description="Must be the stack's name.")
    server: Server
    storage: Storage
    availability: Availability
    backup: Backup
    recovery: Recovery
    replica: Replica | None
    network: Network
    access: Access
    database: Database
    vector_sets: tuple[VectorSet, ...]
    alerts: Alerts
    memory: Memory
    guard: Guard


def entra_logins(environment: Environment) -> bool:
    """Whether anybody logs in with Microsoft Entra ID: a declared administrator, or the containers inside the network."""
    return bool(environment.access.entra_administrators) or environment.network.job is not None
