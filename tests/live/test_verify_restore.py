"""`agentmem verify --restore`: a copy comes back whole in a server of its own, and whatever is not equal is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.domain.manifest import encode
from scripts.edges import dump_files, transfer_target
from scripts.edges.exits import BAD, GOOD
from scripts.local_azure.postgres import Cluster
from scripts.proof_server import proof_server
from scripts.verify import verify
from tests.live.conftest import Database
from tests.live.hard_to_copy import SCHEMA, server_of, taken


@pytest.fixture
def copy(database: Database, tmp_path: Path) -> Path:
    """A copy of everything that is hard to copy."""
    with database.session() as session:
        session.execute(SCHEMA.encode())
    assert taken(database, tmp_path) == GOOD
    (folder,) = tmp_path.iterdir()
    return folder


def test_a_copy_restores_into_a_server_of_its_own(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert verify(copy, server=proof_server, as_json=True) == GOOD
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "ok" and told["restored"]
    assert [phase["name"] for phase in told["phases"]] == ["schema", "data", "proof", "keys", "indexes", "statistics", "vectors"]


def test_nothing_is_missing_afterwards(copy: Path, cluster: Cluster, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Database] = []
    objects = """SELECT array_agg(each ORDER BY each) FROM (
        SELECT pg_describe_object('pg_class'::regclass, oid, 0) || relkind::text AS each FROM pg_class
        WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema|agent_memory)'
        UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT pg_get_constraintdef(oid) || convalidated::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT pg_get_indexdef(indexrelid) || indisvalid::text FROM pg_index
        WHERE indrelid::regclass::text !~ '^(pg_|agent_)'
        UNION ALL SELECT format('%s %s', sequencename, coalesce(last_value, 0)) FROM pg_sequences WHERE schemaname <> 'agent_memory'
        ) AS o"""
    seen: list[object] = []
    end = transfer_target.Target.end

    def looked(target: transfer_target.Target) -> None:
        end(target)
        seen.append(kept[-1].value(objects))
        seen.append(kept[-1].value("SELECT facts FROM counted"))
        seen.append(kept[-1].value("SELECT nextval('unused')"))

    monkeypatch.setattr(transfer_target.Target, "end", looked)
    assert verify(copy, server=server_of(cluster, kept)) == GOOD
    assert seen == [database.value(objects), 60, 7]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tables": {"facts": {"rows": 61}}}, "holds 60 rows, the manifest says 61"),
        ({"tables": {"facts": {"digest": "1"}}}, "public.facts has as many rows, but other content"),
        ({"vector_columns": {"embedding": {"zeros": 1}}}, "public.facts.embedding: has other vectors than the copy"),
        ({"queries": {"embedding": {"distances": [0.5]}}}, "public.facts.embedding: a query of the copy has another answer"),
    ],
)
def test_what_a_manifest_says_must_be_so(
    copy: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str], change: dict[str, dict[str, dict[str, object]]], says: str
) -> None:
    manifest = dump_files.read_manifest(copy)
    content = manifest.model_dump(mode="json")
    ((part, ((name, update),)),) = [(part, tuple(found.items())) for part, found in change.items()]
    wanted = next(each for each in content[part] if name in (each.get("name"), each.get("column")) and each.get("table") in (None, "facts"))
    wanted.update(update)
    (copy / "manifest.json").write_bytes(encode(type(manifest).model_validate_json(json.dumps(content))))
    assert verify(copy, server=server_of(cluster)) == BAD
    assert says in capsys.readouterr().out
