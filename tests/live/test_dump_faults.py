"""Dumps that something goes wrong with: killed and resumed, two at once, a journal that was cut, files that were damaged, no disk."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.domain.manifest import Manifest
from scripts.edges import dump_files, dumping, table_digests
from scripts.edges.exits import BUSY, UNREACHABLE, Failure
from scripts.local_azure.postgres import Cluster
from tests.live.conftest import ADMINISTRATOR, PASSWORD, Database, new_database
from tests.live.hard_to_copy import SCHEMA, connect
from tests.live.transfers import END_OURS

pytestmark = pytest.mark.live

# Larger than any other file of a dump, whatever it is compressed with.
_NOISE = "CREATE TABLE noise AS SELECT gen_random_uuid() AS id FROM generate_series(1, 20000)"


class Stop(Exception):
    """Somebody ends the dump, from within: its folder is left as by a kill."""


@pytest.fixture(scope="module")
def whole(cluster: Cluster) -> Iterator[Database]:
    """A source that no test changes."""
    with new_database(cluster) as made:
        with made.session() as session:
            session.execute((SCHEMA + _NOISE).encode())
        yield made


def dump(source: Database, to: Path, day: int, on_item: Callable[[str], None] = lambda title: None, jobs: int = 1) -> Manifest:
    """A copy of a day in January, named as the verb names it."""
    target = to / f"dev-202601{day:02d}T000000Z"
    return dumping.write(
        lambda: connect(source), target, "dev", f"2026-01-{day:02d}T00:00:00+00:00", lambda item, size: on_item(item.title), jobs
    )


def stopped_after(source: Database, to: Path, tables: int, day: int = 1) -> list[str]:
    """A dump that ends after so many tables; which these are."""
    seen: list[str] = []

    def hear(title: str) -> None:
        if title not in seen:
            if len(seen) == tables:
                raise Stop
            seen.append(title)

    with pytest.raises(Stop):
        dump(source, to, day, hear)
    return seen


def files_of(folder: Path) -> dict[str, int]:
    """Every file of rows with its inode: one that is written anew is truncated, so its time counts, too."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "data").iterdir()}


def assert_good(to: Path, day: int) -> Path:
    """One folder, and nothing is wrong with it."""
    (folder,) = to.iterdir()
    assert folder.name == f"dev-202601{day:02d}T000000Z"
    assert dump_files.faults(folder) == []
    return folder


def journal(to: Path) -> Path:
    """The journal of the only dump, which did not end."""
    (partial,) = to.iterdir()
    return partial / dumping.JOURNAL


def test_tables_that_are_still_the_same_are_not_read_again(whole: Database, tmp_path: Path) -> None:
    done = stopped_after(whole, tmp_path, 4)
    lines = [json.loads(line) for line in journal(tmp_path).read_text().splitlines()]
    titles = {f"{line['table']['schema_name']}.{line['table']['name']}": line["artifact"]["path"] for line in lines}
    assert len(titles) >= 3 and set(titles) <= set(done)
    before = files_of(journal(tmp_path).parent)
    dump(whole, tmp_path, 2)
    after = files_of(assert_good(tmp_path, 2))
    same = {name for name, when in before.items() if after[name] == when}
    assert same == {Path(path).name for path in titles.values()}


def test_a_table_that_changed_meanwhile_is_read_again(cluster: Cluster, tmp_path: Path) -> None:
    with new_database(cluster) as source:
        with source.session() as session:
            session.execute(SCHEMA.encode())
            stopped_after(source, tmp_path, 5)
            session.execute("UPDATE long_ones SET id = id + 100; DROP TABLE nothing; CREATE TABLE something (id integer)")
        manifest = dump(source, tmp_path, 2)
        assert_good(tmp_path, 2)
        digests = {(each.schema_name, each.name): each.digest for each in table_digests.digests(lambda: connect(source))}
        assert {(each.schema_name, each.name): each.digest for each in manifest.tables} == digests


@pytest.mark.parametrize("left", ["half a line", "another end", "all but its name"])
def test_what_an_earlier_dump_left_broken_is_written_again(whole: Database, tmp_path: Path, left: str) -> None:
    stopped_after(whole, tmp_path, 4)
    book = journal(tmp_path)
    if left == "half a line":
        book.write_bytes(book.read_bytes()[:-20])
    elif left == "another end":
        path = book.parent / json.loads(book.read_text().splitlines()[0])["artifact"]["path"]
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    else:
        (book.parent / "manifest.json").write_text("{}")
    known = book.read_bytes().splitlines()
    stopped_after(whole, tmp_path, 7, day=2)
    lines = journal(tmp_path).read_bytes().splitlines()
    assert len(lines) > len(known)
    assert lines[: len(known)] == known, "a new line does not hang on half of an old one"
    dump(whole, tmp_path, 3)
    assert_good(tmp_path, 3)


def test_a_second_dump_leaves_the_first_ones_folder_alone(whole: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the first one reads back what it has written, and is nearly done."""
    moments: list[str] = []

    def second(title: str) -> None:
        if title in ("public.long_ones", "read back") and title not in moments:
            moments.append(title)
            dump(whole, tmp_path, 10 + len(moments))

    read_back = dumping.faults_of

    def faults_of(folder: Path, *found: Any, **how: Any) -> list[str]:
        if "T000000Z" in folder.name and "20260101" in folder.name:
            second("read back")
        return read_back(folder, *found, **how)

    monkeypatch.setattr(dumping, "faults_of", faults_of)
    dump(whole, tmp_path, 1, second)
    assert moments == ["public.long_ones", "read back"]
    assert {each.name: dump_files.faults(each) for each in tmp_path.iterdir()} == {
        f"dev-202601{day}T000000Z": [] for day in ("01", "11", "12")
    }


def test_two_of_the_same_second_are_told_apart(whole: Database, tmp_path: Path) -> None:
    told: list[str] = []

    def second(title: str) -> None:
        if told:
            return
        told.append(title)
        with pytest.raises(Failure, match="another dump writes here") as failure:
            dump(whole, tmp_path, 1)
        assert failure.value.code is BUSY

    dump(whole, tmp_path, 1, second)
    assert_good(tmp_path, 1)


@pytest.mark.parametrize("table", ["public.long_ones", "public.hens"])
def test_a_source_that_is_lost_is_unreachable_and_the_next_dump_goes_on(whole: Database, tmp_path: Path, table: str) -> None:
    def lose(title: str) -> None:
        if title == table:
            whole.value(END_OURS)

    with pytest.raises(Failure) as failure:
        dump(whole, tmp_path, 1, lose)
    assert failure.value.code is UNREACHABLE, failure.value
    dump(whole, tmp_path, 2)
    assert_good(tmp_path, 2)


def test_a_locked_table_names_who_locks_it(whole: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_digests, "LOCK_SECONDS", 1)
    with whole.session() as other, other.transaction():
        other.execute("LOCK TABLE hens IN ACCESS EXCLUSIVE MODE")
        who = f"public.hens is locked by process {other.info.backend_pid} of {ADMINISTRATOR}"
        with pytest.raises(Failure, match=who) as failure:
            dump(whole, tmp_path, 1)
    assert failure.value.code is BUSY and not list(tmp_path.iterdir())


def test_a_full_disk_is_told_and_the_next_dump_goes_on(whole: Database, tmp_path: Path, root: Path) -> None:
    """A process that may write no file as large as the largest table is refused by the kernel as on a full disk."""
    code = f"""
import pathlib, sys
from scripts.edges import dumping, postgres
from scripts.edges.exits import Failure
import os
try:
    dumping.write(lambda: postgres.connect({whole.dsn()!r}, password=os.environ["PGPASSWORD"]),
                  pathlib.Path({str(tmp_path / "dev-20260101T000000Z")!r}), "dev", "2026-01-01T00:00:00+00:00", lambda item, size: None, 2)
except Failure as failure:
    print(failure)
    sys.exit(failure.code)
"""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    environment = {**os.environ, "PGPASSWORD": PASSWORD, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=root, env=environment, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert ran.returncode == UNREACHABLE, ran.stderr
    assert "cannot be written" in ran.stdout and "hint: free some space" in ran.stdout
    dump(whole, tmp_path, 2)
    assert_good(tmp_path, 2)


def test_two_dumps_that_begin_at_once_both_end_well(whole: Database, tmp_path: Path) -> None:
    stopped_after(whole, tmp_path, 4)
    threads = [threading.Thread(target=dump, args=(whole, tmp_path, day)) for day in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.name: dump_files.faults(each) for each in tmp_path.iterdir()} == {f"dev-202601{day}T000000Z": [] for day in ("02", "03")}
