"""The ARM door, driven by the unpatched Azure SDK and, where the wire itself matters, by plain requests."""

from __future__ import annotations

import gc
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient, models as m

from scripts.local_azure.serve import LocalAzure

GROUP = "rg-arm-door"
SERVER = "zepmem-arm"
VERSION = "2025-08-01"


def bearer(azure: LocalAzure) -> dict[str, str]:
    return {"Authorization": f"Bearer {DefaultAzureCredential().get_token(azure.arm_endpoint + '/.default').token}"}


def ask(azure: LocalAzure, method: str, path: str, version: str = VERSION, **more: Any) -> requests.Response:
    """One plain request with a good token; REQUESTS_CA_BUNDLE makes the certificate trusted."""
    url = f"{azure.arm_endpoint}{path}{'&' if '?' in path else '?'}api-version={version}"
    return requests.request(method, url, headers=bearer(azure), timeout=10, **more)


def subscription(azure: LocalAzure) -> str:
    return f"/subscriptions/{azure.environment['ARM_SUBSCRIPTION_ID']}"


def server_path(azure: LocalAzure, name: str = SERVER) -> str:
    return f"{subscription(azure)}/resourceGroups/{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{name}"


def body(**properties: Any) -> m.Server:
    return m.Server(
        location="westeurope",
        sku=m.Sku(name="Standard_B1ms", tier="Burstable"),
        version="16",
        administrator_login="cogadmin",
        administrator_login_password="Local-" + uuid.uuid4().hex,
        storage=m.Storage(storage_size_gb=32),
        network=m.Network(public_network_access="Enabled"),
        **properties,
    )


@pytest.fixture
def client(at_azure: LocalAzure) -> Iterator[PostgreSQLManagementClient]:
    """The SDK as the product uses it: credential, endpoint and trust come from the environment."""
    url = at_azure.arm_endpoint
    with PostgreSQLManagementClient(
        DefaultAzureCredential(),
        at_azure.environment["ARM_SUBSCRIPTION_ID"],
        base_url=url,
        credential_scopes=[f"{url}/.default"],
        api_version=VERSION,
    ) as made:
        yield made


@pytest.fixture
def server(at_azure: LocalAzure, client: PostgreSQLManagementClient) -> m.Server:
    """The server of these tests, created by the first that asks."""
    try:
        return client.servers.get(GROUP, SERVER)
    except ResourceNotFoundError:
        ask(at_azure, "PUT", f"{subscription(at_azure)}/resourcegroups/{GROUP}", "2024-11-01", json={"location": "westeurope"})
        return client.servers.begin_create_or_update(GROUP, SERVER, body()).result()


def test_creates_and_shows_a_server_as_azure_fills_it_in(server: m.Server) -> None:
    assert (server.state, server.location, server.minor_version is not None) == ("Ready", "West Europe", True)
    assert server.fully_qualified_domain_name == f"{SERVER}.postgres.database.azure.com"
    assert (server.storage.tier, server.storage.iops, server.high_availability.mode) == ("P4", 120, "Disabled")


def test_changes_a_server_and_replaces_its_tags_as_a_whole(client: PostgreSQLManagementClient, server: m.Server) -> None:
    client.servers.begin_update(GROUP, SERVER, m.ServerForPatch(tags={"one": "1"})).result()
    patch = m.ServerForPatch(tags={"two": "2"}, backup=m.BackupForPatch(backup_retention_days=14))
    changed = client.servers.begin_update(GROUP, SERVER, patch).result()
    assert (changed.tags, changed.backup.backup_retention_days) == ({"two": "2"}, 14)


def test_lists_servers_of_the_group_and_of_the_subscription(client: PostgreSQLManagementClient, server: m.Server) -> None:
    assert SERVER in [each.name for each in client.servers.list_by_resource_group(GROUP)]
    assert SERVER in [each.name for each in client.servers.list_by_subscription()]


def test_sets_a_parameter_and_refuses_one_that_does_not_exist(client: PostgreSQLManagementClient, server: m.Server) -> None:
    wish = m.ConfigurationForUpdate(value="2000", source="user-override")
    assert client.configurations.begin_update(GROUP, SERVER, "lock_timeout", wish).result().value == "2000"
    assert len(list(client.configurations.list_by_server(GROUP, SERVER))) > 300
    with pytest.raises(ResourceNotFoundError):
        client.configurations.get(GROUP, SERVER, "no_such_parameter")


def test_adds_shows_and_deletes_a_firewall_rule(client: PostgreSQLManagementClient, server: m.Server) -> None:
    rule = m.FirewallRule(start_ip_address="203.0.113.1", end_ip_address="203.0.113.4")
    client.firewall_rules.begin_create_or_update(GROUP, SERVER, "office", rule).result()
    assert client.firewall_rules.get(GROUP, SERVER, "office").end_ip_address == "203.0.113.4"
    client.firewall_rules.begin_delete(GROUP, SERVER, "office").result()
    assert list(client.firewall_rules.list_by_server(GROUP, SERVER)) == []


def test_creates_a_database(client: PostgreSQLManagementClient, server: m.Server) -> None:
    assert client.databases.begin_create(GROUP, SERVER, "zep", m.Database(charset="utf8")).result().charset == "UTF8"
    assert "zep" in [each.name for each in client.databases.list_by_server(GROUP, SERVER)]


def test_a_failed_poll_is_an_error_with_azures_code_and_status_200(client: PostgreSQLManagementClient, server: m.Server) -> None:
    poller = client.servers.begin_update(
        GROUP, SERVER, m.ServerForPatch(high_availability=m.HighAvailabilityForPatch(mode="ZoneRedundant"))
    )
    with pytest.raises(HttpResponseError) as caught:
        poller.result()
    assert caught.value.status_code == 200
    assert caught.value.error is not None
    assert caught.value.error.code == "HANotSupportedForBurstableSkuWithMoreInfo"


def test_refuses_a_second_operation_while_one_runs(azure: LocalAzure, client: PostgreSQLManagementClient, server: m.Server) -> None:
    azure.fault({"effect": "slow", "method": "PATCH", "pattern": f"*/{SERVER}", "seconds": 1.0})
    first = client.servers.begin_update(GROUP, SERVER, m.ServerForPatch(tags={"a": "1"}))
    with pytest.raises(ResourceExistsError) as caught:
        client.servers.begin_update(GROUP, SERVER, m.ServerForPatch(tags={"b": "2"}))
    assert caught.value.error is not None
    assert (caught.value.status_code, caught.value.error.code) == (409, "ServerIsBusy")
    assert first.result().tags == {"a": "1"}


def test_throttling_is_waited_out_by_the_sdk(azure: LocalAzure, client: PostgreSQLManagementClient, server: m.Server) -> None:
    fault = {
        "effect": "refuse",
        "method": "GET",
        "pattern": f"*/{SERVER}",
        "status": 429,
        "code": "TooManyRequests",
        "seconds": 1,
        "times": 2,
    }
    azure.fault(fault)
    started = time.monotonic()
    client.servers.get(GROUP, SERVER)
    assert time.monotonic() - started > 1.9


def test_a_lost_connection_is_an_error_of_the_connection(azure: LocalAzure, server: m.Server) -> None:
    azure.fault({"effect": "lose", "method": "GET", "pattern": f"*/{SERVER}"})
    with pytest.raises(requests.ConnectionError):
        ask(azure, "GET", server_path(azure))


def test_refuses_a_request_without_a_token_or_with_a_foreign_one(at_azure: LocalAzure) -> None:
    url = f"{at_azure.arm_endpoint}/subscriptions?api-version=2022-12-01"
    database = DefaultAzureCredential().get_token("https://ossrdbms-aad.database.windows.net/.default").token
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {database}"}, {"Authorization": "Basic YTpi"}):
        answer = requests.get(url, headers=headers, timeout=5)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] in ("AuthenticationFailed", "InvalidAuthenticationToken")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert requests.get(url, headers=bearer(at_azure), timeout=5).status_code == 200


def test_a_client_that_does_not_know_our_authority_refuses_the_door(at_azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = bearer(at_azure)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(requests.exceptions.SSLError) as caught:
        requests.get(f"{at_azure.arm_endpoint}/subscriptions?api-version=2022-12-01", headers=headers, timeout=5)
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value)


def test_answers_a_write_with_202_two_long_links_and_not_the_resource(at_azure: LocalAzure, server: m.Server) -> None:
    answer = ask(at_azure, "PATCH", server_path(at_azure), json={"tags": {"wire": "1"}})
    assert (answer.status_code, set(answer.json())) == (202, {"operation", "startTime"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", answer.json()["startTime"])
    for header, kind in (("Azure-AsyncOperation", "azureAsyncOperation"), ("Location", "operationResults")):
        link = answer.headers[header]
        assert f"/locations/westeurope/{kind}/" in link
        assert [part.split("=")[0] for part in link.split("?")[1].split("&")] == ["api-version", "t", "c", "s", "h"]
        assert 3000 < len(link) < 3800
    assert answer.headers["x-ms-ratelimit-remaining-subscription-writes"] == "799"
    assert poll_to_the_end(at_azure, answer)["status"] == "Succeeded"


def poll_to_the_end(azure: LocalAzure, answer: requests.Response) -> dict[str, Any]:
    while True:
        poll = requests.get(answer.headers["Azure-AsyncOperation"], headers=bearer(azure), timeout=5)
        assert poll.status_code == 200
        if poll.json()["status"] != "InProgress":
            return dict(poll.json())
        assert set(poll.json()) == {"name", "status", "startTime"}
        time.sleep(int(poll.headers["retry-after-ms"]) / 1000)


def test_result_of_a_restart_is_the_recorded_body(at_azure: LocalAzure, server: m.Server) -> None:
    answer = ask(at_azure, "POST", server_path(at_azure) + "/restart", json={"restartWithFailover": False})
    running = requests.get(answer.headers["Location"], headers=bearer(at_azure), timeout=5)
    assert running.status_code == 202
    poll_to_the_end(at_azure, answer)
    done = requests.get(answer.headers["Location"], headers=bearer(at_azure), timeout=5)
    assert (done.status_code, done.json()) == (200, {"properties": {}, "name": SERVER, "type": "PostgreSQL"})


def test_paths_and_names_are_compared_without_regard_to_case(at_azure: LocalAzure, server: m.Server) -> None:
    path = server_path(at_azure).replace("resourceGroups", "RESOURCEGROUPS").replace("flexibleServers", "FLEXIBLESERVERS")
    assert ask(at_azure, "GET", path).json()["name"] == SERVER


def test_resource_groups_answer_as_recorded(at_azure: LocalAzure, server: m.Server) -> None:
    path = f"{subscription(at_azure)}/resourcegroups/{GROUP}"
    assert ask(at_azure, "HEAD", path, "2024-11-01").status_code == 204
    assert ask(at_azure, "GET", path, "2024-11-01").json()["type"] == "Microsoft.Resources/resourceGroups"
    assert ask(at_azure, "HEAD", path + "-none", "2024-11-01").status_code == 404


def test_subscriptions_tell_tenant_and_state(at_azure: LocalAzure) -> None:
    (only,) = ask(at_azure, "GET", "/subscriptions", "2022-12-01").json()["value"]
    assert (only["state"], only["subscriptionId"]) == ("Enabled", at_azure.environment["ARM_SUBSCRIPTION_ID"])
    assert uuid.UUID(only["tenantId"])


def test_name_check_knows_free_taken_and_bad_names(client: PostgreSQLManagementClient, server: m.Server) -> None:
    def check(name: str) -> m.NameAvailabilityModel:
        kind = "Microsoft.DBforPostgreSQL/flexibleServers"
        return client.name_availability.check_with_location("westeurope", m.CheckNameAvailabilityRequest(name=name, type=kind))

    free, taken, bad = check("zepmem-free"), check(SERVER), check("wrongserver.name")
    assert (free.name_available, free.message, free.reason) == (True, "", None)
    assert (taken.name_available, taken.reason) == (False, "AlreadyExists")
    assert (bad.name_available, bad.reason) == (False, "Invalid")


def test_capabilities_list_the_tables_that_check_uses(client: PostgreSQLManagementClient, server: m.Server) -> None:
    (region,) = client.capabilities_by_location.list("westeurope")
    names = {sku.name for edition in region.supported_server_editions for sku in edition.supported_server_skus}
    assert {"Standard_B1ms", "Standard_D2s_v3"} <= names
    (own,) = client.capabilities_by_server.list(GROUP, SERVER)
    assert "PremiumSSDV2HighAvailability" in {each.name for each in own.supported_features}


@pytest.mark.parametrize(
    ("path", "version", "status", "code"),
    [
        ("/subscriptions", "", 400, "MissingApiVersionParameter"),
        ("/subscriptions", "yesterday", 400, "InvalidApiVersionParameter"),
        ("/no/such/door", VERSION, 404, "NotFound"),
        ("/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups", VERSION, 404, "SubscriptionNotFound"),
        ("SERVER", "2024-08-01", 400, "NoRegisteredProviderFound"),
        ("SERVER", "2026-04-01-preview", 200, None),
        ("SERVER/nosuchthing", VERSION, 404, "InvalidResourceType"),
        ("SERVER-none", VERSION, 404, "ResourceNotFound"),
    ],
)
def test_refuses_in_arms_shape(at_azure: LocalAzure, server: m.Server, path: str, version: str, status: int, code: str | None) -> None:
    answer = ask(at_azure, "GET", path.replace("SERVER", server_path(at_azure)), version)
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()) == {"error"}
        assert set(answer.json()["error"]) >= {"code", "message"}
    if code:
        assert answer.json()["error"]["code"] == code


def test_refuses_a_body_that_is_no_json_object(at_azure: LocalAzure, server: m.Server) -> None:
    for content in (b"{", b"[]", b"\xff"):
        answer = ask(at_azure, "PUT", server_path(at_azure), data=content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequestContent")


def test_deleting_what_is_not_there_is_no_error(client: PostgreSQLManagementClient, server: m.Server) -> None:
    client.firewall_rules.begin_delete(GROUP, SERVER, "never-made").result()


def test_deletes_a_server_under_the_display_name_of_its_region(at_azure: LocalAzure, server: m.Server) -> None:
    answer = ask(at_azure, "DELETE", server_path(at_azure))
    assert "/locations/West%20Europe/azureAsyncOperation/" in answer.headers["Azure-AsyncOperation"]
    assert poll_to_the_end(at_azure, answer)["status"] == "Succeeded"
    done = requests.get(answer.headers["Location"], headers=bearer(at_azure), timeout=5)
    assert (done.status_code, done.content) == (200, b"")
    assert ask(at_azure, "GET", server_path(at_azure)).status_code == 404


# The SDK forgets the connection of an answer that it repeats; the warning comes when the garbage is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_sdk_repeats_a_create_that_met_a_plain_500(azure: LocalAzure, client: PostgreSQLManagementClient) -> None:
    azure.fault({"effect": "refuse", "method": "PUT", "pattern": "*/zepmem-500/firewallRules/*", "status": 500})
    rule = m.FirewallRule(start_ip_address="203.0.113.1", end_ip_address="203.0.113.1")
    # The second PUT, which the SDK sent by itself, met the truth: there is no such server.
    with pytest.raises(ResourceNotFoundError):
        client.firewall_rules.begin_create_or_update(GROUP, "zepmem-500", "office", rule)
    gc.collect()
