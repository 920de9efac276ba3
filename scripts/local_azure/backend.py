"""Real servers behind the model: each flexible server is one PostgreSQL cluster with the gateway in front of it.

What stands for Azure only in part: a client on this machine counts as one inside (in the virtual network, behind the private endpoint, or
with an address that the firewall allows) unless `seen_as` names the address it shall be judged by; a principal's last token is its
role's password until the next one; a standby is a word in the model, so restart with failover is a restart.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from scripts.local_azure.certificates import Certificates
from scripts.local_azure.gateway import Gateway, Policy
from scripts.local_azure.postgres import Binaries, Cluster, names, sweep
from scripts.local_azure.trouble import Trouble
from scripts.local_azure.world import Access

SUFFIX = ".postgres.database.azure.com"
TLS_VERSIONS = {"TLSv1.3": ssl.TLSVersion.TLSv1_3}
"""By the value of ssl_min_protocol_version; everything else means 1.2, Azure's own floor."""


def hosts_file(state: Path) -> Path:
    """The file that says where each server of a state folder listens: what AGENTMEM_HOSTS=@FILE leads to."""
    return state / "hosts"


class ClusterBackend:
    """The servers of one state folder. Satisfies world.Backend; its methods raise Trouble for what this machine cannot do."""

    def __init__(self, state: Path, certificates: Certificates, *, binaries: Binaries | None = None, seen_as: str | None = None) -> None:
        """Installs PostgreSQL if need be, stops what a killed process left, starts the gateway; no server runs yet."""
        self._state, self._certificates = state, certificates
        self._binaries = binaries or Binaries.install()
        self._seen_as = seen_as
        self._clusters: dict[str, Cluster] = {}
        self._access: dict[str, Access] = {}
        self._roles: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, str] = {}
        self._lock = threading.RLock()
        sweep(state)
        self._gateway = Gateway()
        self._gateway.start()
        self._list()

    @property
    def minor_versions(self) -> Mapping[str, str]:
        """The one embedded PostgreSQL: {"16": "14"}."""
        major, _, minor = self._binaries.version.partition(".")
        return {major: minor}

    def create_server(self, name: str, version: str, login: str | None, password: str | None, access: Access) -> None:
        """A new cluster with its administrator, open to clients. What an interrupted creation left of the same name is removed first."""
        if name in names(self._state):
            self.delete_server(name)
        cluster = Cluster.create(self._state, name, self._binaries)
        self._clusters[name] = cluster
        if login:
            cluster.create_administrator(login, password)
        self._open(name, access)

    def resume_server(self, name: str, access: Access, running: bool, entra: Mapping[str, str]) -> None:
        """Takes up the cluster of an earlier process. `entra` holds role names by object id."""
        cluster = Cluster.load(self._state, name, self._binaries)
        self._clusters[name] = cluster
        self._access[name] = access
        self._roles[name] = dict(entra)
        self._gateway.reserve(name)
        if running:
            cluster.start()
            self._open(name, access)

    def delete_server(self, name: str) -> None:
        """Removes cluster, data and address."""
        self._gateway.release(name)
        cluster = self._clusters.pop(name, None)
        if cluster is None and name in names(self._state):
            cluster = Cluster.load(self._state, name, self._binaries)
        if cluster is not None:
            cluster.destroy()
        self._access.pop(name, None)
        self._roles.pop(name, None)
        self._list()

    def start(self, name: str) -> None:
        """Starts it; the socket is another one than before."""
        self._cluster(name).start()
        self._open(name, self._access[name])

    def stop(self, name: str) -> None:
        """Refuses new connections, then stops."""
        self._gateway.close(name)
        self._cluster(name).stop()

    def restart(self, name: str) -> None:
        """Sessions end, as on Azure."""
        self._cluster(name).restart()

    def set_password(self, name: str, login: str, password: str) -> None:
        """The administrator's."""
        self._cluster(name).set_password(login, password)

    def apply_parameters(self, name: str, values: Mapping[str, str | None]) -> None:
        """Raises Trouble for a value that PostgreSQL does not take; then nothing changes."""
        self._cluster(name).apply(values)

    def create_database(self, name: str, database: str, collation: str) -> None:
        """In UTF8."""
        self._cluster(name).create_database(database, collation)

    def drop_database(self, name: str, database: str) -> None:
        """With its sessions."""
        self._cluster(name).drop_database(database)

    def set_access(self, name: str, access: Access) -> None:
        """For connections from now on; kept for a stopped server."""
        self._access[name] = access
        if self._cluster(name).running:
            self._gateway.set_policy(name, self._policy(access))

    def add_entra_role(self, name: str, role: str, object_id: str) -> None:
        """A role for a principal; a token that it got before opens it at once. Safe to repeat."""
        cluster = self._cluster(name)
        with self._lock:
            known = self._roles.setdefault(name, {})
            if known.get(object_id) != role:
                cluster.create_administrator(role)
            known[object_id] = role
            token = self._tokens.get(object_id)
        if token is not None:
            cluster.set_password(role, token)

    def drop_entra_role(self, name: str, role: str) -> None:
        """Takes the role away; what it owned goes to azure_pg_admin."""
        with self._lock:
            self._roles[name] = {key: each for key, each in self._roles.get(name, {}).items() if each != role}
        self._cluster(name).drop_role(role)

    def database_token(self, object_id: str, token: str, expires: datetime) -> None:
        """Called for each token that is issued for PostgreSQL. It is held in memory only; that it ends is not enforced."""
        with self._lock:
            self._tokens[object_id] = token
            held = [(name, roles[object_id]) for name, roles in self._roles.items() if object_id in roles]
        for name, role in held:
            cluster = self._clusters.get(name)
            if cluster is not None and cluster.running:
                cluster.set_password(role, token)

    def hosts(self) -> Mapping[str, str]:
        """Host name -> "address:port", for every server that exists."""
        endpoints = {name: self._gateway.endpoint(name) for name in list(self._clusters)}
        return {name + SUFFIX: str(endpoint) for name, endpoint in endpoints.items() if endpoint is not None}

    def close(self) -> None:
        """Closes the gateway, then stops every cluster, also when one does not stop."""
        self._gateway.stop()
        for cluster in list(self._clusters.values()):
            with suppress(Trouble):
                cluster.stop()

    def _list(self) -> None:
        """Write down where each server listens, for commands that run now: they read it when they connect."""
        path = hosts_file(self._state)
        beside = path.with_suffix(".new")
        listed = ",".join(f"{name}={address}" for name, address in sorted(self.hosts().items()))
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(listed)
        beside.replace(path)

    def _open(self, name: str, access: Access) -> None:
        self._access[name] = access
        self._gateway.open(name, self._cluster(name).socket, self._certificates.server(name), self._policy(access))
        self._list()

    def _cluster(self, name: str) -> Cluster:
        try:
            return self._clusters[name]
        except KeyError:
            raise Trouble(f"nothing runs behind server {name}") from None

    def _policy(self, access: Access) -> Policy:
        return Policy(
            require_secure_transport=access.encrypted_only,
            minimum_tls=TLS_VERSIONS.get(access.tls_minimum, ssl.TLSVersion.TLSv1_2),
            admits=admission(access, self._seen_as),
            pooled=access.pooled,
        )


def admission(access: Access, seen_as: str | None) -> Callable[[str], bool]:
    """Whether an address may connect: what the firewall rules of a public server allow, and whoever is inside its network.

    A client on this machine is inside wherever a server has an inside, a virtual network or a private endpoint. With `seen_as` every client
    is judged as that address, by the firewall rules alone.
    """
    ranges = [(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last)) for first, last in access.ranges]

    def admits(address: str) -> bool:
        judged = ipaddress.ip_address(seen_as or address)
        if seen_as is None and judged.is_loopback and access.private_network:
            return True
        return access.public and isinstance(judged, ipaddress.IPv4Address) and any(first <= judged <= last for first, last in ranges)

    return admits
