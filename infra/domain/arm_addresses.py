"""Where a resource stands in Azure, as an ARM template says it: `resourceId(...)`, also of what hangs on another resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.domain.azure import arm_ids

_PART = re.compile(r"\{(\w+)\}")
# `/subscriptions/S/resourceGroups/G/providers/...`: ARM does not care about the case of its own words.
_ID = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)((?:/[^/]+)*)", re.IGNORECASE)
# What belongs to the subscription as a whole, such as the definition of a role.
_OF_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)/providers/([^/]+/[^/]+)/([^/]+)", re.IGNORECASE)
_SCOPES = ("{scope}", "{resourceUri}")


class Expression(str):
    """A piece of ARM's template language, without the brackets: `parameters('name')`."""


@dataclass(frozen=True)
class Address:
    """Type, and one name for each of its segments after the service; `scope` is what it hangs on, a resource or an expression.

    `group` is the resource group where that is another one than the deployment's.
    """

    type: str
    names: tuple[str, ...]
    scope: Address | Expression | None = None
    group: str = ""

    @property
    def key(self) -> Address:
        """The same for every spelling of the same resource."""
        scope = self.scope.key if isinstance(self.scope, Address) else self.scope
        return Address(self.type.lower(), tuple(name.lower() for name in self.names), scope, self.group.lower())

    @property
    def parent(self) -> Address | None:
        """The resource that this one is written inside of: the server of a database."""
        above = self.type.rpartition("/")[0]
        return Address(above, self.names[:-1], self.scope, self.group) if len(self.names) > 1 else None

    @property
    def name(self) -> str:
        """What a template has as `name`: all names, with slashes."""
        if not any(isinstance(name, Expression) for name in self.names):
            return literal("/".join(self.names))
        if len(self.names) == 1:
            return f"[{self.names[0]}]"
        places = "/".join(f"{{{number}}}" for number in range(len(self.names)))
        return f"[format('{places}', {', '.join(map(_argument, self.names))})]"

    @property
    def expression(self) -> Expression:
        """The id of the resource."""
        arguments = ", ".join((_argument(self.type), *map(_argument, self.names)))
        if self.scope is not None:
            scope = self.scope.expression if isinstance(self.scope, Address) else self.scope
            return Expression(f"extensionResourceId({scope}, {arguments})")
        elsewhere = f"{_argument(self.group)}, " if self.group else ""
        return Expression(f"resourceId({elsewhere}{arguments})")


RESOURCE_GROUP = Expression("resourceGroup().id")


def literal(text: str) -> str:
    """A text that ARM takes as it stands: one in brackets would be an expression."""
    return f"[{text}" if text.startswith("[") and text.endswith("]") else text


def address_of_id(text: str, subscription: str, group: str) -> Address | Expression | None:
    """The address in a text that is an ARM id of this subscription, and of `group` as the deployment's; None for any other text."""
    whole = _OF_SUBSCRIPTION.fullmatch(text)
    if whole is not None and whole[1].lower() == subscription.lower():
        return Expression(f"subscriptionResourceId({_argument(whole[2])}, {_argument(whole[3])})")
    found = _ID.fullmatch(text)
    if found is None or found[1].lower() != subscription.lower():
        return None
    elsewhere = "" if found[2].lower() == group.lower() else found[2]
    address: Address | Expression | None = None if elsewhere else RESOURCE_GROUP
    for number, part in enumerate(re.split(r"/providers/", found[3], flags=re.IGNORECASE)[1:]):
        service, *pairs = part.split("/")
        if not pairs or len(pairs) % 2:
            return None
        scope = address if number else None
        address = Address("/".join((service, *pairs[::2])), tuple(pairs[1::2]), scope, "" if number else elsewhere)
    return address


def address_of_inputs(type_: str, inputs: Mapping[str, Any], piece: Callable[[str], str], scope: Callable[[str], Any]) -> Address | None:
    """The address of a resource from its inputs; None for a type without a path, and for what hangs on something outside of any group.

    `piece` gives the name that stands in an input, `scope` the address or expression of what an input points to, None outside.
    """
    path = arm_ids.path_of(type_) or ""
    before, _, last = path.rpartition("/providers/")
    if not last:
        return None
    service, *pairs = last.split("/")
    names = tuple(_PART.sub("", name) or piece(name[1:-1]) for name in pairs[1::2])
    on = scope(before[1:-1]) if before in _SCOPES else None
    if before in _SCOPES and on is None:
        return None
    kind = "/".join((service, *pairs[::2]))
    # What hangs on the resource group itself is deployed into it like anything else.
    return Address(kind, names, None if on == RESOURCE_GROUP else on)


def _argument(text: str) -> str:
    return text if isinstance(text, Expression) else "'" + text.replace("'", "''") + "'"
