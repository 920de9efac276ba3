"""The server parameters of an environment, each with its reason, in the order in which they must be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infra.domain.azure import parameters
from infra.domain.environment import Environment
from infra.domain.sizing import (
    maintenance_work_mem_kib,
    max_connections,
    parallel_maintenance_workers,
    pooled_connections,
)


@dataclass(frozen=True, kw_only=True)
class ServerParameter:
    """One parameter as Azure wants it: the value is text in the parameter's base unit, without a suffix."""

    name: str
    value: str
    reason: str
    declared: bool = False


def desired(environment: Environment) -> tuple[ServerParameter, ...]:
    """Every parameter that the environment sets: the derived ones, then the declared, which win.

    `pgbouncer.enabled` comes before its siblings: Azure hides those until it is true.
    """
    chosen = {parameter.name: parameter for parameter in _derived(environment)}
    for name, value in environment.database.parameters.items():
        chosen[name] = ServerParameter(name=name, value=as_azure_writes(name, value), reason="database.parameters", declared=True)
    return tuple(chosen.values())


def allow_list(environment: Environment) -> tuple[str, ...]:
    """Extensions that may be created: the declared ones and `vector`, lower-case, in a stable order."""
    return tuple(sorted({"vector", *(name.lower() for name in environment.database.extensions)}))


def _derived(environment: Environment) -> Iterator[ServerParameter]:
    yield from _security(environment)
    yield from _extensions(environment)
    yield from _memory(environment)
    yield from _vacuum(environment)
    yield from _metrics()
    yield from _pooler(environment)


def _security(environment: Environment) -> Iterator[ServerParameter]:
    yield _is("require_secure_transport", "on", "plain text is never accepted, by the server or by PgBouncer")
    yield _is("ssl_min_protocol_version", "TLSv1.2", "TLS 1.2 or later, always")
    slow = environment.database.slow_query_seconds * 1000
    yield _is("log_min_duration_statement", slow, "database.slow_query_seconds, in milliseconds")


def _extensions(environment: Environment) -> Iterator[ServerParameter]:
    yield _is("azure.extensions", ",".join(allow_list(environment)), "database.extensions and vector; others cannot be created")
    if "pg_stat_statements" in allow_list(environment):
        yield _is("pg_stat_statements.track", "top", "Azure's default is none, which leaves the view empty")


def _memory(environment: Environment) -> Iterator[ServerParameter]:
    yield _is("max_connections", max_connections(environment), "Azure computes it at creation, and not again for another SKU")
    yield _is("maintenance_work_mem", maintenance_work_mem_kib(environment), "a sixteenth of the memory in kB, at most Azure's 2097151")
    workers = parallel_maintenance_workers(environment)
    yield _is("max_parallel_maintenance_workers", workers, "one worker for each core beside the leader of an index build")


def _vacuum(environment: Environment) -> Iterator[ServerParameter]:
    # Left at -1, each of three workers would take a whole maintenance_work_mem beside a running index build.
    yield _is("autovacuum_work_mem", maintenance_work_mem_kib(environment) // 3, "a third of maintenance_work_mem: there are three workers")
    yield _is("autovacuum_vacuum_scale_factor", "0.05", "dead vectors stay in the graph and cost recall: vacuum at 5 % instead of 20 %")
    yield _is("autovacuum_analyze_scale_factor", "0.05", "the planner chooses the vector index by row counts that must be fresh")


def _metrics() -> Iterator[ServerParameter]:
    yield _is("metrics.collector_database_activity", "on", "sessions, longest query and deadlocks are not measured without it")
    yield _is("metrics.autovacuum_diagnostics", "on", "dead rows and bloat are not measured without it")


def _pooler(environment: Environment) -> Iterator[ServerParameter]:
    pool = environment.database.pool
    if not pool.pgbouncer:
        return
    yield _is("pgbouncer.enabled", "true", "database.pool.pgbouncer; first, for its siblings are hidden until it is on")
    yield _is("pgbouncer.default_pool_size", pooled_connections(environment), "instances x connections_per_instance")
    yield _is("pgbouncer.server_idle_timeout", pool.idle_minutes * 60, "database.pool.idle_minutes, in seconds")
    # Drivers prepare statements by themselves; in transaction mode that breaks at the default of 0.
    yield _is("pgbouncer.max_prepared_statements", 100, "protocol-level prepared statements fail in transaction mode at the default of 0")
    yield _is("metrics.pgbouncer_diagnostics", "on", "waiting clients are not measured without it")


def _is(name: str, value: str | int, reason: str) -> ServerParameter:
    return ServerParameter(name=name, value=_text(value), reason=reason)


def as_azure_writes(name: str, value: str | float | bool) -> str:
    """A declared value; `true` in YAML is `on` to PostgreSQL, but a few parameters of the pooler spell it true."""
    known = parameters.find(name)
    if isinstance(value, bool) and known is not None and "true" in known.choices:
        return str(value).lower()
    return _text(value)


def _text(value: str | float | bool) -> str:
    """A value as Azure writes it: booleans on and off, numbers without a unit."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
