"""Builds the vector indexes of a transfer: the source's own statements, memory sized to each, largest first, one after the other.

With a bridge, an IVFFlat index answers first, is as good as its probes, and goes when the HNSW index beside it is proved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from infra.domain import vectors
from infra.domain.environment import EmbeddingModel, Hnsw, IvfFlat, VectorSet
from infra.domain.manifest import VectorIndex
from infra.domain.steps import BuildIndex
from scripts.edges import index_builds, postgres
from scripts.edges.exits import BAD, Failure
from scripts.edges.index_builds import Room, Watch

_DISTANCES: dict[str, Any] = {"cosine_ops": "cosine", "l2_ops": "l2", "ip_ops": "inner_product"}
# What pgvector takes where an index says nothing.
_DEFAULTS = {"hnsw": {"m": 16, "ef_construction": 64}, "ivfflat": {"lists": 100}}
_PROBES = "ivfflat.probes"
# Of 100,000 x 1536: with 33 lists one process was as fast as two, and took a third less CPU; each list more costs it 18 ms.
_LISTS_ALONE = 50
# Waits until whoever builds an index on a table has committed, and lets go at once.
_AWAIT = "LOCK TABLE ONLY {} IN SHARE UPDATE EXCLUSIVE MODE"
_COUNT = "SELECT count(*) FROM ONLY {} WHERE {} IS NOT NULL"


@dataclass(frozen=True)
class Bridge:
    """An IVFFlat index that answers until the real one is there, and the probes it needs."""

    name: str
    probes: int


def at_once(connection: Any, indexes: Sequence[VectorIndex], room: Room) -> int:
    """How many bridges may be built at once: two if there are cores for two and the memory of one build would hold both graphs.

    The longest step of an IVFFlat build, k-means, has one process.
    """
    if len(indexes) < 2 or not room.workers:
        return 1
    needed = sorted((_graph_kib(index, _rows(connection, index)) for index in indexes), reverse=True)
    return 2 if sum(needed[:2]) <= room.allowed_kib else 1


def build(connection: Any, second: Callable[[], Any], index: VectorIndex, room: Room, watch: Watch, beside: Bridge | None = None) -> bool:
    """Build one index unless a valid one is there; returns whether it was built. Raises Failure.

    With `beside` others may read and write meanwhile, and the bridge is dropped afterwards.
    """
    state = _state(connection, index)
    if state is False:
        _drop(connection, index.schema_name, index.name)
    if not state:
        if (action := _action(index, beside)) is None:
            _plain(connection, second, index, room)
        else:
            rows = _rows(connection, index)
            with postgres.told(f"building {index.name}"):
                index_builds.carry_out(connection, second, action, _statement(index, beside is not None), index.name, rows, room, watch)
    if beside is not None:
        _drop(connection, index.schema_name, beside.name)
    return not state


def bridge(connection: Any, second: Callable[[], Any], index: VectorIndex, room: Room, watch: Watch) -> Bridge | None:
    """Build an IVFFlat index where an HNSW index is to come; None where it would not help. Raises Failure."""
    action = _action(index, None)
    if action is None or index.method != "hnsw" or _state(connection, index):
        return None
    rows = _rows(connection, index)
    lists, probes = vectors.bridge(rows)
    made = Bridge(bridge_name(index), probes)
    _drop(connection, index.schema_name, made.name)
    if rows < vectors.minimum_rows(lists):
        return None
    first = BuildIndex(name=made.name, vector_set=action.vector_set, index=IvfFlat(kind="ivfflat", lists=lists), cast=action.cast)
    create, given = index_builds.create_statement(first, live=False), room_of_bridge(index, rows, lists, room)
    with postgres.told(f"building {made.name}"):
        index_builds.carry_out(connection, second, first, create, made.name, rows, given, watch, recorded=False)
    return made


def room_of_bridge(index: VectorIndex, rows: int, lists: int, room: Room) -> Room:
    """What the build of a bridge may take: no worker and memory for all its vectors, where these fit and the lists are few.

    Workers hand their share on in files, and the cores are needed for the proof beside it.
    """
    needed = vectors.ivfflat_sort_bytes(rows, index.dimensions, index.stored) // 1024
    if lists > _LISTS_ALONE or needed > room.allowed_kib:
        return room
    return replace(room, workers=0, server_kib=max(room.server_kib, needed))


def bridge_name(index: VectorIndex) -> str:
    """Its own for each index, and nobody else's: names may be long, and begin alike."""
    return f"agentmem_{hashlib.sha256(f'{index.schema_name}.{index.name}'.encode()).hexdigest()[:12]}_bridge"


def drop_bridges(connection: Any, indexes: Iterable[VectorIndex], probes: str | None) -> None:
    """Drop the bridges that this or an earlier transfer left, and let new sessions search with the probes of before."""
    for index in indexes:
        _drop(connection, index.schema_name, bridge_name(index))
    _set_probes(connection, probes)


def probes_of(connection: Any) -> str | None:
    """What the database sets for its sessions, None where it sets nothing."""
    row = connection.execute(postgres.statement("read_database_setting"), {"name": _PROBES}).fetchone()
    return None if row is None else str(row[0])


def join_builds(connection: Any, indexes: Iterable[VectorIndex], watch: Watch) -> None:
    """Wait for builds on the same tables: the server goes on with that of a client that is gone, and it counts once it is there."""
    for schema, table in sorted({(index.table_schema, index.table) for index in indexes}):
        for (pid,) in connection.execute(postgres.statement("read_table_builds"), {"schema": schema, "table": table}).fetchall():
            index_builds.join(connection, pid, watch)
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = 0")
                connection.execute(sql.SQL(_AWAIT).format(sql.Identifier(schema, table)))


def ask_bridges(connection: Any, bridges: Iterable[Bridge]) -> None:
    """Every new session of the database asks these bridges as they need it."""
    _set_probes(connection, str(max(each.probes for each in bridges)))


def _set_probes(connection: Any, value: str | None) -> None:
    database, parameter = sql.Identifier(connection.info.dbname), sql.SQL(_PROBES)
    connection.execute(postgres.statement("load_vector"))  # until then the parameter is nobody's, and only a superuser may set it
    if value is None:
        connection.execute(sql.SQL("ALTER DATABASE {} RESET {}").format(database, parameter))
    else:
        parts = {"database": database, "parameter": parameter, "value": sql.Literal(value)}
        connection.execute(postgres.statement("set_for_database", **parts))


def _action(index: VectorIndex, beside: Bridge | None) -> BuildIndex | None:
    """The index as the builder knows it; None for one that only its own statement can describe."""
    distance = next((name for end, name in _DISTANCES.items() if index.operator_class.endswith(end)), None)
    if index.schema_name != "public" or index.partial or not index.column or index.stored not in ("vector", "halfvec") or not distance:
        return None
    options = {**_DEFAULTS[index.method], **index.options}
    kind = Hnsw(kind="hnsw", **options) if index.method == "hnsw" else IvfFlat(kind="ivfflat", **options)
    vector_set = VectorSet(
        table=index.table, column=index.column, type=index.stored, dimensions=index.dimensions, distance=distance,
        model=EmbeddingModel(name="as recorded", version="as recorded"), expected_rows=1, recall_floor=0.9, index=kind,
        index_if_memory_is_short=None,
    )  # fmt: skip
    cast = "::" in index.definition
    return BuildIndex(name=index.name, vector_set=vector_set, index=kind, cast=cast, beside=beside.name if beside else None)


def _plain(connection: Any, second: Callable[[], Any], index: VectorIndex, room: Room) -> None:
    """Its own statement in a session with memory of its size; a partial index, one of bits, or one in another schema."""
    memory = max(room.server_kib, min(_graph_kib(index, _rows(connection, index)), room.allowed_kib))
    with postgres.told(f"building {index.name}"), second() as session:
        session.execute(postgres.statement("prepare_build"), {"memory": f"{memory}kB", "workers": str(room.workers)})
        session.execute(_statement(index, concurrently=False))
    if not _state(connection, index):
        raise Failure(BAD, f"{index.name} was built, but is not valid", hint="run it again: it is dropped and built anew")


def _graph_kib(index: VectorIndex, rows: int) -> int:
    return vectors.graph_bytes(rows, index.dimensions, index.stored, index.options.get("m", _DEFAULTS["hnsw"]["m"])) // 1024


def _statement(index: VectorIndex, concurrently: bool) -> sql.Composed:
    text = index.definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1) if concurrently else index.definition
    return sql.Composed([sql.SQL(text)])


def _rows(connection: Any, index: VectorIndex) -> int:
    table = sql.Identifier(index.table_schema, index.table)
    column = sql.Identifier(index.column) if index.column else sql.SQL("true")
    return int(connection.execute(sql.SQL(_COUNT).format(table, column)).fetchone()[0])


def _state(connection: Any, index: VectorIndex) -> bool | None:
    """Whether the index is valid; None where there is none."""
    row = connection.execute(postgres.statement("read_index"), {"schema": index.schema_name, "index": index.name}).fetchone()
    return None if row is None else bool(row[0])


def _drop(connection: Any, schema: str, name: str) -> None:
    connection.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(schema, name)))
