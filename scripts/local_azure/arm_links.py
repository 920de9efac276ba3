"""The links and waiting times of a long-running operation, as ARM sends them with a 202."""

from __future__ import annotations

import base64
import secrets
from urllib.parse import quote, urlencode

from scripts.local_azure import times
from scripts.local_azure.operations import Operation

# The recorded links are some 3,400 characters long, nearly all of it a certificate of 2,700 to 2,800 characters and two signatures
# (wire/server.md 1). Clients must bear headers of that size, so ours are as long.
CERTIFICATE_BYTES = 2060
SIGNATURE_BYTES = 256
HASH_BYTES = 32


class Links:
    """Makes absolute links to the door at `url`; what they look like says nothing, only the operation's id counts."""

    def __init__(self, url: str, subscription: str) -> None:
        self._own = f"{url}/subscriptions/{subscription}/operationresults"
        self._start = f"{url}/subscriptions/{subscription}/providers/Microsoft.DBforPostgreSQL/locations"
        self._certificate = _text(CERTIFICATE_BYTES)

    def headers(self, operation: Operation, api_version: str) -> dict[str, str]:
        """Both links and when to come back."""
        return {
            "Azure-AsyncOperation": self._link(operation, "azureAsyncOperation", api_version),
            "Location": self._link(operation, "operationResults", api_version),
            **self.pace(operation),
        }

    def own_headers(self, operation: Operation, api_version: str) -> dict[str, str]:
        """The one link that ARM gives to an operation of its own, the deletion of a group (documented, not recorded)."""
        return {"Location": f"{self._own}/{operation.id}?api-version={api_version}", **self.pace(operation)}

    def pace(self, operation: Operation) -> dict[str, str]:
        """When to come back: whole seconds as Azure says them, or milliseconds, which Azure's clients understand too."""
        seconds = operation.retry_after_seconds
        if seconds < 1:
            return {"retry-after-ms": str(max(1, round(seconds * 1000)))}
        return {"Retry-After": str(round(seconds))}

    def _link(self, operation: Operation, kind: str, api_version: str) -> str:
        query = {
            "api-version": api_version, "t": f"{times.ticks(operation.start_time):018d}", "c": self._certificate,
            "s": _text(SIGNATURE_BYTES), "h": _text(HASH_BYTES),
        }  # fmt: skip
        return f"{self._start}/{quote(operation.location_segment)}/{kind}/{operation.id}?{urlencode(query)}"


def _text(length: int) -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(length)).rstrip(b"=").decode()
