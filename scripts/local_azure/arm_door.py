"""Azure Resource Manager on loopback, over TLS: what the unpatched Azure SDK and the Azure CLI talk to.

A request needs a bearer token of our identity door for this very address, an api-version, and a path that the routes know. Headers that
the recordings strip (request ids, Retry-After) are sent as Azure documents them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import ssl
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from scripts.local_azure.arm_links import Links
from scripts.local_azure.arm_routes import Cloud, Reply, Request, Routes
from scripts.local_azure.identity_door import OBJECT_ID
from scripts.local_azure.refusal import ConnectionLost, Refusal, internal_error
from scripts.local_azure.tokens import BadToken, TokenOffice

log = logging.getLogger(__name__)

# Counters of one fresh subscription (wire/server.md 12). They never sink here: throttling is a fault that a test asks for.
_READS = {"x-ms-ratelimit-remaining-subscription-global-reads": "16499"}
_WRITES = {
    "x-ms-ratelimit-remaining-subscription-writes": "799",
    "x-ms-ratelimit-remaining-subscription-global-writes": "11999",
}
_DELETES = {
    "x-ms-ratelimit-remaining-subscription-deletes": "799",
    "x-ms-ratelimit-remaining-subscription-global-deletes": "11999",
}
_COUNTERS = {"GET": _READS, "HEAD": _READS, "DELETE": _DELETES}
_ALWAYS = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "x-cache": "CONFIG_NOCACHE",
}
# Which of ARM's own regions answered, of which clients take no notice.
_REGION = "canadacentral"
# A server's body is some 2 kB; ARM itself stops at 4 MB.
LARGEST_BODY_BYTES = 4 * 1024 * 1024


class ArmDoor:
    """The running endpoint. `url` is AGENTMEM_ARM_ENDPOINT of a child's environment.

    `context` holds a certificate for 127.0.0.1; `office` recognises the tokens.
    """

    def __init__(self, cloud: Cloud, context: ssl.SSLContext, office: TokenOffice, subscription: str) -> None:
        self._office = office
        self._server = _TlsServer(context, _handler(self))
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._routes = Routes(cloud, Links(self.url, subscription), subscription, office.tenant)

    def start(self) -> None:
        """Serve from a thread of its own, each connection in another."""
        threading.Thread(target=self._server.serve_forever, name="arm-door", daemon=True).start()

    def close(self) -> None:
        """Stop listening. Only for a door that was started."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, authorization: str | None, content: bytes) -> Reply:
        """The answer to one request. Raises ConnectionLost where the connection shall break instead."""
        parts = urlsplit(target)
        query = {name.lower(): values[-1] for name, values in parse_qs(parts.query).items()}
        try:
            self._authenticate(authorization)
            # az's generic commands leave a part of the path empty, and ARM does not mind.
            path = re.sub("/{2,}", "/", unquote(parts.path)).rstrip("/")
            version, asked, tail = (query.get(name, "") for name in ("api-version", "$filter", "tail"))
            return self._routes.answer(Request(method, path, version, _parsed(content), asked, tail))
        except Refusal as refused:
            return _refused(refused)
        except ConnectionLost:
            raise
        except Exception:
            log.exception("%s %s failed", method, parts.path)
            return _refused(internal_error())

    def identifier(self) -> dict[str, str]:
        """The header by which the service names one of its operations."""
        return {"x-ms-operation-identifier": f"tenantId={self._office.tenant},objectId={OBJECT_ID}/{_REGION}/{uuid.uuid4()}"}

    def _authenticate(self, authorization: str | None) -> None:
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Refusal(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        try:
            self._office.claims(token.strip(), self.url)
        except BadToken as bad:
            raise Refusal(401, "InvalidAuthenticationToken", str(bad)) from None


class _TlsServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # the engine opens many connections at once

    def __init__(self, context: ssl.SSLContext, handler: type[BaseHTTPRequestHandler]) -> None:
        self._context = context
        super().__init__(("127.0.0.1", 0), handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        # The handshake happens in the connection's own thread, so that a client that does not finish it holds up nobody.
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away, does not trust us or speaks plain http is no error of ours.
        log.info("a connection broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One connection; `_handler` gives it the door that answers."""

    door: ArmDoor
    protocol_version = "HTTP/1.1"
    timeout = 120  # an idle keep-alive connection is dropped after two minutes, as Azure's gateways do after some
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one piece

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY_BYTES:
            self.close_connection = True
            return self._send(_refused(Refusal(413, "RequestContentTooLarge", "the body is larger than 4 MB")))
        content = self.rfile.read(length) if length else b""
        try:
            reply = self.door.answer(self.command, self.path, self.headers.get("Authorization"), content)
        except ConnectionLost:
            return self._hang_up()
        self._send(reply)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_POST = do_DELETE = _serve

    def _send(self, reply: Reply) -> None:
        content = b"" if reply.body is None else json.dumps(reply.body, separators=(",", ":")).encode()
        self.send_response(reply.status)
        for name, value in {**_ALWAYS, **_COUNTERS.get(self.command, _WRITES), **reply.headers, **self._ids()}.items():
            self.send_header(name, value)
        if content:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        if reply.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def _ids(self) -> dict[str, str]:
        request_id = str(uuid.uuid4())
        own = {"x-ms-request-id": request_id, "x-ms-correlation-request-id": request_id}
        asked = self.headers.get("x-ms-client-request-id")
        own |= self.door.identifier() if _identified(self.command, urlsplit(self.path).path) else {}
        return {**own, "x-ms-client-request-id": asked} if asked else own

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *values: object) -> None:
        # Method, path and status only: queries are long and headers hold tokens.
        log.info("%s %s %s", self.command, urlsplit(self.path).path, values[1] if len(values) > 1 else "")


def _handler(door: ArmDoor) -> type[_Handler]:
    return type("Handler", (_Handler,), {"door": door})


def _identified(method: str, path: str) -> bool:
    """Whether the answer names its operation: the service's own do, but for the reading of servers (wire/server.md 12)."""
    _, found, below = path.lower().partition("/providers/microsoft.dbforpostgresql/")
    return bool(found) and not (method == "GET" and re.fullmatch(r"flexibleservers(/[^/]+)?", below))


def _parsed(content: bytes) -> dict[str, Any]:
    if not content:
        return {}
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return body


def _refused(refused: Refusal) -> Reply:
    headers: dict[str, str] = {}
    # Whether Azure sends it with a 409 is not known. The SDK repeats whatever carries it, so a busy server would look idle to its clients.
    if refused.retry_after_seconds is not None and refused.status in (429, 503):
        seconds = refused.retry_after_seconds
        headers = {"Retry-After": str(round(seconds))} if seconds >= 1 else {"retry-after-ms": str(max(1, round(seconds * 1000)))}
    if refused.status == 401:
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{refused.message}"'
    if refused.status >= 500:
        # Seen with the one recorded 500 (wire/older.md 4).
        headers |= {"x-ms-failure-cause": "service", "Connection": "close"}
    return Reply(refused.status, refused.body(), headers)
