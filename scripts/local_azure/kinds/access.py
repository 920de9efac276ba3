"""Who may reach a server, put together from its network section, its firewall rules and its parameters."""

from __future__ import annotations

from scripts.local_azure.kinds.kind import Body
from scripts.local_azure.store import Record
from scripts.local_azure.world import Access, World


def access_of(world: World, server: Record) -> Access:
    """What the gateway in front of the server has to enforce now."""
    network = server["body"]["properties"]["network"]
    own = server["hidden"]["parameters"]
    rules = _children(world, server, "firewallrules")
    connections = _children(world, server, "privateendpointconnections")
    approved = [each for each in connections if each["privateLinkServiceConnectionState"]["status"] == "Approved"]
    return Access(
        public=network["publicNetworkAccess"] == "Enabled",
        private_network="delegatedSubnetResourceId" in network or bool(approved),
        encrypted_only=own.get("require_secure_transport", {}).get("value", "on") == "on",
        tls_minimum=own.get("ssl_min_protocol_version", {}).get("value", "TLSv1.2"),
        pooled=own.get("pgbouncer.enabled", {}).get("value", "false") == "true",
        ranges=tuple((each["startIpAddress"], each["endIpAddress"]) for each in rules),
    )


def entra_roles(world: World, server: Record) -> dict[str, str]:
    """Role names of the server's Entra administrators by object id."""
    return {each["objectId"]: each["principalName"] for each in _children(world, server, "administrators")}


def enforce(world: World, key: str) -> None:
    """Tells the servers behind who may connect from now on. `key` is the server's."""
    server = world.store.get(key)
    if server is not None:
        world.backend.set_access(server["body"]["name"], access_of(world, server))


def _children(world: World, server: Record, kind: str) -> list[Body]:
    """The properties of all children of one kind."""
    prefix = f"{server['id'].lower()}/{kind}/"
    return [each["body"]["properties"] for each in world.store.records() if each["id"].lower().startswith(prefix)]
