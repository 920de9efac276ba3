"""Two pieces of work at once: what the caller sees of each, whichever fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from scripts.edges.alongside import Unwanted, alongside
from tests.interrupting import ctrl_c

SECONDS = 10.0


def test_the_block_waits_when_it_asks_and_when_it_is_left() -> None:
    go, said = threading.Event(), []

    def work(go_on: Callable[[], None]) -> None:
        assert go.wait(SECONDS)
        go_on()
        said.append("work")

    with alongside(work) as finished:
        said.append("block")
        go.set()
        finished()
        said.append("after")
    with alongside(work):
        pass
    assert said == ["block", "work", "after", "work"]


@pytest.mark.parametrize("asked", [True, False])
def test_a_failure_of_the_work_is_the_blocks_once_it_waits(asked: bool) -> None:
    def work(go_on: Callable[[], None]) -> None:
        raise ValueError("the work")

    got_to = []
    with pytest.raises(ValueError, match="the work"), alongside(work) as finished:
        got_to.append("block")
        if asked:
            finished()
            got_to.append("after")
    assert got_to == ["block"]


def test_work_that_nobody_wants_any_more_is_told_so_and_has_ended() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(go_on: Callable[[], None]) -> None:
        begun.set()
        try:
            while True:
                go_on()
        except Unwanted:
            ended.set()
            raise

    with pytest.raises(KeyboardInterrupt), alongside(work):
        assert begun.wait(SECONDS)
        raise KeyboardInterrupt
    assert ended.is_set()


def test_work_that_cleans_up_after_a_ctrl_c_is_waited_for() -> None:
    ended = threading.Event()

    def work(go_on: Callable[[], None]) -> None:
        try:
            while True:
                go_on()
        except Unwanted:
            time.sleep(0.5)
            ended.set()
            raise

    with pytest.raises(KeyboardInterrupt), ctrl_c(), alongside(work) as finished:
        finished()
    assert ended.is_set()
