"""The ledger: what was written is read back, and nothing that changed since is."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from infra.domain.ledger import EMPTY, Broken, Head, Kind, Ledger, Record, parse, seal

SEED = 20261121
START = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def record(number: int, kind: Kind = Kind.COPY, **facts: str) -> Record:
    at = START + timedelta(minutes=number)
    return Record(kind=kind, at=at, stack="prod", server="/subscriptions/s/zepmem-prod", copy=f"prod-copy-{number}", facts=facts)


RECORDS = tuple(record(number, form="on-demand backup", reason=f"vor der Änderung {number}") for number in range(8))
LINES, HEAD = seal(RECORDS, EMPTY)


def test_what_was_written_is_read_back() -> None:
    assert parse(LINES, HEAD.encoded()) == Ledger(RECORDS, HEAD, len(LINES))


def test_an_empty_ledger_has_an_end_too() -> None:
    assert parse(b"", EMPTY.encoded()) == Ledger((), EMPTY, 0)


def test_it_grows_from_where_it_ended() -> None:
    first, middle = seal(RECORDS[:3], EMPTY)
    second, end = seal(RECORDS[3:], middle)
    assert (first + second, end) == (LINES, HEAD)


def test_a_thousand_flipped_bits_and_cuts_are_all_found() -> None:
    chosen = random.Random(SEED)
    missed = []
    for turn in range(1000):
        lines, head = bytearray(LINES), bytearray(HEAD.encoded())
        if turn % 2:
            del lines[chosen.randrange(len(lines)) :]
        else:
            place = chosen.randrange(len(lines) + len(head))
            target, at = (lines, place) if place < len(lines) else (head, place - len(lines))
            target[at] ^= 1 << chosen.randrange(8)
        try:
            parse(bytes(lines), bytes(head))
        except Broken:
            continue
        missed.append(turn)
    assert not missed, f"seed {SEED}: turns {missed}"


def test_every_bit_of_a_short_ledger_counts() -> None:
    lines, head = seal(RECORDS[:2], EMPTY)
    for place in range(len(lines) * 8):
        changed = bytearray(lines)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(Broken):
            parse(bytes(changed), head.encoded())


def test_lines_cut_off_at_the_end_are_missed() -> None:
    whole = LINES.splitlines(keepends=True)
    with pytest.raises(Broken, match="line 7: is missing, the head counts 8"):
        parse(b"".join(whole[:6]), HEAD.encoded())


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 1, 2), (0, 2)])
def test_lines_in_another_order_twice_or_left_out_are_refused(order: tuple[int, ...]) -> None:
    whole = LINES.splitlines(keepends=True)
    with pytest.raises(Broken, match="not in its place"):
        parse(b"".join(whole[at] for at in order), HEAD.encoded())


def test_a_line_that_the_head_does_not_know_yet_counts() -> None:
    _, head = seal(RECORDS[:7], EMPTY)
    assert parse(LINES, head.encoded()).records == RECORDS


def test_a_line_that_was_never_finished_behind_the_head_does_not_count() -> None:
    lines, head = seal(RECORDS[:7], EMPTY)
    found = parse(LINES[: len(lines) + 20], head.encoded())
    assert (found.records, found.size) == (RECORDS[:7], len(lines))


def test_another_history_of_the_same_length_is_refused() -> None:
    other, _ = seal([record(number, form="logical dump") for number in range(8)], EMPTY)
    with pytest.raises(Broken, match="not the line that the head ends with"):
        parse(other, HEAD.encoded())


@pytest.mark.parametrize("head", [b"", b"{}\n", b'{"lines":8}\n', Head(0, HEAD.digest).encoded(), HEAD.encoded() + b"\n"])
def test_a_head_that_is_none_is_refused(head: bytes) -> None:
    with pytest.raises(Broken, match="head: "):
        parse(LINES, head)
