"""The identity endpoint, driven by the unpatched azure-identity."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from azure.identity import DefaultAzureCredential

from scripts.local_azure.identity_door import OBJECT_ID, IdentityDoor
from scripts.local_azure.tokens import DATABASE_RESOURCE, BadToken, TokenOffice

TENANT = "00000000-0000-4000-8000-0000000a9e00"


@pytest.fixture(scope="module")
def office() -> TokenOffice:
    return TokenOffice(TENANT)


@pytest.fixture(scope="module")
def told() -> list[tuple[str, str, datetime]]:
    return []


@pytest.fixture(scope="module")
def door(office: TokenOffice, told: list[tuple[str, str, datetime]]) -> Iterator[IdentityDoor]:
    made = IdentityDoor(office, lambda *values: told.append(values))
    made.start()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def environment(door: IdentityDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", door.url)
    monkeypatch.setenv("IDENTITY_HEADER", door.header)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def status_of(door: IdentityDoor, query: str, header: str | None) -> int:
    request = urllib.request.Request(f"{door.url}?{query}", headers={"X-IDENTITY-HEADER": header} if header else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_gives_the_unpatched_credential_a_token_for_one_resource(office: TokenOffice) -> None:
    token = DefaultAzureCredential().get_token("https://127.0.0.1:4711/.default")
    claims = office.claims(token.token, "https://127.0.0.1:4711/")
    assert (claims["tid"], claims["oid"]) == (TENANT, OBJECT_ID)
    assert claims["exp"] == token.expires_on


@pytest.mark.parametrize("header", [None, "wrong", "schlüssel"])
def test_refuses_who_does_not_know_the_header(door: IdentityDoor, header: str | None) -> None:
    encoded = header.encode("utf-8").decode("latin-1") if header else None
    assert status_of(door, "api-version=2019-08-01&resource=https://x", encoded) == 401


def test_refuses_another_api_version_and_a_request_without_resource(door: IdentityDoor) -> None:
    assert status_of(door, "api-version=2017-09-01&resource=https://x", door.header) == 400
    assert status_of(door, "api-version=2019-08-01", door.header) == 400


def test_tells_the_servers_of_a_token_for_the_database_and_of_no_other(told: list[tuple[str, str, datetime]]) -> None:
    told.clear()
    DefaultAzureCredential().get_token("https://127.0.0.1:4711/.default")
    assert told == []
    token = DefaultAzureCredential().get_token(f"{DATABASE_RESOURCE}/.default")
    assert told == [(OBJECT_ID, token.token, datetime.fromtimestamp(token.expires_on, UTC))]


def test_refuses_a_token_for_another_resource(office: TokenOffice) -> None:
    token = office.issue("https://127.0.0.1:1", OBJECT_ID).text
    with pytest.raises(BadToken, match="audience"):
        office.claims(token, "https://127.0.0.1:2")


def test_refuses_a_token_that_has_ended(office: TokenOffice) -> None:
    token = office.issue("https://x", OBJECT_ID, lifetime_seconds=-1).text
    with pytest.raises(BadToken, match="expired"):
        office.claims(token, "https://x")


def test_refuses_a_token_that_was_changed_or_is_unsigned_or_of_another_office(office: TokenOffice) -> None:
    head, body, signature = office.issue("https://x", OBJECT_ID).text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = base64.urlsafe_b64encode(json.dumps({**claims, "oid": "me"}).encode()).rstrip(b"=").decode()
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    foreign = TokenOffice(TENANT).issue("https://x", OBJECT_ID).text
    for token in (f"{head}.{other}.{signature}", f"{unsigned}.{body}.", foreign, "", "nonsense", f"{head}.{body}.ä"):
        with pytest.raises(BadToken, match="invalid"):
            office.claims(token, "https://x")
