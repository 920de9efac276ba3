"""What a subscription has and offers as a whole: its locations and all its resources, which `az` asks for by name or for a table.

Shapes as ARM documents them (api-versions 2022-12-01 and 2024-11-01); no recording holds them.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from infra.domain.azure import regions
from scripts.local_azure.refusal import Refusal

Body = dict[str, Any]

# `az resource list` filters by group and by type; whatever else a filter may say is not understood here, and that is said.
_CONDITION = re.compile(r"\s*(resourceGroup|resourceType|name|location)\s+eq\s+'([^']*)'\s*", re.IGNORECASE)


class Lister(Protocol):
    """The one thing that is needed of the cloud."""

    def list(self, collection_id: str) -> list[Body]: ...


def locations(subscription: str) -> Body:
    """The regions that the rules know."""
    start = f"/subscriptions/{subscription}/locations"
    return {"value": [_location(region, start) for region in regions.REGIONS.values()]}


def server_types(api_version: str) -> list[Body]:
    """The resource types of Microsoft.DBforPostgreSQL that a generic client (`az resource`) may name, with the version it shall use."""
    offered = [region.display_name for region in regions.REGIONS.values()]
    return [{"resourceType": "flexibleServers", "locations": offered, "apiVersions": [api_version], "defaultApiVersion": api_version}]


def resources(cloud: Lister, subscription: str, conditions: str) -> list[Body]:
    """The resources of all groups that meet an OData filter of equalities. Raises Refusal (400) for another filter.

    ARM lists what has a location of its own, so no database or parameter of a server.
    """
    wanted = _wanted(conditions)
    group = wanted.pop("resourcegroup", "")
    found: list[Body] = []
    for each in cloud.list(f"/subscriptions/{subscription}/resourceGroups"):
        if group in ("", each["name"].lower()):
            found += [one for one in cloud.list(f"{each['id']}/resources") if "location" in one]
    return [one for one in found if all(_of(one, key) == value for key, value in wanted.items())]


def _wanted(conditions: str) -> dict[str, str]:
    wanted = {}
    for part in re.split(r"\s+and\s+", conditions, flags=re.IGNORECASE) if conditions.strip() else ():
        condition = _CONDITION.fullmatch(part)
        if condition is None:
            raise Refusal(400, "InvalidFilterInQueryString", f"Invalid $filter '{conditions}' specified in the query string.")
        wanted[condition[1].lower()] = condition[2].lower()
    return wanted


def _of(resource: Body, key: str) -> str:
    value = str(resource.get("type" if key == "resourcetype" else key, "")).lower()
    return value.replace(" ", "") if key == "location" else value


def _location(region: regions.Region, start: str) -> Body:
    pair = [{"name": region.pair, "id": f"{start}/{region.pair}"}] if region.pair else []
    return {
        "id": f"{start}/{region.name}", "name": region.name, "type": "Region", "displayName": region.display_name,
        "regionalDisplayName": region.display_name, "metadata": {"regionType": "Physical", "pairedRegion": pair},
    }  # fmt: skip
