"""A unix socket that leads to an encrypted server, for programs that know no TLS: the embedded pg_dump is built without it.

Verification is that of the session it stands in for. Only its owner can reach the socket; the password still goes from end to end.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

# What a client of PostgreSQL sends first to ask for TLS: a length of 8, and the number that stands for the request.
_ASK = bytes((0, 0, 0, 8, 4, 210, 22, 47))
_PORT = 5432
_PIECE = 1 << 16


@contextmanager
def relay(session: Any) -> Iterator[str]:
    """The conninfo of a server, without its password, for programs without TLS; the session's own where nothing is encrypted.

    session: an open one of psycopg.
    """
    if not session.pgconn.ssl_in_use:
        # A client that could encrypt would ask for it, and a server without it would have to say no first.
        yield str(make_conninfo(session.info.dsn, sslmode="disable"))
        return
    parameters = session.info.get_parameters()
    with tempfile.TemporaryDirectory(prefix="agentmem-relay-") as folder:  # 0700
        path = Path(folder) / f".s.PGSQL.{_PORT}"
        with _listening(path, session.info.hostaddr or session.info.host, session.info.port, session.info.host, _context(parameters)):
            yield make_conninfo(host=folder, port=_PORT, dbname=session.info.dbname, user=session.info.user, sslmode="disable")


def _context(parameters: Mapping[str, str]) -> ssl.SSLContext:
    """As strict as the session was: libpq's verify-full checks the name too, verify-ca the certificate alone, the others nothing."""
    mode, authority = parameters.get("sslmode", "prefer"), parameters.get("sslrootcert", "")
    context = ssl.create_default_context(cafile=authority if authority not in ("", "system") else None)
    if mode != "verify-full":
        context.check_hostname = False
    if mode not in ("verify-full", "verify-ca"):
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _listening(path: Path, address: str, port: int, name: str, context: ssl.SSLContext) -> Iterator[None]:
    """A loop in a thread of its own for as long as the block runs; its connections end with it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="relay", daemon=True)
    thread.start()
    tasks: set[asyncio.Task[Any]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        # Whoever is at either end hears of a failure by the end of the connection, as from a server that goes away.
        try:
            # A handler that ends cancelled is told about on stderr by the streams of Python 3.11, and only `ended` cancels this one.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _joined(reader, writer, address, port, name, context)
            writer.close()  # with the server's last words, if the client still listens
            with suppress(OSError):
                await writer.wait_closed()
        finally:
            await _aborted(writer)
            tasks.discard(task)

    async def ended(server: asyncio.Server) -> None:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        server = asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(served, path=path), loop).result()
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(ended(server), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _joined(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int, name: str, context: ssl.SSLContext
) -> None:
    there, to_there = await asyncio.open_connection(address, port)
    try:
        to_there.write(_ASK)
        if await there.readexactly(1) == b"S":
            await to_there.start_tls(context, server_hostname=name)
            # The first of the two that ends is the end of the connection.
            pumps = [asyncio.create_task(_pumped(reader, to_there)), asyncio.create_task(_pumped(there, writer))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
    finally:
        await _aborted(to_there)


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()


async def _aborted(writer: asyncio.StreamWriter) -> None:
    """At once: a polite end of TLS would wait for that of the other side."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
