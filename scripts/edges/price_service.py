"""Azure's public price service: every meter of PostgreSQL in a region, page by page, with patience and a deadline. It asks for no login.

Where it is may be changed by AGENTMEM_PRICES_ENDPOINT, to a loopback address alone, so that a test cannot become a price.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from infra.domain.price_meters import SERVICE
from scripts.edges.arm_retry import Deadline
from scripts.edges.exits import BAD, BUSY, CONFIGURATION, UNREACHABLE, Failure
from scripts.edges.loopback import is_loopback
from scripts.edges.patient_http import Again, Patience, Waits, asked_seconds, client, pauses

if TYPE_CHECKING:
    from azure.core import PipelineClient

ENDPOINT = "AGENTMEM_PRICES_ENDPOINT"
PUBLIC = "https://prices.azure.com"
PATH = "/api/retail/prices"
# The version whose filters are case-sensitive, as its page says.
_VERSION = "2023-01-01-preview"
# A page holds at most 1,000 meters, and a region has some hundred of this service.
_MOST_PAGES = 50
# A meter is told in about 1 KB.
_MOST_BYTES = 32 << 20
# A region took seconds when its meters were few hundred; a minute of waiting for a throttled service is enough for five of them.
SECONDS = 120.0
_FIRST_WAIT, _MOST_WAIT = 1.0, 20.0


def source() -> str:
    """Where prices come from, for the table's own `source`. Raises Failure for an endpoint that is not on loopback."""
    return f"{_endpoint()}{PATH}"


def meters(region: str, currency: str, deadline: Deadline, waits: Waits = lambda reason: None) -> list[dict[str, Any]]:
    """Every meter of the service in `region`, amounts as Decimal. Raises Failure: UNREACHABLE, BUSY past the deadline, BAD for nonsense."""
    endpoint = _endpoint()
    hint = "try again later; the old prices stay"
    patience = Patience(name="the price service", where=region, hint=hint, deadline=deadline, waits=waits)
    found: list[dict[str, Any]] = []
    with client(endpoint) as through:
        address: str | None = _first(endpoint, region, currency)
        seen: set[str] = set()
        while address is not None:
            if address in seen or len(seen) == _MOST_PAGES:
                raise _nonsense("its pages never end")
            seen.add(address)
            page = _page(_ask(through, address, patience), currency)
            found += page["Items"]
            address = _next(page.get("NextPageLink"), endpoint)
    return found


def _endpoint() -> str:
    text = os.environ.get(ENDPOINT, "").rstrip("/")
    if not text:
        return PUBLIC
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not is_loopback(parts.hostname or "") or parts.path or parts.query:
        raise Failure(CONFIGURATION, f"{ENDPOINT} is {text}, only a loopback address is taken", hint="unset it to ask Azure")
    return text


def _first(endpoint: str, region: str, currency: str) -> str:
    wanted = f"serviceName eq '{SERVICE}' and armRegionName eq '{region}' and priceType eq 'Consumption'"
    return f"{endpoint}{PATH}?api-version={_VERSION}&currencyCode={quote(repr(currency))}&$filter={quote(wanted)}"


def _next(link: Any, endpoint: str) -> str | None:
    """The next page, which must be of the same host: a link may not lead anywhere else."""
    if link is None or link == "":
        return None
    parts, own = urlsplit(link if isinstance(link, str) else ""), urlsplit(endpoint)
    try:
        same = (parts.scheme, parts.hostname, _port(parts.scheme, parts.port)) == (own.scheme, own.hostname, _port(own.scheme, own.port))
    except ValueError:
        same = False
    if not same or parts.path != PATH:
        raise _nonsense("its next page is somewhere else")
    return str(link)


def _port(scheme: str, port: int | None) -> int | None:
    return port or {"https": 443, "http": 80}.get(scheme)


def _ask(through: PipelineClient[Any, Any], address: str, patience: Patience) -> bytes:
    """The body of an answer. Throttling, a service in trouble, an answer cut short and a lost connection are asked again."""
    growing = pauses(_FIRST_WAIT, _MOST_WAIT)
    while True:
        try:
            return _once(through, address, patience)
        except Again as again:
            patience.pause(again, growing)


def _once(through: PipelineClient[Any, Any], address: str, patience: Patience) -> bytes:
    from azure.core.rest import HttpRequest

    too_long = _nonsense("its answer is longer than any page")
    answer, body = patience.answer(through, HttpRequest("GET", address), most_bytes=_MOST_BYTES, too_long=too_long)
    if answer.status_code == 429:
        raise Again(BUSY, "asks to wait", asked_seconds(answer.headers.get("Retry-After")))
    if answer.status_code >= 500:
        raise Again(UNREACHABLE, f"is in trouble (status {answer.status_code})", asked_seconds(answer.headers.get("Retry-After")))
    if answer.status_code != 200:
        raise Failure(BAD, f"the price service answers with status {answer.status_code}", hint="a newer agentmem may ask better")
    return body


def _page(body: bytes, currency: str) -> dict[str, Any]:
    """The page that a body holds. Raises Failure (BAD) for one in another currency or of another shape."""
    try:
        page = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise _nonsense("its answer is no JSON document") from None
    if not isinstance(page, dict) or not isinstance(page.get("Items"), list) or "NextPageLink" not in page:
        raise _nonsense("its answer is no page of prices")
    for item in page["Items"]:
        if not isinstance(item, dict):
            raise _nonsense("an item is no mapping")
        if item.get("currencyCode") != currency:
            raise _nonsense(f"it answers in {item.get('currencyCode')}, asked for {currency}")
    return page


def _nonsense(what: str) -> Failure:
    return Failure(BAD, f"the price service cannot be understood: {what}", hint="nothing was written; try again later")
