"""Signals while something has to be put back: one ends the block, and two at once end it once."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from scripts.edges import interruptions
from scripts.edges.interruptions import ending_in_order, uninterrupted

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_signal_ends_the_block_as_ctrl_c_does(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in NUMBERS]
    with pytest.raises(KeyboardInterrupt), ending_in_order():
        os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in NUMBERS] == before


def test_a_second_signal_at_once_does_not_disturb_the_way_back_and_a_later_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruptions, "SAME_SECONDS", 0.2)
    done = []
    with pytest.raises(KeyboardInterrupt), ending_in_order():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("put back")
            # Woken by the signal of the timer, long before its end.
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            before = signal.signal(signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
            try:
                threading.Event().wait(5)
                done.append("never interrupted")
            finally:
                signal.signal(signal.SIGALRM, before)
    assert done == ["put back"]


def test_nothing_ends_a_block_that_puts_back() -> None:
    try:
        with ending_in_order(), uninterrupted():
            for number in NUMBERS:
                os.kill(os.getpid(), number)
    except KeyboardInterrupt:  # which pytest would take for its own
        pytest.fail("the block was ended")


def test_in_another_thread_signals_stay_as_they_are() -> None:
    seen: list[object] = []

    def work() -> None:
        with ending_in_order(), uninterrupted():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
