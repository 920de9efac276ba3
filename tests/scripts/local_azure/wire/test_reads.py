"""Every read, as recorded: which keys in which order, how Azure respells them, what is absent and not null."""

from __future__ import annotations

import pytest

from tests.scripts.local_azure.made_cloud import SUBSCRIPTION
from tests.scripts.local_azure.wire.conftest import PROVIDER, Wire

OWN = f"{PROVIDER}/recorded"
NAMES = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.DBforPostgreSQL"


def test_a_server_is_told_as_azure_respells_it(wire: Wire) -> None:
    """wire/server.md 6 and wire/replica.md 2: display name, an empty kind of disk, tier and IOPS filled in; no password, no etag."""
    server = wire.ask("GET", OWN).json()
    told = server["properties"]
    assert server["location"] == "Canada Central"
    assert server["type"] == "Microsoft.DBforPostgreSQL/flexibleServers"
    assert (told["storage"]["type"], told["storage"]["tier"], told["storage"]["iops"]) == ("", "P10", 500)
    assert told["fullyQualifiedDomainName"] == "recorded.postgres.database.azure.com"
    assert told["highAvailability"] == {"mode": "Disabled", "state": "NotEnabled"}
    assert not {"administratorLoginPassword", "createMode", "provisioningState"} & set(told)
    assert not {"etag", "identity", "tags"} & set(server), "absent where there is nothing, not null"


def test_a_server_is_not_restorable_at_once(wire: Wire) -> None:
    """wire/backup.md 3: the key is absent, not null, until the first backup."""
    from tests.scripts.local_azure.made_cloud import request

    wire.done("PUT", f"{PROVIDER}/young", request())
    young = wire.ask("GET", f"{PROVIDER}/young").json()["properties"]["backup"]
    assert "earliestRestoreDate" not in young
    wire.done("DELETE", f"{PROVIDER}/young")


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ("wire/server.md 7", PROVIDER),
        ("wire/server.md 11", f"{OWN}/firewallRules"),
        ("wire/parameter.md 2", f"{OWN}/configurations"),
        ("wire/parameter.md 3", f"{OWN}/databases"),
        ("wire/parameter.md 4", f"{OWN}/administrators"),
        ("wire/backup.md 2", f"{OWN}/backups"),
    ],
)
def test_a_list_is_one_page(section: str, path: str, wire: Wire) -> None:
    answer = wire.ask("GET", path)
    assert (answer.status_code, list(answer.json())) == (200, ["value"]), section


def test_parameters_come_by_name_whatever_the_casing_and_hold_texts(wire: Wire) -> None:
    """wire/parameter.md 2: the order of keys, three flags as booleans, everything else as text; unit only where there is one."""
    listed = wire.ask("GET", f"{OWN}/configurations").json()["value"]
    names = [each["name"] for each in listed]
    assert names == sorted(names, key=str.lower)
    assert {"DateStyle", "TimeZone"} <= set(names)
    assert [name for name in names if name.startswith("pgbouncer.")] == ["pgbouncer.enabled"]
    for each in listed:
        assert list(each) == ["properties", "id", "name", "type"]
        told = each["properties"]
        first = ["value", "description", "defaultValue", "dataType", "allowedValues", "source"]
        assert list(told)[:9] == [*first, "isDynamicConfig", "isReadOnly", "isConfigPendingRestart"]
        assert set(list(told)[9:]) <= {"unit", "documentationLink"}
        flags = {"isDynamicConfig", "isReadOnly", "isConfigPendingRestart"}
        assert all(isinstance(value, bool if name in flags else str) for name, value in told.items()), each["name"]


@pytest.mark.parametrize(
    ("start", "end", "prefixes"),
    [
        ("203.0.113.45", "203.0.113.45", ["203.0.113.45/32"]),
        ("0.0.0.0", "255.255.255.255", ["*"]),
        ("0.0.0.0", "0.0.0.0", ["AzureCloud"]),
        ("10.0.0.0", "10.0.1.255", ["10.0.0.0/23"]),
    ],
)
def test_a_firewall_rule_tells_its_blocks(start: str, end: str, prefixes: list[str], wire: Wire) -> None:
    """wire/server.md 11."""
    path = f"{OWN}/firewallRules/office"
    wire.done("PUT", path, {"properties": {"startIpAddress": start, "endIpAddress": end}})
    rule = wire.ask("GET", path).json()
    assert rule["properties"]["sourceAddressPrefixes"] == prefixes
    assert list(rule) == ["properties", "id", "name", "type"], "no systemData"


def test_the_recorded_range_has_its_27_blocks(wire: Wire) -> None:
    """wire/server.md 11."""
    wire.done("PUT", f"{OWN}/firewallRules/range", {"properties": {"startIpAddress": "9.9.9.9", "endIpAddress": "12.12.12.12"}})
    found = wire.ask("GET", f"{OWN}/firewallRules/range").json()["properties"]["sourceAddressPrefixes"]
    assert (len(found), found[:2], found[-1]) == (27, ["9.9.9.9/32", "9.9.9.10/31"], "12.12.12.12/32")


def test_a_new_server_has_its_own_databases(wire: Wire) -> None:
    """wire/parameter.md 3."""
    assert {"postgres", "azure_maintenance", "azure_sys"} <= {each["name"] for each in wire.ask("GET", f"{OWN}/databases").json()["value"]}


def test_capabilities_have_the_recorded_bytes(wire: Wire) -> None:
    """wire/server.md 5: 30,031 bytes in the recorded region."""
    answer = wire.ask("GET", f"{NAMES}/locations/canadacentral/capabilities")
    assert len(answer.content) == 30_031


def test_a_name_is_free_until_somebody_has_it(wire: Wire) -> None:
    """wire/server.md 4."""
    asked = {"type": "Microsoft.DBforPostgreSQL/flexibleServers"}
    free, taken = (
        wire.ask("POST", f"{NAMES}/checkNameAvailability", {**asked, "name": name}).json() for name in ("nobodys-own", "recorded")
    )
    assert free["nameAvailable"] is True
    assert taken["nameAvailable"] is False
    assert taken["reason"] == "AlreadyExists"


def test_answers_count_down_what_is_left_of_the_quota(wire: Wire) -> None:
    """wire/server.md 12: a read and a write have counters of their own, and a GET of a server has no operation identifier."""
    read, write = wire.ask("GET", OWN), wire.done("PATCH", OWN, {"tags": {"a": "b"}})
    assert read.headers["x-ms-ratelimit-remaining-subscription-global-reads"] == "16499"
    assert "x-ms-operation-identifier" not in read.headers
    assert write.headers["x-ms-ratelimit-remaining-subscription-writes"] == "799"
    assert "x-ms-operation-identifier" in write.headers
