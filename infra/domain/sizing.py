"""Numbers that follow from an environment: connections, memory, workers. Nobody types these."""

from __future__ import annotations

from infra.domain.azure import skus
from infra.domain.azure.skus import Sku
from infra.domain.environment import Environment

# The service takes maintenance_work_mem in kB and stops here (range of the server parameter).
MAINTENANCE_WORK_MEM_CEILING_KIB = 2_097_151
# A sixteenth of the memory is left to any one maintenance command, so that three autovacuum workers and a build
# still leave four fifths of the machine to shared buffers and connections.
_MAINTENANCE_SHARE = 16
# One index build runs at a time and may take a quarter of the machine, which is what shared_buffers leaves idle.
_BUILD_SHARE = 4
_KIB_PER_MIB = 1024


def sku_of(environment: Environment) -> Sku:
    """The SKU of the server; raises KeyError for one that Azure does not offer (rule R2 says so first)."""
    return skus.SKUS[environment.server.sku]


def max_connections(environment: Environment) -> int:
    """Connections that the server accepts: as declared, else what Azure computes for the SKU at creation."""
    declared = environment.database.parameters.get("max_connections")
    return int(declared) if declared is not None else sku_of(environment).max_connections


def usable_connections(environment: Environment) -> int:
    """Connections left to clients: Azure keeps 15 for itself."""
    return max_connections(environment) - skus.RESERVED_CONNECTIONS


def connection_alert(environment: Environment) -> int:
    """The number of connections at which to alert: a percentage of the usable ones, not of all."""
    return usable_connections(environment) * environment.alerts.connections_percent // 100


def pooled_connections(environment: Environment) -> int:
    """Connections that all instances of the application hold open together."""
    pool = environment.database.pool
    return pool.instances * pool.connections_per_instance


def memory_kib(environment: Environment) -> int:
    """Memory of the server in KiB."""
    return sku_of(environment).memory_mib * _KIB_PER_MIB


def maintenance_work_mem_kib(environment: Environment) -> int:
    """The server parameter maintenance_work_mem in KiB: a sixteenth of the memory, within Azure's ceiling."""
    return min(memory_kib(environment) // _MAINTENANCE_SHARE, MAINTENANCE_WORK_MEM_CEILING_KIB)


def build_memory_kib(environment: Environment) -> int:
    """The most that one index build may set for its session, in KiB: a quarter of the memory, within the ceiling."""
    return min(memory_kib(environment) // _BUILD_SHARE, MAINTENANCE_WORK_MEM_CEILING_KIB)


def sku_that_builds(environment: Environment, needed_kib: int) -> str | None:
    """The smallest SKU of this tier or above whose one build may take so many KiB; None above the ceiling, which holds everywhere."""
    if needed_kib > MAINTENANCE_WORK_MEM_CEILING_KIB:
        return None
    least = skus.TIERS.index(sku_of(environment).tier)
    fitting = [each for each in skus.SKUS.values() if each.memory_mib * _KIB_PER_MIB // _BUILD_SHARE >= needed_kib]
    fitting = [each for each in fitting if skus.TIERS.index(each.tier) >= least]
    return min(fitting, key=lambda each: (each.memory_mib, skus.TIERS.index(each.tier), each.name)).name if fitting else None


def parallel_maintenance_workers(environment: Environment) -> int:
    """Workers beside the leader of an index build: a core for each of them, so none on one core."""
    return min(sku_of(environment).vcores - 1, 64)
