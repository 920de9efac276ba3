"""The identity endpoint of the local Azure: what App Service offers a managed identity, so that DefaultAzureCredential works unpatched.

`GET /token?api-version=2019-08-01&resource=R` over plain http on loopback, with the header X-IDENTITY-HEADER. Plain http is what Azure
itself has here. A token for PostgreSQL's resource is the password of the principal's role, as in Azure; there the server checks it
against Entra, here it cannot, so the door hands each such token to `on_database_token` and the servers behind take it as the role's
password until it ends. That is the one thing about Entra logins that only resembles Azure.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from scripts.local_azure.tokens import DATABASE_RESOURCE, LIFETIME_SECONDS, TokenOffice, same_resource

log = logging.getLogger(__name__)

API_VERSION = "2019-08-01"
# The principal of a local run; a client that names another one by client_id or object_id gets a token for that one.
OBJECT_ID = "00000000-0000-4000-8000-00000000a9e2"
_PRINCIPALS = ("object_id", "principal_id", "client_id")

OnDatabaseToken = Callable[[str, str, datetime], None]


class IdentityDoor:
    """The running endpoint. `url` and `header` are IDENTITY_ENDPOINT and IDENTITY_HEADER of a child's environment.

    `on_database_token(object_id, token, expires)` is called before a token for PostgreSQL is answered. `principal_of` knows the object
    id of a managed identity by its client id.
    """

    def __init__(
        self, office: TokenOffice, on_database_token: OnDatabaseToken | None = None, principal_of: Callable[[str], str] = str
    ) -> None:
        self.header = secrets.token_urlsafe(24)
        self._office = office
        self._on_database_token, self._principal_of = on_database_token, principal_of
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def start(self) -> None:
        """Serve from a thread of its own."""
        threading.Thread(target=self._server.serve_forever, name="identity-door", daemon=True).start()

    def close(self) -> None:
        """Stop listening. Only for a door that was started."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, header: str | None) -> tuple[int, dict[str, object]]:
        """Status and body for one request, in the words of App Service (seen in its documentation, not recorded)."""
        parts = urlsplit(path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path != "/token":
            return 404, {"statusCode": 404, "message": "not found"}
        if header is None or not hmac.compare_digest(header.encode(), self.header.encode()):
            return 401, {"statusCode": 401, "message": "X-IDENTITY-HEADER is missing or wrong"}
        if query.get("api-version") != API_VERSION or not query.get("resource"):
            return 400, {"statusCode": 400, "message": f"api-version must be {API_VERSION} and resource must be given"}
        return 200, self._token(query["resource"], query)

    def _token(self, resource: str, query: Mapping[str, str]) -> dict[str, object]:
        object_id = self._principal_of(next((query[name] for name in _PRINCIPALS if query.get(name)), OBJECT_ID))
        issued = self._office.issue(resource, object_id, LIFETIME_SECONDS)
        if same_resource(resource) == DATABASE_RESOURCE and self._on_database_token is not None:
            self._on_database_token(object_id, issued.text, datetime.fromtimestamp(issued.expires_on, UTC))
        return {
            "access_token": issued.text,
            "expires_on": str(issued.expires_on),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": query.get("client_id", object_id),
        }


def _handler(door: IdentityDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60  # an idle keep-alive connection is dropped after a minute
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, body = door.answer(self.path, self.headers.get("X-IDENTITY-HEADER"))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *values: object) -> None:
            # Without the query: it names principals. The token is in no log at all.
            log.info("%s %s -> %s", self.command, urlsplit(self.path).path, values[1] if len(values) > 1 else "")

    return Handler
