"""Why Azure would refuse the value of a server parameter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies

from infra.domain.azure.parameters import PARAMETERS, Parameter, find, refusal

NUMBERS = [parameter for parameter in PARAMETERS.values() if parameter.bounds is not None and not parameter.read_only]
WHOLE = [parameter for parameter in NUMBERS if parameter.kind == "Integer"]


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("work_mem", (4096, 2097151)),
        ("maintenance_work_mem", (1024, 2097151)),
        ("max_connections", (25, 5000)),
        ("autovacuum_work_mem", (-1, 2097151)),
        ("extra_float_digits", (-15, 3)),
        ("hash_mem_multiplier", (1, 1000)),
        ("cpu_tuple_cost", (0, 1.79769e308)),
    ],
)
def test_bounds_are_read_whatever_their_sign(name: str, bounds: tuple[float, float]) -> None:
    assert PARAMETERS[name].bounds == bounds


def test_every_number_has_bounds() -> None:
    assert [
        parameter.name for parameter in PARAMETERS.values() if parameter.kind in ("Integer", "Numeric") and parameter.bounds is None
    ] == []


def test_every_writable_parameter_takes_its_own_default_and_initial_value() -> None:
    odd = {name: why for name, parameter in PARAMETERS.items() if not parameter.read_only and (why := refusal(name, parameter.initial))}
    assert odd == {}


@settings(max_examples=200, deadline=None)
@given(parameter=strategies.sampled_from(WHOLE), value=strategies.integers(-(2**40), 2**40))
def test_a_whole_number_passes_exactly_inside_its_bounds(parameter: Parameter, value: int) -> None:
    assert parameter.bounds is not None
    low, high = parameter.bounds
    assert (refusal(parameter.name, str(value)) is None) == (low <= value <= high)


@settings(max_examples=100, deadline=None)
@given(parameter=strategies.sampled_from(NUMBERS))
def test_the_ends_of_a_range_pass_and_the_next_numbers_do_not(parameter: Parameter) -> None:
    assert parameter.bounds is not None
    low, high = parameter.bounds
    for end in (low, high):
        assert refusal(parameter.name, f"{end:.15g}" if parameter.kind == "Numeric" else str(int(end))) is None
    assert refusal(parameter.name, str(int(low) - 1)) is not None
    if high < 1e15:
        assert refusal(parameter.name, str(int(high) + 1)) is not None


@settings(max_examples=100, deadline=None)
@given(
    parameter=strategies.sampled_from(NUMBERS),
    unit=strategies.sampled_from(["B", "kB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d"]),
    gap=strategies.sampled_from(["", " "]),
)
def test_a_unit_is_refused_and_named(parameter: Parameter, unit: str, gap: str) -> None:
    why = refusal(parameter.name, f"2{gap}{unit}")
    assert why is not None and "without a unit" in why
    assert parameter.unit is None or parameter.unit in why


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("work_mum", "1", "is not a server parameter, did you mean work_mem?"),
        ("qqqqqqqq", "1", "is not a server parameter"),
        ("server_version", "16", "is read-only"),
        ("work_mem", "4096.5", "a whole number is wanted"),
        ("work_mem", "", "a whole number is wanted"),
        ("work_mem", "on", "a whole number is wanted"),
        ("hash_mem_multiplier", "much", "a number is wanted"),
        ("hash_mem_multiplier", "nan", "a number is wanted"),
        ("enable_seqscan", "1", "allowed are on, off"),
        ("pgbouncer.enabled", "on", "allowed are true, false"),
        ("azure.extensions", "vector,pgvector", "holds 'pgvector'"),
        ("ssl_min_protocol_version", "TLSv1.1", "allowed are TLSv1.2, TLSv1.3"),
        ("pgbouncer.pool_mode", "none", "allowed are session, transaction, statement"),
    ],
)
def test_a_refusal_says_why(name: str, value: str, says: str) -> None:
    why = refusal(name, value)
    assert why is not None and says in why


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("azure.extensions", ""),
        ("azure.extensions", "VECTOR, pg_trgm"),
        ("shared_preload_libraries", "pg_cron,pg_stat_statements"),
        ("pgbouncer.enabled", "true"),
        ("enable_seqscan", "OFF"),
        ("autovacuum_vacuum_scale_factor", "0.05"),
        ("extra_float_digits", "-15"),
        ("default_transaction_isolation", "read committed"),
    ],
)
def test_a_sound_value_passes(name: str, value: str) -> None:
    assert refusal(name, value) is None


def test_the_poolers_settings_are_hidden_until_it_is_on() -> None:
    hidden = {parameter.name for parameter in PARAMETERS.values() if parameter.hidden_until == "pgbouncer.enabled"}
    assert len(hidden) == 9
    assert all(name.startswith("pgbouncer.") for name in hidden)
    switch = find("pgbouncer.enabled")
    assert switch is not None and switch.hidden_until is None


def test_a_fresh_server_differs_from_its_defaults() -> None:
    libraries = PARAMETERS["shared_preload_libraries"]
    assert (libraries.default, libraries.initial) == ("pg_stat_statements", "pg_cron,pg_stat_statements")
