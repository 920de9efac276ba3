"""Re-embedding killed in the middle and between its phases, client or server process: the next run ends right, and models never mix."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from infra.domain.environment import Environment
from tests.live.conftest import PASSWORD, Database
from tests.live.embedders import ROWS
from tests.live.test_reembedding import FILLED, INDEXES, STATE, VALID_INDEXES, filled, pure, run, sets

pytestmark = pytest.mark.live
__all__ = ["filled"]


@pytest.mark.parametrize("text", ["memory 0", "memory 300", "memory 596"])
def test_killed_in_the_middle_of_embedding_the_next_run_goes_on(prod: Environment, filled: Database, text: str) -> None:
    environment = sets(prod, {})
    done = child(environment, filled, "kills", KILL_AT=text.split()[-1])
    assert done == -signal.SIGKILL
    so_far = filled.value(FILLED)
    assert so_far % 50 == 0 and filled.value(STATE) == [so_far, False, False], "whole batches, and the place that they came to"
    assert run(environment, filled) == 0
    pure(filled)
    assert filled.value(STATE) == [ROWS, True, True]
    assert filled.value(VALID_INDEXES) == INDEXES


@pytest.mark.parametrize("place", ["begin", "note_filled", "_index", "_proved", "cut_over"])
@pytest.mark.parametrize("how", ["client", "server"])
def test_killed_between_its_phases_the_next_run_ends_right(prod: Environment, filled: Database, place: str, how: str) -> None:
    environment = sets(prod, {})
    done = child(environment, filled, "good", KILL_BEFORE=place, KILL_HOW=how)
    assert done == (-signal.SIGKILL if how == "client" else 1)
    assert (filled.value("SELECT to_regclass('agent_memory.reembeddings')") is None) or not filled.value(STATE)[2]
    assert run(environment, filled) == 0
    pure(filled)
    assert filled.value(STATE) == [ROWS, True, True]
    assert filled.value(VALID_INDEXES) == INDEXES


def child(environment: Environment, database: Database, embed: str, **variables: str) -> int:
    """The exit code of a process of its own that re-embeds; `variables` say where it is killed."""
    command = [sys.executable, "-m", "tests.live.reembed_child", database.dsn(), embed, environment.model_dump_json(by_alias=True)]
    surroundings = {**os.environ, "PGPASSWORD": PASSWORD, **variables}
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False).returncode
