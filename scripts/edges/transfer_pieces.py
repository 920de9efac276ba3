"""Tables as pieces for several sessions: one that would outlast all others by itself comes in runs of its pages, side by side."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from scripts.edges.origin import Item, Origin

# Two pieces for each session, so that the one that began last does not work long alone.
_PIECES_PER_SESSION = 2


class Pieces:
    """What is copied, largest first, and how much of each table is still to come. Several threads may count down at once."""

    def __init__(self, origin: Origin, items: Sequence[Item], sessions: int, least_bytes: int) -> None:
        share = max(least_bytes, sum(item.size for item in items) // (_PIECES_PER_SESSION * sessions))
        by_table = {item.key: origin.pieces(item, -(-item.size // share) if sessions > 1 else 1) for item in items}
        self.cut = [item for item in items if len(by_table[item.key]) > 1]
        self.all = sorted((piece for pieces in by_table.values() for piece in pieces), key=lambda piece: -piece.size)
        self._left = Counter(piece.key for piece in self.all)
        self._lock = threading.Lock()

    def is_last(self, piece: Item) -> bool:
        """Whether this piece, which is there now, was the last of its table."""
        with self._lock:
            self._left[piece.key] -= 1
            return not self._left[piece.key]
