"""A rehearsal with the real engine: the same phases as without, its failures in one line, and nothing left when it is broken off."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.domain.environment import STACKS
from scripts.edges import pulumi_cli
from scripts.edges.exits import Failure
from scripts.edges.shadow import Shadow
from scripts.local_azure.serve import LocalAzure
from tests.engine.installation import ROOT, Engine
from tests.engine.language_host import WARM

PHASES = ["check", "preview", "create", "post-provision", "load", "indexes", "search", "snapshot", "promotion"]
BROKEN = "import pulumi\n\nraise pulumi.RunError('the program has a mistake')\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own with the shipped files and program, so that reports and state stay out of the repository."""
    folder = tmp_path / "a project"
    folder.mkdir()
    for name in ("Pulumi.yaml", *(f"Pulumi.{stack}.yaml" for stack in STACKS)):
        shutil.copy(ROOT / name, folder)
    (folder / "infra").symlink_to(ROOT / "infra")
    return folder


def command(project: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "scripts.cli", "rehearse", "--folder", str(project), *arguments]


def run(project: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command(project, *arguments), env=variables, capture_output=True, text=True, timeout=100, check=False)


def descendants(pid: int) -> dict[int, str]:
    """Every process below `pid`, with the beginning of its command line."""
    listed = subprocess.run(["ps", "-ewwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    parents = {int(own): (int(parent), args) for own, parent, args in (line.split(None, 2) for line in listed)}
    found: dict[int, str] = {}
    level = {pid}
    while level:
        level = {own for own, (parent, _) in parents.items() if parent in level}
        found |= {own: parents[own][1][:200] for own in level}
    return found


def test_the_engine_takes_an_environment_from_file_to_answers(project: Path, path_with_pulumi: str, pulumi: Engine) -> None:
    before = {path.name: path.read_bytes() for path in project.glob("Pulumi*.yaml")}
    done = run(project, path_with_pulumi, "--stack", "dev", "--rows", "300", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["engine"] == f"pulumi {pulumi.version}"
    assert [phase["name"] for phase in document["phases"]] == PHASES
    assert {phase["verdict"] for phase in document["phases"]} == {"ok"}
    assert all(search["recall_at_10"] >= search["floor"] for search in document["searches"])
    report = (project / "build" / "rehearse" / "dev.html").read_text()
    assert f"real Pulumi engine {pulumi.version}" in report
    assert not (project / "build" / "rehearse" / "dev.azure").exists()
    assert {path.name: path.read_bytes() for path in project.glob("Pulumi*.yaml")} == before, "the engine's salt goes into the shadow"


def test_a_dry_run_counts_as_many_resources_as_without_an_engine(project: Path, path_with_pulumi: str, pulumi: Engine) -> None:
    by_engine, captured = (run(project, path_with_pulumi, "--dry-run", "--engine", engine) for engine in ("pulumi", "capture"))
    assert by_engine.returncode == 0, by_engine.stderr
    lines = by_engine.stdout.splitlines()
    assert lines[0].startswith("rehearse prod · local Azure · PostgreSQL ")
    assert lines[0].endswith(f" · real Pulumi engine {pulumi.version}")
    assert lines[-1] == "prod is fit to be rehearsed, nothing was created"
    counted = [next(line.split("s  ")[1] for line in done.stdout.splitlines() if " to create" in line) for done in (by_engine, captured)]
    assert counted[0] == counted[1]
    assert not (project / "build").exists()


def test_a_program_that_fails_is_told_in_one_line(project: Path, path_with_pulumi: str) -> None:
    (project / "infra").unlink()
    (project / "infra").mkdir()
    (project / "infra" / "__main__.py").write_text(BROKEN)
    done = run(project, path_with_pulumi, "--stack", "dev", "--engine", "pulumi")
    assert done.returncode == 1
    assert done.stderr == "pulumi preview failed: the program has a mistake\n"
    assert "would work" not in done.stdout


def test_a_refused_resource_is_told_by_its_name_and_azures_own_words(path_with_pulumi: str, tmp_path: Path) -> None:
    events: list[tuple[str, str]] = []
    with LocalAzure(tmp_path / "azure") as azure:
        fault = {"effect": "refuse", "method": "PUT", "pattern": "*/resourcegroups/*", "code": "NameReserved", "message": "It is reserved."}
        azure.fault({**fault, "times": 1, "status": 409})
        shadow = Shadow(ROOT, azure.state, ("dev",))
        environment = shadow.environment({**os.environ, "PATH": path_with_pulumi}, azure.environment)
        shadow.prepare(environment)
        with pytest.raises(Failure) as failed:
            engine = pulumi_cli.found(environment) or ""
            pulumi_cli.up(engine, environment, shadow.folder, "dev", lambda event: events.append((event.kind, event.name)))
    assert failed.value.fact.startswith("pulumi up failed: memory-group: ")
    assert "It is reserved." in failed.value.fact
    assert "\n" not in failed.value.fact
    assert "update failed" not in failed.value.fact
    assert ("started", "memory-group") in events
    assert ("failed", "memory-group") in events


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill"])
def test_broken_off_amid_an_up_it_leaves_no_process(project: Path, path_with_pulumi: str, ending: signal.Signals) -> None:
    ours = {name: value for name, value in os.environ.items() if name != WARM}  # the program shall be among the processes below
    variables = {**ours, "PATH": path_with_pulumi, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    arguments = command(project, "--stack", "dev", "--rows", "300", "--engine", "pulumi")
    with subprocess.Popen(arguments, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        end = time.monotonic() + 60
        below: dict[int, str] = {}
        while not {"pulumi up", "postgres"} <= {word for word in ("pulumi up", "postgres") for args in below.values() if word in args}:
            assert child.poll() is None
            assert time.monotonic() < end, below
            time.sleep(0.1)
            below = descendants(child.pid)
        child.send_signal(ending)
        _, said = child.communicate(timeout=30)
    if ending is signal.SIGINT:
        assert (child.returncode, said) == (130, "interrupted; run it again to go on\n")
        assert not (project / "build").exists()
    end = time.monotonic() + 20
    while left := {pid: args for pid, args in below.items() if Path("/proc", str(pid)).exists() and "<defunct>" not in args}:
        assert time.monotonic() < end, left
        time.sleep(0.2)
