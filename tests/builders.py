"""Environments for tests: a sound prod, and any change of it named by its dotted key."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from infra.domain.environment import Environment
from infra.domain.parsing import parse

_VALUES: dict[str, Any] = {
    "location": "westeurope",
    "environment": "prod",
    "server": {"name": "zepmem-prod", "version": 16, "sku": "Standard_D2s_v3", "zone": 1, "allow_major_upgrade": False},
    "storage": {
        "size_gib": 128,
        "autogrow": True,
        "kind": "Premium_LRS",
        "performance_tier": None,
        "iops": None,
        "throughput_mb_per_second": None,
    },
    "availability": {"mode": "ZoneRedundant", "standby_zone": 2},
    "backup": {
        "retention_days": 35,
        "geo_redundant": True,
        "long_term": None,
        "portable_copies": {"weekly": 13, "monthly": 12},
        "migration_gate_hours": 24,
    },
    "recovery": {
        "node": {"rpo_minutes": 0, "rto_minutes": 5},
        "zone": {"rpo_minutes": 0, "rto_minutes": 5},
        "corruption": {"rpo_minutes": 5, "rto_minutes": 15, "accepted": "drilled weekly"},
        "region": {"rpo_minutes": 60, "rto_minutes": 240, "accepted": "drilled quarterly"},
        "deletion": {"rpo_minutes": 10080, "rto_minutes": 240, "accepted": "the weekly copy is the floor"},
    },
    "replica": None,
    "network": {"mode": "private", "address_space": "10.20.0.0/16", "subnet": "10.20.1.0/28", "dns_zone": None, "firewall": []},
    "access": {"password": True, "administrator": "cogadmin", "entra_administrators": [], "customer_managed_key": None},
    "database": {
        "name": "zep",
        "extensions": ["vector", "pg_stat_statements"],
        "pool": {"instances": 2, "connections_per_instance": 30, "idle_minutes": 10, "lifetime_minutes": 60, "pgbouncer": True},
        "slow_query_seconds": 5,
        "sslmode": "verify-full",
        "parameters": {},
    },
    "vector_sets": [
        {
            "table": "zep_embeddings",
            "column": "embedding",
            "type": "vector",
            "dimensions": 1536,
            "distance": "cosine",
            "model": {"name": "text-embedding-3-small", "version": "2024-01"},
            "expected_rows": 50000,
            "recall_floor": 0.95,
            "index": {"kind": "hnsw", "m": 16, "ef_construction": 64},
            "index_if_memory_is_short": {"kind": "ivfflat", "lists": 100},
        }
    ],
    "alerts": {
        "connections_percent": 80,
        "storage_percent": 90,
        "replica_lag_seconds": 300,
        "drill_age_days": 8,
        "notify": ["ops@example.org"],
    },
    "memory": {"session_days": 90, "facts": "until_invalidated", "fact_grace_days": 30},
    "guard": {"protect": True, "lock": True, "monthly_cost_ceiling_eur": 600, "overrides": []},
}

# Long-term retention as a person would declare it; a change of its own, and the base of others.
LONG_TERM: Mapping[str, object] = {"weekly": 12, "monthly": 60, "yearly": 10, "redundancy": "GeoRedundant", "immutable": True}
# Changes that several tests share: a server for a laptop's purse, one open to the network, one with a copy elsewhere.
BURSTABLE: Mapping[str, object] = {
    "server.sku": "Standard_B1ms",
    "availability.mode": "Disabled",
    "availability.standby_zone": None,
    "database.pool": {"instances": 1, "connections_per_instance": 20, "idle_minutes": 10, "lifetime_minutes": 60, "pgbouncer": False},
    "recovery.node.accepted": "a restart",
    "recovery.zone.accepted": "a restore",
}
PUBLIC: Mapping[str, object] = {"network.mode": "public", "network.address_space": None, "network.subnet": None}
REPLICA: Mapping[str, object] = {
    **PUBLIC,
    "replica": {"location": "northeurope", "sku": "Standard_D2s_v3", "virtual_endpoint": None},
}


def environment_values(changes: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The values of a stack file, as `parse` takes them, with the changes made."""
    values = copy.deepcopy(_VALUES)
    for key, value in (changes or {}).items():
        _set(values, re.findall(r"[^.\[\]]+", key), value)
    return values


def build_environment(*changes: Mapping[str, object], **more: object) -> Environment:
    """A sound prod with changes by dotted key: `build_environment({"server.sku": "Standard_B1ms"}, BURSTABLE)`.

    Keyword arguments spell the dots as two underscores: `build_environment(server__version=14)`.
    A path goes into lists too: `vector_sets[0].index.m`. Raises Invalid where the shape is wrong.
    """
    merged: dict[str, object] = {}
    for change in changes:
        merged.update(change)
    merged.update({key.replace("__", "."): value for key, value in more.items()})
    values = environment_values(merged)
    return parse(values, str(values["environment"]))


def _set(values: Any, path: list[str], value: object) -> None:
    for part in path[:-1]:
        values = values[int(part)] if part.isdigit() else values[part]
    last = path[-1]
    values[int(last) if last.isdigit() else last] = copy.deepcopy(value)
