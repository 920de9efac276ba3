"""One client's way through the gateway: the opening talk, TLS, the judgement, then two streams moved as they come."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from scripts.local_azure import startup_packets
from scripts.local_azure.azure_roles import SUPERUSER
from scripts.local_azure.startup_packets import Kind, Malformed, Opening

BUFFER_BYTES = 1 << 20
"""What may wait for a slow side before the other one is no longer read: some reads of 256 KiB, which is asyncio's own size."""
OPENING_SECONDS = 60.0
"""PostgreSQL's authentication_timeout: who says nothing for so long is let go."""
HOLE_SECONDS = 0.05
"""How often a held stream looks whether the black hole is gone."""


def _everybody(address: str) -> bool:
    return True


@dataclass(frozen=True)
class Policy:
    """Who may connect. `admits` is asked with the client's address at each connection; `pooled` opens port 6432 too."""

    require_secure_transport: bool = True
    minimum_tls: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    admits: Callable[[str], bool] = _everybody
    pooled: bool = False


@dataclass
class Faults:
    """What goes wrong on the way; set the attributes at any time, they count for open connections too."""

    delay_seconds: float = 0.0
    """Each piece of data takes so much longer, in both directions."""
    black_hole: bool = False
    """Nothing arrives in either direction, and nobody is told; what was sent arrives when it is over, as TCP would do it."""
    cut_after_bytes: int | None = None
    """A connection breaks when so many bytes went through it since it opened."""

    @property
    def slow(self) -> bool:
        """True if data have to wait."""
        return self.black_hole or self.delay_seconds > 0


@dataclass
class Way:
    """What all connections of one server share."""

    socket: Path
    tls: ssl.SSLContext
    policy: Policy
    faults: Faults = field(default_factory=Faults)
    sessions: set[Half] = field(default_factory=set)
    """The clients' sides."""
    servers: set[Half] = field(default_factory=set)
    """PostgreSQL's sides: they end a moment after the clients', and must have ended before the loop does."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Half(asyncio.Protocol):
    """One side of a session: what it receives goes to the peer, at the peer's pace, and through the faults."""

    transport: asyncio.Transport
    peer: Half | None = None

    def __init__(self, way: Way) -> None:
        self.way = way
        self._held: deque[bytes | None] = deque()  # None: the end
        self._passed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is there."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        if self._held or self.way.faults.slow:
            self._hold(data)
        else:
            self.forward(data)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: this side is gone, so the other one ends too, once it has what was sent before."""
        if self._held:
            self._held.append(None)
        elif self.peer is not None:
            self.peer.transport.close()

    def pause_writing(self) -> None:
        """asyncio: this side is slower than the peer sends."""
        if self.peer is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """asyncio: this side takes more."""
        if self.peer is not None:
            self.peer.transport.resume_reading()

    def forward(self, data: bytes) -> None:
        """Gives data to the peer."""
        if self.peer is None:
            return
        limit = self.way.faults.cut_after_bytes
        if limit is not None:
            self._passed += len(data)
            if self._passed + self.peer._passed > limit:
                self.abort()
                return
        self.peer.transport.write(data)

    def abort(self) -> None:
        """Breaks both sides off at once, unsent data included."""
        self.transport.abort()
        if self.peer is not None:
            self.peer.transport.abort()

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        asyncio.get_running_loop().call_later(self.way.faults.delay_seconds, self._let_go)

    def _let_go(self) -> None:
        """One piece a call, in the order in which they came, whichever timer is first."""
        if self.way.faults.black_hole:
            asyncio.get_running_loop().call_later(HOLE_SECONDS, self._let_go)
            return
        if self._held:
            data = self._held.popleft()
            if data is not None:
                self.forward(data)
        if list(self._held) == [None] and self.peer is not None:
            self._held.clear()
            self.peer.transport.close()


class Server(Half):
    """PostgreSQL's side, on its unix socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: PostgreSQL took the connection."""
        super().connection_made(transport)
        self.way.servers.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: PostgreSQL's side has ended."""
        self.way.servers.discard(self)
        super().connection_lost(error)


class Client(Half):
    """The client's side; until the startup packet is judged it talks with us alone."""

    def __init__(self, way: Way) -> None:
        super().__init__(way)
        self._opening = bytearray()
        self._busy = False
        self._encrypted = False
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: somebody connected."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if peer else ""
        self.way.sessions.add(self)
        self._timer = asyncio.get_running_loop().call_later(OPENING_SECONDS, self.transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the client is gone."""
        self._over()
        super().connection_lost(error)

    def forward(self, data: bytes) -> None:
        """To the peer, once there is one; before, it belongs to the opening talk."""
        if self.peer is not None and not self._opening:
            super().forward(data)
            return
        self._opening += data
        if not self._busy:
            self._talk()

    def _talk(self) -> None:
        """Answers whole packets until there is none, or one that takes time."""
        with contextlib.suppress(Malformed):
            while not self._busy:
                opening = startup_packets.read(self._opening)
                if opening is None:
                    return
                del self._opening[: len(opening.raw)]
                if self._encrypted and opening.kind in (Kind.SSL, Kind.GSS):
                    break
                self._answer(opening)
            else:
                return
        self.transport.abort()

    def _answer(self, opening: Opening) -> None:
        if opening.kind is Kind.GSS:
            self.transport.write(b"N")
        elif opening.kind is Kind.SSL:
            if self._opening:  # bytes before the handshake would later pass as encrypted ones
                raise Malformed
            self._begin(self._encrypt())
        elif opening.kind is Kind.CANCEL:
            self._begin(self._cancel(opening))
        else:
            refused = self._refused(opening)
            if refused:
                self._refuse(refused)
            else:
                self._begin(self._join(opening))

    def _refused(self, opening: Opening) -> bytes:
        policy = self.way.policy
        closed = policy.require_secure_transport and not self._encrypted
        if closed or opening.user == SUPERUSER or not policy.admits(self._address):
            return startup_packets.no_entry(self._address, opening, self._encrypted)
        return b""

    def _refuse(self, answer: bytes) -> None:
        self._busy = True
        self.transport.write(answer)
        self.transport.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Nothing more is read from the talk until this is done."""
        self._busy = True
        task = asyncio.get_running_loop().create_task(work)
        self.way.tasks.add(task)
        task.add_done_callback(self.way.tasks.discard)

    async def _encrypt(self) -> None:
        if self.transport.is_closing():  # what was held back for a slow network arrives after its client has gone
            self._over()
            return
        loop = asyncio.get_running_loop()
        self.transport.pause_reading()
        self.transport.write(b"S")
        self.way.tls.minimum_version = self.way.policy.minimum_tls
        try:
            encrypted = await loop.start_tls(self.transport, self, self.way.tls, server_side=True, ssl_handshake_timeout=OPENING_SECONDS)
        except (OSError, EOFError):  # broken off, or no certificate, name or version that both sides accept: the client's own business
            self._over()
            self.transport.abort()
            return
        if encrypted is None or self.transport.is_closing():  # the client went while the handshake ended
            if encrypted is not None:
                encrypted.abort()
            self._over()
            return
        self.transport = encrypted
        self.transport.set_write_buffer_limits(high=BUFFER_BYTES)
        self._encrypted = True
        self._busy = False
        self._talk()  # the startup packet may have come with the end of the handshake

    async def _join(self, opening: Opening) -> None:
        try:
            server = await self._reach()
        except OSError:
            self._refuse(startup_packets.refusal(startup_packets.NOT_NOW, "the database system is not accepting connections"))
            return
        if self._timer:
            self._timer.cancel()
        if self.transport.is_closing():
            server.transport.close()
            return
        early, self._opening = bytes(self._opening), bytearray()
        server.peer, self.peer = self, server
        server.transport.write(opening.raw + early)

    async def _cancel(self, opening: Opening) -> None:
        with contextlib.suppress(OSError):
            server = await self._reach()
            server.transport.write(opening.raw)
            server.transport.close()
        self.transport.close()

    async def _reach(self) -> Server:
        loop = asyncio.get_running_loop()
        _, server = await loop.create_unix_connection(lambda: Server(self.way), str(self.way.socket))
        return server

    def _over(self) -> None:
        self.way.sessions.discard(self)
        if self._timer:
            self._timer.cancel()
