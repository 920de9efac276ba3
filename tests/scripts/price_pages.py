"""A server on loopback that speaks the pages of Azure's price service, and the troubles it can have. Its prices are made up."""

from __future__ import annotations

import contextlib
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from scripts.edges import price_service
from tests.domain.test_prices import BACKUP, BURSTABLE, DSV3, MONTH, STORAGE, meter

ITEMS = [
    meter(DSV3, "vCore", "vCore", 0.1),
    meter(BURSTABLE, "B2ms vCore", "B2ms", 0.16),
    meter(BURSTABLE, "B1MS", "B1MS", 0.02),
    meter(STORAGE, "Storage Data Stored", "Storage", 0.12, unitOfMeasure=MONTH),
    meter(BACKUP, "Backup Storage LRS Data Stored", "Backup Storage LRS", 0.09, unitOfMeasure=MONTH),
    meter(STORAGE, "Something New", "New", 1, unitOfMeasure=MONTH),
]


class Service(ThreadingHTTPServer):
    """The price service: two meters a page; what is in `troubles` is answered first, one a request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.items: list[dict[str, Any]] = list(ITEMS)
        self.troubles: list[bytes] = []
        self.asked: list[dict[str, list[str]]] = []
        self.endless = self.trickles = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        region = query["$filter"][0].partition("armRegionName eq '")[2].partition("'")[0]
        skip = 0 if self.endless else int(query.get("$skip", ["0"])[0])
        items = [each for each in self.items if each["armRegionName"] == region]
        more = skip + 2 < len(items)
        wanted = quote(query["$filter"][0])
        following = f"{self.address}{price_service.PATH}?$filter={wanted}&$skip={skip + 2}"
        page = items[skip : skip + 2]
        return {"BillingCurrency": "EUR", "Items": page, "NextPageLink": following if more else None, "Count": len(page)}


class _Door(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.server.asked.append(query)
        if self.server.troubles:
            self.wfile.write(self.server.troubles.pop(0))
            self.close_connection = True
            return
        if self.server.trickles:
            self._trickle()
            return
        body = json.dumps(self.server.page(query)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _trickle(self) -> None:
        """A byte now and then, and no end."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b" " * 4096)
                time.sleep(0.02)

    def log_message(self, *arguments: object) -> None:
        """Nothing on stderr."""


def answer(status: str, body: bytes, length: int | None = None, **headers: str) -> bytes:
    """A whole answer as bytes; `length` other than that of the body cuts it short."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.0 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n{named}\r\n".encode() + body
