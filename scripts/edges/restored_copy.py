"""A portable copy in a PostgreSQL of our own, so that rules can choose rows from it as from any database.

Its schema comes first and alone: whether rules fit is known before a row is restored. What it brings to a target is the copy's own
schema under the copy's name, so that a promotion that was killed is taken up by the next, whose server is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.domain import restore_proof
from scripts.edges import promotion_facts, table_digests
from scripts.edges.copy_origin import CopyOrigin
from scripts.edges.exits import BAD, REFUSED, Failure
from scripts.edges.index_builds import Room
from scripts.edges.origin import LiveOrigin, live
from scripts.edges.phases import Phases
from scripts.edges.transfer import Transfer, Watching, Wishes, without_extensions
from scripts.edges.transfer_target import ROOM, Target

Connect = Callable[[], Any]
# Starts an empty server where so many bytes are free, and ends it.
Server = Callable[[int], AbstractContextManager[Connect]]
# For keys and ordinary indexes on the machine of whoever promotes, which has other work as well; nobody searches here.
_MEMORY_KIB = 262_144
# Our server keeps its WAL twice, and of the one that it works with no more than its max_wal_size.
_WAL_AT_WORK_BYTES = 4 << 30
_FULL = ("No space left", "Disk quota", "could not extend")


def need_bytes(copy: CopyOrigin) -> int:
    """What restoring it takes on the disk of this machine, at least: how far the files of rows are compressed nobody knows."""
    need = promotion_facts.need(copy, indexes=0)
    return need.total + min(need.wal, _WAL_AT_WORK_BYTES)


@contextmanager
def restoring(folder: Path, copy: CopyOrigin, server: Server, jobs: int) -> Iterator[RestoredCopy]:
    """A copy that is whole and the empty server that it goes to, for as long as the block runs. Raises Failure."""
    if any(item.schema == ROOM for item in copy.items):
        raise Failure(REFUSED, "is a copy of half a transfer", where=copy.title, hint="take another one")
    with server(need_bytes(copy)) as connect:
        restored = RestoredCopy(folder, copy, connect, jobs)
        try:
            yield restored
        finally:
            restored.close()


class RestoredCopy:
    """A copy on its way into a server of our own: first `lay_out`, then `fill`, then `origin`."""

    def __init__(self, folder: Path, copy: CopyOrigin, connect: Connect, jobs: int) -> None:
        self._folder, self._copy, self._connect, self._jobs = folder, copy, connect, jobs
        self._target = Target(connect)

    def close(self) -> None:
        """End our session there."""
        self._target.close()

    def lay_out(self) -> None:
        """Every table of the copy with its keys, and no rows. Raises Failure."""
        target, source = self._target, self._copy.version // 10_000
        ours = target.session.info.server_version // 10_000
        if source > ours:
            says = f"is of PostgreSQL {source}, and rules choose rows in a PostgreSQL of our own, which is {ours}"
            raise Failure(REFUSED, says, where=self._copy.title, hint="restore it into a database of its own, and promote from there")
        with self._told():
            known, without = self._extensions()
            copy = self._without_vector_indexes()
            copy.schema = without_extensions(copy.schema, without)
            for name, version in known.items():
                target.create_extension(name, version)
            target.begin(copy)
            target.finish_schema(copy, _MEMORY_KIB)
            target.end()

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """A session that reads as every reader of an origin does."""
        with self._target.opened() as session:
            table_digests.settle(session)
            yield session

    def fill(self, watching: Watching) -> None:
        """All rows, proved equal to what the manifest says of them; vector indexes are of no use here. Raises Failure."""
        with self._told():
            known, without = self._extensions()
            self._target.wipe()
            wishes = Wishes(self._jobs, Room(_MEMORY_KIB, 1, _MEMORY_KIB), extensions=known, without=without)
            heard = Watching(on_bytes=watching.on_bytes)  # moments are those of the promotion
            Transfer(self._without_vector_indexes(), self._target, wishes, Phases(quiet=True), heard).run()

    @contextmanager
    def origin(self) -> Iterator[LiveOrigin]:
        """What was restored, as a live origin that calls itself the copy, and has its schema, extensions and sequences."""
        with live(self._connect, described=False) as origin:
            origin.title, origin.schema = self._copy.title, self._copy.schema
            origin.extensions, origin.sequences, origin.models = self._copy.extensions, self._copy.sequences, self._copy.models
            yield origin

    def _without_vector_indexes(self) -> CopyOrigin:
        """The same copy by itself: a transfer may change the schema of what it is given."""
        copy = CopyOrigin(self._folder, self._copy.manifest)
        copy.schema = replace(copy.schema, vector_indexes=())
        return copy

    def _extensions(self) -> tuple[dict[str, str], frozenset[str]]:
        """Those that our server has, each with its version there, and those that it has not."""
        offered = self._target.offered()
        missing = frozenset(each.name for each in self._copy.extensions if each.name not in offered)
        return restore_proof.extensions(self._copy.extensions, offered), missing

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Failures say that they happened here, and not in the target, whose disk and settings are no matter."""
        try:
            yield
        except Failure as failure:
            fact = f"{failure.where}: {failure.fact}" if failure.where else failure.fact
            hint = failure.hint
            if any(words in failure.fact for words in _FULL):
                hint = "free some space on this machine"
            elif failure.code is BAD:
                hint = "this copy cannot be relied on: agentmem verify --restore"
            raise Failure(failure.code, fact, where=f"{self._copy.title}, restored into a PostgreSQL of our own", hint=hint) from None
