"""What somebody changes behind Pulumi's back, and the allow-list of extensions: found by a refresh, set back by an up, never in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from scripts.local_azure.serve import LocalAzure
from tests.engine.own_azure import Desk, said
from tests.engine.own_project import copied

SERVER, GROUP = "zepmem-staging", "rg-zepmem-staging"
SLOW, LIST = "log_min_duration_statement", "azure.extensions"
# A colleague in the portal.
SET = f"""
import os, sys
from azure.identity import DefaultAzureCredential
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient, models
url = os.environ["AGENTMEM_ARM_ENDPOINT"]
client = PostgreSQLManagementClient(
    DefaultAzureCredential(), os.environ["ARM_SUBSCRIPTION_ID"],
    base_url=url, credential_scopes=[url + "/.default"], api_version="2025-08-01",
)
for each in sys.argv[1:]:
    name, _, value = each.partition("=")
    wanted = models.ConfigurationForUpdate(value=value, source="user-override")
    client.configurations.begin_put({GROUP!r}, {SERVER!r}, name, wanted).result(60)
"""


@pytest.fixture(scope="module")
def desk(path_with_pulumi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Somebody whose staging is up."""
    with LocalAzure(tmp_path_factory.mktemp("state")) as azure:
        desk = Desk(copied(tmp_path_factory.mktemp("project")), azure, path_with_pulumi, ("staging",))
        made = desk.up("staging")
        assert made.returncode == 0, said(made)
        yield desk


def live(desk: Desk, name: str) -> str:
    """The value of a parameter as the cloud has it."""
    listed = json.loads((desk.azure.state / "cloud.json").read_text())["resources"].values()
    parameters = next(each["hidden"]["parameters"] for each in listed if each["id"].endswith(f"/flexibleServers/{SERVER}"))
    return str(parameters[name]["value"])


def test_drift_is_found_by_a_refresh_told_and_set_back(desk: Desk) -> None:
    changed = desk.run("python", "-c", SET, f"{SLOW}=60000", f"{LIST}=pg_stat_statements,pg_trgm,vector")
    assert changed.returncode == 0, changed.stderr
    refreshed = desk.pulumi("refresh", "staging", "--yes", "--skip-preview")
    assert refreshed.returncode == 0, said(refreshed)
    found = {name for name in (SLOW, LIST) if f"memory-parameters-{name} updated" in refreshed.stdout}
    assert found == {SLOW, LIST}
    assert live(desk, SLOW) == "60000", "a refresh changes nothing in Azure"
    mended = desk.up("staging")
    assert mended.returncode == 0, said(mended)
    assert "~ 2 updated" in mended.stdout
    assert "azure.extensions loses pg_trgm: CREATE EXTENSION would be refused" in said(mended)
    assert (live(desk, SLOW), live(desk, LIST)) == ("5000", "pg_stat_statements,vector")


def test_no_list_of_extensions_shuts_out_vector_and_what_it_shuts_out_is_named(desk: Desk) -> None:
    with desk.changed("staging", {"extensions: [vector, pg_stat_statements]": "extensions: []"}):
        told = desk.pulumi("preview", "staging")
        assert told.returncode == 0, said(told)
        assert "azure.extensions loses pg_stat_statements: CREATE EXTENSION would be refused" in said(told)
        done = desk.up("staging")
    assert done.returncode == 0, said(done)
    assert live(desk, LIST) == "vector"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ({"parameters: {}": "parameters: {azure.extensions: pg_stat_statements}"}, "azure.extensions lacks vector"),
        ({"    extensions: [vector, pg_stat_statements]\n": ""}, "database.extensions is missing"),
    ],
    ids=["overridden", "key removed"],
)
def test_a_list_without_vector_stops_everything(desk: Desk, lines: dict[str, str], problem: str) -> None:
    before = live(desk, LIST)
    with desk.changed("staging", lines):
        done = desk.up("staging")
    assert done.returncode != 0
    assert problem in said(done)
    assert live(desk, LIST) == before
