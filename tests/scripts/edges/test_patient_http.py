"""One answer of a service on loopback: within bounds or not, and how long the next try is waited for."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from azure.core.rest import HttpRequest

from scripts.edges.arm_retry import Deadline
from scripts.edges.exits import BAD, BUSY, UNREACHABLE, Failure
from scripts.edges.patient_http import Again, Patience, asked_seconds, client, pauses

TOO_LONG = Failure(BAD, "its answer is too long")


@pytest.fixture
def address() -> Iterator[str]:
    """A service that answers whatever it is asked with 1,000 bytes, and status 302 to somewhere else."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(b"x" * 1000)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def patience(seconds: float, heard: list[str] | None = None) -> Patience:
    told = [] if heard is None else heard
    return Patience(name="the service", where="here", hint="later", deadline=Deadline(seconds), waits=told.append)


def test_an_answer_has_at_most_so_many_bytes_and_no_redirect_is_followed(address: str) -> None:
    with client(address) as through:
        answer, body = patience(10).answer(through, HttpRequest("GET", address), most_bytes=1000, too_long=TOO_LONG)
        assert (answer.status_code, len(body)) == (302, 1000)
        with pytest.raises(Failure, match="too long"):
            patience(10).answer(through, HttpRequest("GET", address), most_bytes=999, too_long=TOO_LONG)


def test_a_service_that_is_not_there_may_be_there_again() -> None:
    with client("http://127.0.0.1:1") as through, pytest.raises(Again, match="cannot be reached") as caught:
        patience(10).answer(through, HttpRequest("GET", "http://127.0.0.1:1/"), most_bytes=1, too_long=TOO_LONG)
    assert (caught.value.code, caught.value.seconds) == (UNREACHABLE, None)


def test_it_waits_as_long_as_it_is_asked_to_or_twice_as_long_each_time() -> None:
    heard: list[str] = []
    growing = pauses(0.01, 0.03)
    patience(10, heard).pause(Again(BUSY, "asks to wait", 0.0), growing)
    patience(10, heard).pause(Again(BUSY, "asks to wait"), growing)
    assert heard == ["here: the service asks to wait; asking again in 0 s"] * 2
    assert list(itertools.islice(growing, 3)) == [0.02, 0.03, 0.03], "the pause that was asked for is none of these"


def test_a_pause_beyond_the_deadline_is_the_end_at_once() -> None:
    with pytest.raises(Failure) as caught:
        patience(5).pause(Again(BUSY, "asks to wait", 60.0), pauses(1, 2))
    assert (caught.value.code, caught.value.fact, caught.value.where) == (BUSY, "the service asks to wait", "here")


@pytest.mark.parametrize(("header", "seconds"), [(None, None), ("5", 5.0), ("-5", None), ("٥", None), ("Wed, 21 Oct 2026 07:28 GMT", None)])
def test_only_seconds_are_understood(header: str | None, seconds: float | None) -> None:
    assert asked_seconds(header) == seconds
