"""`agentmem doctor` against the local Azure, with the real SDK and a small `pulumi`: each defect in turn, and what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb

from infra.domain.problem import Invalid
from scripts.doctor import doctor
from scripts.edges.exits import BAD, GOOD
from scripts.local_azure.serve import LocalAzure
from tests.scripts.ready_machine import LOGGED_IN, SALT, SECRET, STACK, Install, Run, edit, wrong


def test_nothing_is_lacking(seen: Run) -> None:
    rows = seen(GOOD)
    assert wrong(rows) == []
    assert {"python", "pulumi", "backend", "secrets provider", "password", "subscription", "server name"} < set(rows)
    assert {"Microsoft.DBforPostgreSQL", "Microsoft.Network", "version", "sku", "zones", "high availability", "geo backup"} < set(rows)
    assert rows["zones"]["detail"] == "zones 1 and 2 for Standard_D2s_v3 offered in westeurope"


def test_a_person_reads_what_mends_it(ready: Path, install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    edit(ready, SECRET, "")
    assert doctor(STACK, ready, as_json=False) == BAD
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("wrong")] == [["wrong", "password"]]
    assert "hint: password: pulumi config set --secret agent-memory:administrator_password --stack prod, which asks for it" in lines
    assert lines[-1].startswith("prod is not ready for up: 1 of ")


def test_no_pulumi(seen: Run, ready: Path) -> None:
    (ready / "bin" / "pulumi").unlink()
    assert wrong(seen(BAD)) == ["pulumi"]


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("echo v3.243.9", "3.243.9 is older than 3.244.0"),
        ("echo a game", "not Pulumi"),
        ("echo v3.259.0; exit 1", "not Pulumi"),
    ],
)
def test_a_pulumi_that_will_not_do(seen: Run, install: Install, version: str, says: str) -> None:
    install(version)
    rows = seen(BAD)
    assert wrong(rows) == ["pulumi"]
    assert says in rows["pulumi"]["detail"]


def test_the_first_pulumi_that_will_do(seen: Run, install: Install) -> None:
    install("echo v3.244.0")
    assert wrong(seen(GOOD)) == []


@pytest.mark.parametrize("whoami", ["echo PULUMI_ACCESS_TOKEN must be set >&2; exit 3", "echo somebody"])
def test_nobody_is_logged_in(seen: Run, install: Install, whoami: str) -> None:
    install(whoami=whoami)
    assert wrong(seen(BAD)) == ["backend"]


def test_a_file_backend_needs_a_secrets_provider(seen: Run, ready: Path, install: Install) -> None:
    edit(ready, SALT, "")
    assert wrong(seen(BAD)) == ["secrets provider"]
    install(whoami=LOGGED_IN.replace("file://~", "https://pulumi.example/somebody"))
    assert wrong(seen(GOOD)) == []


def test_a_stack_file_that_is_no_environment_is_refused_whole(ready: Path) -> None:
    edit(ready, "retention_days", "retention_day")
    with pytest.raises(Invalid):
        doctor(STACK, ready, as_json=False)


def test_no_subscription(seen: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARM_SUBSCRIPTION_ID")
    rows = seen(BAD)
    assert wrong(rows) == ["subscription"]
    assert "ARM_SUBSCRIPTION_ID is not set" in rows["subscription"]["detail"]
    assert (rows["region"]["ok"], rows["region"]["critical"]) == (False, False)


def test_what_was_not_asked_does_not_count(ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("ARM_SUBSCRIPTION_ID")
    assert doctor(STACK, ready, as_json=False) == BAD
    assert capsys.readouterr().out.splitlines()[-1] == "prod is not ready for up: 1 of 7 stands in the way"


def test_somebody_elses_subscription(seen: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARM_SUBSCRIPTION_ID", "11111111-2222-4333-8444-555555555555")
    rows = seen(BAD)
    assert wrong(rows) == ["subscription"]
    assert "az account show" in rows["subscription"]["hint"]


def test_nobody_to_azure(seen: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    rows = seen(BAD)
    assert wrong(rows) == ["subscription"]
    assert "az login" in rows["subscription"]["hint"]


@pytest.mark.parametrize(
    ("status", "code", "hint"), [(403, "AuthorizationFailed", "az role assignment create"), (409, "ServerIsBusy", "try again later")]
)
def test_a_refusal_is_told_and_the_rest_is_asked(seen: Run, azure: LocalAzure, status: int, code: str, hint: str) -> None:
    azure.fault({"effect": "refuse", "method": "POST", "pattern": "*/checkNameAvailability", "status": status, "code": code})
    rows = seen(BAD)
    assert wrong(rows) == ["server name"]
    assert hint in rows["server name"]["hint"]
    assert rows["geo backup"]["ok"]


def test_a_server_that_may_not_be_seen_is_not_called_free(seen: Run, azure: LocalAzure) -> None:
    azure.fault({"effect": "refuse", "method": "GET", "pattern": "*/zepmem-prod", "status": 403, "code": "AuthorizationFailed"})
    rows = seen(BAD)
    assert wrong(rows) == ["server name"]
    assert rows["server name"]["detail"].startswith("AuthorizationFailed")


def test_an_endpoint_that_is_not_here_gets_no_token(seen: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTMEM_ARM_ENDPOINT", "https://management.evil.example")
    rows = seen(BAD)
    assert wrong(rows) == ["subscription"]
    assert "unset it" in rows["subscription"]["hint"]


def make(azure: LocalAzure, type_: str, group: str, **values: Any) -> None:
    properties = Struct()
    properties.update({"resourceGroupName": group, "location": "westeurope", **values})
    azure.provider_stub().Create(pb.CreateRequest(urn=f"urn:pulumi:prod::agent-memory::{type_}::x", type=type_, properties=properties))


@pytest.mark.parametrize("group", ["rg-somebody-else", "rg-zepmem-doctor"])
def test_a_name_that_is_taken_and_one_that_is_ours(seen: Run, ready: Path, azure: LocalAzure, group: str) -> None:
    name = f"zepmem-doctor{'-x' if 'somebody' in group else ''}"
    edit(ready, "name: zepmem-prod", f"name: {name}")
    assert seen(GOOD)["server name"]["detail"] == f"{name} is free"
    make(azure, "azure-native:resources:ResourceGroup", group)
    make(
        azure, "azure-native:dbforpostgresql:Server", group, serverName=name, version="16", storage={"storageSizeGB": 64},
        sku={"name": "Standard_B1ms", "tier": "Burstable"}, network={"publicNetworkAccess": "Enabled"},
        administratorLogin="cogadmin", administratorLoginPassword="Local-12345-abcde",
    )  # fmt: skip
    if group == f"rg-{name}":
        assert seen(GOOD)["server name"]["detail"] == f"{name} is ours already, Ready"
        return
    rows = seen(BAD)
    assert wrong(rows) == ["server name"]
    assert "taken" in rows["server name"]["detail"]


def test_a_size_that_the_region_has_not(seen: Run, ready: Path) -> None:
    edit(ready, "sku: Standard_D2s_v3", "sku: Standard_D2s_v99")
    rows = seen(BAD)
    assert wrong(rows) == ["sku"]
    assert rows["sku"]["detail"] == "Standard_D2s_v99 not offered in westeurope"
    assert "Standard_D2s_v3" in rows["sku"]["hint"]


@pytest.mark.parametrize(
    ("location", "lacks"),
    [("germanynorth", ["zones", "high availability", "geo backup"]), ("italynorth", ["geo backup"]), ("nowhere", ["region"])],
)
def test_a_region_that_lacks_something(seen: Run, ready: Path, location: str, lacks: list[str]) -> None:
    edit(ready, "azure-native:location: westeurope", f"azure-native:location: {location}")
    assert wrong(seen(BAD)) == lacks
