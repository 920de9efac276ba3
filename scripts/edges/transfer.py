"""Brings a database from an origin into a target: schema, rows in binary and in parallel, proof, keys, then the vector indexes.

Whatever ends it, the target says how far it came, and the next run takes over what is still equal to the origin. Nothing is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from infra.domain.manifest import Table
from scripts.edges import transfer_indexes
from scripts.edges.alongside import alongside
from scripts.edges.exits import BAD, REFUSED, Failure
from scripts.edges.index_builds import Progress, Room
from scripts.edges.origin import Item, Origin
from scripts.edges.phases import Phases
from scripts.edges.postgres import told
from scripts.edges.side_by_side_tables import in_sessions
from scripts.edges.transfer_bridges import Bridges
from scripts.edges.transfer_lane import Lane, lane
from scripts.edges.transfer_pieces import Pieces
from scripts.edges.transfer_target import BUILDS, Target, algorithm_for, fingerprint, is_copied, refuse_others

_T = TypeVar("_T")
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
        self._bridges = Bridges(target, origin.schema.vector_indexes, wishes.room, watching.on_build)
        self.result = Result()

    def run(self) -> Result:
        """All of it. Raises Failure; what was done until then stays, and says so."""
        self._prove(self._brought())
        self._keys()
        self._index()
        self._end()
        return self.result

    def _brought(self) -> list[Item]:
        """Bring the rows; which tables they were brought into, and not taken over."""
        steps = self._begun()
        self._target.learn()
        gone = [item for item in self._origin.items if item.key not in self._target.found]
        equal = [] if gone else self._still_equal(steps)
        if gone or ("constraints" in steps and len(equal) < len(self._origin.items)):
            # Keys are there already, and rows under them would come in the wrong order; or somebody has dropped a table.
            self._wipe()
            steps, equal = self._new(), []
            self._target.learn()
        elif steps:
            self._clear_builds()
        self.result.taken_over = len(equal)
        missing = [item for item in self._origin.items if item not in equal]
        with self._phases.phase("data") as done:
            self._fill(missing)
            over = f", {len(equal)} were there" if equal else ""
            done(f"{len(missing)} tables copied{over}")
        self._watching.on_moment("copied")
        return missing

    def _prove(self, items: Sequence[Item]) -> None:
        """Prove the rows; a bridge needs one core most of the time, and is built meanwhile."""
        if not self._wishes.bridge:
            self._compare(items)
            return
        self._bridges.note()
        with alongside(self._bridges.build) as built:
            self._compare(items)
            with self._phases.phase("bridge") as done:
                built()
                done(f"{len(self._bridges.made)} IVFFlat indexes answer until the HNSW indexes are there; begun with the proof")
        self._watching.on_moment("bridged")

    def _keys(self) -> None:
        """Sequences, keys, constraints, ordinary indexes, triggers."""
        with self._phases.phase("keys") as done:
            self._target.set_sequences(self._origin.sequences)
            if "constraints" not in (self._target.begun() or {}):
                self._target.finish_schema(self._origin, self._wishes.room.allowed_kib)
            done("keys, constraints and triggers are there")
        self._watching.on_moment("keys")

    def _index(self) -> None:
        """The vector indexes, after which no bridge is needed."""
        wanted = self._origin.schema.vector_indexes
        with told("vector indexes"), self._phases.phase("indexes") as done:
            for index in wanted:  # two at a time were tried and not faster: one parallel build has work for every core
                if self._built(index):
                    self.result.built.append(index.name)
                self._watching.on_moment(f"index {index.name}")
            self._bridges.drop()
            done(f"{len(self.result.built)} vector indexes built, {len(wanted) - len(self.result.built)} were there")

    def _built(self, index: Any) -> bool:
        tell = lambda progress: self._watching.on_build(index.name, progress)  # noqa: E731
        beside = self._bridges.made.get(index.name)
        return transfer_indexes.build(self._target.session, self._target.opened, index, self._wishes.room, tell, beside)

    def _end(self) -> None:
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

    def _clear_builds(self) -> None:
        """No build of a client that is gone goes on, and no bridge stands in the way of rows."""
        tell = lambda progress: self._watching.on_build("an earlier build", progress)  # noqa: E731
        with told("vector indexes"):
            transfer_indexes.join_builds(self._target.session, self._origin.schema.vector_indexes, tell)
        self._bridges.drop()

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
            compared = self._in_lanes(candidates, Lane.compare)
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

        def copy(lane: Lane, piece: Item) -> None:
            lane.copy(piece, self._watching.on_bytes)
            if not pieces.is_last(piece):
                self._watching.on_moment(f"piece of {piece.title}")
                return
            if piece.pages:
                self._target.have(piece)
            self._watching.on_moment(f"table {piece.title}")

        self._in_lanes(pieces.all, copy)

    def _compare(self, items: Sequence[Item]) -> None:
        """Raises Failure (BAD) that names every table in which the two sides differ."""
        with self._phases.phase("proof") as done:
            wrong = []
            for there, here in self._in_lanes(items, Lane.compare):
                self.result.tables.append(there)
                if there.rows != here.rows:
                    wrong.append(f"{there.schema_name}.{there.name} has {here.rows} rows, the origin {there.rows}")
                elif there.digest != here.digest:
                    wrong.append(f"{there.schema_name}.{there.name} has as many rows, but other content")
            if wrong:
                raise Failure(BAD, "; ".join(wrong), hint="somebody writes to the target, or a trigger or default changed what came")
            done(f"{self.result.rows:,} rows in {len(self.result.tables)} tables are equal to the origin's")
        self._watching.on_moment("proved")

    def _in_lanes(self, items: Sequence[Item], work: Callable[[Lane, Item], _T]) -> list[_T]:
        """What `work` gives for each table or piece, several of them at once."""
        return in_sessions(lambda: lane(self._origin, self._target), items, work, self._wishes.jobs)

    def _wipe(self) -> None:
        self._bridges.forget()
        self._target.wipe()


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
