"""Calls a few at once: answered in order, never more than fit, and none begun after an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest

from scripts.edges.in_order import in_order


def test_answers_come_in_the_order_of_the_calls() -> None:
    def slow(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    assert list(in_order((partial(slow, number) for number in range(30)), 4)) == list(range(30))


def test_no_more_run_than_were_allowed_and_no_more_wait_than_one() -> None:
    drawn, running, most, lock = [0], [0], [0], threading.Lock()

    def call() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1

    def calls() -> Iterator[Callable[[], None]]:
        for _ in range(40):
            drawn[0] += 1
            yield call

    for taken, _ in enumerate(in_order(calls(), 3)):
        assert drawn[0] - taken <= 4
    assert 1 < most[0] <= 3


@pytest.mark.parametrize("where", ["a call", "the calls", "the caller"])
def test_after_an_error_no_further_call_begins(where: str) -> None:
    begun: list[int] = []

    def call(number: int) -> int:
        begun.append(number)
        if where == "a call" and number == 5:
            raise ValueError(where)
        return number

    def calls() -> Iterator[Callable[[], int]]:
        for number in range(1000):
            if where == "the calls" and number == 5:
                raise ValueError(where)
            yield partial(call, number)

    with pytest.raises(ValueError, match=where), closing(in_order(calls(), 2)) as answers:
        for number in answers:
            if where == "the caller" and number == 5:
                raise ValueError(where)
    assert len(begun) <= 10
