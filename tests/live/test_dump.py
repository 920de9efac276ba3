"""A portable copy of a real database: complete, of one moment, read by plain tools, and its damage always told."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import zstandard

from infra.domain import copies, retention
from infra.domain.ledger import Kind
from infra.domain.manifest import differences
from scripts.edges import dump_files, dumping, dumps_there, postgres, stack_file
from scripts.edges.exits import BAD, GOOD, REFUSED, USAGE, Failure
from scripts.edges.origin import Item
from scripts.edges.table_digests import digests
from scripts.local_azure.postgres import Cluster
from scripts.verify import prove, verify
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.hard_to_copy import SCHEMA, connect, ledger_of, server_of, taken

SEED = 20260607


@pytest.fixture
def filled(database: Database) -> Database:
    """A database of everything that is hard to copy."""
    with database.session() as session:
        session.execute(SCHEMA.encode())
    return database


def dumped(database: Database, to: Path) -> Path:
    """The folder of a new copy."""
    assert taken(database, to) == GOOD
    (folder,) = to.iterdir()
    return folder


def psql(database: Database, binaries_psql: str, file: Path) -> None:
    """Run a file as everybody would."""
    command = [binaries_psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.dsn(), "-f", str(file)]
    subprocess.run(command, check=True, capture_output=True, env={"PGPASSWORD": PASSWORD})


def restored(folder: Path, target: Database) -> None:
    """The way back that the guide tells, with psql, zstd and COPY alone."""
    program = target.cluster.binaries.program("psql")
    psql(target, program, folder / "pre-data.sql")
    with target.session() as session:
        manifest = dump_files.read_manifest(folder)
        forms = {artifact.path: artifact.format.removeprefix("copy-") for artifact in manifest.artifacts}
        for table in manifest.tables:
            columns = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, table.columns))
            named = psycopg.sql.SQL("({})" if table.columns else "{}").format(columns)
            name = psycopg.sql.Identifier(table.schema_name, table.name)
            into = psycopg.sql.SQL("COPY {} {} FROM STDIN (FORMAT {})").format(name, named, psycopg.sql.SQL(forms[table.path]))
            with (folder / table.path).open("rb") as file, session.cursor().copy(into) as copy:
                for piece in zstandard.ZstdDecompressor().read_to_iter(file):
                    copy.write(piece)
    psql(target, program, folder / "post-data.sql")
    psql(target, program, folder / "vector-indexes.sql")


def test_plain_tools_bring_everything_back_and_each_difference_is_told(filled: Database, cluster: Cluster, tmp_path: Path) -> None:
    folder = dumped(filled, tmp_path)
    manifest = dump_files.read_manifest(folder)
    with new_database(cluster) as target:
        restored(folder, target)

        def told() -> list[str]:
            return [verdict.reason for verdict in differences(manifest, digests(lambda: connect(target)))]

        assert told() == []
        assert {table.name: table.rows for table in manifest.tables}["Mixed Case"] == 40
        with target.session() as session:
            session.execute("UPDATE facts SET embedding = '[2,1,0.10000001]' WHERE id = 2")  # the next float after 0.1
            assert told() == ["public.facts: has as many rows, but other content"]
            session.execute("UPDATE facts SET embedding = '[2,1,0.1]' WHERE id = 2")
            assert told() == []
            session.execute("UPDATE facts AS f SET embedding = o.embedding FROM facts AS o WHERE (f.id, o.id) IN ((3, 4), (4, 3))")
            assert told() == ["public.facts: has as many rows, but other content"]
            session.execute("DELETE FROM days WHERE day < '2026-01-01'")
            assert "public.days_old: has 0 rows, the copy 1" in told()


def test_rows_that_arrive_meanwhile_are_not_in_it(filled: Database, tmp_path: Path) -> None:
    seen: list[int] = []

    def arrive(item: Item, size: int) -> None:
        if not seen:
            with filled.session() as session:
                session.execute("INSERT INTO nothing SELECT generate_series(1, 9)")
        seen.append(size)

    manifest = dumping.write(lambda: connect(filled), tmp_path / "copy", "dev", "2026-01-01T00:00:00+00:00", arrive)
    assert seen and filled.value("SELECT count(*) FROM nothing") == 9
    assert {table.name: table.rows for table in manifest.tables}["nothing"] == 0
    assert dump_files.faults(tmp_path / "copy") == []


def test_a_thousand_damages_are_all_told(filled: Database, tmp_path: Path) -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    folder = dumped(filled, tmp_path)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert dump_files.faults(folder) == []
    for turn in range(1000):
        path = dice.choice(files)
        whole = path.read_bytes()
        place = dice.randrange(len(whole))
        changed = bytearray(whole)
        changed[place] ^= 1 << dice.randrange(8)
        path.write_bytes(whole[:place] if turn % 2 else changed)
        assert dump_files.faults(folder), f"seed {SEED}, turn {turn}: {path.name} at {place}"
        path.write_bytes(whole)
    assert dump_files.faults(folder) == []


def test_verify_names_missing_and_foreign_files_and_a_dump_that_did_not_end(
    filled: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = dumped(filled, tmp_path)
    assert verify(folder) == GOOD
    (folder / "data/0001.copy.zst").unlink()
    (folder / "more").touch()
    assert verify(folder) == BAD
    shown = capsys.readouterr().out
    assert "data/0001.copy.zst: cannot be read" in shown and "more: is not in the manifest" in shown
    with pytest.raises(Failure, match="did not end") as raised:
        verify(folder.rename(tmp_path / "x.partial"))
    assert raised.value.code is USAGE


def test_is_open_to_its_owner_alone_and_names_no_password(filled: Database, tmp_path: Path) -> None:
    folder = dumped(filled, tmp_path)
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "data")} == {0o700}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


def test_a_table_that_the_login_may_not_read_leaves_nothing_behind(filled: Database, tmp_path: Path) -> None:
    filled.login("peeper")
    opened = lambda: postgres.connect(filled.dsn("peeper"), password=PASSWORD)  # noqa: E731
    with pytest.raises(Failure) as raised:
        dumping.write(opened, tmp_path / "copy", "dev", "2026-01-01T00:00:00+00:00", lambda item, size: None)
    assert raised.value.code is REFUSED
    assert list(tmp_path.iterdir()) == []


def test_the_plan_writes_nothing(filled: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert taken(filled, tmp_path, dry_run=True) == GOOD
    assert "public.facts" in capsys.readouterr().out and list(tmp_path.iterdir()) == []


def test_a_killed_dump_is_never_taken_for_a_copy(filled: Database, tmp_path: Path, root: Path) -> None:
    code = f"""
import os, pathlib
from scripts.edges import dumping, postgres
dumping.write(lambda: postgres.connect({filled.dsn()!r}, password=os.environ["PGPASSWORD"]), pathlib.Path({str(tmp_path / "copy")!r}),
              "dev", "2026-01-01T00:00:00+00:00", lambda item, size: os.kill(os.getpid(), 9))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, env={**os.environ, "PGPASSWORD": PASSWORD}, check=False)
    assert ran.returncode == -9
    assert [path.name for path in tmp_path.iterdir()] == ["copy.partial"]
    with pytest.raises(Failure, match="did not end"):
        verify(tmp_path / "copy.partial")
    assert dump_files.faults(dumped(filled, tmp_path / "again")) == []


def test_a_wrong_password_is_told_before_anything_is_written(filled: Database, tmp_path: Path) -> None:
    with pytest.raises(Failure) as raised:
        taken(filled, tmp_path, opened=lambda: postgres.connect(filled.dsn(), password="wrong"))
    assert raised.value.code is REFUSED and list(tmp_path.iterdir()) == []


def test_the_ledger_knows_it_and_its_proof(filled: Database, tmp_path: Path, cluster: Cluster) -> None:
    to = tmp_path / "copies"
    proof = functools.partial(prove, server_of(cluster))
    assert taken(filled, to, prove=proof, reason="before 0042") == GOOD
    (folder,) = [each for each in to.iterdir() if each.name != "work"]
    (copy,) = copies.copies_of(ledger_of(to).read().records, "dev", stack_file.read("dev", Path(__file__).parents[2]).server.name)
    assert (copy.name, copy.form, copy.verified, copy.reason) == (folder.name, "logical dump", True, "before 0042")
    assert dumps_there.found([copy]) == {folder.name}
    (folder / "manifest.json").write_bytes(b"")
    assert dumps_there.found([copy]) == set()


def test_copies_beyond_the_contract_go_and_are_noted(filled: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "copies"
    years = [datetime(2000 + year, 1, 1, tzinfo=UTC) for year in range(30)]
    for at in years:
        old = to / retention.copy_name("dev", at)
        old.mkdir(parents=True)
        (old / "manifest.json").touch()
    assert taken(filled, to, prune=True) == GOOD
    kept = stack_file.read("dev", Path(__file__).parents[2]).backup.portable_copies
    stays = max(kept.weekly, kept.monthly)
    assert len([each for each in to.iterdir() if each.name != "work"]) == stays
    removed = [record.copy for record in ledger_of(to).read().records if record.kind is Kind.REMOVED]
    assert removed == [retention.copy_name("dev", at) for at in years[: 31 - stays]]
    assert "deleted, as the contract keeps no more" in capsys.readouterr().out
