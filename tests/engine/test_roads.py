"""Both roads lead to the same cloud: what the rehearsal shows without an engine is what `pulumi up` does with one."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from infra.domain.environment import STACKS
from scripts.edges.capture import PROJECT, capture, configuration_of
from scripts.local_azure.serve import LocalAzure
from tests.engine.conftest import Terminal
from tests.infra.plans import values_of

# A moment, and an id that is made up anew for each principal or workspace: all that two runs may differ in.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)")
RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
MADE_UP = "00000000-0000-4000-8000-"


def _cloud(state: Path) -> dict[str, Any]:
    """Every resource of the model by its key, without moments and random ids."""
    text = json.dumps(json.loads((state / "cloud.json").read_text())["resources"])
    text = MOMENT.sub("a moment", text)
    found: dict[str, Any] = json.loads(RANDOM.sub(lambda match: match[0] if match[0].startswith(MADE_UP) else "an id", text))
    return found


@pytest.fixture(scope="module")
def by_engine(served: Terminal) -> Path:
    """The state in which `pulumi up` made all five environments, two at a time."""

    def up(stack: str) -> tuple[int, str]:
        done = served.pulumi("up", "--stack", stack, "--yes", "--skip-preview")
        return done.returncode, done.stdout + done.stderr

    with ThreadPoolExecutor(2) as two:
        for code, said in two.map(up, STACKS):
            assert code == 0, said
    return served.state


@pytest.fixture(scope="module")
def by_capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state in which the captured registrations of all five were created."""
    with LocalAzure(tmp_path_factory.mktemp("captured")) as azure:
        for stack in STACKS:
            config = configuration_of(values_of(stack))
            subscription = azure.environment["ARM_SUBSCRIPTION_ID"]
            capture(PROJECT, stack, config, provider=azure.provider_stub(), subscription=subscription)
    return azure.state


@pytest.mark.parametrize("stack", STACKS)
def test_both_roads_lead_to_the_same_cloud(stack: str, by_engine: Path, by_capture: Path) -> None:
    engine, captured = ({key: value for key, value in _cloud(state).items() if f"-{stack}" in key} for state in (by_engine, by_capture))
    assert len(captured) > 3
    assert engine == captured


def test_nothing_is_in_a_cloud_that_belongs_to_none_of_the_five(by_engine: Path, by_capture: Path) -> None:
    for state in (by_engine, by_capture):
        assert [key for key in _cloud(state) if sum(f"-{stack}" in key for stack in STACKS) != 1] == []
