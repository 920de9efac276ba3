"""Brings a database from an origin into a target: schema, rows in binary and in parallel, proof, keys, then the vector indexes.

Whatever ends it, the target says how far it came, and the next run takes over what is still equal to the origin. Nothing is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.domain.manifest import Table
from scripts.edges import index_records, transfer_indexes
from scripts.edges.exits import BAD, REFUSED, Failure
from scripts.edges.index_builds import Progress, Room
from scripts.edges.origin import Item, Origin, Reader
from scripts.edges.phases import Phases
from scripts.edges.postgres import told
from scripts.edges.side_by_side_tables import in_sessions, side_by_side
from scripts.edges.transfer_pieces import Pieces
from scripts.edges.transfer_target import BUILDS, Target, algorithm_for, fingerprint, is_copied, refuse_others

_BRIDGES = "bridges"
# About a second of one session's work: a session for itself takes a fiftieth of that.
_PIECE_BYTES = 64 << 20


@dataclass(frozen=True)
class Wishes:
    """How a transfer goes about it. `extensions` are made beforehand, by version; `without` are those the target can do without.

    A table that is larger than `piece_bytes` may come in pieces, unless there is one job.
    """

    jobs: int
    room: Room
    bridge: bool = False
    replace: bool = False
    extensions: dict[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    otherwise: str = "name another target"
    piece_bytes: int = _PIECE_BYTES


@dataclass
class Watching:
    """Who hears of a transfer: bytes of a table as they come, the progress of an index build, and moments at which a kill would hurt."""

    on_bytes: Callable[[Item, int], None] = lambda item, size: None
    on_build: Callable[[str, Progress], None] = lambda name, progress: None
    on_moment: Callable[[str], None] = lambda moment: None


@dataclass
class Result:
    """What a transfer did."""

    tables: list[Table] = field(default_factory=list)
    taken_over: int = 0
    built: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows that are in the target now."""
        return sum(table.rows for table in self.tables)


class Transfer:
    """One transfer, step by step. The target's lock is held by whoever opened it."""

    def __init__(self, origin: Origin, target: Target, wishes: Wishes, phases: Phases, watching: Watching) -> None:
        origin.schema = without_extensions(origin.schema, wishes.without)
        self._origin = origin
        self._target = target
        self._wishes = wishes
        self._phases = phases
        self._watching = watching
        self.result = Result()

    def run(self) -> Result:
        """All of it. Raises Failure; what was done until then stays, and says so."""
        self.data()
        self.keys()
        self.indexes()
        self.end()
        return self.result

    def data(self) -> None:
        """The rows, proved equal to the origin's."""
        steps = self._begun()
        self._target.learn()
        gone = [item for item in self._origin.items if item.key not in self._target.found]
        equal = [] if gone else self._still_equal(steps)
        if gone or ("constraints" in steps and len(equal) < len(self._origin.items)):
            # Keys are there already, and rows under them would come in the wrong order; or somebody has dropped a table.
            self._wipe()
            steps, equal = self._new(), []
            self._target.learn()
        self.result.taken_over = len(equal)
        missing = [item for item in self._origin.items if item not in equal]
        with self._phases.phase("data") as done:
            self._fill(missing)
            over = f", {len(equal)} were there" if equal else ""
            done(f"{len(missing)} tables copied{over}")
        self._watching.on_moment("copied")
        with self._phases.phase("proof") as done:
            self._prove(missing)
            done(f"{self.result.rows:,} rows in {len(self.result.tables)} tables are equal to the origin's")

    def keys(self) -> None:
        """Sequences, keys, constraints, ordinary indexes, triggers."""
        with self._phases.phase("keys") as done:
            self._target.set_sequences(self._origin.sequences)
            if "constraints" not in (self._target.begun() or {}):
                self._target.finish_schema(self._origin, self._wishes.room.allowed_kib)
            done("keys, constraints and triggers are there")
        self._watching.on_moment("keys")

    def indexes(self) -> None:
        """The vector indexes; with a bridge, one that answers sooner before each."""
        wanted = self._origin.schema.vector_indexes
        tell = lambda progress: self._watching.on_build("an earlier build", progress)  # noqa: E731
        with told("vector indexes"):
            transfer_indexes.join_builds(self._target.session, wanted, tell)
            if self._bridges() is not None:
                self._drop_bridges(wanted)
            bridges = self._bridged(wanted) if self._wishes.bridge else {}
            self._index(wanted, bridges)

    def _index(self, wanted: tuple[Any, ...], bridges: dict[str, transfer_indexes.Bridge]) -> None:
        with self._phases.phase("indexes") as done:
            for index in wanted:  # two at a time were tried and not faster: one parallel build has work for every core
                if self._built(index, bridges.get(index.name)):
                    self.result.built.append(index.name)
                self._watching.on_moment(f"index {index.name}")
            if self._wishes.bridge:
                self._drop_bridges(wanted)
            done(f"{len(self.result.built)} vector indexes built, {len(wanted) - len(self.result.built)} were there")

    def end(self) -> None:
        """Statistics, and the note that the database is not complete goes."""
        with self._phases.phase("statistics") as done:
            self._target.settle()
            done("the planner knows the tables")
        self._watching.on_moment("settled")
        self._target.end()

    def _begun(self) -> dict[str, Any]:
        """How far an earlier transfer came; begins where there was none. Raises Failure for a target with something else in it."""
        steps = self._target.begun()
        if steps is None and not self._wishes.replace:
            refuse_others(self._target.foreign(), self._wishes.otherwise)
        mine = {"title": self._origin.title, "schema": fingerprint(self._origin)}
        if steps is not None and steps.get("origin") == mine:
            return steps
        if steps is not None and not self._wishes.replace:
            title = (steps.get("origin") or {}).get("title", "nobody knows what")
            says = f"holds half of a transfer from {title}, which is another origin or has changed"
            raise Failure(REFUSED, says, hint=self._wishes.otherwise)
        if self._wishes.replace:
            self._wipe()
        return self._new()

    def _new(self) -> dict[str, Any]:
        with self._phases.phase("schema") as done:
            for name, version in self._wishes.extensions.items():
                self._target.create_extension(name, version)
            self._target.begin(self._origin)
            done(f"{len(self._origin.items)} tables made")
        self._watching.on_moment("schema")
        return {}

    def _still_equal(self, steps: dict[str, Any]) -> list[Item]:
        """The tables of an earlier transfer that are as the origin is now; the others are to be copied again."""
        candidates = [item for item in self._origin.items if is_copied(steps, item)]
        if not candidates:
            return []
        with self._phases.phase("resume") as done:
            compared = side_by_side(self._origin, candidates, self._compare, self._wishes.jobs)
            equal = []
            for item, (there, here) in zip(candidates, compared, strict=True):
                noted = item.key == BUILDS and "constraints" in steps  # from then on those of the target itself
                if noted or (there.rows, there.digest) == (here.rows, here.digest):
                    equal.append(item)
                    self.result.tables.append(there)
                    self._watching.on_bytes(item, item.size)
            if "constraints" in steps and len(equal) < len(self._origin.items):
                self.result.tables.clear()
            done(f"{len(equal)} of {len(candidates)} tables that are there are still equal")
        return equal

    def _fill(self, items: Sequence[Item]) -> None:
        """Copy tables, the large ones in pieces: such a table is noted once its last piece is there, and begun anew if that never comes."""
        pieces = Pieces(self._origin, items, self._wishes.jobs, self._wishes.piece_bytes)
        for item in pieces.cut:
            self._target.clear(item)

        def copy(reader: Reader, piece: Item) -> None:
            self._target.copy(reader, piece, self._watching.on_bytes)
            if not pieces.is_last(piece):
                self._watching.on_moment(f"piece of {piece.title}")
                return
            if piece.pages:
                self._target.have(piece)
            self._watching.on_moment(f"table {piece.title}")

        side_by_side(self._origin, pieces.all, copy, self._wishes.jobs)

    def _prove(self, items: Iterable[Item]) -> None:
        """Raises Failure (BAD) that names every table in which the two sides differ."""
        wrong = []
        for there, here in side_by_side(self._origin, list(items), self._compare, self._wishes.jobs):
            self.result.tables.append(there)
            if there.rows != here.rows:
                wrong.append(f"{there.schema_name}.{there.name} has {here.rows} rows, the origin {there.rows}")
            elif there.digest != here.digest:
                wrong.append(f"{there.schema_name}.{there.name} has as many rows, but other content")
        if wrong:
            raise Failure(BAD, "; ".join(wrong), hint="somebody writes to the target, or a trigger or default changed what came")

    def _compare(self, reader: Reader, item: Item) -> tuple[Table, Table]:
        """What the origin says of a table, and what the target holds."""
        from concurrent.futures import ThreadPoolExecutor

        algorithm = self._origin.algorithm
        with ThreadPoolExecutor(1) as other:  # two servers, each with its own work
            here = other.submit(self._target.digest, item, algorithm, stored=self._origin.is_narrowed(item))
            return reader.digest(item), here.result()

    def _bridged(self, wanted: tuple[Any, ...]) -> dict[str, transfer_indexes.Bridge]:
        self._target.note(_BRIDGES, {"probes": transfer_indexes.probes_of(self._target.session)})
        with self._phases.phase("bridge") as done:
            made: dict[str, transfer_indexes.Bridge] = {}

            def bridged(session: Any, index: Any) -> None:
                if (bridge := self._bridge(session, index)) is not None:
                    made[index.name] = bridge
                    # At once: until then new sessions look into one list of it alone.
                    transfer_indexes.ask_bridges(self._target.session, tuple(made.values()))

            self._side_by_side(wanted, bridged)
            done(f"{len(made)} IVFFlat indexes answer until the HNSW indexes are there")
        self._watching.on_moment("bridged")
        return made

    def _bridges(self) -> dict[str, Any] | None:
        """What was noted before the first bridge, by this or an earlier transfer; None where none has built any."""
        return (self._target.begun() or {}).get(_BRIDGES)

    def _wipe(self) -> None:
        if self._bridges() is not None:
            self._drop_bridges(())  # what is set for the database would stay
        self._target.wipe()

    def _drop_bridges(self, wanted: tuple[Any, ...]) -> None:
        transfer_indexes.drop_bridges(self._target.session, wanted, (self._bridges() or {}).get("probes"))

    def _built(self, index: Any, beside: transfer_indexes.Bridge | None) -> bool:
        tell = lambda progress: self._watching.on_build(index.name, progress)  # noqa: E731
        return transfer_indexes.build(self._target.session, self._target.opened, index, self._wishes.room, tell, beside)

    def _side_by_side(self, wanted: tuple[Any, ...], work: Callable[[Any, Any], Any]) -> list[Any]:
        """One after the other in our own session, which hears a Ctrl-C at once; or two at a time in sessions of theirs."""
        if transfer_indexes.at_once(self._target.session, wanted, self._wishes.room) == 1:
            return [work(self._target.session, index) for index in wanted]
        index_records.prepare(self._target.session)
        return in_sessions(self._target.opened, wanted, work, 2)

    def _bridge(self, session: Any, index: Any) -> transfer_indexes.Bridge | None:
        tell = lambda progress: self._watching.on_build(f"{index.name} bridge", progress)  # noqa: E731
        return transfer_indexes.bridge(session, self._target.opened, index, self._wishes.room, tell)


def choose_algorithm(origin: Any, target: Target) -> None:
    """A live origin is digested the quick way where both servers understand it alike."""
    quick = algorithm_for(origin.version, target.session.info.server_version)
    if quick:
        origin.algorithm = quick


def without_extensions(schema: Any, names: frozenset[str]) -> Any:
    """The schema without the making of some extensions."""
    from dataclasses import replace

    before = schema.before
    for name in names:
        quoted = re.escape(name.encode())
        before = re.sub(rb'(?m)^CREATE EXTENSION IF NOT EXISTS "?' + quoted + rb'"? WITH SCHEMA .*;\n', b"", before)
    return replace(schema, before=before)
