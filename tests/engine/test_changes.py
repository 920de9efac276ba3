"""Each kind of change with the real engine: what is harmless, what waits for a restart, what is refused, by whom and in which words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.local_azure.serve import LocalAzure
from tests.engine.own_azure import Desk, said
from tests.engine.own_project import copied
from tests.engine.test_prod import FAILOVER, SERVER

STAGING = "zepmem-staging"
UPDATED = re.compile(r"^ ~ +azure-native:\S+ (\S+) update", re.MULTILINE)


@pytest.fixture(scope="module")
def desk(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Somebody whose staging is up, without any protection."""
    with LocalAzure(tmp_path_factory.mktemp("state")) as azure:
        desk = Desk(copied(tmp_path_factory.mktemp("project")), azure, path_with_pulumi, ("staging", "prod"))
        made = desk.up("staging")
        assert made.returncode == 0, said(made)
        yield desk


def server(desk: Desk, name: str) -> dict[str, Any]:
    """The server as the cloud keeps it."""
    listed = json.loads((desk.azure.state / "cloud.json").read_text())["resources"].values()
    found: dict[str, Any] = next(each["body"] for each in listed if each["id"].endswith(f"/flexibleServers/{name}"))
    return found


def test_harmless_changes_touch_what_they_name_and_warn_of_nothing(desk: Desk) -> None:
    with desk.changed("staging", {"slow_query_seconds: 5": "slow_query_seconds: 6", "retention_days: 7": "retention_days: 8"}):
        done = desk.pulumi("preview", "staging")
    assert done.returncode == 0, said(done)
    assert set(UPDATED.findall(done.stdout)) == {"memory-parameters-log_min_duration_statement", "memory-server-postgresql"}
    assert "(W" not in said(done) and "(R" not in said(done)


def test_a_static_parameter_waits_for_a_restart_and_everybody_says_so(desk: Desk) -> None:
    command = "hint: when it suits, agentmem restart --stack staging --if-pending"
    with desk.changed("staging", {"parameters: {}": "parameters: {max_connections: 60}"}):
        foreseen = desk.pulumi("preview", "staging")
        assert "max_connections changes from 50 to 60: nothing happens until the server is restarted (W3)" in said(foreseen)
        done = desk.up("staging")
        assert done.returncode == 0, said(done)
        assert "max_connections is set and waits for a restart of the server (W3)" in said(done)
        assert command in said(foreseen) and command in said(done)
        waiting = desk.run("agentmem", "restart", "--stack", "staging", "--if-pending", "--yes")
        assert waiting.returncode == 0 and "1 wait: max_connections" in waiting.stderr, said(waiting)


def test_what_azure_refuses_in_the_poll_is_told_in_one_line(desk: Desk) -> None:
    code, words = "HANotSupportedForBurstableSkuWithMoreInfo", f"High availiality not supported for burstable server [{STAGING}]."
    pattern = f"*/flexibleServers/{STAGING}"
    desk.azure.fault({"effect": "fail", "method": "PUT", "pattern": pattern, "status": 400, "code": code, "message": words})
    with desk.changed("staging", {"retention_days: 7": "retention_days: 9"}):
        done = desk.up("staging")
    assert done.returncode != 0
    diagnostics = done.stdout.partition("Diagnostics:")[2]
    assert [line for line in diagnostics.splitlines() if words in line] == [f'    error: Status=400 Code="{code}" Message="{words}"']
    assert "Traceback" not in said(done)
    assert server(desk, STAGING)["properties"]["backup"]["backupRetentionDays"] == 7


def test_a_replacement_is_foretold_where_nothing_is_protected(desk: Desk) -> None:
    """No hook of a resource hears of its replacement: the component around the server does."""
    with desk.changed("staging", {"name: zepmem-staging": "name: zepmem-elsewhere"}):
        renamed = desk.pulumi("preview", "staging")
    assert renamed.returncode == 0, said(renamed)
    words = "server.name changes from zepmem-staging to zepmem-elsewhere: the plan deletes what is there and creates an empty one (R1)"
    assert words in said(renamed)


def test_another_login_is_refused_before_anything_is_touched(desk: Desk) -> None:
    before = server(desk, STAGING)
    with desk.changed("staging", {"administrator: cogadmin": "administrator: somebody"}):
        done = desk.up("staging")
    assert done.returncode != 0
    assert "access.administrator changes from cogadmin to somebody, which is decided when a server is created (R6)" in said(done)
    assert "cannot create already existing resource" not in said(done)
    assert server(desk, STAGING) == before


def test_a_refused_replacement_is_forgotten_once_the_file_is_as_it_was(desk: Desk) -> None:
    tomorrow = "2999-12-31"
    override = {"overrides: []": f'overrides: [{{change: access.administrator, until: "{tomorrow}", reason: a test}}]'}
    with desk.changed("staging", {"administrator: cogadmin": "administrator: somebody", **override}):
        failed = desk.up("staging")
    assert "cannot create already existing resource" in said(failed)
    back = desk.up("staging")
    assert back.returncode == 0, said(back)


def test_after_a_failover_nothing_is_replaced_and_the_outcome_is_explained(desk: Desk) -> None:
    """The state has the old zones, and every update of the server sends them: what Azure makes of it nobody has recorded."""
    made = desk.up("prod")
    assert made.returncode == 0, said(made)
    assert desk.run("python", "-c", FAILOVER).stdout.split() == ["2", "1"]
    born = server(desk, SERVER)["systemData"]["createdAt"]
    with desk.changed("prod", {"size_gib: 128, autogrow: true": "size_gib: 256, autogrow: false"}):
        stale = desk.up("prod")
        assert stale.returncode != 0, said(stale)
        assert "the server stands in other zones than Pulumi knows, as after a failover or another SKU: it is as it was" in said(stale)
        assert "hint: pulumi up --refresh" in said(stale)
        fresh = desk.up("prod", "--refresh")
    assert fresh.returncode == 0, said(fresh)
    now = server(desk, SERVER)
    assert now["systemData"]["createdAt"] == born
    assert (now["properties"]["availabilityZone"], now["properties"]["storage"]["storageSizeGB"]) == ("2", 256)


def test_logins_by_password_end_without_a_new_server(desk: Desk) -> None:
    born = server(desk, SERVER)["systemData"]["createdAt"]
    administrator = "{object_id: 11111111-1111-4111-8111-111111111111, principal_name: admins, principal_type: Group}"
    lines = {
        "password: true": "password: false", "administrator: cogadmin": "administrator: null",
        "entra_administrators: []": f"entra_administrators: [{administrator}]",
        "size_gib: 128, autogrow: true": "size_gib: 256, autogrow: false",
    }  # fmt: skip
    with desk.changed("prod", lines):
        done = desk.up("prod")
    assert done.returncode == 0, said(done)
    now = server(desk, SERVER)
    assert (now["systemData"]["createdAt"], now["properties"]["authConfig"]["passwordAuth"]) == (born, "Disabled")
