"""`pulumi` itself on each of the five stacks: a preview that creates, an up that does so, and a second one with nothing to do."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from infra.domain.environment import STACKS
from tests.engine.conftest import Terminal

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
