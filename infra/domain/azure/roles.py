"""Roles that Azure brings, by id: the same in every subscription. Source: Microsoft's table of built-in roles.

Only those that the program assigns; each lets its holder look or start a copy, and change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
# Start a long-term backup of a flexible server and follow it; it reads no data itself.
LONG_TERM_BACKUP = "c088a766-074b-43ba-90d4-1fb21feae531"

NAMES: Mapping[str, str] = MappingProxyType(
    {READER: "Reader", LONG_TERM_BACKUP: "PostgreSQL Flexible Server Long Term Retention Backup Role"}
)


def definition(subscription: str, role: str) -> str:
    """The id of a role's definition as Azure answers it; `subscription` is the path `/subscriptions/ID`."""
    return f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"


def name_of(definition_id: object) -> str | None:
    """The name of a role in the table above, from the id of its definition; None for any other."""
    return NAMES.get(str(definition_id).rpartition("/")[2].lower())
