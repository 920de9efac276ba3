"""Large tables come in pieces, side by side: all of their rows and each of them once, whatever ends the transfer between two pieces."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import pytest
from psycopg import sql

from scripts.edges.origin import Item, LiveOrigin, Pages, Selected, live
from scripts.edges.side_by_side_tables import in_sessions
from scripts.edges.transfer import Watching
from scripts.edges.transfer_pieces import Pieces
from tests.live.conftest import Database
from tests.live.hard_to_copy import connect
from tests.live.transfers import Stop, assert_whole, brought, execute, source, stop, target, whole

__all__ = ["source", "target", "whole"]
pytestmark = pytest.mark.live

MEMORIES = ("public", "memories")


def ids(origin: LiveOrigin, pieces: tuple[Item, ...]) -> list[int]:
    """The keys in the rows of some pieces, in binary COPY's format: two bytes before each row, four before each value."""
    found: list[int] = []
    with origin.reader() as reader:
        for piece in pieces:
            alone = dataclasses.replace(piece, columns=("id",))
            with reader.rows(alone) as parts:
                rows = b"".join(parts)[19:-2]
            found += [int.from_bytes(rows[at + 6 : at + 10], "big") for at in range(0, len(rows), 10)]
    return found


def on(database: Database, check: Callable[[LiveOrigin, Item], None]) -> None:
    with live(lambda: connect(database), described=False) as origin:
        check(origin, next(item for item in origin.items if item.key == MEMORIES))


@pytest.mark.parametrize("number", [2, 3, 7])
def test_pieces_have_each_row_once(whole: Database, number: int) -> None:
    def check(origin: LiveOrigin, item: Item) -> None:
        pieces = origin.pieces(item, number)
        assert len(pieces) == number
        assert all(ids(origin, (piece,)) for piece in pieces)
        assert sorted(ids(origin, pieces)) == list(range(1, 901))

    on(whole, check)


def test_what_grew_after_it_was_measured_lies_in_the_last_piece(whole: Database) -> None:
    def check(origin: LiveOrigin, item: Item) -> None:
        origin.found = {MEMORIES: dataclasses.replace(origin.found[MEMORIES], pages=2)}
        first, last = origin.pieces(item, 2)
        assert (first.pages, last.pages) == (Pages(0, 1), Pages(1, None))
        assert sorted(ids(origin, (first, last))) == list(range(1, 901))

    on(whole, check)


def test_a_piece_of_a_narrowed_table_is_narrowed(whole: Database) -> None:
    def check(origin: LiveOrigin, item: Item) -> None:
        origin.selected = {MEMORIES: Selected(sql.Identifier("id"), sql.Composed([sql.SQL("WHERE id % 3 = 0")]))}
        assert sorted(ids(origin, origin.pieces(item, 3))) == list(range(3, 901, 3))

    on(whole, check)


def test_a_table_is_not_cut_where_that_would_not_help(whole: Database) -> None:
    def check(origin: LiveOrigin, item: Item) -> None:
        assert Pieces(origin, [item], 1, 1).all == [item], "one session"
        assert Pieces(origin, [item], 4, item.size).all == [item], "small"
        assert len(Pieces(origin, [item], 2, 1).all) == 4
        origin.version = 13_00_00
        assert origin.pieces(item, 4) == (item,), "a server that would read the table four times"

    on(whole, check)


def test_the_rows_of_a_table_come_in_several_sessions_at_once(whole: Database) -> None:
    def check(origin: LiveOrigin, item: Item) -> None:
        met = threading.Barrier(2, timeout=20)
        pieces = Pieces(origin, [item], 2, 1)
        lasts = in_sessions(origin.reader, pieces.all, lambda reader, piece: (met.wait(), pieces.is_last(piece))[1], 2)
        assert sorted(lasts) == [False, False, False, True]

    on(whole, check)


def ended_between(source: Database, target: Database) -> None:
    """A transfer in which the first pieces of a table come, and the last one does not."""
    first = threading.Event()

    def bytes_of(piece: Item, size: int) -> None:
        if piece.key == MEMORIES and piece.pages and piece.pages.end is None:
            assert first.wait(20)
            stop()

    def moment(now: str) -> None:
        if now == "piece of public.memories":
            first.set()

    with pytest.raises(Stop):
        brought(source, target, Watching(on_bytes=bytes_of, on_moment=moment))
    assert 0 < target.value("SELECT count(*) FROM memories") < 900


def test_an_end_between_two_pieces_leaves_nothing_that_is_doubled(source: Database, target: Database) -> None:
    ended_between(source, target)
    assert target.value("SELECT count(*) FROM agent_memory_transfer.steps WHERE step = 'table public.memories'") == 0
    execute(source, "DELETE FROM memories WHERE id % 2 = 0")
    brought(source, target)
    assert_whole(source, target)


def test_one_job_leaves_the_rows_in_their_order(whole: Database, target: Database) -> None:
    moments: list[str] = []
    brought(whole, target, Watching(on_moment=moments.append), jobs=1)
    assert not [each for each in moments if each.startswith("piece")]
    assert target.value("SELECT bool_and(id > before) FROM (SELECT id, lag(id, 1, 0) OVER (ORDER BY ctid) AS before FROM memories) AS m")


def test_a_table_that_is_cut_is_emptied_first(source: Database, target: Database) -> None:
    """Rows of somebody else, who writes into the target between two runs, do not stay."""
    ended_between(source, target)
    execute(target, "INSERT INTO memories (id) VALUES (-1)")
    brought(source, target)
    assert_whole(source, target)
