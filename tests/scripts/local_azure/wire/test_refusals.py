"""Refusals: at once, or in a poll after the write was accepted; each reaches a person as one clear line."""

from __future__ import annotations

import pytest

from scripts.edges import arm
from scripts.edges.exits import Failure
from tests.scripts.local_azure.made_cloud import request
from tests.scripts.local_azure.wire.conftest import PROVIDER, Wire

BURSTABLE = {"sku": {"name": "Standard_B1ms", "tier": "Burstable"}}


@pytest.fixture(scope="module")
def burstable(wire: Wire) -> str:
    path = f"{PROVIDER}/small"
    wire.done("PUT", path, request(**BURSTABLE))
    return path


def test_a_standby_on_burstable_is_accepted_and_refused_in_the_poll(burstable: str, wire: Wire) -> None:
    """wire/server.md 10, in Azure's own spelling; no details, no target, and the server stays usable."""
    accepted = wire.ask("PATCH", burstable, {"properties": {"highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": ""}}})
    assert accepted.status_code == 202
    poll = wire.ended(accepted)
    assert list(poll) == ["name", "status", "startTime", "error"]
    assert poll["status"] == "Failed"
    assert poll["error"] == {
        "code": "HANotSupportedForBurstableSkuWithMoreInfo",
        "message": "High availiability not supported for burstable server [small].",
    }
    assert wire.ask("GET", burstable).json()["properties"]["state"] == "Ready"


def test_the_product_tells_it_as_one_line(burstable: str, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the unpatched SDK: the poller's error becomes one fact with Azure's code and words."""
    from azure.core.credentials import AccessToken
    from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient, models as m

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", wire.bundle)

    class Token:
        def get_token(self, *scopes: str, **more: object) -> AccessToken:
            return AccessToken(wire.token, 2**31)

    subscription, group = burstable.split("/")[2], burstable.split("/")[4]
    scopes = [f"{wire.url}/.default"]
    with PostgreSQLManagementClient(Token(), subscription, base_url=wire.url, credential_scopes=scopes, api_version="2025-08-01") as client:
        wish = m.ServerForPatch(high_availability=m.HighAvailabilityForPatch(mode="ZoneRedundant"))
        with pytest.raises(Failure) as refused, arm.classified("small"):
            client.servers.begin_update(group, "small", wish).result()
    says = "small: HANotSupportedForBurstableSkuWithMoreInfo: High availiability not supported for burstable server [small]"
    assert str(refused.value) == says


@pytest.mark.parametrize("action", ["restart", "stop", "start"])
def test_what_is_not_there_is_told_in_azures_form(action: str, wire: Wire) -> None:
    answer = wire.ask("POST", f"{PROVIDER}/nobody/{action}", {} if action == "restart" else None)
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"]["code"] == "ResourceNotFound"
    assert "nobody" in answer.json()["error"]["message"]


def test_without_a_token_nothing_is_told(wire: Wire) -> None:
    import requests

    answer = requests.get(f"{wire.url}{PROVIDER}/recorded?api-version=2025-08-01", verify=wire.bundle, timeout=10)
    assert answer.status_code == 401
    assert "recorded.postgres" not in answer.text
