"""Reads what a certificate says of itself."""

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


def read_certificate(path: Path) -> "x509.Certificate":
    """Return the first certificate of a PEM file.

    Raises:
        ValueError: there is none. OSError: the file cannot be read.
    """
    from cryptography import x509

    return x509.load_pem_x509_certificate(path.read_bytes())


def covers(certificate: "x509.Certificate", name: str) -> bool:
    """Return whether it is for `name`, a host or an address; a wildcard stands for one label."""
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ipaddress.ip_address(name) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        wanted = name.lower()
        rest = wanted.partition(".")[2]
        return any(known.lower() in {wanted, f"*.{rest}"} for known in names.get_values_for_type(x509.DNSName))
