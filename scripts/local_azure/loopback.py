"""Loopback addresses for servers: each its own with PostgreSQL's ports where the machine has them, else 127.0.0.1 and free ports.

An address is held by a bound socket that does not listen: a stopped server refuses connections, and no other stand-in on this machine
takes its place.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from dataclasses import dataclass

from scripts.local_azure.trouble import Trouble

PORTS = (5432, 6432)
"""PostgreSQL's port and that of Azure's built-in PgBouncer."""
FIRST, LAST = 2, 254
"""127.0.0.2 to 127.0.0.254: 127.0.0.1 stays free for a PostgreSQL of the person at this machine."""


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens, or would."""

    address: str
    port: int
    pooled_port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


class Held:
    """One endpoint and the sockets that keep it ours. Not safe to use from several threads."""

    def __init__(self) -> None:
        """Takes the first free endpoint. Raises Trouble when there is none."""
        self._sockets = _first_free()
        addresses = [each.getsockname() for each in self._sockets]
        self.endpoint = Endpoint(addresses[0][0], addresses[0][1], addresses[1][1])

    def take(self, pooled: bool) -> socket.socket:
        """The socket of one of the two ports, to listen on. Raises Trouble when another process has taken the port."""
        port = self.endpoint.pooled_port if pooled else self.endpoint.port
        if self._sockets[pooled].fileno() == -1:
            try:
                self._sockets[pooled] = _bound(self.endpoint.address, port, again=True)
            except OSError as error:
                raise Trouble(f"{self.endpoint.address}:{port} is in use ({error.strerror})", hint="another process has it") from None
        return self._sockets[pooled]

    def hold(self, pooled: bool) -> None:
        """After the listener was closed: binds the port again without listening. Another process may have been faster; `take` tells."""
        with contextlib.suppress(Trouble):
            self.take(pooled)

    def release(self) -> None:
        """Gives the ports free."""
        for each in self._sockets:
            each.close()


def _first_free() -> list[socket.socket]:
    for last in range(FIRST, LAST + 1):
        with contextlib.suppress(_Taken):
            return _both(f"127.0.0.{last}", PORTS)
    try:
        return _both("127.0.0.1", (0, 0))
    except _Taken as taken:
        raise Trouble(f"no port is free on 127.0.0.1 ({taken})") from None


class _Taken(Exception):
    """This address cannot be had."""


def _both(address: str, ports: tuple[int, int]) -> list[socket.socket]:
    made: list[socket.socket] = []
    try:
        for port in ports:
            made.append(_bound(address, port, again=False))
    except OSError as error:
        for each in made:
            each.close()
        if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
            raise _Taken(error.strerror) from None
        raise
    return made


def _bound(address: str, port: int, again: bool) -> socket.socket:
    """`again`: our own connections of a moment ago do not stand in the way. The first time they do, so that another process's socket does
    too. The option is set afterwards in any case: connections inherit it, and a port can be bound again only past those that have it."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        if again:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError:
        made.close()
        raise
    return made
