"""`agentmem gate` against the local Azure with the real SDK: what lets a migration through, and what does not."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.domain import copies
from infra.domain.environment import Environment
from infra.domain.ledger import Kind, Record
from scripts.edges.exits import GOOD, REFUSED, USAGE, Failure
from scripts.edges.ledger_file import LedgerFile
from scripts.gate import gate
from scripts.local_azure.serve import LocalAzure
from scripts.snapshot.create import create
from tests.scripts.backed_up import emptied, on_demand, records, take, with_restorable_server, with_server

MIGRATION = "0042_add_facts"
SEED = 20261121


@pytest.fixture(scope="module")
def made(azure: LocalAzure, root: Path) -> tuple[Environment, str]:
    """The shipped uat with its server."""
    return with_restorable_server(azure, root, "uat", "zepmem-gated")


@pytest.fixture
def uat(at_azure: LocalAzure, made: tuple[Environment, str]) -> Iterator[Environment]:
    """The same, without on-demand backups."""
    emptied(made[0])
    yield made[0]


@pytest.fixture
def proved(uat: Environment, ledger: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The name of a copy that was taken and proved just now."""
    create(uat, reason="before 0042", folder=ledger, as_json=True)
    return str(json.loads(capsys.readouterr().out)["copy"]["name"])


def run(environment: Environment, ledger: Path, **more: Any) -> int:
    return gate(environment, **{"migration": MIGRATION, "folder": ledger, **more})


def refusal(environment: Environment, ledger: Path, **more: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        run(environment, ledger, **more)
    return caught.value


def test_a_fresh_verified_copy_lets_a_migration_through(
    uat: Environment, ledger: Path, proved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(uat, ledger) == GOOD
    told = f"{proved} (on-demand backup) is 0.0 h old, and 24 h is the limit"
    assert capsys.readouterr().out == f"migration {MIGRATION} of zepmem-gated may go on: {told}\n"
    last = records(ledger)[-1]
    assert (last.kind, last.copy, last.facts["migration"]) == (Kind.GATE, proved, MIGRATION)


def test_a_dry_run_says_the_same_and_writes_nothing(uat: Environment, ledger: Path, proved: str) -> None:
    assert run(uat, ledger, dry_run=True) == GOOD
    assert [record.kind for record in records(ledger)] == [Kind.COPY, Kind.PROOF]


def test_no_copy_lets_nothing_through(uat: Environment, ledger: Path) -> None:
    found = refusal(uat, ledger)
    assert (found.code, found.fact) == (REFUSED, f"migration {MIGRATION} stays out: there is no verified copy")
    assert found.hint == 'agentmem snapshot create --stack uat --reason "before a migration"'
    assert records(ledger) == ()


def test_a_backup_that_nobody_proved_lets_nothing_through(uat: Environment, ledger: Path) -> None:
    take(uat, "by-hand")
    assert refusal(uat, ledger).code is REFUSED


def test_a_copy_as_old_as_the_contract_allows_is_too_old(uat: Environment, ledger: Path, proved: str) -> None:
    (backup,) = on_demand(uat)
    assert backup.completed is not None
    limit = backup.completed + timedelta(hours=uat.backup.migration_gate_hours)
    assert run(uat, ledger, now=lambda: limit - timedelta(seconds=1)) == GOOD
    found = refusal(uat, ledger, now=lambda: limit)
    assert found.fact.endswith(f"the newest verified copy, {proved}, is 24.0 h old, and 24 h is the limit")


def test_a_copy_that_is_gone_from_azure_lets_nothing_through(uat: Environment, ledger: Path, proved: str) -> None:
    emptied(uat)
    assert refusal(uat, ledger).code is REFUSED


def test_a_copy_made_anew_under_the_same_name_is_another_one(uat: Environment, ledger: Path, proved: str) -> None:
    emptied(uat)
    take(uat, proved)
    assert refusal(uat, ledger).code is REFUSED


def test_the_copy_of_another_server_lets_nothing_through(uat: Environment, ledger: Path, proved: str, tmp_path: Path) -> None:
    other = LedgerFile(tmp_path / "other")
    other.append(
        Record(kind=each.kind, at=each.at, stack=each.stack, server=each.server.replace("gated", "else"), copy=each.copy, facts=each.facts)
        for each in records(ledger)
    )
    assert refusal(uat, other.folder).code is REFUSED


def test_a_refusal_is_a_document_too(uat: Environment, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(uat, ledger, as_json=True) == REFUSED
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["verdict"], told["copy"], told["migration"]) == ("agentmem/gate/1", "refused", None, MIGRATION)
    assert [phase["name"] for phase in told["phases"]] == ["ledger", "copies", "gate"]
    assert [phase["verdict"] for phase in told["phases"]] == ["ok", "ok", "failed"]


def test_a_verified_logical_dump_lets_a_burstable_server_through(
    azure: LocalAzure, at_azure: LocalAzure, root: Path, ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev, server = with_server(azure, root, "dev", "zepmem-small")
    assert "a logical dump, restored once to prove it" in refusal(dev, ledger).hint
    now = datetime.now(UTC)
    (tmp_path / "dev-monthly").mkdir()
    (tmp_path / "dev-monthly/manifest.json").write_bytes(b"as it was noted")
    facts = copies.logical_facts(now.isoformat(), "monthly", str(tmp_path), hashlib.sha256(b"as it was noted").hexdigest())
    about: dict[str, Any] = {"at": now, "stack": "dev", "server": server, "copy": "dev-monthly"}
    LedgerFile(ledger).append([Record(kind=Kind.COPY, facts=facts, **about)])
    assert "never verified" in refusal(dev, ledger).fact
    LedgerFile(ledger).append([Record(kind=Kind.PROOF, facts={"verdict": "ok", "evidence": "restored"}, **about)])
    assert run(dev, ledger) == GOOD
    assert "dev-monthly (logical dump)" in capsys.readouterr().out
    (tmp_path / "dev-monthly/manifest.json").write_bytes(b"as somebody left it")
    assert "there is no verified copy" in refusal(dev, ledger).fact


@pytest.mark.parametrize("name", ["copies.jsonl", "copies.head"])
def test_a_ledger_that_was_touched_lets_nothing_through(uat: Environment, ledger: Path, proved: str, name: str) -> None:
    path = ledger / name
    content, chosen = bytearray(path.read_bytes()), random.Random(SEED)
    content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
    path.write_bytes(bytes(content))
    found = refusal(uat, ledger)
    assert (found.code, found.where.startswith(str(ledger))) == (REFUSED, True)


def test_a_ledger_without_its_head_is_refused(uat: Environment, ledger: Path, proved: str) -> None:
    (ledger / "copies.head").unlink()
    assert refusal(uat, ledger).code is REFUSED


def test_a_line_cut_short_by_a_kill_is_written_over(uat: Environment, ledger: Path, proved: str) -> None:
    path = ledger / "copies.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at":"' + b"2" * 1000)
    assert run(uat, ledger) == GOOD
    assert [record.kind for record in records(ledger)] == [Kind.COPY, Kind.PROOF, Kind.GATE]
    assert path.read_bytes().endswith(b"\n")


def test_a_migration_needs_an_id(uat: Environment, ledger: Path) -> None:
    assert refusal(uat, ledger, migration=" ").code is USAGE
