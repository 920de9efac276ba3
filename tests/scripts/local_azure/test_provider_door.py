"""The provider door, over a real gRPC channel, and the same servicer called in process."""

from __future__ import annotations

import secrets
import time
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2 as pb

from scripts.local_azure.arm_shape import SERVER
from scripts.local_azure.property_bag import UNKNOWN, bag, plain, secret_names
from scripts.local_azure.serve import LocalAzure

GROUP = "rg-provider-door"
NAME = "zepmem-provider"
MODULE = "azure-native:dbforpostgresql:"
PASSWORD = "Local-" + secrets.token_urlsafe(16)


def urn(type_: str, name: str = "x") -> str:
    return f"urn:pulumi:dev::agent-memory::{type_}::{name}"


def inputs(**changed: Any) -> dict[str, Any]:
    return {
        "resourceGroupName": GROUP, "serverName": NAME, "location": "westeurope", "version": "16",
        "sku": {"name": "Standard_B1ms", "tier": "Burstable"}, "storage": {"storageSizeGB": 32, "autoGrow": "Enabled"},
        "administratorLogin": "cogadmin", "administratorLoginPassword": PASSWORD, "network": {"publicNetworkAccess": "Enabled"},
        "backup": {"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"}, "tags": {"environment": "dev"}, **changed,
    }  # fmt: skip


def create(stub: Any, type_: str, values: dict[str, Any], hidden: tuple[str, ...] = (), preview: bool = False) -> pb.CreateResponse:
    return stub.Create(pb.CreateRequest(urn=urn(type_), type=type_, properties=bag(values, hidden), preview=preview))


@pytest.fixture(scope="module")
def stub(azure: LocalAzure) -> Any:
    made = azure.provider_stub()
    made.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1"))
    made.Configure(pb.ConfigureRequest(args=bag({"location": "westeurope"}), acceptSecrets=True))
    create(made, "azure-native:resources:ResourceGroup", {"resourceGroupName": GROUP, "location": "westeurope"})
    return made


@pytest.fixture(scope="module")
def server(stub: Any) -> pb.CreateResponse:
    return create(stub, SERVER, inputs(), hidden=("administratorLoginPassword",))


def checked(stub: Any, type_: str, values: dict[str, Any]) -> dict[str, str]:
    answer = stub.Check(pb.CheckRequest(urn=urn(type_), type=type_, news=bag(values), randomSeed=b"s" * 32))
    return {each.property: each.reason for each in answer.failures}


def test_says_who_it_is_and_that_it_takes_secrets_and_previews(stub: Any) -> None:
    assert stub.GetPluginInfo(Empty()).version == "3.29.0"
    assert stub.Handshake(pb.ProviderHandshakeRequest()).accept_secrets
    configured = stub.Configure(pb.ConfigureRequest(args=bag({"location": "westeurope"})))
    assert (configured.acceptSecrets, configured.supportsPreview) == (True, True)
    assert stub.DiffConfig(pb.DiffRequest()).changes == pb.DiffResponse.DIFF_NONE


def test_check_names_every_missing_property_and_bad_value_at_once(stub: Any) -> None:
    bad = inputs(sku={"name": "Standard_B1ms", "tier": "Bursty"}, version="9", highAvailability={"mode": "Both"})
    del bad["resourceGroupName"]
    found = checked(stub, SERVER, bad)
    assert set(found) == {"resourceGroupName", "sku.tier", "version", "highAvailability.mode"}
    assert found["resourceGroupName"] == "missing required property 'resourceGroupName'"
    assert "'Bursty'" in found["sku.tier"]


def test_check_tells_another_type_and_an_empty_name_in_the_providers_words(stub: Any) -> None:
    found = checked(stub, SERVER, inputs(storage={"storageSizeGB": "32"}, backup={"backupRetentionDays": 7.5}, serverName="", version=16))
    assert found == {
        "serverName": "'serverName' is too short (0): at least 1 characters required",
        "storage.storageSizeGB": "'storage.storageSizeGB' should be of type 'integer' but got a string",
        "backup.backupRetentionDays": "'backup.backupRetentionDays' must be an integer but got 7.500000",
        "version": "'version' should be of type 'string' but got a number",
    }


def test_check_keeps_a_secret_secret_and_tells_the_version(stub: Any) -> None:
    request = pb.CheckRequest(urn=urn(SERVER), type=SERVER, news=bag(inputs(), ("administratorLoginPassword",)))
    answer = stub.Check(request).inputs
    assert secret_names(answer) == {"administratorLoginPassword"}
    assert plain(answer)["azureApiVersion"] == "2025-08-01"


def test_check_lets_good_inputs_and_unknown_values_pass(stub: Any) -> None:
    assert checked(stub, SERVER, inputs()) == {}
    assert checked(stub, SERVER, inputs(version=UNKNOWN, resourceGroupName=UNKNOWN)) == {}


def test_check_fills_in_location_and_a_name_that_stays(stub: Any) -> None:
    values = inputs()
    del values["location"], values["serverName"]
    request = pb.CheckRequest(urn=urn(SERVER, "db"), type=SERVER, name="db", news=bag(values), randomSeed=b"s" * 32)
    given = plain(stub.Check(request).inputs)
    assert given["location"] == "westeurope"
    assert given["serverName"].startswith("db") and len(given["serverName"]) == 10
    again = pb.CheckRequest(urn=urn(SERVER, "db"), type=SERVER, name="db", news=bag(values), olds=bag(given), randomSeed=b"t" * 32)
    assert plain(stub.Check(again).inputs)["serverName"] == given["serverName"]


def test_check_refuses_what_has_no_name_to_make_an_id_of(stub: Any) -> None:
    assert "" in checked(stub, "azure-native:nowhere:Thing", {})


def test_a_kind_that_nobody_knows_is_kept_as_a_document(stub: Any) -> None:
    type_ = "azure-native:cdn:Profile"
    values = {"resourceGroupName": GROUP, "profileName": "edge", "location": "global", "sku": {"name": "Standard"}, "rules": [1]}
    assert checked(stub, type_, values) == {}
    made = create(stub, type_, values)
    assert made.id.endswith("/providers/Microsoft.Cdn/profiles/edge")
    assert plain(stub.Read(pb.ReadRequest(id=made.id, type=type_)).properties)["rules"] == [1]
    changed = pb.UpdateRequest(id=made.id, urn=urn(type_), type=type_, news=bag({**values, "rules": [2]}))
    assert plain(stub.Update(changed).properties)["rules"] == [2]
    stub.Delete(pb.DeleteRequest(id=made.id, urn=urn(type_), type=type_))
    assert stub.Read(pb.ReadRequest(id=made.id, type=type_)).id == ""


def test_a_preview_makes_nothing_and_answers_the_inputs(stub: Any) -> None:
    values = inputs(serverName="zepmem-preview")
    answer = create(stub, SERVER, values, hidden=("administratorLoginPassword",), preview=True)
    assert (answer.id, plain(answer.properties)) == ("", values)
    assert secret_names(answer.properties) == {"administratorLoginPassword"}
    gone = stub.Read(
        pb.ReadRequest(id=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{PROVIDER}/zepmem-preview", type=SERVER)
    )
    assert gone.id == ""


SUBSCRIPTION = "00000000-0000-4000-8000-0000000a9e17"
PROVIDER = "Microsoft.DBforPostgreSQL/flexibleServers"


def test_create_tells_azures_answer_flattened(server: pb.CreateResponse) -> None:
    told = plain(server.properties)
    assert server.id.endswith(f"/resourceGroups/{GROUP}/providers/{PROVIDER}/{NAME}")
    assert (told["id"], told["name"], told["type"], told["azureApiVersion"]) == (server.id, NAME, PROVIDER, "2025-08-01")
    assert (told["location"], told["state"], told["storage"]["iops"]) == ("West Europe", "Ready", 120)
    assert "properties" not in told
    assert PASSWORD not in str(server)


def test_create_refuses_what_exists_already(stub: Any, server: pb.CreateResponse) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        create(stub, SERVER, inputs())
    assert caught.value.details() == f"cannot create already existing resource '{server.id}'"


def test_create_tells_azures_refusal_with_its_code(stub: Any, server: pb.CreateResponse) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        create(stub, MODULE + "Configuration", {
            "resourceGroupName": GROUP, "serverName": NAME, "configurationName": "no_such", "value": "1", "source": "user-override",
        })  # fmt: skip
    assert 'Code="' in caught.value.details()


def test_create_tells_a_refusal_that_came_in_the_poll(stub: Any, server: pb.CreateResponse) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        create(stub, SERVER, inputs(serverName="zepmem-ha", highAvailability={"mode": "ZoneRedundant", "standbyAvailabilityZone": "2"}))
    assert "HANotSupportedForBurstableSkuWithMoreInfo" in caught.value.details()


def test_busy_is_told_with_its_code_so_that_error_hooks_can_retry(azure: LocalAzure, stub: Any, server: pb.CreateResponse) -> None:
    azure.fault({"effect": "refuse", "method": "PUT", "pattern": "*/databases/*"})
    values = {"resourceGroupName": GROUP, "serverName": NAME, "databaseName": "busy"}
    with pytest.raises(grpc.RpcError, match="ServerIsBusy"):
        create(stub, MODULE + "Database", values)
    assert create(stub, MODULE + "Database", values).id.endswith("/databases/busy")


def test_a_lost_connection_is_unavailable_and_leaves_the_resource_behind(azure: LocalAzure, stub: Any, server: pb.CreateResponse) -> None:
    azure.fault({"effect": "lose", "method": "PUT", "pattern": "*/databases/lost", "done": True})
    values = {"resourceGroupName": GROUP, "serverName": NAME, "databaseName": "lost"}
    with pytest.raises(grpc.RpcError) as caught:
        create(stub, MODULE + "Database", values)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    for _ in range(50):  # the operation that nobody waits for goes on
        try:
            create(stub, MODULE + "Database", values)
        except grpc.RpcError as error:
            if "already existing" in error.details():
                return
        time.sleep(0.05)
    raise AssertionError("the database was never made")


def test_update_puts_the_whole_and_shows_what_azure_moved(stub: Any, server: pb.CreateResponse) -> None:
    new = inputs(storage={"storageSizeGB": 64, "autoGrow": "Enabled"})
    request = pb.UpdateRequest(id=server.id, urn=urn(SERVER), type=SERVER, olds=server.properties, news=bag(new))
    told = plain(stub.Update(request).properties)
    assert (told["storage"]["tier"], told["storage"]["storageSizeGB"]) == ("P6", 64)


def test_update_in_a_preview_changes_nothing(stub: Any, server: pb.CreateResponse) -> None:
    new = inputs(tags={"environment": "preview"})
    stub.Update(pb.UpdateRequest(id=server.id, urn=urn(SERVER), type=SERVER, news=bag(new), preview=True))
    assert plain(stub.Read(pb.ReadRequest(id=server.id, type=SERVER)).inputs)["tags"] != {"environment": "preview"}


def test_import_reads_every_settable_input(stub: Any, server: pb.CreateResponse) -> None:
    found = plain(stub.Read(pb.ReadRequest(id=server.id, urn=urn(SERVER), type=SERVER)).inputs)
    expected = inputs()
    assert {key: found.get(key) for key in ("resourceGroupName", "serverName", "version", "sku", "administratorLogin", "network")} == {
        key: expected[key] for key in ("resourceGroupName", "serverName", "version", "sku", "administratorLogin", "network")
    }
    assert set(found["backup"]) == {"backupRetentionDays", "geoRedundantBackup"}
    assert set(found["storage"]) == {"storageSizeGB", "autoGrow", "iops", "tier", "type"}
    assert found["replica"] == {"role": "Primary"}
    assert not {"state", "fullyQualifiedDomainName", "systemData", "id", "name", "type", "minorVersion", "azureApiVersion"} & set(found)
    # What was read, sent back, changes nothing: this is what an update after an import does.
    stub.Update(pb.UpdateRequest(id=server.id, urn=urn(SERVER), type=SERVER, news=bag(found)))


def test_refresh_moves_only_what_azure_changed_into_the_inputs(stub: Any, server: pb.CreateResponse) -> None:
    stored = inputs()
    told = stub.Read(pb.ReadRequest(id=server.id, type=SERVER))
    stale = plain(told.properties)
    stale["backup"] = {**stale["backup"], "backupRetentionDays": 21}
    request = pb.ReadRequest(
        id=server.id,
        type=SERVER,
        properties=bag(stale),
        inputs=bag({**stored, "backup": {"backupRetentionDays": 21}}, ("administratorLoginPassword",)),
    )
    answer = stub.Read(request)
    assert plain(answer.inputs)["backup"] == {"backupRetentionDays": 7}
    assert plain(answer.inputs)["location"] == "westeurope"
    assert secret_names(answer.inputs) == {"administratorLoginPassword"}


def test_a_parameter_is_written_over_and_deleted_back_to_its_default(stub: Any, server: pb.CreateResponse) -> None:
    type_ = MODULE + "Configuration"
    values = {
        "resourceGroupName": GROUP, "serverName": NAME, "configurationName": "lock_timeout", "value": "2000", "source": "user-override",
    }  # fmt: skip
    answer = create(stub, type_, values)
    assert plain(answer.properties)["value"] == "2000"
    stub.Delete(pb.DeleteRequest(id=answer.id, urn=urn(type_), type=type_, properties=answer.properties))
    assert plain(stub.Read(pb.ReadRequest(id=answer.id, type=type_)).properties)["value"] == "0"


def test_delete_removes_and_may_be_repeated(stub: Any, server: pb.CreateResponse) -> None:
    type_ = MODULE + "FirewallRule"
    rule = {
        "resourceGroupName": GROUP, "serverName": NAME, "firewallRuleName": "office",
        "startIpAddress": "203.0.113.1", "endIpAddress": "203.0.113.1",
    }  # fmt: skip
    answer = create(stub, type_, rule)
    for _ in range(2):
        stub.Delete(pb.DeleteRequest(id=answer.id, urn=urn(type_), type=type_))
    assert stub.Read(pb.ReadRequest(id=answer.id, type=type_)).id == ""


def test_invoke_tells_who_we_are_and_shows_a_resource(stub: Any, server: pb.CreateResponse) -> None:
    own = plain(getattr(stub.Invoke(pb.InvokeRequest(tok="azure-native:authorization:getClientConfig")), "return"))
    assert own["subscriptionId"] == SUBSCRIPTION
    arguments = bag({"resourceGroupName": GROUP, "serverName": NAME})
    told = plain(getattr(stub.Invoke(pb.InvokeRequest(tok=MODULE + "getServer", args=arguments)), "return"))
    assert told["fullyQualifiedDomainName"] == f"{NAME}.postgres.database.azure.com"
