"""Phases: each tells its time, its verdict and its evidence."""

from __future__ import annotations

import pytest

from scripts.edges.phases import Phases


def test_a_phase_prints_its_line_as_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    phases = Phases()
    with phases.phase("check") as tell:
        tell("fit to deploy")
    line = capsys.readouterr().out
    assert line.startswith("  check ")
    assert line.endswith(" s  fit to deploy\n")
    assert phases.ok


def test_a_phase_that_went_badly_is_the_one_that_failed() -> None:
    phases = Phases(quiet=True)
    for name, ok in (("one", True), ("two", False), ("three", False)):
        with phases.phase(name) as tell:
            tell(name, ok)
    assert not phases.ok
    assert phases.failed is not None
    assert phases.failed.as_json()["name"] == "two"
    assert phases.failed.as_json()["verdict"] == "failed"


def test_a_phase_that_raises_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    phases = Phases()
    with pytest.raises(RuntimeError), phases.phase("load"):
        raise RuntimeError
    assert phases.done == []
    assert capsys.readouterr().out == ""
