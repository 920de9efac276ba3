"""A worker is over when its work is, and not before: whoever cleans up after it relies on that."""

from __future__ import annotations

import threading

import pytest

from scripts.edges.workers import Worker
from tests.interrupting import ctrl_c


def test_one_that_runs_on_after_a_ctrl_c_is_not_over() -> None:
    go_on = threading.Event()
    worker = Worker("test", lambda: go_on.wait(20))
    worker.start()
    with pytest.raises(KeyboardInterrupt), ctrl_c():
        worker.wait()
    assert not worker.ends_within(0)
    go_on.set()
    assert worker.ends_within(20)


def test_what_the_work_has_raised_comes_to_whoever_waits() -> None:
    def work() -> None:
        raise LookupError("lost")

    worker = Worker("test", work)
    worker.start()
    with pytest.raises(LookupError, match="lost"):
        worker.wait()


def test_one_that_was_never_begun_is_not_waited_for() -> None:
    assert Worker("test", lambda: None).ends_within(None)
