"""`pulumi` itself on the development stack: what one run made the next one finds, and the end is allowed. A broken file goes nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.conftest import Terminal
from tests.engine.own_project import copied


@pytest.fixture(scope="module")
def terminal(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Somebody who has dev alone."""
    return Terminal(tmp_path_factory.mktemp("state"), path_with_pulumi, copied(tmp_path_factory.mktemp("project"), "dev"))


def test_what_one_run_made_the_next_one_finds_and_destroys(terminal: Terminal) -> None:
    made = terminal.pulumi("up", "--stack", "dev", "--yes", "--skip-preview")
    assert made.returncode == 0, made.stdout + made.stderr
    assert " created" in made.stdout
    kept = terminal.pulumi("refresh", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    gone = terminal.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert json.loads((terminal.state / "cloud.json").read_text())["resources"] == {}


def test_a_broken_stack_file_is_told_whole_and_nothing_is_registered(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "a project").mkdir()
    project = copied(tmp_path / "a project", "prod")
    file = project / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace("retention_days: 35", "retention_days: 45").replace("    zone: 1", "    zonne: 1"))
    broken = Terminal(terminal.state, terminal.path, project)
    done = broken.pulumi("up", "--stack", "prod", "--yes", "--skip-preview")
    said = done.stdout + done.stderr
    assert done.returncode not in (0, 70)
    assert "backup.retention_days is 45, Azure keeps 7 to 35 days" in said
    assert "server.zonne is not a key of the contract" in said
    assert "Traceback" not in said
    exported = json.loads(broken.pulumi("stack", "export", "--stack", "prod").stdout)
    assert [item["type"] for item in exported["deployment"].get("resources", [])] in ([], ["pulumi:pulumi:Stack"])
