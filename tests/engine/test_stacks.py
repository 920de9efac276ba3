"""`pulumi` itself on each of the five stacks: a preview that creates, an up that does so, a second one with nothing to do.

And both roads lead to the same cloud: what the rehearsal shows without an engine is what `pulumi up` does with one.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.domain.environment import STACKS
from scripts.edges.capture import PROJECT, capture, configuration_of
from scripts.local_azure.serve import LocalAzure
from tests.engine.clouds import cloud_at
from tests.engine.conftest import Terminal
from tests.infra.plans import values_of

COUNTS = re.compile(r"(\d+) (to create|created|unchanged)")


@dataclass(frozen=True)
class Life:
    """What three commands said of one stack."""

    preview: subprocess.CompletedProcess[str]
    up: subprocess.CompletedProcess[str]
    again: subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Cloud:
    """The five lives, and when the cloud was last written to before the second ups and after them."""

    lives: Mapping[str, Life]
    written: tuple[int, int]


@pytest.fixture(scope="module")
def cloud(served: Terminal) -> Cloud:
    """All five stacks in one cloud, two at a time: this machine may have no more cores."""
    served.run("true")  # makes the stacks, which both of the first two would wait for

    def first(stack: str) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
        return served.pulumi("preview", "--stack", stack), up(stack)

    def up(stack: str) -> subprocess.CompletedProcess[str]:
        return served.pulumi("up", "--stack", stack, "--yes", "--skip-preview")

    file = served.state / "cloud.json"
    with ThreadPoolExecutor(2) as two:
        firsts = list(two.map(first, STACKS))
        before = file.stat().st_mtime_ns
        seconds = list(two.map(up, STACKS))
    lives = {stack: Life(*each, again) for stack, each, again in zip(STACKS, firsts, seconds, strict=True)}
    return Cloud(lives, (before, file.stat().st_mtime_ns))


def count(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The summary of a run: what happened → to how many resources."""
    return {word: int(number) for number, word in COUNTS.findall(done.stdout)}


@pytest.mark.parametrize("stack", STACKS)
def test_a_preview_tells_what_the_up_then_creates(stack: str, cloud: Cloud) -> None:
    life = cloud.lives[stack]
    for done in (life.preview, life.up):
        assert done.returncode == 0, done.stdout + done.stderr
    planned = count(life.preview)["to create"]
    assert planned > 20
    assert count(life.up) == {"created": planned}


@pytest.mark.parametrize("stack", STACKS)
def test_a_second_up_has_nothing_to_do(stack: str, cloud: Cloud) -> None:
    life = cloud.lives[stack]
    assert life.again.returncode == 0, life.again.stdout + life.again.stderr
    assert count(life.again) == {"unchanged": count(life.up)["created"]}


def test_the_five_are_five_servers_in_five_groups(cloud: Cloud, served: Terminal) -> None:
    listed = json.loads((served.state / "cloud.json").read_text())["resources"].values()
    servers = [each["id"] for each in listed if each["type"] == "Microsoft.DBforPostgreSQL/flexibleServers"]
    assert len(servers) == len({server.split("/")[4].lower() for server in servers}) == len(STACKS)


def test_where_there_is_nothing_to_do_azure_is_written_nothing(cloud: Cloud) -> None:
    before, after = cloud.written
    assert before == after


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
def test_both_roads_lead_to_the_same_cloud(stack: str, cloud: Cloud, served: Terminal, by_capture: Path) -> None:
    engine, captured = (cloud_at(state, stack) for state in (served.state, by_capture))
    assert len(captured) > 3
    assert engine == captured


def test_nothing_is_in_a_cloud_that_belongs_to_none_of_the_five(cloud: Cloud, served: Terminal, by_capture: Path) -> None:
    for state in (served.state, by_capture):
        listed = json.loads((state / "cloud.json").read_text())["resources"]
        assert [key for key in listed if sum(f"-{stack}" in key for stack in STACKS) != 1] == []
