"""The peers of a promotion: pg_dump and pg_restore as everybody types them and as a careful operator does, and pgcopydb."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import servers
from benchmarks.promotion_ground import Ground
from benchmarks.promotion_runs import JOBS, Run, Told, measured
from scripts.local_azure.binaries import clean_environment

DEFAULTS = "pg_dump -Fc | pg_restore, defaults"
CAREFUL = f"pg_dump -Fd -j{JOBS} -Z0, pg_restore -j{JOBS}, all settings tuned"
PGCOPYDB = "pgcopydb clone"
# What pg_restore --verbose says when it begins with the rows of a table (alone), and when it has ended with them (with -j).
_BEGINS = re.compile(r'pg_restore: processing data for table "')
_FINISHED = re.compile(r"pg_restore: finished item \d+ TABLE DATA ")


def defaults(ground: Ground) -> Run:
    """`pg_dump -Fc | pg_restore`, with whatever they and the server do by themselves."""
    return measured(ground, DEFAULTS, _piped)


def careful(ground: Ground) -> Run:
    """A folder written without compression by two sessions and read by two, with everything set that a login can set for a load."""
    return measured(ground, CAREFUL, _by_folder)


def pgcopydb(ground: Ground) -> Run:
    """The tool made for it, with as many sessions."""
    return measured(ground, PGCOPYDB, _cloned)


def pgcopydb_program() -> str | None:
    """Where pgcopydb is, None where it is not installed."""
    return shutil.which("pgcopydb")


def _piped(ground: Ground) -> Told:
    began = time.monotonic()
    out, into = _places(ground)
    dump = subprocess.Popen([_program(ground, "pg_dump"), "-Fc"], env=out, stdout=subprocess.PIPE)
    data = _restore([_program(ground, "pg_restore"), "--verbose", "--dbname=zep"], into, dump)
    if dump.wait():
        raise SystemExit(f"pg_dump ended with {dump.returncode}")
    return began, {"data": data, "ended": time.monotonic()}, {}


def _by_folder(ground: Ground) -> Told:
    tuned = {
        "maintenance_work_mem": f"{ground.memory_kib}kB",
        "max_parallel_maintenance_workers": str(ground.room.workers),
        "min_parallel_table_scan_size": "0",
        "synchronous_commit": "off",
    }
    options = " ".join(f"-c {name}={value}" for name, value in tuned.items())
    with tempfile.TemporaryDirectory() as folder:
        archive = str(Path(folder) / "archive")
        began = time.monotonic()
        out, into = _places(ground)
        subprocess.run([_program(ground, "pg_dump"), "-Fd", f"-j{JOBS}", "-Z0", f"--file={archive}"], env=out, check=True)
        command = [_program(ground, "pg_restore"), "--verbose", f"-j{JOBS}", "--dbname=zep", archive]
        data = _restore(command, {**into, "PGOPTIONS": options})
        return began, {"data": data, "ended": time.monotonic()}, {}


def _restore(command: list[str], environment: Mapping[str, str], dump: subprocess.Popen[bytes] | None = None) -> float:
    """Run pg_restore, which tells each entry as it comes to it; returns the moment at which the rows of the last table were there."""
    data, in_rows = 0.0, False
    source = dump.stdout if dump else subprocess.DEVNULL
    with subprocess.Popen(command, env=dict(environment), stdin=source, stderr=subprocess.PIPE, text=True) as restore:
        if dump and dump.stdout:
            dump.stdout.close()
        assert restore.stderr
        said = []
        for line in restore.stderr:
            said.append(line)
            if in_rows or _FINISHED.match(line):
                data = time.monotonic()
            in_rows = bool(_BEGINS.match(line))
    if restore.returncode or not data:
        raise SystemExit(f"pg_restore ended with {restore.returncode}: {''.join(said)}")
    return data


def _cloned(ground: Ground) -> Told:
    """Its rows are seen by the observer: it tells nothing of them before its end."""
    places = [servers.environment(cluster) for cluster in (ground.source, ground.target)]
    uris = [f"host={each['PGHOST']} port={each['PGPORT']} dbname={each['PGDATABASE']} user={each['PGUSER']}" for each in places]
    # pg_dump of the server's major version, which it takes from the PATH.
    path = os.pathsep.join((str(Path(_program(ground, "pg_dump")).parent), clean_environment()["PATH"]))
    program = pgcopydb_program()
    assert program
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "clone", "--source", uris[0], "--target", uris[1], "--dir", str(Path(folder) / "work")]
        command += ["--table-jobs", str(JOBS), "--index-jobs", str(JOBS)]
        environment = {**clean_environment(), "PATH": path, "PGPASSWORD": places[0]["PGPASSWORD"]}
        began = time.monotonic()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        ended = time.monotonic()
    if done.returncode:
        raise SystemExit(f"pgcopydb ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return began, {"ended": ended}, {}


def _places(ground: Ground) -> list[dict[str, str]]:
    return [{**clean_environment(), **servers.environment(cluster)} for cluster in (ground.source, ground.target)]


def _program(ground: Ground, name: str) -> str:
    return ground.source.binaries.program(name)
