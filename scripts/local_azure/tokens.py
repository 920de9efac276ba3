"""Access tokens of the local Azure: JSON web tokens signed with a key that lives as long as the process and is written nowhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any

# A managed identity's token is good for up to 24 h in Azure; clients here renew at half of what is left, so an hour is ample.
LIFETIME_SECONDS = 3600
# The resource that a client names when it wants to log in to PostgreSQL as an Entra principal (azure-facts 7).
DATABASE_RESOURCE = "https://ossrdbms-aad.database.windows.net"


class BadToken(Exception):
    """A token that is not ours, has ended or was issued for something else; the message says which, in Azure's words."""


@dataclass(frozen=True)
class Issued:
    """One token: the text to send, whom it stands for, what it opens, and when it ends (seconds since 1970)."""

    text: str
    object_id: str
    resource: str
    expires_on: int


class TokenOffice:
    """Issues tokens and recognises its own."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self._key = secrets.token_bytes(32)

    def issue(self, resource: str, object_id: str, lifetime_seconds: int = LIFETIME_SECONDS) -> Issued:
        """A token for `resource`, with the claims that clients read: tid, oid, aud, exp."""
        now = int(time.time())
        expires = now + lifetime_seconds
        claims = {
            "aud": resource, "iss": f"https://sts.windows.net/{self.tenant}/", "iat": now, "nbf": now, "exp": expires,
            "oid": object_id, "sub": object_id, "tid": self.tenant, "idtyp": "app", "ver": "1.0", "uti": uuid.uuid4().hex,
        }  # fmt: skip
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return Issued(f"{signed}.{self._signature(signed)}", object_id, resource, expires)

    def claims(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that we issued for `audience`. Raises BadToken."""
        signed, _, signature = token.rpartition(".")
        if signed.count(".") != 1 or not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            raise BadToken("The access token is invalid.")
        found: dict[str, Any] = json.loads(_decoded(signed.partition(".")[2]))
        if found["exp"] <= time.time():
            raise BadToken("The access token has expired.")
        if same_resource(found["aud"]) != same_resource(audience):
            raise BadToken("The access token has been obtained for the wrong audience or resource.")
        return found

    def _signature(self, signed: str) -> str:
        return _url_safe(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())


def same_resource(resource: str) -> str:
    """One spelling of a resource: clients send it with and without a slash at its end."""
    return resource.removesuffix("/.default").rstrip("/").lower()


def _encoded(values: dict[str, Any]) -> str:
    return _url_safe(json.dumps(values, separators=(",", ":")).encode())


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
