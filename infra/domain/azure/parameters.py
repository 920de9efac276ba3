"""Server parameters: what Azure lists, what it allows, and why it would refuse a value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from infra.domain.azure.parameter_rows import ROWS

# Rows for the pooler: Azure hides them until pgbouncer.enabled is true, so no recording lists them. Names, defaults and
# meanings from the page on PgBouncer of 2026-04; ranges marked 0-2147483647 there are not given and left wide.
_POOLER_ROWS = """
pgbouncer.default_pool_size	Integer	50	-	1-4950	dw	-
pgbouncer.ignore_startup_parameters	String		-	.*	dw	-
pgbouncer.max_client_conn	Integer	5000	-	1-50000	dw	-
pgbouncer.max_prepared_statements	Integer	0	-	0-5000	dw	-
pgbouncer.min_pool_size	Integer	0	-	0-4950	dw	-
pgbouncer.pool_mode	Enumeration	transaction	-	session,transaction,statement	dw	-
pgbouncer.query_wait_timeout	Integer	120	-	0-86400	dw	s
pgbouncer.server_idle_timeout	Integer	600	-	0-86400	dw	s
pgbouncer.stats_users	String		-	.*	dw	-
"""
_POOLER = "pgbouncer.enabled"
_UNIT = re.compile(r"^\s*[-+]?\d+(\.\d+)?\s*(B|kB|KB|MB|GB|TB|us|ms|s|min|h|d)\s*$")
_INTEGER = re.compile(r"^[-+]?\d+$")
_NUMBER = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
# The lower bound may be negative and the bounds may have exponents: -1-2147483647, 0-1.79769e+308.
_BOUND = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_RANGE = re.compile(rf"^({_BOUND})-({_BOUND})$")


@dataclass(frozen=True)
class Parameter:
    """One server parameter. `initial` is its value on a fresh server; values are text in `unit`, without a suffix."""

    name: str
    kind: str
    default: str
    initial: str
    allowed: str
    dynamic: bool
    read_only: bool
    unit: str | None
    hidden_until: str | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values of a Boolean, Enumeration or Set; a leading comma in Azure's answer allows the empty value."""
        return tuple(item.strip() for item in self.allowed.split(","))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Smallest and largest allowed number, or None where the values are no numbers."""
        match = _RANGE.match(self.allowed)
        return (float(match[1]), float(match[2])) if match else None


def _parameter(row: str, hidden_until: str | None = None) -> Parameter:
    name, kind, default, initial, allowed, flags, unit = row.split("\t")
    first = default if initial == "-" else initial
    return Parameter(name, kind, default, first, allowed, "d" in flags, "r" in flags, None if unit == "-" else unit, hidden_until)


@cache
def _table() -> Mapping[str, Parameter]:
    listed = [_parameter(row) for row in ROWS.strip("\n").split("\n")]
    pooler = [_parameter(row, _POOLER) for row in _POOLER_ROWS.strip("\n").split("\n")]
    return MappingProxyType({parameter.name: parameter for parameter in (*listed, *pooler)})


def __getattr__(name: str) -> Mapping[str, Parameter]:
    """PARAMETERS, read when first asked for: 571 rows that most commands never look at."""
    if name == "PARAMETERS":
        return _table()
    raise AttributeError(name)


def find(name: str) -> Parameter | None:
    """The parameter of this name, or None."""
    return _table().get(name)


def refusal(name: str, value: str) -> str | None:
    """Why Azure would refuse this value, as the end of a sentence that begins with the parameter; None if it would not."""
    parameter = find(name)
    if parameter is None:
        close = difflib.get_close_matches(name, _table(), n=1)
        return "is not a server parameter" + (f", did you mean {close[0]}?" if close else "")
    if parameter.read_only:
        return "is read-only"
    if parameter.kind in ("Integer", "Numeric"):
        return _number_refusal(parameter, value)
    if parameter.kind == "Set":
        return _set_refusal(parameter, value)
    if parameter.kind == "String":
        return None if re.fullmatch(parameter.allowed, value) else f"is {value!r}, which does not match {parameter.allowed}"
    return None if value.lower() in {choice.lower() for choice in parameter.choices} else f"is {value!r}, allowed are {_listed(parameter)}"


def _number_refusal(parameter: Parameter, value: str) -> str | None:
    if _UNIT.match(value):
        return f"is {value!r}, a number without a unit is wanted{f' (the unit is {parameter.unit})' if parameter.unit else ''}"
    pattern = _INTEGER if parameter.kind == "Integer" else _NUMBER
    if not pattern.match(value):
        return f"is {value!r}, {'a whole number' if parameter.kind == 'Integer' else 'a number'} is wanted"
    if parameter.bounds is None:
        return None
    low, high = parameter.bounds
    return None if low <= float(value) <= high else f"is {value}, allowed is {low:.15g} to {high:.15g}"


def _set_refusal(parameter: Parameter, value: str) -> str | None:
    allowed = {choice.lower() for choice in parameter.choices}
    wrong = [item.strip() for item in value.split(",") if item.strip().lower() not in allowed]
    return f"holds {', '.join(repr(item) for item in wrong)}, which Azure does not list" if wrong else None


def _listed(parameter: Parameter) -> str:
    return ", ".join(choice or "(empty)" for choice in parameter.choices)
