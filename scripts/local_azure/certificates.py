"""The local Azure's own certificate authority: server and door certificates, and the files that make a client trust them."""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.local_azure.trouble import disk_trouble

if TYPE_CHECKING:
    import trustme

SERVER_SUFFIX = "postgres.database.azure.com"
DOOR_NAMES = ("127.0.0.1", "localhost")
LEFT = datetime.timedelta(days=30)
"""An authority that ends within this time is made anew, so that a stand-in left running for weeks keeps working."""


class Certificates:
    """One authority a state folder. Its key never leaves the folder (0600); reused as long as it is whole and valid.

    `ca_file` is for PGSSLROOTCERT (our authority alone), `bundle_file` for REQUESTS_CA_BUNDLE (the public ones and ours).
    """

    def __init__(self, state: Path) -> None:
        """Loads or makes the authority and writes both files. Raises Trouble when the folder cannot be written."""
        self._folder = state / "certificates"
        self.ca_file = self._folder / "ca.pem"
        self.bundle_file = self._folder / "bundle.pem"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._authority = self._load() or self._make()
            self._write_trust()
        except OSError as error:
            raise disk_trouble(error, self._folder) from None

    def server(self, name: str, *more: str) -> ssl.SSLContext:
        """The TLS side of one flexible server: `name` alone ("zepmem-prod") means its full host name; a name with dots stays."""
        return self._context(*(each if "." in each else f"{each}.{SERVER_SUFFIX}" for each in (name, *more)))

    def door(self) -> ssl.SSLContext:
        """The TLS side of a door on this machine: 127.0.0.1 and localhost."""
        return self._context(*DOOR_NAMES)

    def _context(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # Azure's own floor
        self._authority.issue_cert(*names).configure_cert(context)
        return context

    def _load(self) -> trustme.CA | None:
        """The authority of an earlier run, or None when there is none, it is damaged, foreign to its key, or near its end."""
        import trustme
        from cryptography import x509

        try:
            certificate, key = self.ca_file.read_bytes(), (self._folder / "ca.key").read_bytes()
            read = x509.load_pem_x509_certificate(certificate)
            if read.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < LEFT or not _belong(read, key):
                return None
            return trustme.CA.from_pem(certificate, key)
        except (OSError, ValueError):
            return None

    def _make(self) -> trustme.CA:
        import trustme

        made = trustme.CA(organization_name="agent-memory local Azure", organization_unit_name="for this folder only")
        write_secret(self._folder / "ca.key", made.private_key_pem.bytes())
        write_secret(self.ca_file, made.cert_pem.bytes())
        return made

    def _write_trust(self) -> None:
        import certifi

        public = Path(certifi.where()).read_bytes().rstrip(b"\n")
        write_secret(self.bundle_file, public + b"\n\n" + self._authority.cert_pem.bytes())


def _belong(certificate: object, key: bytes) -> bool:
    """True if the private key is the certificate's: two files may come from two runs after a crash between their writes."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    assert isinstance(certificate, x509.Certificate)
    return load_pem_private_key(key, password=None).public_key() == certificate.public_key()


def write_secret(path: Path, content: bytes) -> None:
    """Writes a file that only its owner reads (0600), all of it or nothing: beside it first, then renamed. Raises OSError."""
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
