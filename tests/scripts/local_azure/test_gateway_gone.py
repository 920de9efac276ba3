"""Clients that go at a bad moment leave nothing in the gateway: what stayed was found by the garbage collector, far from its cause."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from scripts.local_azure.startup_packets import SSL_REQUEST
from tests.scripts.local_azure.test_gateway import SERVER, raw
from tests.waiting import until

pytestmark = pytest.mark.live
# Many rounds of the gateway's loop.
SECONDS = 5.0


def test_no_handshake_is_begun_with_a_client_that_went_while_its_request_was_on_its_way(reached: Any) -> None:
    faults, way = reached.gateway.faults(SERVER), reached.gateway._way(SERVER)
    faults.black_hole = True
    with raw(reached) as client:
        client.sendall(struct.pack("!II", 8, SSL_REQUEST))
        until(lambda: any(half._held for half in [*way.sessions]), SECONDS)
        (half,) = way.sessions
    until(lambda: not way.sessions, SECONDS)
    faults.black_hole = False
    until(lambda: list(half._held) == [None], SECONDS)  # the request has been answered
    until(lambda: not way.tasks, SECONDS)
