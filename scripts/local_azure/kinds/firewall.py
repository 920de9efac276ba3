"""Firewall rules: address ranges and the blocks that Azure computes from them (wire/server.md 11).

Assumed: the refusal while public access is off and of bad names and ranges, with their codes (azure-facts 6).
"""

from __future__ import annotations

import ipaddress
import re

from scripts.local_azure.faults import Fault
from scripts.local_azure.kinds.access import enforce
from scripts.local_azure.kinds.kind import Body, Outcome, ServerChild, server_key
from scripts.local_azure.operations import Operation, Timing
from scripts.local_azure.refusal import Refusal, bad_value
from scripts.local_azure.resource_ids import ResourceId

TIMING = Timing(1.5, 60.0)
"""Readable 2 s after the PUT, polled every minute."""
LAST = "255.255.255.255"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,78}[A-Za-z0-9_])?")


class FirewallRules(ServerChild):
    """The `firewallRules` of a server."""

    type = "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules"

    def put(self, resource: ResourceId, body: Body, fault: Fault | None) -> Outcome:
        """Creates a rule or gives it other addresses."""
        self._refuse_closed(resource)
        asked = body.get("properties") or {}
        start, end = asked.get("startIpAddress"), asked.get("endIpAddress")
        if not _NAME.fullmatch(resource.name):
            raise bad_value("firewall rule name", f"{resource.name} is none")
        properties = {"startIpAddress": start, "endIpAddress": end, "sourceAddressPrefixes": prefixes(start, end)}

        def apply() -> None:
            self.keep(resource, properties)
            enforce(self.world, server_key(resource))

        return self.begin(resource, "UpsertServerFirewallRulesManagementOperation", "PUT", TIMING, apply, fault)

    def delete(self, resource: ResourceId, fault: Fault | None) -> Operation | None:
        """Removes a rule."""
        if not self.world.store.has(resource.key):
            return None
        self._refuse_closed(resource)

        def apply() -> None:
            self.world.store.drop(resource.key)
            enforce(self.world, server_key(resource))

        return self.begin(resource, "DropServerFirewallRulesManagementOperation", "DELETE", TIMING, apply, fault)

    def _refuse_closed(self, resource: ResourceId) -> None:
        server = self.ready_server(resource)
        if server["body"]["properties"]["network"]["publicNetworkAccess"] == "Disabled":
            raise Refusal(
                400, "PublicNetworkAccessDisabled", f"server {server['body']['name']} has public access off, so it has no firewall rules"
            )


def prefixes(start: object, end: object) -> list[str]:
    """The least list of blocks that covers a range; the two ranges with a meaning of their own have a word instead."""
    try:
        first, last = ipaddress.IPv4Address(str(start)), ipaddress.IPv4Address(str(end))
    except ipaddress.AddressValueError as error:
        raise bad_value("firewall rule", f"{start} to {end} is no range of IPv4 addresses") from error
    if first > last:
        raise bad_value("firewall rule", f"{start} lies behind {end}")
    if str(first) == "0.0.0.0" and str(last) in ("0.0.0.0", LAST):
        return ["*"] if str(last) == LAST else ["AzureCloud"]
    return [str(each) for each in ipaddress.summarize_address_range(first, last)]
