"""What a subscription may do: its quotas by region, and the rights of whoever asks. Shapes as ARM documents them; no recording holds them.

Here everybody owns the subscription until a role assignment is put; from then on the assigned roles are all that there is, but for those
of a Backup vault, which are its own. A quota is told and not enforced.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from infra.domain import offer
from infra.domain.azure import skus
from scripts.local_azure.refusal import Refusal

Body = dict[str, Any]

# Assumed: what a subscription has differs by its offer. The region's limit is above a family's, as it is in Azure.
REGION_CORES, FAMILY_CORES = 100, 50
# The built-in roles that matter for an environment, by the id that Azure gives them everywhere.
ROLES: dict[str, Body] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": {"actions": ["*"], "notActions": []},  # Owner
    "b24988ac-6180-42a0-ab88-20f7382dd24c": {  # Contributor
        "actions": ["*"],
        "notActions": ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"],
    },
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": {"actions": ["*/read"], "notActions": []},  # Reader
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": {  # User Access Administrator
        "actions": ["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        "notActions": [],
    },
}
OWNER = next(iter(ROLES))
_ASSIGNMENTS = "microsoft.authorization/roleassignments"
_SERVERS = "microsoft.dbforpostgresql/flexibleservers"
_VAULTS = "microsoft.dataprotection/backupvaults"


class Asked(Protocol):
    """What is needed of the cloud."""

    def get(self, resource_id: str) -> Body: ...
    def list(self, collection_id: str) -> list[Body]: ...


def permissions(cloud: Asked, scope: str) -> Body:
    """What the caller may do at a subscription or below it: one entry a role. Raises Refusal (404) for a group that is not there."""
    parts = scope.split("/")
    if len(parts) > 4:
        cloud.get("/".join(parts[:5]))
    vaults = {(each.get("identity") or {}).get("principalId") for each in cloud.list(f"/subscriptions/{parts[2]}/providers/{_VAULTS}")}
    listed = cloud.list(f"/subscriptions/{parts[2]}/providers/{_ASSIGNMENTS}")
    assigned = [each for each in listed if each["properties"].get("principalId") not in vaults - {None}]
    if not assigned:
        return {"value": [_permission(OWNER)]}
    return {"value": [_permission(_role(each)) for each in assigned if _covers(each["id"], scope)]}


def usages(cloud: Asked, subscription: str, location: str) -> Body:
    """The vCores that the servers of a region have, of those that they may have: the region's, then those of each family."""
    taken: dict[str, int] = {}
    for server in cloud.list(f"/subscriptions/{subscription}/providers/{_SERVERS}"):
        sku = skus.find(server["sku"]["name"])
        if sku is not None and server["location"].replace(" ", "").lower() == location.lower():
            twice = server["properties"]["highAvailability"]["mode"] != "Disabled"
            taken[offer.family(sku.name)] = taken.get(offer.family(sku.name), 0) + sku.vcores * (1 + twice)
    families = sorted({offer.family(name) for name in skus.SKUS})
    told = [(offer.CORES, sum(taken.values()), REGION_CORES), *((each, taken.get(each, 0), FAMILY_CORES) for each in families)]
    start = f"/subscriptions/{subscription}/providers/Microsoft.DBforPostgreSQL/locations/{location}/usages"
    return {
        "value": [
            {
                "id": f"{start}/{name}",
                "name": {"value": name, "localizedValue": name},
                "unit": "Count",
                "currentValue": used,
                "limit": limit,
            }
            for name, used, limit in told
        ]
    }


def _permission(role: str) -> Body:
    if role not in ROLES:
        raise Refusal(501, "NotPlayedLocally", f"role {role} is not played by the local Azure")
    return {**ROLES[role], "dataActions": [], "notDataActions": []}


def _role(assignment: Body) -> str:
    return str(assignment["properties"].get("roleDefinitionId", "")).rsplit("/", 1)[-1].lower()


def _covers(assignment: str, scope: str) -> bool:
    """Whether an assignment holds at a scope: it was made there or above."""
    made_at = re.sub(rf"/providers/{_ASSIGNMENTS}/[^/]+$", "", assignment.lower())
    return scope.lower() == made_at or scope.lower().startswith(f"{made_at}/")
