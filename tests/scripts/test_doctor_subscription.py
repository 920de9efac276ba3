"""`agentmem doctor` and what the subscription may do: providers, rights, quotas, and the replica's own region."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.edges import arm
from scripts.edges.exits import BAD, GOOD
from scripts.local_azure.serve import LocalAzure
from tests.scripts.ready_machine import Run, edit, wrong

# The ids of Azure's built-in roles.
READER, CONTRIBUTOR = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "b24988ac-6180-42a0-ab88-20f7382dd24c"
ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"


@pytest.fixture
def unregistered(at_azure: LocalAzure) -> Iterator[str]:
    """A resource provider that somebody unregistered, as `az provider unregister` asks for it."""
    name = "Microsoft.DBforPostgreSQL"
    tell(at_azure, name, "unregister")
    yield name
    tell(at_azure, name, "register")


def tell(azure: LocalAzure, namespace: str, action: str) -> None:
    send(azure, "POST", f"{namespace}/{action}", "2021-04-01")


def send(azure: LocalAzure, method: str, what: str, version: str, body: Any = None) -> None:
    from azure.core.rest import HttpRequest

    path = f"/subscriptions/{azure.environment['ARM_SUBSCRIPTION_ID']}/providers/{what}"
    arm.connect().sdk.send_request(HttpRequest(method, path, params={"api-version": version}, json=body)).raise_for_status()


@pytest.fixture
def role(at_azure: LocalAzure) -> Iterator[Callable[[str], None]]:
    """Assigns a role in the subscription, as `az role assignment create` does it; taken back afterwards."""
    made: list[str] = []

    def assign(definition: str) -> None:
        made.append(f"Microsoft.Authorization/roleAssignments/{definition}")
        body = {"properties": {"roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{definition}"}}
        send(at_azure, "PUT", made[-1], "2022-04-01", body)

    yield assign
    for each in made:
        send(at_azure, "DELETE", each, "2022-04-01")


def test_an_unregistered_provider(seen: Run, azure: LocalAzure, unregistered: str) -> None:
    rows = seen(BAD)
    assert wrong(rows) == [unregistered]
    assert rows[unregistered]["detail"] == "Unregistered"
    assert rows[unregistered]["hint"] == f"az provider register --namespace {unregistered} --wait"
    tell(azure, unregistered, "register")
    assert wrong(seen(GOOD)) == []


@pytest.mark.parametrize(
    ("roles", "says", "hint"),
    [
        ((READER,), "not allowed: Microsoft.Resources/subscriptions/resourceGroups/write, ", '--role "Contributor"'),
        ((CONTRIBUTOR,), "not allowed: Microsoft.Authorization/locks/write", '--role "Locks Contributor"'),
        ((CONTRIBUTOR, ACCESS_ADMINISTRATOR), "7 of 7 operations are allowed", ""),
    ],
)
def test_rights_are_those_of_all_roles_together(
    seen: Run, role: Callable[[str], None], roles: tuple[str, ...], says: str, hint: str
) -> None:
    for each in roles:
        role(each)
    row = seen(BAD if hint else GOOD)["rights"]
    assert row["detail"].startswith(says)
    assert hint in row["hint"]


def test_without_a_lock_a_contributor_will_do(seen: Run, ready: Path, role: Callable[[str], None]) -> None:
    role(CONTRIBUTOR)
    edit(ready, "lock: true", "lock: false")
    assert wrong(seen(GOOD)) == []


@pytest.mark.parametrize(
    ("sku", "code", "says"),
    [
        ("Standard_D64s_v3", BAD, r"standardDSv3Family: \d+ of 50 used in westeurope, 64 wanted, 128 with the standby"),
        ("Standard_D32s_v3", GOOD, r"standardDSv3Family: \d+ of 50 used in westeurope, 32 wanted, 64 with the standby"),
    ],
)
def test_a_quota_that_is_too_small(seen: Run, ready: Path, sku: str, code: int, says: str) -> None:
    """For the server it stops an up; for the standby too, which may not count, it is only told."""
    edit(ready, "sku: Standard_D2s_v3", f"sku: {sku}")
    rows = seen(code)
    assert wrong(rows) == (["quota"] if code == BAD else [])
    assert not rows["quota"]["ok"]
    # Other tests of this worker have servers in the same subscription.
    assert re.fullmatch(says, rows["quota"]["detail"])
    assert "more of it" in rows["quota"]["hint"]


@pytest.mark.parametrize(
    ("location", "sku", "says"),
    [
        ("northeurope", "Standard_D2s_v3", ""),
        ("northeurope", "Standard_D2s_v99", "Standard_D2s_v99 not offered in northeurope"),
        ("nowhere", "Standard_D2s_v3", "LocationNotAvailable"),
    ],
)
def test_the_replicas_region_is_asked_too(seen: Run, ready: Path, location: str, sku: str, says: str) -> None:
    edit(ready, "agent-memory:replica: null", f"agent-memory:replica: {{location: {location}, sku: {sku}, virtual_endpoint: null}}")
    rows = seen(BAD if says else GOOD)
    assert wrong(rows) == (["replica"] if says else [])
    assert says in rows["replica"]["detail"]


def test_a_vault_wants_its_provider_and_somebody_who_gives_it_roles(seen: Run, ready: Path, role: Callable[[str], None]) -> None:
    edit(ready, "long_term: null", "long_term: {weekly: 12, monthly: 60, yearly: 10, redundancy: GeoRedundant, immutable: true}")
    rows = seen(GOOD)
    assert rows["Microsoft.DataProtection"]["ok"]
    assert rows["rights"]["detail"].startswith("9 of 9 operations")
    role(CONTRIBUTOR)
    row = seen(BAD)["rights"]
    assert row["detail"] == "not allowed: Microsoft.Authorization/roleAssignments/write, Microsoft.Authorization/locks/write"
    assert [f'--role "{name}"' in row["hint"] for name in ("Role Based Access Control Administrator", "Locks Contributor")] == [True, True]


def test_containers_inside_the_network_want_two_more_providers(seen: Run, ready: Path) -> None:
    more = {"Microsoft.ManagedIdentity", "Microsoft.ContainerInstance"}
    assert not more & set(seen(GOOD))
    edit(ready, "firewall: []}", "firewall: [], job: {image: r.io/agentmem:1, subnet: 10.20.2.0/28, nat_gateway: false}}")
    rows = seen(GOOD)
    assert more < set(rows)
    assert rows["rights"]["detail"].startswith("9 of 9 operations")
