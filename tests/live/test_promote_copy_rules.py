"""`agentmem promote --copy --rules`: a copy restored into a server of our own, and from there as from any database under rules."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.domain.environment import Environment
from infra.domain.manifest import encode
from infra.domain.problem import Invalid
from scripts import post_provision as provision
from scripts.edges import dump_files, memories, stack_file, vector_tables
from scripts.edges.exits import BAD, GOOD, REFUSED, Failure
from scripts.edges.ledger_file import LedgerFile
from scripts.edges.restored_copy import Server
from scripts.edges.transfer_lane import Lane
from scripts.local_azure.cluster_record import clusters_folder
from scripts.local_azure.postgres import Cluster
from scripts.promote import Doors, Journey, promote
from scripts.proof_server import proof_server
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.hard_to_copy import connect, server_of, taken
from tests.live.test_promote import target
from tests.waiting import until

__all__ = ["target"]
pytestmark = pytest.mark.live

ROWS = 60
PEOPLE = """
CREATE TABLE sessions (id integer PRIMARY KEY, user_id text, email text NOT NULL);
CREATE TABLE messages (id integer PRIMARY KEY, session_id integer NOT NULL REFERENCES sessions, body text);
CREATE TABLE likes (message_id integer NOT NULL REFERENCES messages);
CREATE TABLE log (what text);
INSERT INTO sessions SELECT n, 'user ' || n % 10, n || '@example.org' FROM generate_series(1, 40) AS n;
INSERT INTO messages SELECT 100 * n, n, 'hello' FROM generate_series(1, 40) AS n;
INSERT INTO likes SELECT 100 * n FROM generate_series(1, 40) AS n;
INSERT INTO log SELECT 'line' FROM generate_series(1, 50);
"""
ERASED = "subjects: {column: user_id, erased_file: erased.txt}\n"
MASKED = f"mask: {{public.sessions: {{email: {{hash: true}}}}}}\n{ERASED}"
NOTHING_OF_OURS = "SELECT count(*) FROM pg_namespace WHERE nspname ~ 'agent' OR to_regclass('public.sessions') IS NOT NULL"
VECTOR_INDEXES = """SELECT json_agg(indexrelid::regclass::text) FROM pg_index JOIN pg_class ON oid = indexrelid
WHERE relam IN (SELECT oid FROM pg_am WHERE amname IN ('hnsw', 'ivfflat')) AND indisvalid"""


@pytest.fixture(scope="module")
def staging(root: Path) -> Environment:
    """Staging with one vector set, whose index has rows enough."""
    shipped = stack_file.read("staging", root)
    return shipped.model_copy(update={"vector_sets": shipped.vector_sets[1:]})


@pytest.fixture(scope="module")
def copy(cluster: Cluster, staging: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of prod; in its database nobody has been erased yet."""
    to = tmp_path_factory.mktemp("copies") / "copies"
    with new_database(cluster) as made:
        with made.session() as session:
            session.execute("CREATE EXTENSION vector")
            vector_tables.create_tables(session, staging.vector_sets)
            for vector_set in staging.vector_sets:
                vector_tables.load(session, vector_set, memories.make(ROWS, vector_set.dimensions, seed=1), lambda count: None)
            session.execute(PEOPLE.encode())
        provision.bring(staging, dsn=made.dsn(), password=PASSWORD, quiet=True)
        assert taken(made, to, "prod") == GOOD
    (folder,) = to.iterdir()
    return folder


@pytest.fixture
def rules(tmp_path: Path) -> Callable[[str], Path]:
    """A file of rules; two people have asked to be forgotten."""

    def written(text: str, erased: str = "user 4\nuser 7\n") -> Path:
        (tmp_path / "erased.txt").write_text(erased)
        (tmp_path / "rules.yaml").write_text(text)
        return tmp_path / "rules.yaml"

    return written


@pytest.fixture
def server(cluster: Cluster) -> Server:
    """A new database as the server of our own: nothing has to be started."""
    return lambda need_bytes: server_of(cluster)()


def doors(target: Database, folder: Path, server: Server) -> Doors:
    """The way to the target, and a ledger in `folder`."""
    return Doors(None, lambda: connect(target), LedgerFile(folder / "ledger"), server=server)


def phases(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What was told since, by phase."""
    return {each["name"]: each["evidence"] for each in json.loads(capsys.readouterr().out)["phases"]}


def without_the_erased(target: Database) -> bool:
    """Nobody who was erased is there, nothing of theirs, and everything of the others."""
    counts = [target.value(f"SELECT count(*) FROM {table}") for table in ("sessions", "messages", "likes", "log", "zep_facts")]
    gone = "SELECT count(*) FROM sessions WHERE user_id IN ('user 4', 'user 7')"
    return counts == [32, 32, 32, 50, ROWS] and target.value(gone) == 0


def test_a_copy_of_prod_goes_down_masked_and_without_erased_people(
    copy: Path, target: Database, staging: Environment, rules: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journey = Journey(source="prod", target=staging, copy=copy, rules=rules(MASKED), as_json=True)
    assert promote(journey, doors(target, tmp_path, proof_server)) == GOOD
    told = phases(capsys)
    assert list(told)[:6] == ["copy", "server", "rules", "preflight", "restored", "schema"]
    assert told["rules"].startswith("1 columns masked, 3 of ") and "rules can choose rows from it" in told["restored"]
    assert without_the_erased(target)
    assert target.value("SELECT count(DISTINCT email) FROM sessions WHERE email ~ '^[0-9a-f]{64}$'") == 32
    assert target.value(VECTOR_INDEXES) == [each.name for each in dump_files.read_manifest(copy).vector_indexes]
    assert target.value("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated") == 0
    (line,) = LedgerFile(tmp_path / "ledger").read().records
    assert line.copy == copy.name and (line.facts["from"], line.facts["masked"], line.facts["verdict"]) == ("prod", "yes", "ok")


def test_prod_is_guarded_in_a_copy_as_well_before_a_row_is_restored(
    copy: Path, target: Database, staging: Environment, rules: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journey = Journey(source="prod", target=staging, copy=copy, rules=rules(ERASED), as_json=True)
    assert promote(journey, doors(target, tmp_path, server)) == REFUSED
    out = capsys.readouterr().out
    assert "nothing is masked" in out and "restored" not in out
    assert target.value(NOTHING_OF_OURS) == 0
    unmasked = Journey(source="prod", target=staging, copy=copy, rules=rules(ERASED), unmasked="synthetic", dry_run=True)
    assert promote(unmasked, doors(target, tmp_path, server)) == GOOD
    assert 'prod to staging: not masked, allowed because "synthetic"' in capsys.readouterr().out


def test_a_copy_comes_back_and_rules_that_leave_nobody_behind_compare_the_answers_too(
    copy: Path, target: Database, staging: Environment, rules: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prod = staging.model_copy(update={"name": "prod"})
    journey = Journey(source="prod", target=prod, copy=copy, rules=rules(ERASED, ""), as_json=True)
    assert promote(journey, doors(target, tmp_path, server)) == GOOD
    assert phases(capsys)["answers"] == "3 exact answers are the origin's"
    assert target.value("SELECT count(*) FROM sessions") == 40


def test_the_plan_judges_the_rules_and_restores_no_row(
    copy: Path, target: Database, staging: Environment, rules: Any, cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []

    @contextmanager
    def looked(need_bytes: int) -> Iterator[Callable[[], Any]]:
        kept: list[Database] = []
        with server_of(cluster, kept)() as connect:
            yield connect
            seen.append(kept[0].value("SELECT count(*) FROM sessions"))

    journey = Journey(source="prod", target=staging, copy=copy, rules=rules(MASKED), dry_run=True)
    assert promote(journey, doors(target, tmp_path, looked)) == GOOD
    out = capsys.readouterr().out
    assert "1 columns masked" in out and "prod to staging: masked" in out and "would travel; nothing was changed" in out
    assert seen == [0] and target.value(NOTHING_OF_OURS) == 0 and not (tmp_path / "ledger").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mask: {public.sessions: {e_mail: {hash: true}}}", "names the column e_mail, which public.sessions has not"),
        ("subjects: {column: user, erased: [user 4]}", "no table has such a column"),
        ("subjects: {column: user_id, erased_file: nobody.txt}", "nobody.txt"),
        (
            "tenants: {column: user_id, keep: [user 1]}\nsubjects:\n  column: id\n  erased: [4, one]",
            r"rules\.yaml:4: subjects\.erased has 'one', which is not for public\.messages\.id \(integer\): invalid input syntax",
        ),
        (
            "mask:\n  public.messages: {body: {set: x}}\n  public.zep_facts:\n    created_at: {set: soon}",
            r"rules\.yaml:4: mask\.public\.zep_facts\.created_at\.set has 'soon', which is not for public\.zep_facts\.created_at \(times",
        ),
    ],
)
def test_wrong_rules_are_refused_before_anything_is_written(
    copy: Path, target: Database, staging: Environment, rules: Any, server: Server, tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        promote(Journey(source="prod", target=staging, copy=copy, rules=rules(text)), doors(target, tmp_path, server))
    assert target.value(NOTHING_OF_OURS) == 0


def test_a_list_of_the_wrong_kind_is_not_told_to_its_end(
    copy: Path, target: Database, staging: Environment, rules: Any, server: Server, tmp_path: Path
) -> None:
    wrong = rules("subjects: {column: id, erased_file: erased.txt}", "".join(f"user {number}\n" for number in range(500)))
    with pytest.raises(Invalid) as raised:
        promote(Journey(source="prod", target=staging, copy=copy, rules=wrong), doors(target, tmp_path, server))
    assert len(raised.value.problems) == 20 and {each.line for each in raised.value.problems} == {1}


def test_the_proof_compares_what_the_rules_let_through(
    copy: Path, target: Database, staging: Environment, rules: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring = Lane.copy

    def and_change(there: Lane, item: Any, on_bytes: Any) -> None:
        bring(there, item, on_bytes)
        if item.name == "sessions" and there.session.info.dbname == target.name:
            there.session.execute("UPDATE public.sessions SET email = 'other' WHERE id = 1")

    monkeypatch.setattr(Lane, "copy", and_change)
    with pytest.raises(Failure, match=r"public\.sessions has as many rows, but other content") as failure:
        promote(Journey(source="prod", target=staging, copy=copy, rules=rules(MASKED)), doors(target, tmp_path, server))
    assert failure.value.code is BAD and "of our own" not in failure.value.where


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers of our own lie, of this test alone."""
    folder = tmp_path / "servers"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_a_promotion_that_was_killed_is_taken_up_though_the_server_is_another(
    copy: Path, target: Database, staging: Environment, rules: Any, own_folder: Path, root: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    order = {
        "copy": str(copy), "rules": str(rules(MASKED)), "target": target.dsn(), "database": target.name, "after": "sessions",
        "root": str(root), "ledger": str(tmp_path / "ledger"),
    }  # fmt: skip
    child = subprocess.run(
        [sys.executable, "-m", "tests.live.promote_copy_child"], input=json.dumps(order), text=True, cwd=root, check=False,
        env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    (left,) = own_folder.iterdir()
    until(lambda: not (clusters_folder(left) / "agentmem-proof/data/postmaster.pid").exists())
    journey = Journey(source="prod", target=staging, copy=copy, rules=rules(MASKED), as_json=True)
    assert promote(journey, doors(target, tmp_path, proof_server)) == GOOD
    told = phases(capsys)
    assert "resume" in told and "were there" in told["data"] and "schema" not in told
    assert without_the_erased(target) and target.value("SELECT count(*) FROM log") == 50
    assert [*own_folder.iterdir()] == [] and not clusters_folder(left).exists()


def test_a_signal_while_rows_are_restored_leaves_neither_server_nor_target(
    copy: Path, target: Database, staging: Environment, rules: Any, own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring, places = Lane.copy, list[str]()

    def then_ended(there: Lane, item: Any, on_bytes: Any) -> None:
        places.append(there.session.info.host)
        if len(places) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        bring(there, item, on_bytes)

    monkeypatch.setattr(Lane, "copy", then_ended)
    with pytest.raises(KeyboardInterrupt):
        promote(Journey(source="prod", target=staging, copy=copy, rules=rules(MASKED)), doors(target, tmp_path, proof_server))
    assert [*own_folder.iterdir()] == [] and not Path(places[0]).exists()
    assert target.value(NOTHING_OF_OURS) == 0


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"source": {"server_version_num": 170_002}}, REFUSED, "is of PostgreSQL 17, and rules .* of our own, which is 16"),
        ({"tables": {"digest": "1"}}, BAD, "has as many rows, but other content"),
    ],
)  # fmt: skip
def test_a_copy_that_our_server_cannot_hold_is_refused_before_anything_is_written(
    copy: Path, target: Database, staging: Environment, rules: Any, server: Server, tmp_path: Path, change: Any, code: int, says: str
) -> None:
    other = tmp_path / copy.name
    shutil.copytree(copy, other)
    manifest = dump_files.read_manifest(other)
    content = manifest.model_dump(mode="json")
    ((part, update),) = change.items()
    changed = content[part] if part == "source" else next(each for each in content[part] if each["name"] == "sessions")
    changed.update(update)
    (other / "manifest.json").write_bytes(encode(type(manifest).model_validate_json(json.dumps(content))))
    with pytest.raises(Failure, match=says) as failure:
        promote(Journey(source="prod", target=staging, copy=other, rules=rules(MASKED)), doors(target, tmp_path, server))
    assert failure.value.code is code and copy.name in failure.value.where
    assert target.value(NOTHING_OF_OURS) == 0
