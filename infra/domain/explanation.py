"""Every effective value of an environment: what was declared, what follows from it, and by which rule or formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.domain import names, sizing, vectors
from infra.domain.azure import regions, storage
from infra.domain.environment import Environment, VectorSet
from infra.domain.long_term import kept
from infra.domain.server_parameters import desired

DERIVED = "derived"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One effective value. `source` is `declared` or `derived`; `because` is the formula or the reason."""

    key: str
    value: object
    source: str
    because: str = ""


def explain(environment: Environment) -> tuple[Explanation, ...]:
    """The declared values in the order of the stack file, then everything that follows from them."""
    return (*_declared(environment.model_dump(by_alias=True), ""), *_derived(environment))


def _declared(value: object, key: str) -> Iterator[Explanation]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _declared(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        for index, inner in enumerate(value):
            yield from _declared(inner, f"{key}[{index}]")
    else:
        yield Explanation(key=key, value=value, source="declared")


def _derived(environment: Environment) -> Iterator[Explanation]:
    yield from _server(environment)
    yield from _storage(environment)
    yield from _connections(environment)
    for index, vector_set in enumerate(environment.vector_sets):
        yield from _vector_set(environment, vector_set, f"vector_sets[{index}]")
    yield from _names(environment)
    for parameter in desired(environment):
        yield _is(f"parameters.{parameter.name}", parameter.value, parameter.reason)


def _server(environment: Environment) -> Iterator[Explanation]:
    sku = sizing.sku_of(environment)
    yield _is("server.tier", sku.tier, "follows from server.sku (R2)")
    yield _is("server.vcores", sku.vcores, "table of SKUs")
    yield _is("server.memory_mib", sku.memory_mib, "table of SKUs")
    yield _is("server.host", names.server_host(environment), "server.name and Azure's domain")
    region = regions.find(environment.location)
    if region is not None:
        because = "the region's pair; geo-redundant backups go there (R7)"
        unused = "the region's pair; not used, backups stay in the region"
        yield _is(
            "backup.paired_region",
            region.pair,
            because if environment.backup.geo_redundant else unused,
        )
    yield _is(
        "server.build_memory_kib",
        sizing.build_memory_kib(environment),
        "what one index build may take: a quarter of the memory",
    )


def _storage(environment: Environment) -> Iterator[Explanation]:
    size = environment.storage.size_gib
    disk = storage.PREMIUM_SSD.get(size)
    if disk is not None and environment.storage.kind == "Premium_LRS":
        yield _is(
            "storage.effective_tier",
            environment.storage.performance_tier or disk.default_tier,
            "as declared, else the tier of the size (R9)",
        )
        yield _is("storage.disk_iops", disk.iops, "table of disk sizes; the SKU may allow less")
    yield _is("storage.read_only_percent", round(storage.read_only_percent(size), 1), "95 % used or less than 5 GiB free (W1)")


def _connections(environment: Environment) -> Iterator[Explanation]:
    yield _is(
        "connections.maximum",
        sizing.max_connections(environment),
        "as declared, else what Azure computes for the SKU (W4)",
    )
    yield _is("connections.usable", sizing.usable_connections(environment), "maximum less the 15 that Azure keeps (W2)")
    yield _is("connections.application", sizing.pooled_connections(environment), "pool.instances x pool.connections_per_instance (W6)")
    yield _is("connections.alert", sizing.connection_alert(environment), "alerts.connections_percent of the usable ones (W2)")


def _vector_set(environment: Environment, vector_set: VectorSet, key: str) -> Iterator[Explanation]:
    build_kib = sizing.build_memory_kib(environment)
    index = vectors.effective_index(vector_set, build_kib)
    needs = vectors.graph_bytes(vector_set.expected_rows, vector_set.dimensions, vector_set.type, 16 if index.kind != "hnsw" else index.m)
    because = f"an HNSW graph of {vector_set.expected_rows:,} rows needs {needs >> 20:,} MiB, a build may take {build_kib >> 10:,} MiB"
    yield _is(f"{key}.effective_index", index.kind, because)
    yield _is(f"{key}.index_name", vectors.index_name(vector_set), "table, column and kind")
    yield _is(f"{key}.operator_class", vectors.operator_class(vector_set.type, vector_set.distance), "type and distance")
    yield _is(f"{key}.operator", vectors.operator(vector_set.distance), "distance; a query with another operator does not use the index")


def _names(environment: Environment) -> Iterator[Explanation]:
    yield _is("names.resource_group", names.resource_group(environment), "server.name")
    if environment.backup.long_term is not None:
        yield _is("names.vault", names.vault(environment), "server.name; at most 50 letters (R21)")
        for each in kept(environment.backup.long_term):
            yield _is(f"vault.{each.tag.lower()}_copies", each.duration, "how long each is kept, ISO 8601; backup.long_term")
    if environment.network.mode != "public":
        yield _is("names.private_zone", names.private_zone(environment), "network.dns_zone, else server.name and Azure's suffix (R14)")
    yield _is("database.dsn", names.dsn(environment), "password: PGPASSWORD or a token; trusted roots: PGSSLROOTCERT")
    if environment.database.pool.pgbouncer:
        yield _is("database.pooled_dsn", names.dsn(environment, pooled=True), "the built-in PgBouncer, port 6432")


def _is(key: str, value: object, because: str) -> Explanation:
    return Explanation(key=key, value=value, source=DERIVED, because=because)
