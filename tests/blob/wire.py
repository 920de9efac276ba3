"""A wire between a client and a server of HTTP: everything goes through as it is, is noted, and can be held, answered or cut."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request: its method, the blob's path behind the account, what is asked of it (`comp`), and the bytes of its body."""

    method: str
    path: str
    comp: str
    size: int

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.path.rpartition("/")[2], self.comp)))


@dataclass(frozen=True)
class Fault:
    """What happens to a request: it is answered here with `status`; it arrives and its answer is lost; or it is held.

    What is held never arrives, unless it `arrives`; in both cases no answer comes, and the connection ends once the wire lets go.
    """

    status: int = 0
    code: str = ""
    retry_after: str = ""
    is_held: bool = False
    arrives: bool = False
    is_lost: bool = False


@dataclass
class Wire:
    """Listens on 127.0.0.1 and leads to `to_port` there. `fault` is asked for each request.

    `asked` is what clients asked for, `arrived` what the server was asked for and did.
    """

    to_port: int
    asked: list[Asked] = field(default_factory=list)
    arrived: list[Asked] = field(default_factory=list)
    under_way: set[int] = field(default_factory=set)
    fault: Callable[[Asked], Fault | None] = lambda asked: None
    held: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Wire:
        handler = type("Handler", (_Handler,), {"wire": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def once(self, matches: Callable[[Asked], bool], fault: Fault, times: int = 1) -> None:
        """This fault for the first `times` requests that match."""
        left, lock = [times], threading.Lock()

        def decide(asked: Asked) -> Fault | None:
            with lock:
                if not left[0] or not matches(asked):
                    return None
                left[0] -= 1
                return fault

        self.fault = decide

    def settle(self) -> None:
        """Wait until nothing more of a client that was killed is on its way."""
        still = 0
        while still < 10:
            time.sleep(0.03)
            still = 0 if self.under_way else still + 1

    def writes(self) -> list[str]:
        """The requests that changed something, in order."""
        return [str(each) for each in self.asked if each.method in ("PUT", "DELETE")]


class _Handler(BaseHTTPRequestHandler):
    wire: Wire
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing on the test's output."""

    def _pass(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:  # the client died
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        asked = Asked(self.command, parts.path, parse_qs(parts.query).get("comp", [""])[0], len(body))
        self.wire.asked.append(asked)
        fault = self.wire.fault(asked)
        if fault and fault.is_held:
            if fault.arrives:
                self._forward(asked, body)
            self.wire.held.set()
            self.wire.let_go.wait()
            self.close_connection = True
            return
        status, headers, content = _invented(fault) if fault and fault.status else self._forward(asked, body)
        if fault and fault.is_lost:
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass

    def _forward(self, asked: Asked, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        self.wire.under_way.add(id(asked))
        try:
            answer = self._answer(body)
            if answer[0] < 400:
                self.wire.arrived.append(asked)
            return answer
        finally:
            self.wire.under_way.discard(id(asked))

    def _answer(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.wire.to_port, timeout=30)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        headers = [
            (name, value) for name, value in answer.getheaders() if name.lower() not in ("connection", "transfer-encoding", "keep-alive")
        ]
        if self.command != "HEAD" and "content-length" not in {name.lower() for name, _ in headers}:
            headers.append(("Content-Length", str(len(content))))
        return answer.status, headers, content


def _invented(fault: Fault) -> tuple[int, list[tuple[str, str]], bytes]:
    headers = [("Content-Length", "0"), ("x-ms-error-code", fault.code)]
    return fault.status, headers + ([("Retry-After", fault.retry_after)] if fault.retry_after else []), b""
