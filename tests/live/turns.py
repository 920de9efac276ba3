"""A proxy in front of a server that counts round trips on the wire: each time the client speaks after the server has."""

from __future__ import annotations

import selectors
import socket
import threading
from pathlib import Path
from types import TracebackType


class CountingProxy:
    """Listens on loopback and passes bytes to a unix socket. `.turns` counts round trips, those of logging in among them."""

    def __init__(self, server: Path) -> None:
        self.turns = 0
        self._server = str(server)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ended = False

    def __enter__(self) -> CountingProxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended = True
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes the thread up
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        """One client after another: the command under test has one session at a time."""
        while True:
            client, _ = self._listener.accept()
            with client:
                if self._ended:
                    return
                with socket.socket(socket.AF_UNIX) as server:
                    server.connect(self._server)
                    self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        server_spoke_last = True
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    speaker = key.fileobj
                    assert isinstance(speaker, socket.socket)
                    data = speaker.recv(1 << 16)
                    if not data:
                        return
                    if speaker is client and server_spoke_last and data[:1] != b"X":  # X is the farewell, which nobody answers
                        self.turns += 1
                    server_spoke_last = speaker is server
                    key.data.sendall(data)
