"""A private server, provisioned from inside its network: refused from outside, and through the container an index that answers."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from infra.domain import names
from infra.domain.environment import Environment
from infra.domain.parsing import parse
from scripts.edges import capture, memories, postgres, stack_file
from scripts.edges.stack_file import LOCATION, NAMESPACE
from scripts.local_azure.serve import LocalAzure
from tests.waiting import until

JOB = {"image": "r.azurecr.io/agentmem:1@sha256:" + "0" * 64, "subnet": "10.20.2.0/28", "nat_gateway": True}
DIMENSIONS, ROWS, PATIENCE = 16, 300, 30.0


@dataclass(frozen=True)
class Private:
    """A private prod on the local Azure: its stack file, and the environment of somebody who is not in its network."""

    environment: Environment
    folder: Path
    azure: LocalAzure
    outside: dict[str, str]

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "scripts.cli", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command from outside, as a person types it."""
        return subprocess.run(self.command(*words), env=self.outside, capture_output=True, text=True, timeout=100, check=False)

    def session(self) -> psycopg.Connection[Any]:
        """A session of the administrator's, whom the network lets in."""
        return postgres.connect(names.dsn(self.environment), password=capture.MARKER)

    def client_id(self) -> str:
        """The client id of the containers' identity."""
        cloud = json.loads((self.azure.state / "cloud.json").read_text(encoding="utf-8"))
        (found,) = [each for key, each in cloud["resources"].items() if key.endswith(f"/{names.JOB}") and "managedidentity" in key]
        return str(found["body"]["properties"]["clientId"])

    def identity_session(self) -> psycopg.Connection[Any]:
        """A session of the containers' identity, which owns what post-provision made."""
        return postgres.connect(names.dsn(self.environment), user=names.JOB, password=postgres.entra_token())

    def leaves_nothing(self) -> bool:
        cloud = json.loads((self.azure.state / "cloud.json").read_text(encoding="utf-8"))
        return not any("/containergroups/" in key for key in cloud["resources"]) and not list((self.azure.state / "containers").iterdir())


@pytest.fixture(scope="module")
def private(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """prod with a place for containers and one small table of the application's, made by the program."""
    values: dict[str, Any] = copy.deepcopy(dict(stack_file.load("prod", root).values))
    values["network"]["job"] = JOB
    values["vector_sets"] = [{**values["vector_sets"][0], "dimensions": DIMENSIONS, "expected_rows": ROWS}]
    folder = tmp_path_factory.mktemp("inside")
    config = {LOCATION if key == "location" else f"{NAMESPACE}{key}": value for key, value in values.items()}
    (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    with LocalAzure(tmp_path_factory.mktemp("azure")) as azure:
        subscription = azure.environment["ARM_SUBSCRIPTION_ID"]
        delivered = capture.configuration_of(values)
        capture.capture(capture.PROJECT, "prod", delivered, provider=azure.provider_stub(), subscription=subscription)
        environment = parse(values, "prod")
        # The name of a private server leads nowhere outside of its network.
        nowhere = {"AGENTMEM_HOSTS": f"{names.server_host(environment)}=127.0.0.2:1", "AGENTMEM_FOLDER": str(folder)}
        with azure.as_environment():
            yield Private(environment, folder, azure, {**os.environ, **nowhere, "PGPASSWORD": capture.MARKER})
        azure.forget()


@pytest.fixture(scope="module")
def filled(private: Private) -> Private:
    """The same with the application's table and rows in it."""
    declared = private.environment.vector_sets[0]
    made = memories.make(ROWS, DIMENSIONS, seed=5).embeddings
    with private.session() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute(f"CREATE TABLE {declared.table} (id bigint PRIMARY KEY, {declared.column} vector({DIMENSIONS}))".encode())
        for number, row in enumerate(made):
            text = f"[{','.join(str(float(one)) for one in row)}]"
            connection.execute(f"INSERT INTO {declared.table} VALUES (%b, %b::vector)".encode(), (number, text))
        # Only the owner of a table may build an index on it: a role that both are members of.
        connection.execute('CREATE ROLE zep_owner; GRANT zep_owner TO cogadmin, "agentmem-job"')
        connection.execute(f"GRANT CREATE ON SCHEMA public TO zep_owner; ALTER TABLE {declared.table} OWNER TO zep_owner".encode())
    return private


def test_from_outside_it_says_which_way_leads_in(private: Private) -> None:
    refused = private.run("post-provision", "--stack", "prod")
    assert refused.returncode == 4, refused.stdout + refused.stderr
    assert refused.stderr.splitlines() == [
        "zepmem-prod is private, and was not reached from here",
        "hint: run it inside the network: agentmem inside --stack prod -- VERB",
    ]


def test_from_inside_an_index_is_built_that_answers(filled: Private) -> None:
    done = filled.run("inside", "--stack", "prod", "--", "post-provision")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 index" in done.stdout.splitlines()[-1]
    assert filled.leaves_nothing()
    declared = filled.environment.vector_sets[0]
    with filled.session() as connection:
        connection.execute("SET enable_seqscan = off")
        vector = "[" + ",".join(["0.1"] * DIMENSIONS) + "]"
        nearest = f"EXPLAIN SELECT id FROM {declared.table} ORDER BY {declared.column} <=> '{vector}' LIMIT 5"
        plan = "\n".join(str(row[0]) for row in connection.execute(nearest.encode()))
    assert "Index Scan" in plan


def test_the_code_of_a_refusal_comes_back(private: Private) -> None:
    done = private.run("inside", "--stack", "prod", "--", "post-provision", "--user", "somebody")
    assert done.returncode == 5, done.stdout + done.stderr
    assert 'password authentication failed for user "somebody"' in done.stdout
    assert private.leaves_nothing()


def test_the_administrator_logs_in_where_he_is_asked_to(private: Private) -> None:
    """With a password that travels as Azure's secure value; what the identity made is not his to read, so another database."""
    host = names.server_host(private.environment)
    elsewhere = f"postgresql://cogadmin@{host}/postgres?sslmode=verify-full"
    done = private.run("inside", "--stack", "prod", "--password", "--", "post-provision", "--dry-run", "--dsn", elsewhere)
    assert done.stdout.startswith(f"post-provision prod · {host}/postgres"), done.stdout + done.stderr
    assert capture.MARKER not in (private.azure.state / "cloud.json").read_text(encoding="utf-8")


def test_a_run_that_was_killed_is_taken_up_by_the_next(filled: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one waits for a lock when its terminal is killed; the second sees its words from the beginning, and its end."""
    words = ("inside", "--stack", "prod", "--", "post-provision")
    monkeypatch.setenv("AZURE_CLIENT_ID", filled.client_id())
    with filled.identity_session() as holder, holder.transaction():
        holder.execute("LOCK TABLE agent_memory.vector_sets IN ACCESS EXCLUSIVE MODE")
        first = subprocess.Popen(filled.command(*words), env=filled.outside, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: holder.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone(), PATIENCE)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        second = subprocess.Popen(filled.command(*words), env=filled.outside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert second.stderr is not None
        assert second.stderr.readline().startswith("joining post-provision")
    said, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, said
    assert said.startswith("post-provision prod")
    assert filled.leaves_nothing()
