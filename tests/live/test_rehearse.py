"""The whole loop on this machine, without an engine: real PostgreSQL, real vectors, the program that Pulumi will run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from infra.domain.environment import STACKS
from scripts.local_azure.cluster_record import clusters_folder

pytestmark = pytest.mark.live

# Enough rows for an index to be worth asking, few enough to be built in a second.
_ROWS = 1500


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    """A folder with the five stack files, so that reports and state stay out of the repository."""
    for path in (root / "Pulumi.yaml", *root.glob("Pulumi.*.yaml")):
        shutil.copy(path, tmp_path)
    return tmp_path


def run(project: Path, *arguments: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.cli", "rehearse", "--folder", str(project), "--engine", "capture", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def postmasters(project: Path) -> list[str]:
    """Command lines of what still runs for this project: the stand-in names its state, each server its data folder."""
    states = [project / "build" / "rehearse" / f"{stack}.azure" for stack in STACKS]
    places = [str(project), *(str(clusters_folder(state)) for state in states)]
    found = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in found if any(place in line for place in places)]


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_an_environment_is_rehearsed_from_file_to_answers(project: Path, stack: str) -> None:
    done = run(project, "--stack", stack, "--rows", str(_ROWS), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "agentmem/rehearse/1"
    assert document["engine"] == "capture"
    names = ["check", "preview", "create", "post-provision", "load", "indexes", "search", "snapshot", "promotion"]
    assert [phase["name"] for phase in document["phases"]] == names
    assert {phase["verdict"] for phase in document["phases"]} == {"ok"}
    assert len(document["searches"]) == 2
    for search in document["searches"]:
        assert search["served_by"]
        assert search["recall_at_10"] >= search["floor"]
    report = (project / "build" / "rehearse" / f"{stack}.html").read_text()
    assert f"{stack} would work" in report
    assert "http" not in report.replace("http-equiv", ""), "the report must not load anything from elsewhere"
    assert not (project / "build" / "rehearse" / f"{stack}.azure").exists()
    assert postmasters(project) == []


def test_own_memories_are_what_is_loaded_and_found(project: Path) -> None:
    own = project / "own.jsonl"
    lines = [{"id": number, "text": "said", "embedding": [float(place == number) + 0.01 for place in range(1536)]} for number in range(200)]
    own.write_text("\n".join(json.dumps(line) for line in lines))
    done = run(project, "--rows", str(_ROWS), "--json", "--data", str(own))
    assert done.returncode == 0, done.stderr
    load = next(phase for phase in json.loads(done.stdout)["phases"] if phase["name"] == "load")
    assert "200 × 1536-d" in load["evidence"]


def test_bad_memories_are_refused_before_anything_is_created(project: Path) -> None:
    own = project / "own.jsonl"
    own.write_text('{"id": 1, "text": "said", "embedding": [1, 2, 3]}\n')
    done = run(project, "--data", str(own))
    assert done.returncode == 1
    assert f"{own}:1: embedding has 3 dimensions, declared are 1536 and 3072" in done.stderr
    assert done.stdout == ""
    assert not (project / "build").exists()


def test_a_bad_stack_file_is_refused_before_anything_is_created(project: Path) -> None:
    path = project / "Pulumi.prod.yaml"
    path.write_text(path.read_text().replace("retention_days: 35", "retention_days: 36"))
    done = run(project)
    assert done.returncode == 3
    assert "backup.retention_days is 36" in done.stderr
    assert not (project / "build").exists()


def test_dry_run_stops_before_anything_is_created(project: Path) -> None:
    done = run(project, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith(" · captured registrations, as asked")
    assert "nothing was created" in done.stdout
    assert not (project / "build").exists()


def test_without_an_engine_the_first_line_says_why_and_asking_for_it_fails(project: Path) -> None:
    nowhere = {**os.environ, "PATH": str(project), "PYTHONPATH": str(Path(__file__).parents[2])}
    auto, asked = (
        subprocess.run(
            [sys.executable, "-m", "scripts.cli", "rehearse", "--folder", str(project), "--dry-run", "--engine", engine],
            env=nowhere, capture_output=True, text=True, timeout=100, check=False,
        )
        for engine in ("auto", "pulumi")
    )  # fmt: skip
    assert auto.returncode == 0, auto.stderr
    assert auto.stdout.splitlines()[0].endswith(" · captured registrations, no pulumi on PATH")
    assert asked.returncode == 2
    assert asked.stdout == ""
    assert asked.stderr == "no pulumi on PATH\nhint: install Pulumi, or `make tools` builds an engine into .tools/bin\n"


@contextmanager
def kept(project: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A rehearsal with --keep that stays up, and the DSN that it printed; killed at the latest when the block ends."""
    options = ["--folder", str(project), "--engine", "capture", "--rows", "200", "--keep"]
    command = [sys.executable, "-m", "scripts.cli", "rehearse", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child, next(line.strip() for line in child.stdout if line.startswith("postgresql://"))
        finally:
            child.kill()


def test_keep_leaves_a_server_that_the_printed_dsn_reaches_and_stops_it_at_the_end(project: Path) -> None:
    with kept(project) as (child, dsn):
        assert child.stderr is not None
        export = next(line for line in child.stderr if "export " in line)
        settings = dict(part.split("=", 1) for part in export.split() if "=" in part)
        given = {"hostaddr": settings["PGHOSTADDR"], "sslrootcert": settings["PGSSLROOTCERT"], "passfile": settings["PGPASSFILE"]}
        with psycopg.connect(make_conninfo(dsn, **given)) as connection:
            assert connection.execute("SELECT count(*) FROM zep_embeddings").fetchone() == (200,)
        assert len(postmasters(project)) >= 3, "this command, the stand-in and a server: or the questions below ask for the wrong thing"
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
    assert postmasters(project) == []


def test_a_killed_rehearsal_leaves_nothing_running(project: Path) -> None:
    with kept(project) as (child, _):
        child.kill()
    end = time.monotonic() + 20
    while postmasters(project) and time.monotonic() < end:
        time.sleep(0.2)
    assert postmasters(project) == []
    assert run(project, "--rows", "200", "--json").returncode == 0, "what was left is swept and the next rehearsal runs"
