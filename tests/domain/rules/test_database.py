"""Rules on extensions, parameters, indexes, pools and alerts: what trips them and what does not."""

from __future__ import annotations

import pytest

from infra.domain.problem import Severity
from tests.builders import BURSTABLE
from tests.domain.rules.judged import Case, found, holds, passes

WARN = Severity.WARN
_PARAMETERS, _EXTENSIONS, _SET = "database.parameters", "database.extensions", "vector_sets[0]"
_IVF = {"kind": "ivfflat", "lists": 100}


def _set(name: str, value: object) -> dict[str, object]:
    return {_PARAMETERS: {name: value}}


def _parameter(name: str, value: object, says: str, severity: Severity = Severity.REFUSE, rule: str = "R12") -> Case:
    return Case(rule, f"{_PARAMETERS}.{name}", says, _set(name, value), severity)


CASES = {
    "refuses_pgvector_by_its_project_name": Case("R11", f"{_EXTENSIONS}[0]", "Azure does not offer", {_EXTENSIONS: ["pgvector"]}),
    "refuses_an_extension_that_nobody_knows": Case("R11", f"{_EXTENSIONS}[1]", "would be refused", {_EXTENSIONS: ["vector", "zzz"]}),
    "refuses_an_allow_list_without_vector": _parameter("azure.extensions", "pg_stat_statements", "lacks vector", rule="R11"),
    "warns_of_an_extension_that_is_not_loaded": Case("R11", f"{_EXTENSIONS}[0]", "loaded at start", {_EXTENSIONS: ["timescaledb"]}, WARN),
    "refuses_a_parameter_outside_its_range": _parameter("work_mem", 64, "4096 to 2097151"),
    "refuses_a_parameter_with_a_unit": _parameter("work_mem", "64MB", "without a unit"),
    "refuses_a_parameter_that_is_read_only": _parameter("maintenance_io_concurrency", 10, "read-only"),
    "refuses_a_parameter_that_does_not_exist": _parameter("work_mum", 4096, "did you mean work_mem?"),
    "refuses_a_wrong_choice": _parameter("wal_level", "minimal", "allowed are replica, logical"),
    "refuses_plain_text": _parameter("require_secure_transport", False, "in clear"),
    "refuses_plain_text_written_as_text": _parameter("require_secure_transport", "OFF", "in clear"),
    "refuses_old_tls": _parameter("ssl_min_protocol_version", "TLSv1.1", "TLS below 1.2"),
    "warns_of_a_ceiling_for_tls": _parameter("ssl_max_protocol_version", "TLSv1.2", "turned away", WARN),
    "refuses_a_second_switch_for_the_pooler": _parameter("pgbouncer.enabled", True, "database.pool.pgbouncer decides it"),
    "refuses_a_second_slow_query_limit": _parameter("log_min_duration_statement", 100, "database.slow_query_seconds decides it"),
    "refuses_settings_of_a_pooler_that_is_off": Case(
        "R12", f"{_PARAMETERS}.pgbouncer.pool_mode", "does not know", {**BURSTABLE, **_set("pgbouncer.pool_mode", "session")}
    ),
    "warns_of_tls_without_authentication": Case("R12", "database.sslmode", "right server", {"database.sslmode": "require"}, WARN),
    "refuses_a_vector_index_over_2000_dimensions": Case("R13", f"{_SET}.dimensions", "at most 2000", {f"{_SET}.dimensions": 3072}),
    "refuses_a_halfvec_index_over_4000_dimensions": Case(
        "R13", f"{_SET}.dimensions", "at most 4000", {f"{_SET}.dimensions": 4096, f"{_SET}.type": "halfvec"}
    ),
    "refuses_an_ivfflat_index_over_2000_dimensions": Case(
        "R13", f"{_SET}.dimensions", "CREATE INDEX would fail", {f"{_SET}.dimensions": 2001, f"{_SET}.index": _IVF}
    ),
    "refuses_too_small_an_m": Case("R13", f"{_SET}.index.m", "2 to 100", {f"{_SET}.index.m": 1}),
    "refuses_too_large_an_m": Case("R13", f"{_SET}.index.m", "2 to 100", {f"{_SET}.index.m": 101, f"{_SET}.index.ef_construction": 400}),
    "refuses_too_large_an_ef_construction": Case(
        "R13", f"{_SET}.index.ef_construction", "4 to 1000", {f"{_SET}.index.ef_construction": 1001}
    ),
    "refuses_an_ef_construction_below_twice_m": Case(
        "R13", f"{_SET}.index.ef_construction", "less than twice m", {f"{_SET}.index.ef_construction": 31}
    ),
    "refuses_no_lists": Case("R13", f"{_SET}.index.lists", "1 to 32768", {f"{_SET}.index": {"kind": "ivfflat", "lists": 0}}),
    "refuses_too_many_lists_instead": Case(
        "R13",
        f"{_SET}.index_if_memory_is_short.lists",
        "1 to 32768",
        {f"{_SET}.index_if_memory_is_short": {"kind": "ivfflat", "lists": 32769}},
    ),
    "refuses_a_recall_above_one": Case("R13", f"{_SET}.recall_floor", "0 to 1", {f"{_SET}.recall_floor": 1.01}),
    "refuses_a_recall_below_zero": Case("R13", f"{_SET}.recall_floor", "0 to 1", {f"{_SET}.recall_floor": -0.5}),
    "refuses_lists_that_do_not_fit_the_memory": Case(
        "R13", f"{_SET}.index.lists", "the build would fail", {f"{_SET}.index": {"kind": "ivfflat", "lists": 20000}}
    ),
    "warns_of_a_graph_that_does_not_fit_the_memory": Case(
        "R13",
        f"{_SET}.index",
        "many times slower",
        {f"{_SET}.expected_rows": 5_000_000, f"{_SET}.index_if_memory_is_short": None},
        WARN,
    ),
    "warns_of_an_alert_that_never_fires": Case("W2", "alerts.connections_percent", "all 844", {"alerts.connections_percent": 100}, WARN),
    "warns_of_an_alert_that_is_always_on": Case(
        "W2", "alerts.connections_percent", "always be on", {**BURSTABLE, "database.pool.connections_per_instance": 30}, WARN
    ),
    "notes_what_needs_a_restart": Case("W3", _PARAMETERS, "max_connections", {}, Severity.NOTE),
    "warns_of_losing_what_is_loaded": _parameter("shared_preload_libraries", "pg_stat_statements", "lacks pg_cron", WARN, "W3"),
    "warns_of_a_pool_beyond_the_usable_connections": Case(
        "W6", "database.pool", "have 35", {**BURSTABLE, "database.pool.connections_per_instance": 36}, WARN
    ),
    "warns_of_a_pooler_beyond_the_usable_connections": Case(
        "W6", "database.pool", "takes 900", _set("pgbouncer.default_pool_size", 900), WARN
    ),
    "refuses_an_address_that_is_none": Case("P2", "alerts.notify[0]", "not an e-mail address", {"alerts.notify": ["ops"]}),
    "warns_of_alerts_that_nobody_hears": Case("P2", "alerts.notify", "nobody hears", {"alerts.notify": []}, WARN),
}


@pytest.mark.parametrize("name", CASES)
def test_database_rule(name: str) -> None:
    holds(CASES[name])


def test_says_what_pgvector_is_called_there() -> None:
    (problem,) = found({_EXTENSIONS: ["pgvector"]}, "R11", f"{_EXTENSIONS}[0]")
    assert problem.hint == "did you mean vector?"


def test_proposes_halfvec_for_long_vectors() -> None:
    (problem,) = found({f"{_SET}.dimensions": 3072}, "R13", f"{_SET}.dimensions")
    assert "halfvec" in problem.hint


def test_refuses_two_sets_on_one_column() -> None:
    from tests.builders import environment_values

    twin = environment_values()["vector_sets"][0]
    holds(Case("R13", "vector_sets[1]", "vector_sets[0] declares already", {"vector_sets": [twin, twin]}))


@pytest.mark.parametrize(
    "changes",
    [
        _set("work_mem", 8192),
        _set("pgbouncer.pool_mode", "session"),
        _set("enable_seqscan", False),
        _set("ssl_min_protocol_version", "TLSv1.3"),
        _set("maintenance_work_mem", 2097151),
        _set("autovacuum_work_mem", -1),
    ],
)
def test_takes_a_sound_parameter(changes: dict[str, object]) -> None:
    passes("R12", changes)


def test_takes_extensions_in_any_case() -> None:
    passes("R11", {_EXTENSIONS: ["VECTOR", "pg_trgm"]})


def test_takes_an_allow_list_that_holds_everything() -> None:
    passes("R11", _set("azure.extensions", "pg_trgm, VECTOR,pg_stat_statements"))


def test_takes_an_extension_that_is_loaded() -> None:
    loaded = _set("shared_preload_libraries", "pg_cron,pg_stat_statements,timescaledb")
    passes("R11", {_EXTENSIONS: ["timescaledb"], **loaded})
    passes("R12", loaded)


@pytest.mark.parametrize(("kind", "dimensions"), [("vector", 2000), ("halfvec", 4000)])
def test_takes_as_many_dimensions_as_the_index_does(kind: str, dimensions: int) -> None:
    passes("R13", {f"{_SET}.type": kind, f"{_SET}.dimensions": dimensions, f"{_SET}.expected_rows": 1000})


def test_takes_the_ends_of_all_index_ranges() -> None:
    for m, ef_construction in ((2, 4), (100, 200), (2, 1000)):
        passes("R13", {f"{_SET}.index": {"kind": "hnsw", "m": m, "ef_construction": ef_construction}, f"{_SET}.expected_rows": 1000})


def test_takes_a_graph_that_does_not_fit_if_there_is_something_instead() -> None:
    passes("R13", {f"{_SET}.expected_rows": 5_000_000})


def test_is_silent_about_connections_of_an_unknown_sku() -> None:
    for rule in ("W2", "W3", "W6"):
        passes(rule, {"server.sku": "Standard_D2s_v5"})
