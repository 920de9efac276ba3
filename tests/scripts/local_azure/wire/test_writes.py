"""Every write, as recorded: accepted with the operation's name and nothing of the resource, polled, and then there to be read."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest

from scripts.local_azure.identity_door import OBJECT_ID
from tests.scripts.local_azure.made_cloud import TENANT, request
from tests.scripts.local_azure.wire.conftest import GROUP, GROUPS, PROVIDER, VERSION, Wire

STARTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,2}[1-9])?Z")
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UPSERT, OWN = "UpsertServerManagementOperationV2", f"{PROVIDER}/recorded"
RULES = "ServerFirewallRulesManagementOperation"
RULE = {"properties": {"startIpAddress": "10.10.10.10", "endIpAddress": "12.12.12.12"}}
BY_ENTRA = {"properties": {"authConfig": {"activeDirectoryAuth": "Enabled", "tenantId": TENANT}}}
PRINCIPAL = {"properties": {"principalName": "ann", "principalType": "User", "tenantId": TENANT}}
COMMON = {
    "cache-control": "no-cache",
    "expires": "-1",
    "pragma": "no-cache",
    "x-content-type-options": "nosniff",
    "x-cache": "CONFIG_NOCACHE",
}


class Write(NamedTuple):
    """A write in the order in which they are made; `section` is where it was recorded."""

    section: str
    method: str
    path: str
    body: object
    operation: str
    place: str = "canadacentral"
    reads: str = ""


PARAMETER = {"properties": {"source": "user-override", "value": "2000"}}
WRITES = (
    Write("wire/server.md 6", "PUT", f"{PROVIDER}/second", request(), UPSERT, reads=f"{PROVIDER}/second"),
    Write("wire/server.md 8", "PATCH", OWN, {"properties": {"backup": {"backupRetentionDays": 17}}}, UPSERT, reads=OWN),
    Write("wire/server.md 11", "PUT", f"{OWN}/firewallRules/r", RULE, f"Upsert{RULES}", reads=f"{OWN}/firewallRules/r"),
    Write("wire/server.md 11", "DELETE", f"{OWN}/firewallRules/r", None, f"Drop{RULES}"),
    Write("wire/parameter.md 2", "PATCH", f"{OWN}/configurations/lock_timeout", PARAMETER, "UpdateOrcasServerParameterManagementOperation",
          reads=f"{OWN}/configurations/lock_timeout"),
    Write("wire/parameter.md 3", "PUT", f"{OWN}/databases/zep", {"properties": {"charset": "utf8", "collation": "en_US.utf8"}},
          "UpsertServerDatabaseManagementOperation", reads=f"{OWN}/databases/zep"),
    Write("wire/parameter.md 3", "DELETE", f"{OWN}/databases/zep", None, "DropServerDatabaseManagementOperation"),
    Write("wire/parameter.md 4", "PATCH", OWN, BY_ENTRA, UPSERT),
    Write("wire/parameter.md 4", "PUT", f"{OWN}/administrators/{OBJECT_ID}", PRINCIPAL, "UpsertAadAuthPrincipalManagementOperation"),
    Write("wire/parameter.md 4", "DELETE", f"{OWN}/administrators/{OBJECT_ID}", None, "DropAadAuthPrincipalManagementOperation"),
    Write("wire/backup.md 2", "PUT", f"{OWN}/backups/before", None, "SnapshotManagementOperation", reads=f"{OWN}/backups/before"),
    Write("wire/backup.md 2", "DELETE", f"{OWN}/backups/before", None, "DropSnapshotManagementOperation"),
    Write("wire/server.md 9", "POST", f"{OWN}/restart", {"restartWithFailover": False}, "RestartServerManagementOperation"),
    Write("wire/server.md 9", "POST", f"{OWN}/stop", None, "StopServerManagementOperation"),
    Write("wire/server.md 9", "POST", f"{OWN}/start", None, "StartServerManagementOperation"),
    Write("wire/server.md 1", "DELETE", f"{PROVIDER}/second", None, "DropServerManagementOperation", place="Canada%20Central"),
)  # fmt: skip


@pytest.mark.parametrize(
    "write", WRITES, ids=lambda write: f"{write.section.removeprefix('wire/')} {write.method} {write.path.rpartition('/')[2]}"
)
def test_a_write_is_accepted_polled_and_then_there(write: Write, wire: Wire) -> None:
    """wire/server.md 1, wire/parameter.md 1, wire/backup.md 1 and wire/replica.md 1 agree on the form."""
    accepted = wire.ask(write.method, write.path, write.body)
    assert (accepted.status_code, list(accepted.json())) == (202, ["operation", "startTime"]), accepted.text
    assert accepted.json()["operation"] == write.operation
    assert STARTED.fullmatch(accepted.json()["startTime"])
    assert accepted.headers["content-type"] == "application/json; charset=utf-8"
    assert {name: accepted.headers[name] for name in COMMON} == COMMON
    names = [_operation(accepted.headers[header], kind, write.place) for header, kind in
             (("azure-asyncoperation", "azureAsyncOperation"), ("location", "operationResults"))]  # fmt: skip
    assert names[0] == names[1]
    poll = wire.ended(accepted)
    assert poll == {"name": names[0], "status": "Succeeded", "startTime": accepted.json()["startTime"]}
    if write.reads:
        assert wire.ask("GET", write.reads).status_code == 200


def _operation(url: str, kind: str, place: str) -> str:
    """The operation's id out of a signed URL; its other parts are as long as Azure's."""
    found = re.search(
        rf"/providers/Microsoft\.DBforPostgreSQL/locations/{place}/{kind}/([^?]+)\?api-version={VERSION}&t=(\d{{18}})&c=", url
    )
    assert found, url[:200]
    assert GUID.fullmatch(found[1])
    assert 3000 < len(url) < 4000
    return found[1]


def test_a_running_operation_says_three_things(wire: Wire) -> None:
    """wire/server.md 1: no id, no end, no percentage, no properties."""
    accepted = wire.ask("PATCH", OWN, {"tags": {"one": "1"}})
    poll = wire.ask("GET", accepted.headers["azure-asyncoperation"])
    assert (poll.status_code, list(poll.json())) == (200, ["name", "status", "startTime"])
    assert wire.ended(accepted)["status"] == "Succeeded"


@pytest.mark.parametrize(("action", "body"), [("restart", {"restartWithFailover": False}), ("stop", None), ("start", None)])
def test_the_result_of_an_action_is_no_server(action: str, body: Any, wire: Wire) -> None:
    """wire/server.md 1: 68 bytes that are not of ARM's type."""
    accepted = wire.done("POST", f"{OWN}/{action}", body)
    result = wire.ask("GET", accepted.headers["location"])
    assert (result.status_code, result.json()) == (200, {"properties": {}, "name": "recorded", "type": "PostgreSQL"})


def test_the_result_of_a_deletion_is_empty(wire: Wire) -> None:
    """wire/server.md 1."""
    wire.done("PUT", f"{PROVIDER}/third", request())
    result = wire.ask("GET", wire.done("DELETE", f"{PROVIDER}/third").headers["location"])
    assert (result.status_code, result.content) == (200, b"")


def test_a_group_is_made_at_once(wire: Wire) -> None:
    """wire/server.md 3: 201 the first time, 200 afterwards, and the body is the group."""
    path = GROUP.replace("rg-recorded", "rg-another")
    first, again = (wire.ask("PUT", path, {"location": "canadacentral"}, version=GROUPS) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["properties"] == {"provisioningState": "Succeeded"}
    assert first.json()["location"] == "canadacentral"


def test_tags_are_replaced_as_a_whole_and_an_unchanged_zone_is_taken(wire: Wire) -> None:
    """wire/server.md 8."""
    wire.done("PATCH", OWN, {"tags": {"one": "1", "two": "2"}})
    wire.done("PATCH", OWN, {"tags": {"three": "3"}})
    server = wire.ask("GET", OWN).json()
    assert server["tags"] == {"three": "3"}
    zone = server["properties"]["availabilityZone"]
    wire.done("PATCH", OWN, {"properties": {"availabilityZone": zone, "backup": {"geoRedundantBackup": "Disabled"}}})
