"""Extensions that Azure lets onto the allow-list, and those that must be preloaded."""

from __future__ import annotations

from infra.domain.azure.parameters import find


def _choices(parameter: str) -> frozenset[str]:
    found = find(parameter)
    return frozenset(choice for choice in found.choices if choice) if found else frozenset()


# The 73 names that a fresh 17.9 server allowed in azure.extensions (2026-04-16).
ALLOWED: frozenset[str] = _choices("azure.extensions")
# Libraries that shared_preload_libraries allows; `vector` needs none.
PRELOADABLE: frozenset[str] = _choices("shared_preload_libraries")
# Preloaded on a fresh server already.
PRELOADED: frozenset[str] = frozenset({"pg_cron", "pg_stat_statements"})
# Names that people write and Azure does not know.
MISTAKEN = {"pgvector": "vector", "diskann": "pg_diskann", "uuid_ossp": "uuid-ossp", "pgstatstatements": "pg_stat_statements"}
# The oldest pgvector that is good enough: older ones have CVE-2026-3172, an overflow in parallel HNSW builds.
OLDEST_VECTOR = (0, 8, 2)
