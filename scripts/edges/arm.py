"""Azure Resource Manager as the verbs see it: facts about one server, and every refusal as an exit code.

The SDK and its credentials are used as they come. Where the endpoint is comes from the environment (AGENTMEM_ARM_ENDPOINT, loopback only);
who we are, from what DefaultAzureCredential finds there.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scripts.edges.exits import BAD, BUSY, CONFIGURATION, REFUSED, UNREACHABLE, Exit, Failure
from scripts.edges.loopback import is_loopback

if TYPE_CHECKING:
    from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient

# The version that azure-native 3.29 talks too, so that both see the same server; the SDK's own default is newer.
API_VERSION = "2025-08-01"
ENDPOINT = "AGENTMEM_ARM_ENDPOINT"
SUBSCRIPTION = "ARM_SUBSCRIPTION_ID"
# The three faces of a busy server (azure-facts 11.1 f), a lock, and ARM's own word for two operations at once.
BUSY_CODES = frozenset({"ServerIsBusy", "ServerBusy", "ServerIsNotReady", "ScopeLocked", "AnotherOperationInProgress"})
# Creation took up to 17 minutes in the recordings (wire/server.md 2).
READY_SECONDS = 1800.0
# Recorded restarts took one to two minutes (wire/server.md 2); ten are a server that still recovers from its log.
RESTART_SECONDS = 600.0
# The distance at which the CLI polls a server is 15 to 60 s; a GET costs nothing, so the short end.
POLL_SECONDS = 15.0
Watch = Callable[[str], None]


@dataclass(frozen=True)
class ServerFacts:
    """One server as Azure describes it now. `location` is the short name; `earliest_restore` is ISO 8601, None until the first backup."""

    id: str
    name: str
    location: str
    host: str
    state: str
    version: str
    sku: str
    tier: str
    storage_gib: int
    zone: str | None
    availability_mode: str
    availability_state: str
    standby_zone: str | None
    retention_days: int
    geo_redundant: bool
    earliest_restore: str | None


def _nobody(state: str) -> None:
    """Hears a state and does nothing."""


class Arm:
    """One subscription. Every method raises Failure: REFUSED, BUSY, UNREACHABLE, or BAD for what does not exist."""

    def __init__(self, client: PostgreSQLManagementClient) -> None:
        self._client = client

    @property
    def sdk(self) -> PostgreSQLManagementClient:
        """The SDK's own client, for another edge."""
        return self._client

    def server(self, resource_group: str, name: str) -> ServerFacts:
        """The server's facts."""
        with classified(name):
            return _facts(self._client.servers.get(resource_group, name))

    def pending_restart(self, resource_group: str, name: str) -> tuple[str, ...]:
        """The names of the parameters that were written and wait for a restart, in order."""
        with classified(name):
            found = list(self._client.configurations.list_by_server(resource_group, name))
            return tuple(sorted(str(each.name) for each in found if each.is_config_pending_restart))

    def allow_address(self, resource_group: str, name: str, rule: str, address: str) -> None:
        """Let one IPv4 address reach a public server, under a firewall rule of this name; waits until it may."""
        from azure.mgmt.postgresqlflexibleservers.models import FirewallRule, FirewallRuleProperties

        body = FirewallRule(properties=FirewallRuleProperties(start_ip_address=address, end_ip_address=address))
        with classified(name):
            self._client.firewall_rules.begin_create_or_update(resource_group, name, rule, body).result()

    def restart(self, resource_group: str, name: str, seconds: float = RESTART_SECONDS) -> None:
        """Restart the server in place, without a failover, and wait for it. Raises Failure (BUSY) if that takes more than `seconds`."""
        with classified(name):
            poller = self._client.servers.begin_restart(resource_group, name)
            poller.wait(seconds)
            # `result(timeout=…)` of a poller that is not done returns as if it were.
            if not poller.done():
                raise Failure(BUSY, f"has not restarted within {seconds:.0f} s", where=name, hint="Azure goes on with it; look again later")
            poller.result()

    def wait_ready(
        self, resource_group: str, name: str, seconds: float = READY_SECONDS, poll_seconds: float = POLL_SECONDS, watch: Watch = _nobody
    ) -> ServerFacts:
        """The facts once the server is Ready. Raises Failure (BUSY) if it is not within `seconds`; `watch` hears every state before."""
        return self._wait(resource_group, name, "Ready", lambda facts: facts.state, seconds, poll_seconds, watch)

    def wait_healthy(
        self, resource_group: str, name: str, seconds: float = READY_SECONDS, poll_seconds: float = POLL_SECONDS, watch: Watch = _nobody
    ) -> ServerFacts:
        """The facts once the standby is Healthy. Raises Failure (BUSY) if it is not within `seconds`; `watch` hears every state before."""
        return self._wait(resource_group, name, "Healthy", lambda facts: facts.availability_state, seconds, poll_seconds, watch)

    def _wait(
        self, group: str, name: str, wanted: str, state: Callable[[ServerFacts], str], seconds: float, poll_seconds: float, watch: Watch
    ) -> ServerFacts:
        end = time.monotonic() + seconds
        while (found := state(facts := self.server(group, name))) != wanted:
            watch(found)
            if time.monotonic() >= end:
                what = "" if wanted == "Ready" else "its standby "
                raise Failure(BUSY, f"{what}is {found}, not {wanted}, after {seconds:.0f} s", where=name, hint="try again later")
            time.sleep(poll_seconds)
        return facts


def connect(subscription: str | None = None) -> Arm:
    """A client for the subscription given or that of ARM_SUBSCRIPTION_ID; asks Azure nothing yet."""
    endpoint = _endpoint()
    subscription = subscription or os.environ.get(SUBSCRIPTION, "")
    if not subscription:
        raise Failure(CONFIGURATION, f"{SUBSCRIPTION} is not set", hint="set it to the subscription that holds the environment")
    from azure.identity import DefaultAzureCredential
    from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient

    own: dict[str, Any] = {"base_url": endpoint, "credential_scopes": [f"{endpoint}/.default"]} if endpoint else {}
    return Arm(PostgreSQLManagementClient(DefaultAzureCredential(), subscription, api_version=API_VERSION, **own))


@contextlib.contextmanager
def classified(where: str) -> Iterator[None]:
    """Turns what the SDK raises inside the block into a Failure about `where`."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise _failure(error, where) from error


def _endpoint() -> str | None:
    """The endpoint that the environment names. Raises Failure unless it is https on loopback: a token goes there."""
    text = os.environ.get(ENDPOINT, "").rstrip("/")
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme != "https" or not is_loopback(parts.hostname or ""):
        raise Failure(CONFIGURATION, f"{ENDPOINT} is {text}, only https on a loopback address is taken", hint="unset it to talk to Azure")
    return text


def _failure(error: Exception, where: str) -> Failure:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError, ServiceResponseError

    if isinstance(error, ClientAuthenticationError):
        return Failure(REFUSED, "Azure does not know who we are", where=where, hint="run az login, or give the runner an identity")
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return Failure(UNREACHABLE, "Azure Resource Manager cannot be reached", where=where, hint="try again; check the network")
    if isinstance(error, HttpResponseError):
        code, text = _said(error)
        return Failure(_exit_of(error.status_code or 0, code), f"{code}: {text}", where=where)
    return Failure(UNREACHABLE, f"{type(error).__name__} while talking to Azure", where=where)


def _exit_of(status: int, code: str) -> Exit:
    """A failed operation arrives with status 200 and speaks through its code alone."""
    if code in BUSY_CODES or status == 429:
        return BUSY
    if status == 404:
        return BAD
    return UNREACHABLE if status >= 500 else REFUSED


def _said(error: Any) -> tuple[str, str]:
    """Azure's own code and message, in one line without a full stop."""
    told = getattr(error, "error", None)
    code = str(getattr(told, "code", None) or error.status_code or type(error).__name__)
    text = str(getattr(told, "message", None) or error.reason or "no message")
    return code, " ".join(text.split()).rstrip(".")


def word(value: Any) -> str:
    """The SDK gives an enumeration's member for a word that it knows and the bare text for one that it does not."""
    return str(getattr(value, "value", value))


def _facts(server: Any) -> ServerFacts:
    """`server` is the SDK's Server, whose `properties` level can be read flat."""
    restore = server.backup.earliest_restore_date
    return ServerFacts(
        id=server.id,
        name=server.name,
        location=server.location.replace(" ", "").lower(),
        host=server.fully_qualified_domain_name,
        state=word(server.state),
        version=word(server.version),
        sku=server.sku.name,
        tier=word(server.sku.tier),
        storage_gib=server.storage.storage_size_gb,
        zone=server.availability_zone or None,
        availability_mode=word(server.high_availability.mode),
        availability_state=word(server.high_availability.state),
        standby_zone=server.high_availability.standby_availability_zone or None,
        retention_days=server.backup.backup_retention_days,
        geo_redundant=server.backup.geo_redundant_backup == "Enabled",
        earliest_restore=restore.isoformat() if restore else None,
    )
