"""`agentmem promote` between two real databases: preflight, rows, proof, recall, ledger; refused where it must be, and run twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.domain.environment import Environment
from infra.domain.ledger import Kind
from scripts import post_provision as provision
from scripts.edges import memories, stack_file, transfer_target, vector_tables
from scripts.edges.exits import BUSY, GOOD, REFUSED, USAGE, Failure
from scripts.edges.ledger_file import LedgerFile
from scripts.edges.table_digests import digests
from scripts.local_azure.postgres import Cluster
from scripts.promote import Doors, Journey, promote
from tests.live.conftest import PASSWORD, Database, new_database
from tests.live.hard_to_copy import connect, taken

ROWS = 400
MORE = """
CREATE TABLE tenants (id text PRIMARY KEY, name text NOT NULL);
INSERT INTO tenants VALUES ('a', 'Anna'), ('b', 'Bert');
CREATE TABLE sessions (id integer PRIMARY KEY, tenant_id text REFERENCES tenants, user_id text, email text NOT NULL);
INSERT INTO sessions SELECT n, CASE WHEN n % 2 = 0 THEN 'a' ELSE 'b' END, 'user ' || n % 10, n || '@example.org'
    FROM generate_series(1, 40) AS n;
CREATE TABLE log (what text);
INSERT INTO log SELECT 'line' FROM generate_series(1, 50);
"""


@pytest.fixture(scope="module")
def staging(root: Path) -> Environment:
    """The shipped staging environment."""
    return stack_file.read("staging", root)


@pytest.fixture(scope="module")
def source(cluster: Cluster, root: Path) -> Iterator[Database]:
    """A database as the application and post-provision leave it."""
    with new_database(cluster) as made:
        _fill(made, stack_file.read("uat", root))
        yield made


def _fill(database: Database, environment: Environment) -> None:
    with database.session() as session:
        session.execute("CREATE EXTENSION vector")
        vector_tables.create_tables(session, environment.vector_sets)
        for number, vector_set in enumerate(environment.vector_sets):
            made = memories.make(ROWS, vector_set.dimensions, seed=number)
            vector_tables.load(session, vector_set, made, lambda count: None)
        session.execute(MORE.encode())
    provision.bring(environment, dsn=database.dsn(), password=PASSWORD, quiet=True)


@pytest.fixture
def target(cluster: Cluster) -> Iterator[Database]:
    """A new database for the copy."""
    with new_database(cluster) as made:
        yield made


def doors(source: Database, target: Database, folder: Path) -> Doors:
    """The ways to both, and a ledger in `folder`."""
    return Doors(lambda: connect(source), lambda: connect(target), LedgerFile(folder / "ledger"))


def compared(source: Database, target: Database) -> list[str]:
    """The tables in which the two differ; our own notes of builds are each server's own."""
    there = {(each.schema_name, each.name): each for each in digests(lambda: connect(source))}
    here = {(each.schema_name, each.name): each for each in digests(lambda: connect(target))}
    mine = {("agent_memory", "index_builds")}
    return sorted(".".join(key) for key in (there.keys() | here.keys()) - mine if there.get(key) != here.get(key))


def test_everything_travels_and_is_proved(
    source: Database, target: Database, staging: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert promote(Journey(source="uat", target=staging, as_json=True), doors(source, target, tmp_path)) == GOOD
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "ok" and {each["verdict"] for each in told["preflight"]} == {"ok"}
    assert [phase["name"] for phase in told["phases"]][-2:] == ["answers", "recall"]
    assert compared(source, target) == []
    assert "recall@10" in told["phases"][-1]["evidence"]
    assert target.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid OR NOT indisready") == 0
    (line,) = LedgerFile(tmp_path / "ledger").read().records
    assert line.kind is Kind.PROMOTION and line.facts["verdict"] == "ok" and line.facts["from"] == "uat"


def test_a_new_environment_that_was_post_provisioned_takes_it_and_goes_on(
    source: Database, target: Database, staging: Environment, tmp_path: Path
) -> None:
    provision.bring(staging, dsn=target.dsn(), password=PASSWORD, quiet=True)
    assert promote(Journey(source="uat", target=staging), doors(source, target, tmp_path)) == GOOD
    report = provision.bring(staging, dsn=target.dsn(), password=PASSWORD, quiet=True)
    assert report.ok and not report.builds
    assert target.value("SELECT has_table_privilege('app_rw', 'sessions', 'INSERT')")


def test_a_full_target_is_refused_until_its_server_is_named(
    source: Database, target: Database, staging: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = doors(source, target, tmp_path)
    assert promote(Journey(source="uat", target=staging), ways) == GOOD
    capsys.readouterr()
    assert promote(Journey(source="uat", target=staging), ways) == REFUSED
    assert f"--replace {staging.server.name} drops everything in it" in capsys.readouterr().out
    with pytest.raises(Failure) as raised:
        promote(Journey(source="uat", target=staging, replace="zepmem-prod"), ways)
    assert raised.value.code is USAGE
    assert promote(Journey(source="uat", target=staging, replace=staging.server.name), ways) == GOOD
    assert compared(source, target) == []
    assert target.value("SELECT count(*) FROM log") == 50


def test_the_plan_changes_nothing(
    source: Database, target: Database, staging: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert promote(Journey(source="uat", target=staging, dry_run=True), doors(source, target, tmp_path)) == GOOD
    assert "would travel; nothing was changed" in capsys.readouterr().out
    assert target.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'agent'") == 0
    assert not (tmp_path / "ledger").exists()


def test_data_of_prod_goes_down_masked_or_with_a_reason(
    source: Database, target: Database, staging: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = doors(source, target, tmp_path)
    assert promote(Journey(source="prod", target=staging), ways) == REFUSED
    assert "nothing is masked" in capsys.readouterr().out
    rules = tmp_path / "rules.yaml"
    rules.write_text("""
mask: {public.sessions: {email: {hash: true}, user_id: {set: somebody}}, public.tenants: {name: {set: nobody}}}
tenants: {column: tenant_id, keep: [a], tables: {public.tenants: id}}
subjects: {column: user_id, erased: [user 4]}
""")
    assert promote(Journey(source="prod", target=staging, rules=rules), ways) == GOOD
    assert target.value("SELECT array_agg(DISTINCT tenant_id) FROM sessions") == ["a"]
    assert target.value("SELECT count(*) FROM sessions") == 16
    assert target.value("SELECT count(*) FROM sessions WHERE id % 10 = 4 OR email LIKE '%@%' OR user_id <> 'somebody'") == 0
    assert target.value("SELECT string_agg(name, ',') FROM tenants") == "nobody"
    capsys.readouterr()
    reason = Journey(source="prod", target=staging, unmasked="synthetic data", replace=staging.server.name)
    assert promote(reason, ways) == GOOD
    assert LedgerFile(tmp_path / "ledger").read().records[-1].facts["unmasked"] == "synthetic data"


def test_a_copy_travels_as_well_and_only_under_its_name(
    source: Database, target: Database, staging: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert taken(source, tmp_path / "copies", "uat") == GOOD
    (folder,) = (tmp_path / "copies").iterdir()
    ways = doors(source, target, tmp_path)
    with pytest.raises(Failure, match="is a copy of uat, not of dev"):
        promote(Journey(source="dev", target=staging, copy=folder), ways)
    whole = (folder / "data/0001.copy.zst").read_bytes()
    (folder / "data/0001.copy.zst").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(Failure, match="SHA-256"):
        promote(Journey(source="uat", target=staging, copy=folder), ways)
    assert target.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'agent'") == 0
    (folder / "data/0001.copy.zst").write_bytes(whole)
    assert promote(Journey(source="uat", target=staging, copy=folder), ways) == GOOD
    assert compared(source, target) == []
    uat = staging.model_copy(update={"name": "uat"})
    assert promote(Journey(source="uat", target=uat, replace=uat.server.name), ways) == REFUSED
    assert promote(Journey(source="uat", target=uat, copy=folder, replace=uat.server.name), ways) == GOOD


def test_another_model_is_refused(
    source: Database, target: Database, staging: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = staging.vector_sets[0]
    other = first.model_copy(update={"model": first.model.model_copy(update={"name": "another"})})
    changed = staging.model_copy(update={"vector_sets": (other, *staging.vector_sets[1:])})
    assert promote(Journey(source="uat", target=changed), doors(source, target, tmp_path)) == REFUSED
    assert "declared in the target is another" in capsys.readouterr().out
    assert target.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'agent'") == 0


def test_a_bridge_answers_first_and_goes(
    source: Database, target: Database, staging: Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert promote(Journey(source="uat", target=staging, bridge=True), doors(source, target, tmp_path)) == GOOD
    assert "2 IVFFlat indexes answer until the HNSW indexes are there" in capsys.readouterr().out
    found = (
        "SELECT array_agg(DISTINCT amname::text) FROM pg_class AS c JOIN pg_am AS m ON m.oid = relam WHERE amname IN ('hnsw', 'ivfflat')"
    )
    assert target.value(found) == ["hnsw"]
    settings = (
        "SELECT coalesce(array_to_string(array_agg(setconfig), ' '), '') FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM"
    )
    assert "probes" not in target.value(f"{settings} pg_database WHERE datname = current_database())")


def test_one_transfer_at_a_time(source: Database, target: Database, staging: Environment, tmp_path: Path) -> None:
    held = transfer_target.Target(lambda: connect(target))
    held.lock()
    with pytest.raises(Failure) as raised:
        promote(Journey(source="uat", target=staging), doors(source, target, tmp_path))
    assert raised.value.code is BUSY
    held.close()
