"""The local Azure as a child process: it starts, tells where its doors are, keeps its state, and never outlives its parent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb

from scripts.local_azure.doors import TENANT
from scripts.local_azure.identity_door import OBJECT_ID
from scripts.local_azure.serve import LocalAzure, LocalAzureFailed
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
GROUP = "azure-native:resources:ResourceGroup"
SERVER = "azure-native:dbforpostgresql:Server"
FIREWALL = "azure-native:dbforpostgresql:FirewallRule"
ADMINISTRATOR = "azure-native:dbforpostgresql:AdministratorsMicrosoftEntra"
PASSWORD = "Local-" + uuid.uuid4().hex
SECONDS = 20.0


def make(azure: LocalAzure, type_: str, **values: Any) -> str:
    properties = Struct()
    properties.update({"resourceGroupName": "rg-serve", "location": "westeurope", **values})
    request = pb.CreateRequest(urn=f"urn:pulumi:dev::agent-memory::{type_}::x", type=type_, properties=properties)
    return str(azure.provider_stub().Create(request).id)


def make_server(azure: LocalAzure, name: str, **more: Any) -> None:
    with contextlib.suppress(grpc.RpcError):  # the group may be there
        make(azure, GROUP)
    make(
        azure, SERVER, serverName=name, version="16", sku={"name": "Standard_B1ms", "tier": "Burstable"},
        administratorLogin="cogadmin", administratorLoginPassword=PASSWORD, network={"publicNetworkAccess": "Enabled"}, **more,
    )  # fmt: skip
    make(azure, FIREWALL, serverName=name, firewallRuleName="here", startIpAddress="127.0.0.1", endIpAddress="127.0.0.1")


def log_in(azure: LocalAzure, server: str, user: str, password: str) -> Any:
    """A session through the gateway, as a client far away has it: encrypted, certificate and name verified."""
    import psycopg

    name = f"{server}.postgres.database.azure.com"
    host, _, port = azure.hosts()[name].rpartition(":")
    return psycopg.connect(
        host=name, hostaddr=host, port=int(port), user=user, password=password, dbname="postgres", sslmode="verify-full",
        sslrootcert=azure.environment["PGSSLROOTCERT"], connect_timeout=10,
    )  # fmt: skip


def lives(pid: int) -> bool:
    """True unless the process is gone or a zombie that only waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    shown = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(each) for each in shown.stdout.split()]


def test_what_it_says_leads_a_child_command_to_every_door(azure: LocalAzure) -> None:
    found = azure.environment
    assert found["AGENTMEM_ARM_ENDPOINT"] == azure.arm_endpoint
    assert found["PULUMI_DEBUG_PROVIDERS"] == "azure-native:" + azure.provider_address.rpartition(":")[2]
    assert Path(found["REQUESTS_CA_BUNDLE"]).is_file() and Path(found["PGSSLROOTCERT"]).is_file()
    assert found["IDENTITY_ENDPOINT"] == azure.identity_endpoint
    assert "127.0.0.1" in found["NO_PROXY"]
    for name in ("arm_endpoint", "identity_endpoint", "provider_address"):
        assert "127.0.0.1:" in getattr(azure, name)


def test_a_logged_in_user_is_never_asked(azure: LocalAzure) -> None:
    """Credentials in the environment that the real Azure would take must not be tried, not even with a failing answer."""
    probe = (
        "import json, base64\nfrom azure.identity import DefaultAzureCredential\n"
        "token = DefaultAzureCredential().get_token('https://x/.default').token\n"
        "print(json.loads(base64.urlsafe_b64decode(token.split('.')[1] + '=='))['tid'])"
    )
    real = {"AZURE_TENANT_ID": str(uuid.uuid4()), "AZURE_CLIENT_ID": str(uuid.uuid4()), "AZURE_CLIENT_SECRET": "x"}
    environment = {**os.environ, **real, **azure.environment}
    shown = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, timeout=60)
    assert shown.stdout.strip() == TENANT, shown.stderr


def test_a_second_one_on_the_same_state_says_which_process_holds_it(azure: LocalAzure) -> None:
    with pytest.raises(LocalAzureFailed, match=f"process {azure.pid} already") as caught:
        LocalAzure(azure.state).start()
    assert caught.value.pid == azure.pid
    assert azure.hosts() is not None


def test_refuses_what_is_no_fault_and_goes_on(azure: LocalAzure) -> None:
    for bad in ({"effect": "explode"}, {"effect": "lose", "colour": "red"}, {}):
        with pytest.raises(LocalAzureFailed):
            azure.fault(bad)
    assert azure.hosts() is not None


def test_what_was_made_outlives_a_run_and_fresh_forgets_it(tmp_path: Path) -> None:
    with LocalAzure(tmp_path) as first:
        made = make(first, GROUP)
    with LocalAzure(tmp_path) as second:
        assert second.provider_stub().Read(pb.ReadRequest(id=made, type=GROUP)).id == made
    with LocalAzure(tmp_path, fresh=True) as third:
        assert third.provider_stub().Read(pb.ReadRequest(id=made, type=GROUP)).id == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "scripts.local_azure.serve", "--state", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert "arm" in json.loads(child.stdout.readline())
        child.send_signal(number)
        assert child.wait(20) == 0


def test_asking_one_that_has_ended_is_an_error_that_names_the_log(tmp_path: Path) -> None:
    azure = LocalAzure(tmp_path)
    azure.start()
    os.kill(azure.pid, signal.SIGKILL)
    try:
        until(lambda: not lives(azure.pid), SECONDS)
        with pytest.raises(LocalAzureFailed, match=r"local-azure\.log"):
            azure.hosts()
    finally:
        azure.stop()
    with pytest.raises(LocalAzureFailed, match="not running"):
        azure.hosts()


@pytest.mark.live
def test_nobody_but_the_owner_reads_the_state_and_no_secret_is_in_the_log(azure: LocalAzure) -> None:
    make_server(azure, "zepmem-log")
    log = azure.state / "local-azure.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(azure.state.stat().st_mode) == 0o700
    text = log.read_text()
    assert "/flexibleServers/zepmem-log" in text
    for secret in (PASSWORD, azure.environment["IDENTITY_HEADER"], "eyJ"):
        assert secret not in text
    for path in azure.state.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".log"):
            assert PASSWORD not in path.read_text(errors="replace"), path


PARENT = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.scripts.local_azure.test_serve import make_server
from scripts.local_azure.doors import TENANT
from scripts.local_azure.serve import LocalAzure
azure = LocalAzure(Path({state!r}))
azure.start()
make_server(azure, "zepmem-orphan")
print(azure.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.live
def test_a_killed_parent_takes_doors_and_servers_with_it(tmp_path: Path) -> None:
    program = PARENT.format(root=str(ROOT), state=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        servers = [pid for pid in children_of(child) if "postgres" in Path(f"/proc/{pid}/cmdline").read_text()]
        assert servers
        parent.kill()
    until(lambda: not lives(child), SECONDS, "the child outlived its parent")
    until(lambda: not any(lives(pid) for pid in servers), SECONDS, "a PostgreSQL outlived its cloud")


@pytest.mark.live
def test_what_a_killed_child_left_is_swept_and_served_again(tmp_path: Path) -> None:
    azure = LocalAzure(tmp_path)
    azure.start()
    make_server(azure, "zepmem-swept")
    child = azure.pid
    os.kill(child, signal.SIGKILL)
    azure.stop()
    with LocalAzure(tmp_path) as again, log_in(again, "zepmem-swept", "cogadmin", PASSWORD) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.live
def test_a_token_of_the_identity_door_logs_its_principal_in_to_postgresql(at_azure: LocalAzure) -> None:
    from azure.identity import DefaultAzureCredential

    name = "zepmem-entra"
    make_server(at_azure, name, authConfig={"activeDirectoryAuth": "Enabled", "passwordAuth": "Enabled"})
    make(
        at_azure, ADMINISTRATOR, serverName=name, objectId=OBJECT_ID, principalName="agents", principalType="ServicePrincipal",
        tenantId=TENANT,
    )  # fmt: skip
    token = DefaultAzureCredential().get_token("https://ossrdbms-aad.database.windows.net/.default").token
    with log_in(at_azure, name, "agents", token) as session:
        assert session.execute("SELECT current_user").fetchone() == ("agents",)
    with pytest.raises(Exception, match="password authentication failed"), log_in(at_azure, name, "agents", token + "x"):
        pass
