"""What the local Azure answers instead of doing what was asked: a status, a code and a message."""

from __future__ import annotations

import uuid


class Refusal(Exception):
    """A refused request, in Azure's terms.

    `status` is the HTTP status of the answer; a refusal found only after the request was accepted travels as the error of a failed
    operation instead and its status is not used. `retry_after_seconds` is set where Azure would tell the client when to come back.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds

    def body(self) -> dict[str, object]:
        """The JSON body of the answer."""
        return {"error": {"code": self.code, "message": self.message}}


class ConnectionLost(Exception):
    """The door must close the connection without an answer. Whether the request was done is the fault's choice (`Fault.done`)."""


def not_found(resource_id: str) -> Refusal:
    """404 for a resource that does not exist."""
    return Refusal(404, "ResourceNotFound", f"the resource {resource_id} does not exist")


def group_not_found(group: str) -> Refusal:
    """404 for a write into a resource group that does not exist."""
    return Refusal(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def parent_not_found(resource_id: str) -> Refusal:
    """404 for a child whose parent does not exist."""
    return Refusal(404, "ParentResourceNotFound", f"the parent {resource_id} does not exist")


def bad_value(where: str, why: str) -> Refusal:
    """400 for a value that the service does not take. The code is assumed: no recording holds such an answer."""
    return Refusal(400, "InvalidParameterValue", f"{where}: {why}")


def immutable(where: str) -> Refusal:
    """400 for a change of something that is decided at creation (code assumed)."""
    return Refusal(400, "PropertyChangeNotAllowed", f"{where} is decided when the server is created and cannot change afterwards")


def busy(server: str, running: str) -> Refusal:
    """409 for a second management operation on one server. The code is documented, the answer itself was never recorded."""
    return Refusal(409, "ServerIsBusy", f"server {server} is busy with {running}; try again when that has ended", retry_after_seconds=10.0)


def not_played(what: str) -> Refusal:
    """501 for something that Azure does and this stand-in does not do yet."""
    return Refusal(501, "NotPlayedLocally", f"{what} is not played yet by the local Azure")


def internal_error() -> Refusal:
    """Azure's plain 500; the spelling is the recorded one (wire/older.md 4, wire/parameter.md 6)."""
    return Refusal(500, "InternalServerError", f"An unexpected error occured while processing the request. Tracking ID: '{uuid.uuid4()}'")
