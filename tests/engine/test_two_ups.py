"""Two people run `up` on one stack at once: the second hears who holds the lock, nothing is doubled, nobody breaks a lock in use."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.edges.exits import BUSY
from tests.engine.faults import Site, said, site_at, undisturbed
from tests.engine.records_only import RecordsOnly


@pytest.fixture(scope="module")
def site(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with RecordsOnly(tmp_path_factory.mktemp("state")) as azure:
        yield site_at(azure, path_with_pulumi)


@pytest.fixture
def first(site: Site) -> Iterator[subprocess.Popen[str]]:
    """An `up` that is in the middle of a slow write, and that ends well."""
    site.azure.fault({"effect": "slow", "method": "PUT", "pattern": "*/flexibleServers/zepmem-dev", "seconds": 6})
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(**site.command("up", "--stack", "dev", "--yes", "--skip-preview"), **both) as engine:
        next(line for line in engine.stdout if "memory-server-postgresql creating" in line)
        yield engine
        engine.communicate(timeout=60)


def _command(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`agentmem resume`, as a person types it."""
    command = [sys.executable, "-m", "scripts.cli", "resume", "--stack", "dev", *arguments]
    return subprocess.run(
        command, cwd=site.shadow.folder, env=site.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_the_second_up_hears_who_holds_the_lock_and_resume_does_not_break_it(
    site: Site, first: subprocess.Popen[str], tmp_path: Path
) -> None:
    holder = f"@{socket.gethostname()} (pid {first.pid})"
    second = site.up("dev")
    assert second.returncode not in (0, 70)
    assert "the stack is currently locked by 1 lock(s)" in said(second) and holder in said(second)
    refused = _command(site, "--yes")
    assert refused.returncode == BUSY
    assert refused.stderr.startswith("dev: an engine is at work: ") and holder in refused.stderr
    assert first.poll() is None, "it was not disturbed"
    told, _ = first.communicate(timeout=60)
    assert first.returncode == 0, told
    site.assert_whole("dev", undisturbed(tmp_path, "dev"))
