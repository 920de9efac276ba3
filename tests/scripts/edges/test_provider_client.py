"""A program that runs to its end against a provider: what is created, in which order, and how a refusal ends the run."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2_grpc

from infra.domain.registrations import SECRET
from scripts.edges.capture import MARKER, Event
from scripts.edges.exits import BUG, BUSY, CONFIGURATION, REFUSED, UNREACHABLE, Failure
from tests.scripts.edges.small_programs import HOOKED, PROGRAM, Cloud, run


def test_the_program_runs_to_its_end_on_what_the_provider_answers(tmp_path: Path) -> None:
    cloud, events = Cloud(), list[Event]()
    plan = run(tmp_path, provider=cloud, on_event=events.append)
    assert plan.outputs["id"] == "/made/server" and plan.outputs["host"] == "zep.local" and plan.outputs["upper"] == "ZEP"
    assert [item.name for item in cloud.created] == ["group", "server", "azure.extensions", "work_mem", "log_min"]
    assert cloud.variables == {"azure-native:config:location": "westeurope"}
    assert [(event.kind, event.name) for event in events[:4]] == [
        ("started", "group"), ("done", "group"), ("started", "server"), ("done", "server")
    ]  # fmt: skip
    assert len(events) == 10 and all(event.seconds >= 0 for event in events)


def test_secrets_go_wrapped_to_a_provider_that_takes_them_and_open_to_one_that_does_not(tmp_path: Path) -> None:
    for takes, wanted in ((True, rpc.wrap_rpc_secret(MARKER)["value"]), (False, MARKER)):
        cloud = Cloud(takes_secrets=takes)
        plan = run(tmp_path, provider=cloud)
        sent = next(item for item in cloud.created if item.name == "server").properties["administratorLoginPassword"]
        assert (sent["value"] if takes else sent) == wanted
        assert takes == rpc._is_rpc_struct_secret(sent)
        assert MARKER not in plan.to_json()


def test_outputs_declared_secret_come_back_as_secrets(tmp_path: Path) -> None:
    text = PROGRAM + "\npulumi.export('minor', store.server.minor_version)\npulumi.export('pw2', store.server.administrator_login)\n"
    plan = run(tmp_path, text, provider=Cloud(takes_secrets=False))
    assert plan.outputs["minor"] == SECRET and plan.outputs["pw2"] == "cog"


def test_a_failed_check_ends_the_run_with_resource_property_and_reason(tmp_path: Path) -> None:
    cloud = Cloud()
    with pytest.raises(Failure, match=r"work_mem \(Configuration\): value: is outside 64 to 2147483647") as found:
        run(tmp_path, PROGRAM.replace("16384", "refuse me"), provider=cloud)
    assert found.value.code == CONFIGURATION
    assert [item.name for item in cloud.created] == ["group", "server", "azure.extensions"]
    assert "log_min" not in [item.name for item in cloud.checked]


def test_a_refused_creation_ends_the_run_and_nothing_further_is_registered(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cloud = Cloud()
    cloud.busy = 1
    with pytest.raises(Failure, match=r"azure.extensions \(Configuration\): ServerIsBusy") as found:
        run(tmp_path, provider=cloud)
    gc.collect()
    assert found.value.code == BUSY
    assert [item.name for item in cloud.created] == ["group", "server"]
    assert capfd.readouterr().err == ""


def test_nothing_is_created_by_a_program_that_raises(tmp_path: Path) -> None:
    cloud = Cloud()
    with pytest.raises(RuntimeError, match="enough"):
        run(tmp_path, PROGRAM + "\nraise RuntimeError('enough')\n", provider=cloud)
    assert cloud.created == []


def test_error_hooks_of_the_program_retry_a_busy_server(tmp_path: Path) -> None:
    cloud = Cloud()
    cloud.busy = 3
    assert run(tmp_path, HOOKED, provider=cloud).count == 2
    assert [item.name for item in cloud.created] == ["group", "p"] and cloud.busy == 0


def test_a_before_hook_that_raises_refuses_the_creation(tmp_path: Path) -> None:
    cloud = Cloud()
    with pytest.raises(Failure, match="this name is forbidden") as found:
        run(tmp_path, HOOKED.replace('["name"]', '["name"] + "-forbidden"'), provider=cloud)
    assert found.value.code == REFUSED and "group" not in [item.name for item in cloud.created]


def test_a_provider_behind_grpc_works_like_one_in_this_process(tmp_path: Path) -> None:
    cloud = Cloud()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(cloud, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            assert run(tmp_path, provider=stub).to_json() == run(tmp_path, provider=Cloud()).to_json()
            server.stop(None).wait()
            with pytest.raises(Failure) as found:
                run(tmp_path, provider=stub)
            assert found.value.code == UNREACHABLE
    finally:
        server.stop(None)


def test_a_bug_in_the_provider_is_called_one(tmp_path: Path) -> None:
    class Broken(Cloud):
        def Create(self, request: Any, context: Any = None) -> Any:
            raise KeyError("absent")

    with pytest.raises(Failure, match=r"group \(ResourceGroup\)") as found:
        run(tmp_path, provider=Broken())
    assert found.value.code == BUG and isinstance(found.value.__cause__, KeyError)


def test_functions_are_answered_by_the_provider(tmp_path: Path) -> None:
    asks = "import pulumi\nfrom pulumi_azure_native import authorization as a\npulumi.export('t', a.get_client_config_output().tenant_id)\n"
    assert run(tmp_path, asks, provider=Cloud()).outputs["t"] == "the tenant of this cloud"
    other = "from pulumi_azure_native import resources as r\nr.get_resource_group(resource_group_name='x')\n"
    with pytest.raises(Failure, match="getResourceGroup: there is none of this name"):
        run(tmp_path, other, provider=Cloud())


def test_an_import_is_left_to_the_real_engine(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"group \(ResourceGroup\): an import needs the real engine"):
        run(tmp_path, PROGRAM.replace("location=location)", "location=location, opts=ResourceOptions(import_='/x'))", 1), provider=Cloud())
