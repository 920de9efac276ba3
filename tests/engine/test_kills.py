"""The engine or the provider is killed in the middle of an `up`: one command of ours is the way back, and nothing is made twice or lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.faults import NEVER_SAID, Site, Whole, nightly, seed, site_at, undisturbed
from tests.engine.records_only import RecordsOnly
from tests.waiting import until

# A kill with its way back takes three seconds; the night has time for more.
KILLS = 100 if nightly() else 30
# At most so many events of the engine further than it is after the program's own resources; each is a write that begins or ends.
FURTHEST = 6
LATEST_SECONDS = 0.05


@pytest.fixture(scope="module")
def site(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with RecordsOnly(tmp_path_factory.mktemp("state")) as azure:
        yield site_at(azure, path_with_pulumi)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The cloud of an `up` that nobody kills."""
    return undisturbed(tmp_path_factory.mktemp("undisturbed"), "dev")


def killed(site: Site, events: int, seconds: float) -> bool:
    """An `up` of dev that is killed `seconds` after so many events of writes; False if it ended before."""
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(**site.command("up", "--stack", "dev", "--yes", "--skip-preview", "--json"), **quiet) as engine:
        for line in engine.stdout:
            told = json.loads(line) if line.startswith("{") else {}
            metadata = (told.get("resourcePreEvent") or told.get("resOutputsEvent") or {}).get("metadata", {})
            events -= metadata.get("op") == "create" and "azure-native:" in metadata.get("type", "")
            if events <= 0:
                time.sleep(seconds)
                engine.kill()
                return engine.wait() == -signal.SIGKILL
    assert engine.returncode == 0
    return False


@pytest.mark.timeout(1200)
def test_an_engine_that_is_killed_at_any_moment_leaves_what_one_command_mends(
    site: Site, whole: Whole, capsys: pytest.CaptureFixture[str]
) -> None:
    number = seed()
    chosen, kills, taken_over = random.Random(number), 0, 0
    print(f"AGENTMEM_SEED={number}: {KILLS} kills")
    while kills < KILLS:
        if not killed(site, chosen.randint(1, FURTHEST), chosen.uniform(0, LATEST_SECONDS)):
            site.assert_whole("dev", whole)
            site.forget("dev")
            continue
        kills += 1
        capsys.readouterr()
        assert site.resume("dev") == 0
        taken_over += capsys.readouterr().out.count("taken over")
    print(f"AGENTMEM_SEED={number}: {taken_over} creations were taken over")
    assert site.up("dev").returncode == 0
    site.assert_whole("dev", whole)
    site.forget("dev")


def test_a_provider_that_is_killed_ends_the_up_with_a_line_and_the_way_back_is_the_same(
    path_with_pulumi: str, tmp_path: Path, whole: Whole
) -> None:
    with RecordsOnly(tmp_path) as azure:
        site = site_at(azure, path_with_pulumi)
        azure.fault({"effect": "slow", "method": "PUT", "pattern": "*/flexibleServers/zepmem-dev", "seconds": 60})
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(**site.command("up", "--stack", "dev", "--yes", "--skip-preview"), **both) as engine:
            line = next(line for line in engine.stdout if "memory-server-postgresql creating" in line)
            _wait_for_a_begun_server(tmp_path)
            os.kill(azure.pid, signal.SIGKILL)
            told = line + engine.stdout.read()
    assert engine.returncode not in (0, 70)
    assert "(memory-server-postgresql):" in told and not any(word in told for word in NEVER_SAID), told
    with RecordsOnly(tmp_path) as azure:
        site = site_at(azure, path_with_pulumi)
        assert site.resume("dev") == 0
        site.end_of("dev", most=2)
        site.assert_whole("dev", whole)


def _wait_for_a_begun_server(state: Path) -> None:
    operations = lambda: json.loads((state / "cloud.json").read_text())["operations"].values()  # noqa: E731
    until(lambda: any("zepmem-dev" in each["resource_id"] for each in operations()), 20)
