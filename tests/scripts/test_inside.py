"""`agentmem inside` against the local Azure, through the door that Azure's own clients use: the container is a process of this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb

from infra.domain import names
from infra.domain.environment import Environment
from scripts.edges import arm, container_job
from scripts.edges.container_job import Jobs, Work, fresh
from scripts.edges.exits import BAD, BUSY, CONFIGURATION, GOOD, UNREACHABLE, USAGE, Failure
from scripts.edges.stack_file import load, read, without_secrets
from scripts.inside import inside
from scripts.local_azure.serve import LocalAzure
from tests.scripts.ready_machine import SALT, SECRET

JOB = "{image: r.azurecr.io/agentmem:1, subnet: 10.20.2.0/28, nat_gateway: false}"
# Longer than any of these tests waits, and long enough for a busy machine to start an interpreter.
PATIENCE = 20.0


@pytest.fixture(scope="module")
def folder(azure: LocalAzure, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """prod with a place for containers, and that place made; its server is not, as `check` needs none."""
    made = tmp_path_factory.mktemp("inside")
    text = (root / "Pulumi.prod.yaml").read_text(encoding="utf-8").replace("zepmem-prod", "zepmem-inside")
    text = text.replace("dns_zone: null, firewall: []}", f"dns_zone: null, firewall: [], job: {JOB}}}")
    (made / "Pulumi.prod.yaml").write_text(SALT + text + SECRET, encoding="utf-8")
    environment = read("prod", made)
    assert environment.network.job is not None
    make(azure, environment, "resources:ResourceGroup")
    make(azure, environment, "managedidentity:UserAssignedIdentity", resourceName=names.JOB)
    network = {"virtualNetworkName": names.virtual_network(environment)}
    make(azure, environment, "network:VirtualNetwork", **network, addressSpace={"addressPrefixes": ["10.20.0.0/16"]})
    delegate = {"name": "job", "serviceName": "Microsoft.ContainerInstance/containerGroups"}
    place = {"subnetName": names.job_subnet(environment), "addressPrefix": "10.20.2.0/28"}
    make(azure, environment, "network:Subnet", **network, **place, delegations=[delegate])
    return made


def make(azure: LocalAzure, environment: Environment, type_: str, **values: Any) -> None:
    properties = Struct()
    where = {} if type_ == "network:Subnet" else {"location": environment.location}
    properties.update({"resourceGroupName": names.resource_group(environment), **where, **values})
    type_ = f"azure-native:{type_}"
    azure.provider_stub().Create(pb.CreateRequest(urn=f"urn:pulumi:prod::agent-memory::{type_}::x", type=type_, properties=properties))


@pytest.fixture
def jobs(at_azure: LocalAzure, folder: Path) -> Iterator[Jobs]:
    """The containers of the subscription; whatever a test leaves is removed."""
    found = Jobs(arm.connect(), poll_seconds=0.05)
    yield found
    if left := found.find(place(found, folder)):
        found.remove(place(found, folder), left.run)


def place(jobs: Jobs, folder: Path) -> container_job.Place:
    environment = read("prod", folder)
    group, network = names.resource_group(environment), names.virtual_network(environment)
    return jobs.place(group, environment.location, names.JOB, network, names.job_subnet(environment))


@pytest.fixture
def silent() -> Iterator[str]:
    """The DSN of something that takes connections and never answers: whoever logs in there waits, five seconds at most."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://127.0.0.1:{server.getsockname()[1]}/zep?sslmode=disable&connect_timeout=5"


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command as a person types it."""
    command = [sys.executable, "-m", "scripts.cli", "inside", "--stack", "prod", "--folder", str(folder), "--", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def running(jobs: Jobs, folder: Path) -> container_job.Found:
    """The container once it runs."""
    end = time.monotonic() + PATIENCE
    while (found := jobs.find(place(jobs, folder))) is None or found.state != "Running":
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def nothing_is_left(azure: LocalAzure) -> bool:
    cloud = json.loads((azure.state / "cloud.json").read_text(encoding="utf-8"))
    return not any("/containergroups/" in key for key in cloud["resources"]) and not list((azure.state / "containers").iterdir())


def test_the_verb_sees_this_stack_file_and_its_words_and_code_come_back(
    jobs: Jobs, folder: Path, at_azure: LocalAzure, capfd: pytest.CaptureFixture[str]
) -> None:
    assert inside("prod", folder, ["check"], dry_run=False, replace=False, jobs=jobs) == GOOD
    said = capfd.readouterr()
    assert "fit to deploy" in said.out
    assert said.err.splitlines()[0] == "running check --stack prod inside vnet-zepmem-inside as agentmem-job"
    assert re.fullmatch(r"check --stack prod ended with 0 after [\d.]+ s; the container is removed", said.err.splitlines()[-1])
    assert nothing_is_left(at_azure)


def test_a_verb_that_fails_there_fails_here(jobs: Jobs, folder: Path, at_azure: LocalAzure, capfd: pytest.CaptureFixture[str]) -> None:
    assert inside("prod", folder, ["agentmem", "explain", "nosuchkey"], dry_run=False, replace=False, jobs=jobs) == USAGE
    assert "nosuchkey" in capfd.readouterr().out
    assert nothing_is_left(at_azure)


def test_no_secret_is_in_the_description_nor_in_the_stack_file_that_goes_along(jobs: Jobs, folder: Path, silent: str) -> None:
    child = start(folder, "post-provision", "--dsn", silent)
    running(jobs, folder)
    whole = json.dumps(jobs._ask("GET", place(jobs, folder).path))
    assert '"secret": {}' in whole
    assert "v1:" not in whole and "encryptionsalt" not in whole
    text = without_secrets(load("prod", folder))
    assert b"v1:" not in text and b"password:" in text
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=PATIENCE)


def test_the_stack_file_that_goes_along_says_the_same(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_bytes(without_secrets(load("prod", folder)))
    assert read("prod", tmp_path) == read("prod", folder)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_who_is_told_to_end_leaves_nothing(sign: signal.Signals, jobs: Jobs, folder: Path, silent: str, at_azure: LocalAzure) -> None:
    child = start(folder, "post-provision", "--dsn", silent)
    running(jobs, folder)
    child.send_signal(sign)
    said = child.communicate(timeout=PATIENCE)[1]
    assert child.returncode == 130, said
    assert nothing_is_left(at_azure)


def test_a_run_that_was_killed_is_joined_by_the_same_and_not_by_another(
    jobs: Jobs, folder: Path, silent: str, at_azure: LocalAzure, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["post-provision", "--dsn", silent]
    child = start(folder, *words)
    running(jobs, folder)
    child.kill()
    child.communicate()
    with pytest.raises(Failure) as refused:
        inside("prod", folder, ["check"], dry_run=False, replace=False, jobs=jobs)
    assert refused.value.code == BUSY
    assert refused.value.fact == f"another command runs there: post-provision --dsn {silent} --stack prod"
    assert inside("prod", folder, words, dry_run=False, replace=False, jobs=jobs) == UNREACHABLE
    said = capfd.readouterr()
    assert said.err.startswith("joining post-provision")
    assert "timeout" in said.out
    assert nothing_is_left(at_azure)


def test_what_a_killed_run_left_ended_is_removed_first_and_replace_ends_what_runs(
    jobs: Jobs, folder: Path, silent: str, at_azure: LocalAzure, capfd: pytest.CaptureFixture[str]
) -> None:
    child = start(folder, "check")
    running(jobs, folder)
    child.kill()
    child.communicate()
    end = time.monotonic() + PATIENCE
    while not (left := jobs.find(place(jobs, folder))) or not left.ended:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert inside("prod", folder, ["check"], dry_run=False, replace=False, jobs=jobs) == GOOD
    assert capfd.readouterr().err.startswith("removing what an earlier run left: check --stack prod ended with 0")
    busy = start(folder, "post-provision", "--dsn", silent)
    running(jobs, folder)
    assert inside("prod", folder, ["check"], dry_run=False, replace=True, jobs=jobs) == GOOD
    said = busy.communicate(timeout=PATIENCE)[1]
    assert busy.returncode == BAD, "its container was taken from it"
    assert "somebody else, or another run, ended it" in said
    assert nothing_is_left(at_azure)


def test_nobody_follows_or_removes_the_container_of_another_start(jobs: Jobs, folder: Path) -> None:
    where = place(jobs, folder)
    work = Work("r.azurecr.io/agentmem:1", ["--help"], {}, {}, "the same")
    jobs.start(where, work, "theirs")
    with pytest.raises(Failure) as refused:
        jobs.follow(where, "ours", print, print)
    assert refused.value.code == BAD
    jobs.remove(where, "ours")
    assert jobs.find(where) is not None
    jobs.remove(where, "theirs")
    assert jobs.find(where) is None


def test_dry_run_asks_nobody(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(arm.SUBSCRIPTION, raising=False)
    assert inside("prod", folder, ["indexes", "status"], dry_run=True, replace=False) == GOOD
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split(maxsplit=1) == ["command", "agentmem indexes status --stack prod"]
    assert shown[-1] == "nothing was started"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "a verb is missing"),
        (["agentmem"], "a verb is missing"),
        (["--stack", "prod"], "--stack is no verb to run inside a network"),
        (["inside", "check"], "inside is no verb to run inside a network"),
        (
            ["post-provision", "--dsn", "postgresql://u:secret@h/d"],
            "the command holds a password, and whoever may read the container can read it",
        ),
    ],
)
def test_what_is_no_command_is_refused_before_anything_is_asked(words: list[str], says: str, folder: Path) -> None:
    with pytest.raises(Failure) as refused:
        inside("prod", folder, words, dry_run=False, replace=False)
    assert (refused.value.code, refused.value.fact) == (USAGE, says)


def test_an_environment_without_a_place_says_how_it_gets_one(root: Path) -> None:
    with pytest.raises(Failure) as refused:
        inside("prod", root, ["post-provision"], dry_run=False, replace=False)
    assert refused.value.code == CONFIGURATION
    assert refused.value.hint.startswith("network.job in Pulumi.prod.yaml, then agentmem up")


def test_a_place_that_is_declared_and_not_made_says_what_makes_it(jobs: Jobs, folder: Path, tmp_path: Path) -> None:
    text = (folder / "Pulumi.prod.yaml").read_text(encoding="utf-8").replace("zepmem-inside", "zepmem-nowhere")
    (tmp_path / "Pulumi.prod.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Failure) as refused:
        inside("prod", tmp_path, ["check"], dry_run=False, replace=False, jobs=jobs)
    assert refused.value.code == BAD
    assert str(refused.value).splitlines() == [
        "rg-zepmem-nowhere: agentmem-job is not there",
        "hint: network.job is declared; agentmem up --stack prod makes it",
    ]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [("", "a\n", "a\n"), ("a\n", "a\nb\n", "b\n"), ("a\nb\n", "z\n", "z\n"), ("x" * 300 + "\n", "x" * 250 + "\nnew\n", "new\n")],
)
def test_a_log_that_lost_its_beginning_is_not_shown_twice(before: str, now: str, new: str) -> None:
    assert fresh(before, now) == new
