"""The bridges of one transfer: IVFFlat indexes, built while the rows are proved, that answer until the HNSW indexes are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from infra.domain.manifest import VectorIndex
from scripts.edges import transfer_indexes
from scripts.edges.index_builds import Progress, Room
from scripts.edges.postgres import told
from scripts.edges.side_by_side_tables import in_sessions
from scripts.edges.transfer_indexes import Bridge
from scripts.edges.transfer_target import Target

_STEP = "bridges"
_WHAT = "vector indexes"


class Bridges:
    """Those of the `wanted` indexes; `made` are the ones that answer, by the index that each stands in for."""

    def __init__(self, target: Target, wanted: Sequence[VectorIndex], room: Room, on_build: Callable[[str, Progress], None]) -> None:
        self._target = target
        self._wanted = tuple(wanted)
        self._room = room
        self._on_build = on_build
        self.made: dict[str, Bridge] = {}

    def note(self) -> None:
        """Write down what the database sets for its searches, before the first bridge."""
        self._target.note(_STEP, {"probes": transfer_indexes.probes_of(self._target.session)})

    def build(self, go_on: Callable[[], None]) -> None:
        """Build them all, in sessions of their own. `go_on` is called now and then, and ends the builds by what it raises."""
        with self._target.opened() as session, told(_WHAT):

            def one(own: Any, index: VectorIndex) -> None:
                def tell(progress: Progress) -> None:
                    go_on()
                    self._on_build(f"{index.name} bridge", progress)

                if (bridge := transfer_indexes.bridge(own, self._target.opened, index, self._room, tell)) is not None:
                    self.made[index.name] = bridge
                    # At once: until then new sessions look into one list of it alone.
                    transfer_indexes.ask_bridges(session, tuple(self.made.values()))

            in_sessions(self._target.opened, self._wanted, one, transfer_indexes.at_once(session, self._wanted, self._room))

    def drop(self) -> None:
        """Drop those of this and of an earlier transfer, if there were any, and let new sessions search as before."""
        self._end(self._wanted)

    def forget(self) -> None:
        """The same before everything is dropped: what is set for the database would stay."""
        self._end(())

    def _end(self, dropped: Sequence[VectorIndex]) -> None:
        if (noted := (self._target.begun() or {}).get(_STEP)) is not None:
            with told(_WHAT):
                transfer_indexes.drop_bridges(self._target.session, dropped, noted["probes"])
