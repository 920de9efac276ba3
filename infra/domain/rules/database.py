"""Rules on what runs inside a server: extensions, parameters, vector indexes, pools and the alerts on them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from infra.domain import sizing, vectors
from infra.domain.azure import extensions, parameters
from infra.domain.environment import Environment, Hnsw, IvfFlat, VectorSet
from infra.domain.problem import Problem
from infra.domain.rules.rule import Rule, note, refuse, sku, usable_connections, warn
from infra.domain.server_parameters import allow_list, as_azure_writes, desired

_PARAMETERS = "database.parameters"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
# Extensions that only work when their library is loaded at start (page on extensions); vector and pg_diskann do not.
_NEEDS_PRELOAD = frozenset({"age", "pg_hint_plan", "pglogical", "timescaledb"})
_OLD_TLS = frozenset({"SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"})


def listed_extensions(environment: Environment) -> Iterator[Problem]:
    """R11: extensions that Azure lets onto the allow-list, by the names it knows them by."""
    for index, name in enumerate(environment.database.extensions):
        if name.lower() in extensions.ALLOWED:
            continue
        close = difflib.get_close_matches(name.lower(), extensions.ALLOWED, n=1)
        meant = extensions.MISTAKEN.get(name.lower()) or (close[0] if close else "")
        says = f"is {name}, which Azure does not offer: CREATE EXTENSION would be refused"
        yield refuse(
            "R11",
            f"database.extensions[{index}]",
            says,
            found=name,
            hint=f"did you mean {meant}?" if meant else "pgvector is called vector there",
        )


def overridden_allow_list(environment: Environment) -> Iterator[Problem]:
    """R11: a hand-written allow-list still holds what is declared and `vector`."""
    written = environment.database.parameters.get("azure.extensions")
    if written is None:
        return
    lacking = sorted(set(allow_list(environment)) - {name.strip().lower() for name in str(written).split(",")})
    if lacking:
        says = f"lacks {', '.join(lacking)}: CREATE EXTENSION would be refused, and restores of this database with it"
        yield refuse("R11", f"{_PARAMETERS}.azure.extensions", says, found=written, hint="remove it: database.extensions is the list")


def unloaded_extensions(environment: Environment) -> Iterator[Problem]:
    """R11: an extension that wants its library loaded at start gets it."""
    loaded = {name.strip() for name in str(environment.database.parameters.get("shared_preload_libraries", "")).split(",")}
    for index, name in enumerate(environment.database.extensions):
        if name.lower() in _NEEDS_PRELOAD - loaded:
            hint = f'database.parameters: {{shared_preload_libraries: "pg_cron,pg_stat_statements,{name.lower()}"}}; it needs a restart'
            yield warn("R11", f"database.extensions[{index}]", f"is {name}, which works only when loaded at start", found=name, hint=hint)


def declared_parameters(environment: Environment) -> Iterator[Problem]:
    """R12: server parameters that exist, can be written, and have a value in range and without a unit."""
    for name, value in environment.database.parameters.items():
        key, known = f"{_PARAMETERS}.{name}", parameters.find(name)
        why = parameters.refusal(name, as_azure_writes(name, value))
        if name == "ssl_min_protocol_version" and value in _OLD_TLS:
            yield refuse(
                "R12", key, f"is {value}: TLS below 1.2 is broken, and Azure does not take it", found=value, hint="TLSv1.2 or TLSv1.3"
            )
        elif why is not None:
            yield refuse("R12", key, why, found=value, hint="names and ranges are those that PostgreSQL 17.9 on Azure listed")
        elif known is not None and known.hidden_until is not None and not environment.database.pool.pgbouncer:
            says = f"is {value}, but {known.hidden_until} is off: Azure does not know the parameter until then"
            yield refuse("R12", key, says, found=value, hint="database.pool.pgbouncer: true")


def transport(environment: Environment) -> Iterator[Problem]:
    """R12: nothing takes TLS away."""
    declared = environment.database.parameters
    value = declared.get("require_secure_transport", "on")
    if as_azure_writes("require_secure_transport", value).lower() == "off":
        says = "is off: passwords and memories would cross the network in clear, through PgBouncer too"
        yield refuse("R12", f"{_PARAMETERS}.require_secure_transport", says, found=value, hint="remove it: it is on")
    if declared.get("ssl_max_protocol_version"):
        says = f"is {declared['ssl_max_protocol_version']}: newer clients would be turned away"
        yield warn("R12", f"{_PARAMETERS}.ssl_max_protocol_version", says, found=declared["ssl_max_protocol_version"], hint="remove it")
    if environment.database.sslmode == "require":
        says = "is require: it encrypts, but does not tell whether the right server answers"
        yield warn("R12", "database.sslmode", says, found="require", hint="sslmode: verify-full with PGSSLROOTCERT=system")


def second_switch(environment: Environment) -> Iterator[Problem]:
    """R12: what the contract has a key for is not set a second time."""
    for name, key in (("pgbouncer.enabled", "database.pool.pgbouncer"), ("log_min_duration_statement", "database.slow_query_seconds")):
        if name in environment.database.parameters:
            found = environment.database.parameters[name]
            yield refuse("R12", f"{_PARAMETERS}.{name}", f"is {found}, but {key} decides it", found=found, hint=f"remove it and set {key}")


def index_dimensions(environment: Environment) -> Iterator[Problem]:
    """R13: an index ends at 2,000 dimensions of vector and 4,000 of halfvec."""
    for key, vector_set in _sets(environment):
        limit = vectors.INDEX_LIMITS[vector_set.type]
        if vector_set.dimensions > limit:
            says = f"is {vector_set.dimensions}, an index on {vector_set.type} takes at most {limit}: CREATE INDEX would fail"
            fits = vector_set.type == "vector" and vector_set.dimensions <= vectors.INDEX_LIMITS["halfvec"]
            hint = "type: halfvec, the column may stay vector" if fits else "a model with fewer dimensions"
            yield refuse("R13", f"{key}.dimensions", says, found=vector_set.dimensions, hint=hint)


def index_settings(environment: Environment) -> Iterator[Problem]:
    """R13: settings of an index that pgvector takes."""
    for key, vector_set in _sets(environment):
        index = vector_set.index
        if isinstance(index, Hnsw):
            yield from _within(f"{key}.index.m", index.m, vectors.M_RANGE)
            yield from _within(f"{key}.index.ef_construction", index.ef_construction, vectors.EF_CONSTRUCTION_RANGE)
            if index.ef_construction < 2 * index.m:
                says = f"is {index.ef_construction}, less than twice m ({index.m}): CREATE INDEX would fail"
                yield refuse("R13", f"{key}.index.ef_construction", says, found=index.ef_construction, hint=f"at least {2 * index.m}")
        else:
            yield from _within(f"{key}.index.lists", index.lists, vectors.LISTS_RANGE)
        if vector_set.index_if_memory_is_short is not None:
            yield from _within(f"{key}.index_if_memory_is_short.lists", vector_set.index_if_memory_is_short.lists, vectors.LISTS_RANGE)
        if not 0 <= vector_set.recall_floor <= 1:
            says = f"is {vector_set.recall_floor}, recall goes from 0 to 1"
            yield refuse("R13", f"{key}.recall_floor", says, found=vector_set.recall_floor, hint="recall_floor: 0.95")


def _within(key: str, value: int, limits: tuple[int, int]) -> Iterator[Problem]:
    low, high = limits
    if not low <= value <= high:
        yield refuse("R13", key, f"is {value}, pgvector takes {low} to {high}: CREATE INDEX would fail", found=value)


def same_set_twice(environment: Environment) -> Iterator[Problem]:
    """R13: each column has one vector set."""
    seen: dict[tuple[str, str], str] = {}
    for key, vector_set in _sets(environment):
        column = (vector_set.table, vector_set.column)
        if column in seen:
            says = f"is {vector_set.table}.{vector_set.column}, which {seen[column]} declares already: two indexes would have one name"
            yield refuse("R13", key, says, found=".".join(column), hint="remove one of them")
        seen.setdefault(column, key)


def build_memory(environment: Environment) -> Iterator[Problem]:
    """R13: the index that will be built fits the memory that the SKU has for it."""
    if sku(environment) is None:
        return
    available = sizing.build_memory_kib(environment)
    for key, vector_set in _sets(environment):
        if not _sound(vector_set):
            continue
        index = vectors.effective_index(vector_set, available)
        needed = vectors.build_bytes(vector_set.expected_rows, vector_set, index)
        if needed <= available * 1024:
            continue
        sizes = (
            f"needs {needed >> 20} MB for {vector_set.expected_rows} rows, {environment.server.sku} has {available >> 10} MB for a build"
        )
        if isinstance(index, IvfFlat):
            name = "index" if index is vector_set.index else "index_if_memory_is_short"
            yield refuse(
                "R13",
                f"{key}.{name}.lists",
                f"is {index.lists}: it {sizes}, and the build would fail",
                found=index.lists,
                hint=f"fewer lists, or {_larger(environment, needed)}",
            )
        else:
            hint = f"index_if_memory_is_short: {{kind: ivfflat, lists: 100}}, halfvec, or {_larger(environment, needed)}"
            yield warn("R13", f"{key}.index", f"{sizes}: it would go on on disk, many times slower", found=needed, hint=hint)


def _larger(environment: Environment, needed: int) -> str:
    """The SKU that can, by name; beyond the ceiling of the server parameter no SKU can."""
    name = sizing.sku_that_builds(environment, -(-needed // 1024))
    return f"server.sku: {name}" if name else "fewer rows a table: no SKU gives one build more than 2 GB"


def _sound(vector_set: VectorSet) -> bool:
    """Whether memory can be computed: the ranges above hold."""
    low, high = vectors.M_RANGE
    return not isinstance(vector_set.index, Hnsw) or low <= vector_set.index.m <= high


def _sets(environment: Environment) -> Iterator[tuple[str, VectorSet]]:
    for index, vector_set in enumerate(environment.vector_sets):
        yield f"vector_sets[{index}]", vector_set


def alert_never_fires(environment: Environment) -> Iterator[Problem]:
    """W2: the alert on connections comes before clients are turned away, and not every day."""
    usable = usable_connections(environment)
    if usable is None or usable < 1:  # a max_connections that R12 refuses
        return
    percent, held = environment.alerts.connections_percent, sizing.pooled_connections(environment)
    threshold = sizing.connection_alert(environment)
    key = "alerts.connections_percent"
    if threshold >= usable:
        says = f"is {percent}: the alert would fire at {threshold} connections, when all {usable} that clients can use are taken"
        yield warn("W2", key, says, found=percent, hint="80")
    elif threshold <= held <= usable:
        says = f"is {percent}, which is {threshold} connections: the pool alone holds {held}, so the alert would always be on"
        yield warn("W2", key, says, found=percent, hint="a smaller database.pool, a higher percentage, or a larger SKU")


def static_parameters(environment: Environment) -> Iterator[Problem]:
    """W3: which of the parameters take effect only after a restart, and which resets lose something."""
    if usable_connections(environment) is None:
        return
    static = [item.name for item in desired(environment) if (known := parameters.find(item.name)) is not None and not known.dynamic]
    if static:
        yield note(
            "W3", _PARAMETERS, f"and what is derived set {', '.join(static)}: a change waits for a restart of the server", found=static
        )
    written = environment.database.parameters.get("shared_preload_libraries")
    lost = sorted(extensions.PRELOADED - {name.strip() for name in str(written).split(",")}) if written is not None else []
    if lost:
        says = f"lacks {', '.join(lost)}, which a fresh server loads"
        yield warn(
            "W3", f"{_PARAMETERS}.shared_preload_libraries", says, found=written, hint=f"append to {','.join(sorted(extensions.PRELOADED))}"
        )


def oversized_pool(environment: Environment) -> Iterator[Problem]:
    """W6: the pools fit the usable connections."""
    usable = usable_connections(environment)
    held = sizing.pooled_connections(environment)
    declared = environment.database.parameters.get("pgbouncer.default_pool_size")
    if environment.database.pool.pgbouncer and str(declared).isdigit():
        held = int(str(declared))
    if usable is not None and held > usable:
        says = f"takes {held} connections, clients of {environment.server.sku} have {usable}: the last ones would be refused"
        yield warn(
            "W6",
            "database.pool",
            says,
            found=held,
            hint="fewer instances or connections_per_instance, or pgbouncer: true with a smaller pool",
        )


def recipients(environment: Environment) -> Iterator[Problem]:
    """P2: alerts reach somebody."""
    if not environment.alerts.notify:
        yield warn("P2", "alerts.notify", "is empty: nobody hears the alerts", hint="notify: [ops@example.org]")
    for index, address in enumerate(environment.alerts.notify):
        if not _ADDRESS.fullmatch(address):
            yield refuse("P2", f"alerts.notify[{index}]", f"is {address}, which is not an e-mail address", found=address)


RULES = (
    Rule(
        "R11",
        "Extensions are on Azure's list, and the allow-list holds them",
        "azure.extensions of a fresh 17.9 server; page on extensions",
        (listed_extensions, overridden_allow_list, unloaded_extensions),
    ),
    Rule(
        "R12",
        "Server parameters exist, are in range, and keep TLS on",
        "parameters of a fresh 17.9 server of 2026-04-16",
        (declared_parameters, transport, second_switch),
    ),
    Rule(
        "R13",
        "Vector indexes are within pgvector's limits and the memory of the SKU",
        "pgvector 0.8",
        (index_dimensions, index_settings, same_set_twice, build_memory),
    ),
    Rule("W2", "The connection alert counts usable connections", "page on limits: 15 are reserved", (alert_never_fires,)),
    Rule("W3", "Static parameters wait for a restart", "isDynamicConfig as recorded", (static_parameters,)),
    Rule("W6", "The pools fit the usable connections", "page on PgBouncer", (oversized_pool,)),
)
PRODUCT_RULES = (Rule("P2", "Alerts reach somebody", "this program", (recipients,)),)
