"""The network in front of the local servers: TLS, firewall and faults, each server at its own loopback address on 5432 and 6432.

The embedded PostgreSQL cannot do TLS and listens on a unix socket; this is what psycopg, psql and pg_dump reach instead.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from scripts.local_azure.gateway_session import Client, Faults, Policy, Way
from scripts.local_azure.loopback import Endpoint, Held
from scripts.local_azure.trouble import Trouble

__all__ = ["Endpoint", "Faults", "Gateway", "Policy"]

CALL_SECONDS = 30.0
"""Every call below takes milliseconds; a loop that does not answer for so long hangs."""
END_SECONDS = 2.0
"""Connections that were broken off are gone after one round of the loop."""
BACKLOG = 512
"""Connections that may wait to be accepted: a load test opens hundreds at once."""

_T = TypeVar("_T")


class Gateway:
    """All servers' network, in a thread of its own. Every method may be called from any thread but the gateway's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._held: dict[str, Held] = {}
        self._ways: dict[str, Way] = {}
        self._listeners: dict[tuple[str, bool], asyncio.Server] = {}

    def start(self) -> None:
        """Starts the thread; nothing listens yet."""
        self._thread.start()

    def stop(self) -> None:
        """Closes every server, breaks off its connections, gives the addresses free and ends the thread. Harmless a second time."""
        if self._thread.is_alive():
            for name in list(self._held):
                self.release(name)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_SECONDS)

    def reserve(self, server: str) -> Endpoint:
        """Where this server will listen: fixed until `release`, also while it is closed. Raises Trouble when no port is free."""
        return self._call(self._reserve(server))

    def open(self, server: str, socket: Path, tls: ssl.SSLContext, policy: Policy | None = None) -> Endpoint:
        """Lets clients reach the PostgreSQL behind `socket`; a server that is open already is closed first.

        `tls` comes from `Certificates.server`. Raises Trouble when another process has taken the port.
        """
        return self._call(self._open(server, socket, tls, policy or Policy()))

    def set_policy(self, server: str, policy: Policy) -> None:
        """Who may connect from now on; open connections stay, as on Azure. Raises Trouble for a server that is not open."""
        self._call(self._set_policy(server, policy))

    def close(self, server: str) -> None:
        """A stopped server: new connections are refused, open ones break. The address stays its own. Harmless when closed."""
        self._call(self._close(server))

    def release(self, server: str) -> None:
        """A deleted server: closed, and its address is free for another."""
        self._call(self._release(server))

    def endpoint(self, server: str) -> Endpoint | None:
        """Where the server listens or would; None when nothing is reserved."""
        held = self._held.get(server)
        return held.endpoint if held else None

    def faults(self, server: str) -> Faults:
        """What goes wrong on the way to this server: set its attributes. Raises Trouble for a server that is not open."""
        return self._way(server).faults

    def cut(self, server: str) -> int:
        """Breaks off every open connection of a server now, as a failing network does; returns how many."""
        return self._call(self._cut(server))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        if not self._thread.is_alive():
            work.close()
            raise Trouble("the gateway does not run")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)

    def _way(self, server: str) -> Way:
        try:
            return self._ways[server]
        except KeyError:
            raise Trouble(f"{server} is not open") from None

    async def _reserve(self, server: str) -> Endpoint:
        if server not in self._held:
            self._held[server] = Held()
        return self._held[server].endpoint

    async def _open(self, server: str, socket: Path, tls: ssl.SSLContext, policy: Policy) -> Endpoint:
        await self._close(server)
        endpoint = await self._reserve(server)
        self._ways[server] = Way(socket, tls, policy)
        await self._listen(server, pooled=False)
        await self._set_policy(server, policy)
        return endpoint

    async def _set_policy(self, server: str, policy: Policy) -> None:
        self._way(server).policy = replace(policy)
        if policy.pooled:
            await self._listen(server, pooled=True)
        else:
            self._deafen(server, pooled=True)

    async def _listen(self, server: str, pooled: bool) -> None:
        if (server, pooled) in self._listeners:
            return
        way, taken = self._way(server), self._held[server].take(pooled)
        try:
            self._listeners[server, pooled] = await self._loop.create_server(lambda: Client(way), sock=taken, backlog=BACKLOG)
        except OSError as error:
            taken.close()
            raise Trouble(f"{self._held[server].endpoint} is in use ({error.strerror})", hint="another process listens there") from None

    def _deafen(self, server: str, pooled: bool) -> None:
        listener = self._listeners.pop((server, pooled), None)
        if listener is not None:
            listener.close()
            self._held[server].hold(pooled)

    async def _close(self, server: str) -> None:
        for pooled in (False, True):
            self._deafen(server, pooled)
        if server in self._ways:
            await self._cut(server)
            await _ended(self._ways.pop(server))

    async def _release(self, server: str) -> None:
        await self._close(server)
        if server in self._held:
            self._held.pop(server).release()

    async def _cut(self, server: str) -> int:
        sessions = list(self._way(server).sessions)
        for session in sessions:
            session.abort()
        return len(sessions)


async def _ended(way: Way) -> None:
    """Breaks off what is still open of a server, also what opened a moment ago, and waits until the loop has let go of it."""
    deadline = asyncio.get_running_loop().time() + END_SECONDS
    while (way.tasks or way.sessions or way.servers) and asyncio.get_running_loop().time() < deadline:
        for task in list(way.tasks):
            task.cancel()
        for half in [*way.sessions, *way.servers]:
            half.abort()
        await asyncio.sleep(0.001)
