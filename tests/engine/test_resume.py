"""`agentmem resume` on a stack whose engine was killed: what it shows, whom it asks, and that it may be cut off itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.edges.exits import BAD, GOOD, REFUSED, Failure
from scripts.edges.pulumi_state import StackState, resources, unsettled
from scripts.resume import EXISTS, NEVER, UNKNOWN, resume
from tests.engine.faults import Site, site_at
from tests.engine.records_only import RecordsOnly

SERVER, GROUP = "memory-server-postgresql", "memory-group"


@pytest.fixture(scope="module")
def site(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Dev is there as far as its server; the state is the one of an engine that was killed while it made that and the workspace."""
    with RecordsOnly(tmp_path_factory.mktemp("state")) as azure:
        found = site_at(azure, path_with_pulumi)
        azure.fault({"effect": "refuse", "status": 500, "method": "PUT", "pattern": "*/databases/zep"})
        assert found.up("dev").returncode == 1
        yield found


@pytest.fixture(scope="module")
def made(site: Site) -> dict[str, Any]:
    """The state of an engine that nobody killed."""
    return site.state("dev").read()


def cut_off(made: Mapping[str, Any], *names: str, change: Mapping[str, object] | None = None) -> dict[str, Any]:
    """That state, as it was while these resources were on their way and before what came after; `change` of their inputs."""
    deployment = made["deployment"]
    begun = [each for each in deployment["resources"] if each["urn"].endswith(tuple(f"::{name}" for name in names))]
    assert len(begun) == len(names)
    kept = [each for each in deployment["resources"] if each not in begun and "dbforpostgresql:Configuration" not in each["type"]]
    bare = [{key: value for key, value in each.items() if key not in ("id", "outputs")} for each in begun]
    operations = [{"type": "creating", "resource": {**each, "inputs": {**each["inputs"], **(change or {})}}} for each in bare]
    return {**made, "deployment": {**deployment, "resources": kept, "pending_operations": operations}}


def left_by_an_engine(site: Site, document: Mapping[str, Any]) -> StackState:
    """The state put into the backend's file as an engine writes it: `pulumi stack import` would forget what is open."""
    file = site.azure.state / "pulumi/backend/.pulumi/stacks/agent-memory/dev.json"
    checkpoint = json.loads(file.read_text())
    checkpoint["checkpoint"]["latest"] = document["deployment"]
    file.write_text(json.dumps(checkpoint))
    return site.state("dev")


def locked_by(site: Site, host: str) -> Path:
    """The lock that an engine on `host` left."""
    lock = site.azure.state / "pulumi/backend/.pulumi/locks/organization/agent-memory/dev/00000000-0000-4000-8000-000000000001.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"pid": 4194305, "username": "ada", "hostname": host, "timestamp": "2026-11-21T08:30:09.710966145Z"}))
    return lock


def command(site: Site, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    where = {"cwd": site.shadow.folder, "env": site.environment, "input": typed, "capture_output": True, "text": True, "check": False}
    return subprocess.run([sys.executable, "-m", "scripts.cli", "resume", "--stack", "dev", *arguments], **where)


def test_a_dry_run_shows_the_lock_and_what_is_open_and_changes_nothing(site: Site, made: dict[str, Any]) -> None:
    left_by_an_engine(site, before := cut_off(made, SERVER))
    lock = locked_by(site, "elsewhere")
    done = command(site, "--dry-run", "--json")
    assert done.returncode == GOOD
    told = json.loads(done.stdout)
    assert (told["schema"], told["dry_run"]) == ("agentmem/resume/1", True)
    assert told["locked_by"] == ["ada@elsewhere (pid 4194305) since 2026-11-21T08:30:09Z"]
    assert [(each["name"], each["operation"], each["id"].rpartition("/")[2]) for each in told["unsettled"]] == [
        (SERVER, "creating", "zepmem-dev")
    ]
    assert lock.exists() and unsettled(site.state("dev").read(), "") == unsettled(before, "")
    lock.unlink()


def test_a_lock_of_another_machine_stands_until_somebody_types_the_stacks_name(site: Site, made: dict[str, Any]) -> None:
    left_by_an_engine(site, cut_off(made, SERVER))
    lock = locked_by(site, "elsewhere")
    done = command(site)
    assert (done.returncode, done.stdout, lock.exists()) == (REFUSED, "", True)
    assert "dev is locked by ada@elsewhere (pid 4194305) since 2026-11-21T08:30:09Z, on another machine\n" in done.stderr
    done = command(site, typed="dev\n")
    assert (done.returncode, lock.exists()) == (GOOD, False)
    assert f"creating  {SERVER}: {EXISTS}\n" in done.stdout
    assert done.stdout.endswith("dev can go on: pulumi up --stack dev\n")


class Unseen(StackState):
    """As in a backend that is no folder: who has the lock is told only to those who write."""

    def holders(self) -> None:
        return None


def test_a_lock_that_shows_only_when_one_writes_is_asked_about_then(site: Site, made: dict[str, Any]) -> None:
    left_by_an_engine(site, cut_off(made, SERVER))
    lock, answers = locked_by(site, "elsewhere"), ["dev"]
    state = Unseen(site.shadow.folder, "dev", site.environment)
    assert resume(state, adopt=False, yes=False, dry_run=False, as_json=False, ask=lambda text: answers.pop()) == GOOD
    assert (answers, lock.exists(), unsettled(state.read(), "")) == ([], False, ())


def test_what_exists_is_taken_over_with_its_outputs_and_what_does_not_is_forgotten(
    site: Site, made: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    state = left_by_an_engine(site, cut_off(made, SERVER, "memory-monitoring-workspace", change={"workspaceName": "log-never-made"}))
    assert resume(state, adopt=False, yes=False, dry_run=False, as_json=True) == GOOD
    outcomes = {each["name"]: each["outcome"] for each in json.loads(capsys.readouterr().out)["unsettled"]}
    assert outcomes == {SERVER: EXISTS, "memory-monitoring-workspace": NEVER}
    document = state.read()
    server = next(each for each in document["deployment"]["resources"] if each["urn"].endswith(SERVER))
    assert server["outputs"]["fullyQualifiedDomainName"] == "zepmem-dev.postgres.database.azure.com"
    assert "ciphertext" in json.dumps(server["inputs"]["administratorLoginPassword"])
    assert not document["deployment"].get("pending_operations")


def test_a_resume_that_was_cut_off_itself_is_run_again(site: Site, made: dict[str, Any]) -> None:
    """At worst it has written creations into the state, and Azure was not asked: here because Azure cannot be reached."""
    state = left_by_an_engine(site, cut_off(made, "memory-monitoring-workspace", change={"workspaceName": "log-never-made"}))
    site.azure.fault({"effect": "refuse", "status": 500, "method": "GET", "pattern": "*/workspaces/log-never-made"})
    with pytest.raises(Failure, match="pulumi refresh failed"):
        resume(state, adopt=False, yes=True, dry_run=False, as_json=True)
    left = unsettled(state.read(), "")
    assert [each.name for each in left] == ["memory-monitoring-workspace"]
    state.write({**made, "deployment": {**made["deployment"], "pending_operations": []}})  # as if it had been written, and no more
    assert resume(state, adopt=False, yes=True, dry_run=False, as_json=True) == GOOD
    assert not unsettled(state.read(), "") and [path.name for path in site.shadow.folder.glob(".resume-*")] == []


def test_what_was_cut_off_while_it_was_written_does_not_keep_the_state_from_being_read(
    site: Site, made: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A file backend writes a side file in place before it renames the state: killed in between, the engine reads neither."""
    state = left_by_an_engine(site, cut_off(made, SERVER))
    for file in (locked_by(site, "elsewhere"), site.azure.state / "pulumi/backend/.pulumi/stacks/agent-memory/dev.json"):
        file.with_name(f"{file.name}.attrs").write_text("")
    with pytest.raises(Failure, match="failed to load checkpoint: EOF"):
        state.read()
    with pytest.raises(Failure, match=r"attrs was cut off while it was written, so the state cannot be read"):
        resume(state, adopt=False, yes=True, dry_run=True, as_json=False)
    assert resume(state, adopt=False, yes=True, dry_run=False, as_json=False) == GOOD
    assert f"creating  {SERVER}: {EXISTS}\n" in capsys.readouterr().out


def test_a_creation_whose_id_cannot_be_told_is_left_for_a_person(
    site: Site, made: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    document = cut_off(made, SERVER)
    del document["deployment"]["pending_operations"][0]["resource"]["inputs"]["serverName"]
    state = left_by_an_engine(site, document)
    assert resume(state, adopt=False, yes=True, dry_run=False, as_json=False) == BAD
    assert f"creating  {SERVER}: {UNKNOWN}\n" in capsys.readouterr().out
    assert [each.name for each in unsettled(state.read(), "")] == [SERVER]


def test_an_update_that_was_cut_off_is_left_to_the_next_up(site: Site, made: dict[str, Any]) -> None:
    group = next(each for each in made["deployment"]["resources"] if each["urn"].endswith(GROUP))
    operations = [{"type": "updating", "resource": group}]
    state = left_by_an_engine(site, {**made, "deployment": {**made["deployment"], "pending_operations": operations}})
    assert resume(state, adopt=False, yes=True, dry_run=False, as_json=False) == GOOD
    after = state.read()
    assert resources(after) == resources(made) and not after["deployment"].get("pending_operations")


def test_what_would_be_adopted_is_named_and_asked_about_first(site: Site, made: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    state = left_by_an_engine(site, cut_off({**made}, "memory-monitoring-workspace"))
    with pytest.raises(Failure, match="the stack's name was not typed, nothing was changed"):
        resume(state, adopt=True, yes=False, dry_run=False, as_json=False, ask=lambda text: "")
    assert "will be taken into the state if it exists: memory-" in capsys.readouterr().err
    assert [each.name for each in unsettled(state.read(), "")] == ["memory-monitoring-workspace"]


def test_nothing_is_adopted_into_a_stack_of_which_nothing_was_ever_made(site: Site, made: dict[str, Any]) -> None:
    bare = {key: [] if key in ("resources", "pending_operations") else value for key, value in made["deployment"].items()}
    state = left_by_an_engine(site, {**made, "deployment": bare})
    with pytest.raises(Failure) as refused:
        resume(state, adopt=True, yes=True, dry_run=False, as_json=False)
    assert refused.value.code == REFUSED
