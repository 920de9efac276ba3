"""What Blob Storage answers, as exit codes: asked again while it is throttled, away or unwell, then said in one line.

Every request of ours may be sent twice: writes that must happen once carry a condition, and whoever sends them looks what is there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from scripts.edges.arm_retry import asked_to_wait
from scripts.edges.exits import BAD, BUSY, REFUSED, UNREACHABLE, Failure

T = TypeVar("T")
# Throttling of an account ends within seconds, a partition that moves within a minute; longer is an outage.
PATIENCE_SECONDS = 60.0
# A name that is not known, a port that nobody listens on: seconds show whether it was a hiccup of the network.
LOST_SECONDS = 5.0
_FIRST_SECONDS, _MOST_SECONDS = 0.5, 16.0
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_KEY = frozenset({"AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"})
_RIGHTS = frozenset({"AuthorizationPermissionMismatch", "InsufficientAccountPermissions"})
_LEASED = frozenset({"LeaseAlreadyPresent", "LeaseIdMissing", "LeaseIdMismatchWithBlobOperation", "LeaseIdMismatchWithLeaseOperation"})
# The last: whoever commits a blob throws away what others staged for it.
_WRITTEN = frozenset({"BlobAlreadyExists", "UnmodifiedConditionNotMet", "InvalidBlockList"})
_HINTS = {
    "ContainerNotFound": "make it: az storage container create --auth-mode login --account-name ACCOUNT --name CONTAINER",
    "AuthorizationFailure": "see that the key is right, or run this where the account's firewall lets you in: inside the network",
    "KeyBasedAuthenticationNotPermitted": "unset AZURE_STORAGE_CONNECTION_STRING to log in with Azure",
    "BlobImmutableDueToPolicy": "the container keeps it by policy until its time is over",
}


class Conflict(Failure):
    """A condition that did not hold: somebody else wrote there first."""


class Missing(Failure):
    """A blob that is not there."""


@dataclass
class Patience:
    """For how many seconds a place is asked again. One that never `answered` is usually a wrong address, and given up sooner."""

    seconds: float = PATIENCE_SECONDS
    answered: bool = False

    def for_error(self, error: Any) -> float:
        """Seconds from the first try."""
        from azure.core.exceptions import ServiceRequestError

        is_lost = isinstance(error, ServiceRequestError) and not self.answered
        return min(self.seconds, LOST_SECONDS) if is_lost else self.seconds


def asked(where: str, call: Callable[[], T], patience: Patience) -> T:
    """What `call` returns. Raises Failure about `where`: Conflict, Missing, REFUSED, UNREACHABLE, BUSY, or BAD for no container.

    What waiting may mend is asked again; what Azure asks to wait is honoured. The SDK's own error is left out of a traceback: it may
    hold an address with a signature.
    """
    from azure.core.exceptions import AzureError

    start, pause = time.monotonic(), _FIRST_SECONDS
    while True:
        try:
            found = call()
            patience.answered = True
            return found
        except AzureError as error:
            patience.answered |= getattr(error, "status_code", None) is not None
            wait = _wait(error, pause)
            if wait is None or time.monotonic() + wait > start + patience.for_error(error):
                raise failure(error, where) from None
        time.sleep(wait)
        pause = min(2 * pause, _MOST_SECONDS)


def failure(error: Any, where: str) -> Failure:
    """The line for an error of the SDK."""
    from azure.core.exceptions import ClientAuthenticationError

    status, code = getattr(error, "status_code", None), code_of(error)
    if isinstance(error, ClientAuthenticationError) and not code:
        return Failure(REFUSED, "Azure does not know who we are", where=where, hint="run az login, or give the runner an identity")
    if code in _KEY or status == 401:
        hint = "copy the connection string anew, or unset it to log in with Azure; see that the clock is right"
        return Failure(REFUSED, "the storage account does not accept who we are", where=where, hint=hint)
    if status is None or status < 400:
        return Failure(UNREACHABLE, "Blob Storage cannot be reached", where=where, hint="check the address and the network, then try again")
    if code in _LEASED:
        return Failure(BUSY, f"{code}: somebody else is at work on it", where=where, hint="wait until that has ended")
    return _answered(status, code, where)


def _answered(status: int, code: str, where: str) -> Failure:
    hint = _HINTS.get(code, "give us the role Storage Blob Data Contributor on the container" if code in _RIGHTS else "")
    if code == "BlobNotFound":
        return Missing(BAD, "is not there", where=where)
    if code == "ContainerNotFound":
        return Failure(BAD, "the container is not there", where=where, hint=hint)
    if status == 412 or code in _WRITTEN:
        return Conflict(REFUSED, "somebody else wrote it meanwhile", where=where)
    if status == 429 or code == "ServerBusy":
        return Failure(BUSY, f"{code}: Blob Storage is throttled", where=where, hint="try again later")
    if status >= 500:
        return Failure(UNREACHABLE, f"Blob Storage answers {status} {code}", where=where, hint="try again later")
    return Failure(BAD if status == 404 else REFUSED, f"Blob Storage answers {status} {code}", where=where, hint=hint)


def code_of(error: Any) -> str:
    """Azure's own code, "" where it gave none; its text may repeat what was signed, and is left out."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    code = getattr(error, "error_code", None) or headers.get("x-ms-error-code") or ""
    return str(getattr(code, "value", code))


def _wait(error: Any, pause: float) -> float | None:
    """Seconds to wait before the next try; None for what waiting does not mend."""
    from azure.core.exceptions import ClientAuthenticationError

    status = getattr(error, "status_code", None)
    if isinstance(error, ClientAuthenticationError) or (status is not None and status >= 300 and status not in _AGAIN):
        return None
    return max((asked_to_wait(error) or 0.0), pause * random.uniform(0.5, 1.0))
