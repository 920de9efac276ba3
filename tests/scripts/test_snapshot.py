"""`agentmem snapshot` against the local Azure with the real SDK: taken, proved, written down, resumed, pruned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.domain import copies, names
from infra.domain.environment import Environment
from infra.domain.ledger import Kind
from scripts.edges.exits import BUSY, GOOD, REFUSED, USAGE, Failure
from scripts.edges.ledger_file import LedgerFile
from scripts.local_azure.serve import LocalAzure
from scripts.snapshot.listing import listing
from scripts.snapshot.prune import prune
from tests.scripts.backed_up import create_resource, emptied, on_demand, records, refusal, run, take, with_restorable_server, with_server

NOW = datetime.now(UTC)
REASON = "before 0042"


@pytest.fixture(scope="module")
def made(azure: LocalAzure, root: Path) -> tuple[Environment, str]:
    """The shipped prod with its server."""
    return with_restorable_server(azure, root, "prod", "zepmem-copied")


@pytest.fixture
def prod(at_azure: LocalAzure, made: tuple[Environment, str]) -> Iterator[Environment]:
    """The same, without on-demand backups."""
    emptied(made[0])
    yield made[0]


def seven(environment: Environment) -> list[str]:
    """Seven backups with names of ours, oldest first."""
    found = [copies.copy_name("prod", "x", NOW - timedelta(hours=9 - number)) for number in range(7)]
    for name in found:
        take(environment, name)
    return found


def test_a_snapshot_is_taken_proved_and_written_down(prod: Environment, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(prod, ledger) == GOOD
    told = json.loads(capsys.readouterr().out)
    (backup,) = on_demand(prod)
    assert copies.is_ours("prod", backup.name) and backup.name.startswith("prod-before-0042-")
    assert (told["schema"], told["verdict"], told["copy"]["name"]) == ("agentmem/snapshot-create/1", "ok", backup.name)
    assert [phase["name"] for phase in told["phases"]] == ["look", "take", "prove"]
    (copy, proof) = records(ledger)
    assert (copy.kind, proof.kind, copy.copy, proof.facts["verdict"]) == (Kind.COPY, Kind.PROOF, backup.name, "ok")
    assert copy.facts["completed"] == backup.completed.isoformat() if backup.completed else False
    assert LedgerFile(ledger).under_way(prod.server.name) is None


def test_the_ledger_is_for_its_owner_alone(prod: Environment, ledger: Path) -> None:
    run(prod, ledger)
    assert ledger.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in ledger.iterdir()} == {
        "copies.jsonl": 0o600, "copies.head": 0o600, "copies.lock": 0o600, "zepmem-copied.lock": 0o600,
    }  # fmt: skip


def test_a_dry_run_shows_the_name_and_leaves_nothing(prod: Environment, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(prod, ledger, dry_run=True, as_json=False) == GOOD
    assert "would be taken; nothing was changed" in capsys.readouterr().out
    assert (on_demand(prod), ledger.exists()) == ([], False)


def test_a_reason_without_words_is_no_reason(prod: Environment, ledger: Path) -> None:
    assert refusal(prod, ledger, reason=" \n").code is USAGE


def test_a_name_that_exists_is_refused_before_azure_is_asked(prod: Environment, ledger: Path) -> None:
    take(prod, copies.copy_name("prod", REASON, NOW))
    found = refusal(prod, ledger, now=lambda: NOW)
    assert (found.code, found.where) == (REFUSED, "zepmem-copied")
    assert "exists: Azure answers InternalServerError (R15)" in found.fact
    assert records(ledger) == ()


def test_the_eighth_is_refused_and_the_way_out_named(prod: Environment, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = seven(prod)
    found = refusal(prod, ledger)
    assert (found.code, found.fact) == (REFUSED, "backup would be number 8, a server keeps 7 (R15)")
    assert "--prune-oldest" in found.hint
    assert run(prod, ledger, prune_oldest=True) == GOOD
    assert json.loads(capsys.readouterr().out)["pruned"] == before[:1]
    assert [each.name for each in on_demand(prod)][:6] == before[1:]
    assert [record.kind for record in records(ledger)] == [Kind.REMOVED, Kind.COPY, Kind.PROOF]


def test_the_eighth_is_refused_where_none_of_the_seven_is_ours(prod: Environment, ledger: Path) -> None:
    for number in range(7):
        take(prod, f"by-hand-{number}")
    assert refusal(prod, ledger, prune_oldest=True).code is REFUSED
    assert len(on_demand(prod)) == 7


def test_nothing_is_begun_with_a_broken_ledger(prod: Environment, ledger: Path) -> None:
    run(prod, ledger)
    path = ledger / "copies.jsonl"
    path.write_bytes(path.read_bytes().replace(b"before 0042", b"before 0043"))
    found = refusal(prod, ledger)
    assert (found.code, found.where) == (REFUSED, f"{path}:1")
    assert len(on_demand(prod)) == 1


def test_burstable_is_told_what_its_copy_would_be(at_azure: LocalAzure, root: Path, ledger: Path) -> None:
    from scripts.edges.stack_file import read

    found = refusal(read("dev", root), ledger)
    assert (found.code, found.hint) == (REFUSED, "agentmem dump --stack dev --to FOLDER --restore")
    assert "no on-demand backup on Burstable" in found.fact and "verified logical dump" in found.fact


def test_a_server_without_its_first_backup_is_busy(
    azure: LocalAzure, at_azure: LocalAzure, root: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from scripts.edges import arm

    environment, _ = with_server(azure, root, "uat", "zepmem-unborn")

    class Unborn(arm.Arm):
        def server(self, resource_group: str, name: str) -> arm.ServerFacts:
            return replace(super().server(resource_group, name), earliest_restore=None)

    found = refusal(environment, ledger, connect=lambda: Unborn(arm.connect().sdk))
    assert (found.code, "earliestRestoreDate" in found.fact) == (BUSY, True)


def test_the_list_tells_the_ledgers_word_on_each_backup(prod: Environment, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take(prod, "by-hand")
    run(prod, ledger)
    capsys.readouterr()
    assert listing(prod, folder=ledger, as_json=True) == GOOD
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["copies"]}
    assert (rows["by-hand"]["proof"], rows["by-hand"]["verified"]) == ("not in the ledger", False)
    (ours,) = [row for row in rows.values() if row["verified"]]
    assert (ours["reason"], ours["kind"]) == (REASON, "on-demand backup")
    assert [row["kind"] for row in rows.values()].count("automatic") == 1
    emptied(prod)
    listing(prod, folder=ledger)
    told = capsys.readouterr().out
    assert "gone from Azure" in told and "there is no hourly snapshot" in told and "0 of 7 on-demand backups" in told


def test_the_oldest_are_pruned_when_the_servers_name_is_typed(prod: Environment, ledger: Path) -> None:
    before = seven(prod)
    with pytest.raises(Failure, match="was not typed"):
        prune(prod, folder=ledger, reason="tidy", keep=5, ask=lambda question: "yes")
    assert prune(prod, folder=ledger, reason="tidy", keep=5, dry_run=True) == GOOD
    assert len(on_demand(prod)) == 7
    assert prune(prod, folder=ledger, reason="tidy", keep=5, ask=lambda question: prod.server.name) == GOOD
    assert [each.name for each in on_demand(prod)] == before[2:]
    assert [(record.kind, record.copy) for record in records(ledger)] == [(Kind.REMOVED, name) for name in before[:2]]


def test_a_lock_is_named_with_the_way_to_lift_it(azure: LocalAzure, prod: Environment, made: tuple[Environment, str], ledger: Path) -> None:
    seven(prod)
    lock = {"type_": "azure-native:authorization:ManagementLockByScope", "lockName": names.lock(prod), "level": "CanNotDelete"}
    made_lock = create_resource(azure, scope=made[1], **lock)
    try:
        found = refusal(prod, ledger, prune_oldest=True)
    finally:
        delete_resource(azure, lock["type_"], made_lock)
    assert (found.code, found.fact) == (BUSY, "lock lock-zepmem-copied forbids to delete anything of the server")
    assert found.hint.startswith("az lock delete --name lock-zepmem-copied --resource-group rg-zepmem-copied ")
    assert found.hint.endswith("pulumi up --refresh --stack prod puts the lock back")
    assert (len(on_demand(prod)), records(ledger), LedgerFile(ledger).under_way(prod.server.name)) == (7, (), None)


def delete_resource(azure: LocalAzure, type_: str, id_: str) -> None:
    from google.protobuf.struct_pb2 import Struct
    from pulumi.runtime.proto import provider_pb2 as pb

    urn = f"urn:pulumi:prod::agent-memory::{type_}::x"
    azure.provider_stub().Delete(pb.DeleteRequest(id=id_, urn=urn, type=type_, properties=Struct()))
