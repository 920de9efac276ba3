"""What the ARM door knows of a subscription as a whole, asked as az asks it and without a socket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from infra.domain.azure import regions
from scripts.local_azure.arm_door import ArmDoor
from scripts.local_azure.arm_routes import Reply
from scripts.local_azure.certificates import Certificates
from scripts.local_azure.cloud import Cloud
from scripts.local_azure.tokens import TokenOffice
from tests.scripts.local_azure.made_cloud import GROUP, PASSWORD, SUBSCRIPTION, TENANT

Ask = Callable[..., Reply]
# ARM's own things have ARM's own versions.
VERSION = "2024-11-01"
NETWORK = "/providers/Microsoft.Network/virtualNetworks"
SERVER = "/providers/Microsoft.DBforPostgreSQL/flexibleServers/zep-test"


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """A request to a door with a good token; in the cloud are two groups, a server with a database, and two networks."""
    office = TokenOffice(TENANT)
    cloud = Cloud(tmp_path, subscription=SUBSCRIPTION, tenant=TENANT)
    door = ArmDoor(cloud, Certificates(tmp_path).door(), office, SUBSCRIPTION)
    door.start()
    token = f"Bearer {office.issue(door.url, 'me').text}"

    def send(method: str, path: str, content: dict[str, Any] | None = None, *, version: str = VERSION, where: str = "") -> Reply:
        target = f"{path.removeprefix(door.url).partition('?')[0]}?api-version={version}&$filter={quote(where)}"
        return door.answer(method, target, token, json.dumps(content or {}).encode())

    def finish(accepted: Reply) -> None:
        while send("GET", accepted.headers["Azure-AsyncOperation"], version="2025-08-01").body["status"] == "InProgress":
            time.sleep(0.01)

    for group in (GROUP, f"{GROUP}-2"):
        send("PUT", group, {"location": "westeurope"})
        send("PUT", f"{group}{NETWORK}/net", {"location": "westeurope"})
    made = send("PUT", GROUP + SERVER, {
        "location": "westeurope", "sku": {"name": "Standard_B1ms", "tier": "Burstable"},
        "properties": {"administratorLogin": "cogadmin", "administratorLoginPassword": PASSWORD, "version": "16"},
    }, version="2025-08-01")  # fmt: skip
    finish(made)
    finish(send("PUT", f"{GROUP}{SERVER}/databases/zep", {"properties": {}}, version="2025-08-01"))
    yield send
    door.close()
    cloud.close()


def _named(reply: Reply) -> list[tuple[str, str]]:
    return sorted((each["id"].split("/")[4], each["name"]) for each in reply.body["value"])


def test_the_locations_are_the_regions_of_the_rules(ask: Ask) -> None:
    offered = {each["name"]: each for each in ask("GET", f"/subscriptions/{SUBSCRIPTION}/locations").body["value"]}
    assert set(offered) == set(regions.REGIONS)
    west = offered["westeurope"]
    assert (west["displayName"], west["metadata"]["pairedRegion"][0]["name"]) == ("West Europe", "northeurope")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", [("rg", "net"), ("rg", "zep-test"), ("rg-2", "net")]),
        ("resourceGroup eq 'RG'", [("rg", "net"), ("rg", "zep-test")]),
        ("resourceType eq 'Microsoft.Network/virtualNetworks'", [("rg", "net"), ("rg-2", "net")]),
        ("resourceGroup eq 'rg' and name eq 'zep-test' and location eq 'westeurope'", [("rg", "zep-test")]),
        ("resourceGroup eq 'elsewhere'", []),
    ],
)
def test_the_resources_are_found_by_group_type_name_and_location(ask: Ask, where: str, found: list[tuple[str, str]]) -> None:
    assert _named(ask("GET", f"/subscriptions/{SUBSCRIPTION}/resources", where=where)) == found


def test_a_filter_that_is_not_understood_is_refused_and_not_ignored(ask: Ask) -> None:
    refused = ask("GET", f"/subscriptions/{SUBSCRIPTION}/resources", where="substringof('net', name)")
    assert (refused.status, refused.body["error"]["code"]) == (400, "InvalidFilterInQueryString")


def test_a_group_is_deleted_by_arms_own_kind_of_operation(ask: Ask) -> None:
    accepted = ask("DELETE", GROUP)
    assert (accepted.status, accepted.body) == (202, None)
    assert "Azure-AsyncOperation" not in accepted.headers
    link = accepted.headers["Location"]
    assert f"/subscriptions/{SUBSCRIPTION}/operationresults/" in link
    while (polled := ask("GET", link)).status == 202:
        assert polled.headers["Location"].partition("?")[0] == link.partition("?")[0]
        time.sleep(0.01)
    assert (polled.status, polled.body) == (200, None)
    assert ask("GET", GROUP).status == 404


def test_a_path_with_an_empty_part_means_the_same(ask: Ask) -> None:
    doubled = (GROUP + SERVER).replace("/flexibleServers", "//flexibleServers")
    assert ask("GET", doubled, version="2025-08-01").body["name"] == "zep-test"


def test_the_suffix_of_private_zones_is_a_text_alone_as_recorded(ask: Ask) -> None:
    asked = "/providers/Microsoft.DBforPostgreSQL/getPrivateDnsZoneSuffix"
    assert ask("POST", asked, version="2025-08-01").body == "postgres.database.azure.com"


@pytest.mark.parametrize("mode", ["PointInTimeRestore", "GeoRestore", "Replica", "ReviveDropped"])
def test_a_way_to_make_a_server_that_is_not_played_says_so(ask: Ask, mode: str) -> None:
    asked = {"location": "westeurope", "properties": {"createMode": mode, "sourceServerResourceId": GROUP + SERVER}}
    refused = ask("PUT", f"{GROUP}{SERVER}-2", asked, version="2025-08-01")
    assert (refused.status, refused.body["error"]["code"]) == (501, "NotPlayedLocally")
    assert refused.body["error"]["message"] == f"createMode {mode} is not played yet by the local Azure"
