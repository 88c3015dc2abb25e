"""TLS with a certificate from files, or with a self-signed one for a first try with a browser's microphone."""

import datetime
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

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
            certificate.write_bytes(self_signed(settings.host))
            return _load(certificate, None)
    if settings.ssl_certfile:
        return _load(settings.ssl_certfile, settings.ssl_keyfile)
    return None


def self_signed(host: str) -> bytes:
    """Return a key and a certificate for `host` and localhost in PEM, valid for 30 days."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "voice-bridge self-signed")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem + certificate.public_bytes(serialization.Encoding.PEM)


def _names(host: str) -> "list[x509.GeneralName]":
    from cryptography import x509

    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return [*names, x509.DNSName(host)]
    mine = x509.IPAddress(address)
    return names if address.is_unspecified or mine in names else [*names, mine]


def _load(certificate: Path, key: Path | None) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key or None)
    return tls
