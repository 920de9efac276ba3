"""The authority of a local Azure: kept, renewed when it is no good, and trusted by clients that were told of it."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import certifi
import pytest

from scripts.local_azure import certificates as certificates_module
from scripts.local_azure.certificates import Certificates
from scripts.local_azure.trouble import Trouble


def handshake(server: ssl.SSLContext, trusted: Path, name: str) -> None:
    """One TLS handshake as a client that trusts a file and expects a name. Raises ssl.SSLError."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with ssl.create_default_context(cafile=str(trusted)).wrap_socket(ours, server_hostname=name):
            pass
    finally:
        ours.close()
        thread.join()


def test_a_server_certificate_names_the_server_on_azure(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    handshake(made.server("zepmem-prod"), made.ca_file, "zepmem-prod.postgres.database.azure.com")


def test_a_server_certificate_is_good_for_no_other_server(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(made.server("zepmem-prod"), made.ca_file, "zepmem-uat.postgres.database.azure.com")


def test_a_virtual_endpoint_is_named_beside_its_server(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    endpoint = "memory.writer.postgres.database.azure.com"
    handshake(made.server("zepmem-prod", endpoint), made.ca_file, endpoint)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_door_is_trusted_through_the_bundle(name: str, tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    handshake(made.door(), made.bundle_file, name)


def test_the_bundle_keeps_what_the_machine_trusts_anyway(tmp_path: Path) -> None:
    bundle = Certificates(tmp_path).bundle_file.read_text()
    assert bundle.count("BEGIN CERTIFICATE") == Path(certifi.where()).read_text().count("BEGIN CERTIFICATE") + 1


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    ours, other = Certificates(tmp_path / "a"), Certificates(tmp_path / "b")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(ours.door(), other.ca_file, "localhost")


def test_the_authority_outlives_one_run(tmp_path: Path) -> None:
    first = Certificates(tmp_path).ca_file.read_bytes()
    again = Certificates(tmp_path)
    assert again.ca_file.read_bytes() == first
    handshake(again.door(), again.ca_file, "localhost")


@pytest.mark.parametrize("damaged", ["ca.key", "ca.pem"])
def test_a_damaged_authority_is_made_anew(damaged: str, tmp_path: Path) -> None:
    file = Certificates(tmp_path).ca_file.parent / damaged
    file.write_text("not a certificate")
    made = Certificates(tmp_path)
    handshake(made.door(), made.ca_file, "localhost")


def test_a_key_of_another_authority_is_not_used(tmp_path: Path) -> None:
    first, second = Certificates(tmp_path / "a"), Certificates(tmp_path / "b")
    (first.ca_file.parent / "ca.key").write_bytes((second.ca_file.parent / "ca.key").read_bytes())
    made = Certificates(tmp_path / "a")
    handshake(made.door(), made.ca_file, "localhost")


def test_an_authority_near_its_end_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Certificates(tmp_path).ca_file.read_bytes()
    monkeypatch.setattr(certificates_module, "LEFT", certificates_module.LEFT * 20_000)  # 1600 years, it has 1000
    assert Certificates(tmp_path).ca_file.read_bytes() != first


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = Certificates(tmp_path).ca_file.parent
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_says_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "certificates").write_text("in the way")
    with pytest.raises(Trouble, match="certificates"):
        Certificates(tmp_path)
