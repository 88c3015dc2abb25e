"""TLS with a certificate from files, or with a self-signed one for a first try with a browser's microphone."""

import datetime
import ipaddress
import socket
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bridge.server.access.addresses import own_addresses
from bridge.settings import Settings

if TYPE_CHECKING:
    from cryptography import x509

_VALID: Final = datetime.timedelta(days=30)


def context(settings: Settings) -> ssl.SSLContext | None:
    """Return the server's TLS, or None for plain HTTP.

    Raises:
        OSError, ssl.SSLError: a certificate file cannot be read.
    """
    if settings.generate_self_signed_cert:
        with tempfile.TemporaryDirectory() as folder:
            certificate = Path(folder) / "self-signed.pem"
            certificate.touch(mode=0o600)
            certificate.write_bytes(self_signed(*served_on(settings)))
            return _load(certificate, None)
    if settings.ssl_certfile:
        return _load(settings.ssl_certfile, settings.ssl_keyfile)
    return None


def served_on(settings: Settings) -> list[str]:
    """Return the names and addresses that a client may know this server by. May block on the resolver."""
    names = [settings.host, "::1"]
    if outside := urlsplit(settings.public_url).hostname:
        names.append(outside)
    if settings.host in {"0.0.0.0", "::"}:
        names += [socket.gethostname(), *own_addresses()]
    return names


def self_signed(*names: str) -> bytes:
    """Return a key and a certificate for `names`, localhost and 127.0.0.1 in PEM, valid for 30 days."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "voice-bridge self-signed")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(own, own, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem + certificate.public_bytes(serialization.Encoding.PEM)


def _names(wanted: Sequence[str]) -> "list[x509.GeneralName]":
    from cryptography import x509

    found: dict[x509.GeneralName, None] = {}
    for name in ("localhost", "127.0.0.1", *wanted):
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            with suppress(ValueError):  # a host name may be what no certificate can hold
                found[x509.DNSName(name.encode("idna").decode())] = None
        else:
            if not address.is_unspecified:
                found[x509.IPAddress(address)] = None
    return [*found]


def _load(certificate: Path, key: Path | None) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key or None)
    return tls
