"""The network in front of a server, as a real libpq meets it: TLS, firewall, addresses and faults."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import socket
import ssl
import struct
import threading
import time
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from scripts.local_azure.certificates import Certificates
from scripts.local_azure.gateway import Gateway, Policy
from scripts.local_azure.postgres import Trouble
from scripts.local_azure.startup_packets import GSS_REQUEST, SSL_REQUEST
from tests.waiting import until

SERVER = "zepmem-x"
NO_ENTRY = 'no pg_hba.conf entry for host "127.0.0.1", user "{user}", database "zep", {how}'

pytestmark = pytest.mark.live


def raw(reached: Any) -> socket.socket:
    """A connection on which nothing was said yet."""
    return socket.create_connection((reached.endpoint.address, reached.endpoint.port), timeout=5)


def refused(reached: Any, **changes: Any) -> str:
    """What a client is told that does not get in."""
    with pytest.raises(psycopg.OperationalError) as caught:
        reached.connect(**changes).close()
    return str(caught.value)


def test_a_client_that_checks_everything_gets_in(reached: Any) -> None:
    with reached.connect() as session:
        assert session.pgconn.ssl_in_use
        assert session.execute("SELECT current_user").fetchone() == ("cogadmin",)


def test_another_server_name_is_not_believed(reached: Any) -> None:
    assert "does not match host name" in refused(reached, host="zepmem-y.postgres.database.azure.com")


def test_an_unknown_authority_is_not_believed(reached: Any, tmp_path: Any) -> None:
    assert "certificate verify failed" in refused(reached, sslrootcert=str(Certificates(tmp_path).ca_file))


def test_a_wrong_password_is_postgresqls_own_business(reached: Any) -> None:
    assert 'password authentication failed for user "cogadmin"' in refused(reached, password="wrong")


def test_an_unencrypted_client_is_refused_in_postgresqls_words(reached: Any) -> None:
    assert NO_ENTRY.format(user="cogadmin", how="no encryption") in refused(reached, sslmode="disable")


def test_an_unencrypted_client_gets_in_where_transport_may_be_insecure(reached: Any) -> None:
    reached.gateway.set_policy(SERVER, Policy(require_secure_transport=False))
    with reached.connect(sslmode="disable") as session:
        assert not session.pgconn.ssl_in_use


def test_an_address_outside_the_firewall_is_refused(reached: Any) -> None:
    reached.gateway.set_policy(SERVER, Policy(admits=lambda address: address != "127.0.0.1"))
    assert NO_ENTRY.format(user="cogadmin", how="SSL encryption") in refused(reached)


def test_a_firewall_rule_counts_at_once_and_leaves_open_sessions_alone(reached: Any) -> None:
    with reached.connect() as session:
        reached.gateway.set_policy(SERVER, Policy(admits=lambda address: False))
        refused(reached)
        assert session.execute("SELECT 1").fetchone() == (1,)
        reached.gateway.set_policy(SERVER, Policy())
        reached.connect().close()


def test_the_superuser_does_not_come_over_the_network(reached: Any) -> None:
    assert NO_ENTRY.format(user="azuresu", how="SSL encryption") in refused(reached, user="azuresu")


def test_an_old_tls_version_is_refused_once_the_minimum_is_raised(reached: Any) -> None:
    reached.connect(ssl_max_protocol_version="TLSv1.2").close()
    reached.gateway.set_policy(SERVER, Policy(minimum_tls=ssl.TLSVersion.TLSv1_3))
    assert "SSL error" in refused(reached, ssl_max_protocol_version="TLSv1.2")
    reached.connect().close()


def test_the_pooled_port_answers_only_while_pooling_is_on(reached: Any) -> None:
    pooled = reached.endpoint.pooled_port
    assert "Connection refused" in refused(reached, port=pooled)
    reached.gateway.set_policy(SERVER, Policy(pooled=True))
    reached.connect(port=pooled).close()
    reached.gateway.set_policy(SERVER, Policy())
    assert "Connection refused" in refused(reached, port=pooled)


def test_a_statement_can_be_cancelled(reached: Any) -> None:
    with reached.connect() as session:
        timer = threading.Timer(0.2, session.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("SELECT pg_sleep(30)")
        timer.join()


def test_kerberos_encryption_is_declined_and_tls_still_offered(reached: Any) -> None:
    with raw(reached) as client:
        client.sendall(struct.pack("!II", 8, GSS_REQUEST))
        assert client.recv(1) == b"N"
        client.sendall(struct.pack("!II", 8, SSL_REQUEST))
        assert client.recv(1) == b"S"


def test_bytes_sent_before_the_handshake_do_not_pass_as_encrypted(reached: Any) -> None:
    with raw(reached) as client:
        client.sendall(struct.pack("!II", 8, SSL_REQUEST) + b"early")
        assert _rest(client) == b""


@pytest.mark.parametrize("nonsense", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\0" * 8])
def test_another_protocol_is_let_go(reached: Any, nonsense: bytes) -> None:
    with raw(reached) as client:
        client.sendall(nonsense)
        assert _rest(client) == b""


@pytest.mark.parametrize("last", [b"", b"no handshake at all"])
def test_a_broken_handshake_is_no_news(reached: Any, last: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        with raw(reached) as client:
            client.sendall(struct.pack("!II", 8, SSL_REQUEST))
            assert client.recv(1) == b"S"
            client.sendall(last)
        reached.connect().close()
        deadline = time.monotonic() + 5
        while _sessions(reached) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert not caplog.records
    assert not _sessions(reached)


def test_much_data_arrives_whole_in_both_directions(reached: Any) -> None:
    pieces = [hashlib.sha256(bytes([number])).hexdigest().encode() * 16_384 for number in range(32)]  # 1 MiB each
    sent = hashlib.sha256(b"".join(piece + b"\n" for piece in pieces)).hexdigest()
    with reached.connect() as session, session.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE big (place serial, piece text)")
        with cursor.copy("COPY big (piece) FROM STDIN") as copy:
            for piece in pieces:
                copy.write(piece + b"\n")
        received = hashlib.sha256()
        with cursor.copy("COPY (SELECT piece FROM big ORDER BY place) TO STDOUT") as copy:
            for data in copy:
                received.update(data)
    assert received.hexdigest() == sent


def test_a_closed_server_refuses_and_comes_back_at_the_same_address(reached: Any) -> None:
    with reached.connect() as session:
        reached.gateway.close(SERVER)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert "Connection refused" in refused(reached)
    again = reached.gateway.open(SERVER, reached.cluster.socket, reached.certificates.server(SERVER))
    assert again == reached.endpoint
    reached.connect().close()


def test_a_closed_servers_address_is_taken_by_nobody_else(reached: Any) -> None:
    reached.gateway.set_policy(SERVER, Policy(pooled=True))
    reached.gateway.close(SERVER)
    other = Gateway()
    other.start()
    try:
        assert other.reserve("another") != reached.endpoint
    finally:
        other.stop()


def test_a_released_address_is_free_again(reached: Any) -> None:
    assert reached.gateway.reserve("another") != reached.endpoint
    reached.gateway.release("another")
    assert reached.gateway.endpoint("another") is None


def test_says_when_another_process_has_the_port(reached: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reached.gateway.close(SERVER)
    reached.gateway._held[SERVER]._sockets[0].close()  # as if the port could not be bound again at the close
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind((reached.endpoint.address, reached.endpoint.port))
        thief.listen()
        with pytest.raises(Trouble, match=rf"{reached.endpoint.address}:{reached.endpoint.port} is in use"):
            reached.gateway.open(SERVER, reached.cluster.socket, reached.certificates.server(SERVER))


def test_a_server_that_is_not_up_says_so(reached: Any, tmp_path: Any) -> None:
    reached.gateway.open(SERVER, tmp_path / "nothing", reached.certificates.server(SERVER))
    assert "the database system is not accepting connections" in refused(reached)


def test_open_connections_can_be_cut(reached: Any) -> None:
    with reached.connect() as session:
        assert reached.gateway.cut(SERVER) == 1
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    reached.connect().close()


def test_a_connection_breaks_in_the_middle_of_a_load(reached: Any) -> None:
    reached.gateway.faults(SERVER).cut_after_bytes = 2_000_000
    with reached.connect() as session, session.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE load (line text)")
        with pytest.raises(psycopg.OperationalError), cursor.copy("COPY load FROM STDIN") as copy:
            for _ in range(100):
                copy.write(b"x" * 100_000 + b"\n")


def test_a_slow_network_delays_and_keeps_the_order(reached: Any) -> None:
    with reached.connect() as session:
        reached.gateway.faults(SERVER).delay_seconds = 0.1
        began = time.monotonic()
        found = session.execute("SELECT string_agg(n::text, ',' ORDER BY n) FROM generate_series(1, 200000) n").fetchone()
        assert time.monotonic() - began >= 0.2
        assert hashlib.sha256(found[0].encode()).digest() == hashlib.sha256(",".join(map(str, range(1, 200_001))).encode()).digest()


def test_a_network_that_recovers_keeps_the_order(reached: Any) -> None:
    with contextlib.closing(reached.connect()) as session:
        faults, wire = reached.gateway.faults(SERVER), session.pgconn
        wire.enter_pipeline_mode()
        faults.delay_seconds = 0.3
        wire.send_query_params(b"SELECT 'first'", None)
        wire.flush()
        time.sleep(0.1)  # the first statement has reached the gateway and waits there
        faults.delay_seconds = 0.0
        wire.send_query_params(b"SELECT 'second'", None)
        wire.pipeline_sync()
        wire.flush()
        while wire.is_busy():  # get_result would wait itself, and keep the gateway's thread from running
            time.sleep(0.01)
            wire.consume_input()
        assert wire.get_result().get_value(0, 0) == b"first"


def test_a_black_hole_answers_nobody_until_it_is_gone(reached: Any) -> None:
    with reached.connect() as session:
        faults = reached.gateway.faults(SERVER)
        faults.black_hole = True
        assert "timeout expired" in refused(reached, connect_timeout=2)
        threading.Timer(0.3, lambda: setattr(faults, "black_hole", False)).start()
        began = time.monotonic()
        assert session.execute("SELECT 1").fetchone() == (1,)
        assert time.monotonic() - began >= 0.25


def test_a_client_that_dies_takes_its_session_along(reached: Any) -> None:
    session = reached.connect(application_name="dying")
    with socket.socket(fileno=socket.dup(session.fileno())) as underneath:
        underneath.shutdown(socket.SHUT_RDWR)
    session.close()
    with reached.connect() as watcher:
        until(lambda: watcher.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dying'").fetchone() == (0,), 5)


def test_a_stopped_gateway_says_that_it_does_not_run(reached: Any) -> None:
    reached.gateway.stop()
    reached.gateway.stop()
    with pytest.raises(Trouble, match="does not run"):
        reached.gateway.open(SERVER, reached.cluster.socket, reached.certificates.server(SERVER))


def test_a_policy_is_one_value() -> None:
    assert replace(Policy(), pooled=True) != Policy()


def _sessions(reached: Any) -> int:
    return len(reached.gateway._way(SERVER).sessions)


def _rest(client: socket.socket) -> bytes:
    """All that still comes until the end; a connection that is reset has said nothing."""
    said = b""
    try:
        while data := client.recv(4096):
            said += data
    except ConnectionResetError:
        pass
    return said
