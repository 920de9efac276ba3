"""`pulumi preview` refuses what loses data, before anything is touched, and lets pass what somebody allowed by name."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Callable, Mapping

import pytest

from tests.engine.conftest import Terminal
from tests.engine.own_project import copied

Preview = Callable[[Mapping[str, str]], subprocess.CompletedProcess[str]]
RETENTION = {"retention_days: 35": "retention_days: 14"}
# Of all these the engine plans an update, so the guard sees them.
SEVERAL = {**RETENTION, "geo_redundant: true": "geo_redundant: false", "  version: 16": "  version: 15"}


@pytest.fixture(scope="module")
def changed(served: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Preview:
    """Previews prod, which is up, with changed lines in its stack file."""
    project = copied(tmp_path_factory.mktemp("project"), "prod")
    terminal = Terminal(served.state, served.path, project)
    original = (project / "Pulumi.prod.yaml").read_text()
    made = terminal.pulumi("up", "--stack", "prod", "--yes", "--skip-preview")
    assert made.returncode == 0, made.stdout + made.stderr

    def preview(lines: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        text = original
        for old, new in lines.items():
            assert text.count(old) == 1, f"{old} is not one line of the stack file"
            text = text.replace(old, new)
        (project / "Pulumi.prod.yaml").write_text(text)
        return terminal.pulumi("preview", "--stack", "prod")

    return preview


def override(days: int) -> dict[str, str]:
    """An exception that ends `days` from today."""
    until = datetime.datetime.now(tz=datetime.UTC).date() + datetime.timedelta(days=days)
    return {"overrides: []": f'overrides: [{{change: backup.retention_days, until: "{until}", reason: copies are elsewhere}}]'}


def test_less_retention_fails_the_preview(changed: Preview) -> None:
    done = changed(RETENTION)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "backup.retention_days falls from 35 to 14: Azure deletes the backups older than 14 days, without return (R5)" in said
    assert "hint: retention_days: 35" in said
    assert "change_guard.py" not in said and "Traceback" not in said, "the reader is told the rule, not where it is programmed"


def test_all_refusals_come_in_one_preview(changed: Preview) -> None:
    done = changed(SEVERAL)
    assert done.returncode != 0
    for rule in ("(R5)", "(R6)", "(R10)"):
        assert rule in done.stdout + done.stderr


def test_allowed_change_passes_and_is_told(changed: Preview) -> None:
    done = changed({**RETENTION, **override(1)})
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert '"copies are elsewhere"' in said


def test_exception_that_is_over_is_told_and_lifts_nothing(changed: Preview) -> None:
    done = changed({**RETENTION, **override(-1)})
    assert done.returncode != 0
    assert "the exception ended on" in done.stdout + done.stderr


def test_change_that_replaces_the_server_fails_the_preview_too(changed: Preview) -> None:
    done = changed({"administrator: cogadmin": "administrator: somebody"})
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "access.administrator changes from cogadmin to somebody, which is decided when a server is created (R6)" in said


def test_harmless_change_passes(changed: Preview) -> None:
    done = changed({"slow_query_seconds: 5": "slow_query_seconds: 6", "sku: Standard_D2s_v3": "sku: Standard_D4s_v3"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "update" in done.stdout
