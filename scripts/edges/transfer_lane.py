"""What one thread of a transfer works with: a reader of the origin and a session of the target, for as many tables as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from infra.domain.manifest import Table
from scripts.edges import table_digests
from scripts.edges.origin import Item, Origin, Reader
from scripts.edges.postgres import told
from scripts.edges.transfer_target import Target, note, step_of, truncate

# psycopg hands each piece to libpq by itself; rows of a few bytes are gathered to so many first.
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class Lane:
    """Both ends of the way that rows take."""

    origin: Origin
    target: Target
    reader: Reader
    session: Any

    def copy(self, item: Item, on_bytes: Callable[[Item, int], None]) -> None:
        """The rows of a table, all of them or none, in place of those that are there; of a piece, beside those that are there."""
        into = sql.SQL("COPY {} FROM STDIN (FORMAT {})").format(item.as_copied, item.as_written)
        with told(f"writing {item.title}"), self.session.transaction():
            if item.pages is None:
                truncate(self.session, item)
            with self.reader.rows(item) as pieces, self.session.cursor().copy(into) as copy:
                gathered = bytearray()
                for piece in pieces:
                    gathered += piece
                    if len(gathered) >= _PIECE_BYTES:
                        copy.write(bytes(gathered))
                        on_bytes(item, len(gathered))
                        gathered.clear()
                copy.write(bytes(gathered))
                on_bytes(item, len(gathered))
            if item.pages is None:
                note(self.session, step_of(item), {})

    def compare(self, item: Item) -> tuple[Table, Table]:
        """What the origin says of a table, and what the target holds."""
        with ThreadPoolExecutor(1) as other:  # two servers, each with its own work
            here = other.submit(self._digest, item)
            return self.reader.digest(item), here.result()

    def _digest(self, item: Item) -> Table:
        """Rows and digest of a table as it is in the target; without generated columns where it travels through a filter."""
        rows = sql.SQL("ONLY {}").format(item.identifier) if self.origin.is_narrowed(item) else None
        with told(item.title):
            return table_digests.digest(self.session, self.target.found[item.key], algorithm=self.origin.algorithm, rows=rows)


@contextmanager
def lane(origin: Origin, target: Target) -> Iterator[Lane]:
    """A lane for one thread."""
    with origin.reader() as reader, target.opened() as session:
        with told("the target"):
            table_digests.settle(session)
        yield Lane(origin, target, reader, session)
