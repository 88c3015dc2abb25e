"""Certificates, shown in real handshakes."""

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from bridge.server import tls
from bridge.settings import Settings


def names(pem: bytes) -> tuple[list[str], list[str]]:
    """Return the host names and the addresses that the certificate in `pem` is for."""
    certificate = x509.load_pem_x509_certificate(pem)
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName), [str(ip) for ip in found.get_values_for_type(x509.IPAddress)]


def parts(pem: bytes, folder: Path) -> tuple[Path, Path]:
    """Write the certificate and the key of `pem` to files of their own."""
    begin = pem.index(b"-----BEGIN CERTIFICATE")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(pem[begin:])
    key.write_bytes(pem[:begin])
    return certificate, key


async def greet(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, *, name: str = "localhost") -> bytes:
    """Return what the server at `name` says to a client after the handshake."""

    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0, ssl=server_tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_tls, server_hostname=name)
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
    return line


def test_without_a_certificate_there_is_no_tls() -> None:
    assert tls.context(Settings()) is None


async def test_a_client_that_trusts_the_certificate_connects_by_name_and_by_address(tmp_path: Path) -> None:
    certificate, key = parts(tls.self_signed("127.0.0.1"), tmp_path)
    server = await asyncio.to_thread(tls.context, Settings(ssl_certfile=certificate, ssl_keyfile=key))
    assert server
    client = await asyncio.to_thread(ssl.create_default_context, cafile=str(certificate))
    assert await greet(server, client, name="localhost") == b"hello\n"
    assert await greet(server, client, name="127.0.0.1") == b"hello\n"
    with pytest.raises(ssl.SSLCertVerificationError, match=r"bot\.example"):
        await greet(server, client, name="bot.example")


async def test_a_certificate_is_made_for_those_who_only_want_to_try() -> None:
    server = await asyncio.to_thread(tls.context, Settings(generate_self_signed_cert=True))
    assert server
    with pytest.raises(ssl.SSLCertVerificationError):
        await greet(server, ssl.create_default_context())
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    assert await greet(server, trusting) == b"hello\n"


def test_the_key_that_was_made_is_left_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert tls.context(Settings(generate_self_signed_cert=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "hosts", "addresses"),
    [
        ("127.0.0.1", ["localhost"], ["127.0.0.1"]),
        ("0.0.0.0", ["localhost"], ["127.0.0.1"]),
        ("::", ["localhost"], ["127.0.0.1"]),
        ("::1", ["localhost"], ["127.0.0.1", "::1"]),
        ("192.168.1.5", ["localhost"], ["127.0.0.1", "192.168.1.5"]),
        ("bot.example", ["localhost", "bot.example"], ["127.0.0.1"]),
    ],
)
def test_it_names_every_host_that_one_can_connect_to(host: str, hosts: list[str], addresses: list[str]) -> None:
    assert names(tls.self_signed(host)) == (hosts, addresses)


def test_it_is_valid_for_a_month_and_cannot_sign_others() -> None:
    certificate = x509.load_pem_x509_certificate(tls.self_signed("127.0.0.1"))
    now = datetime.datetime.now(datetime.UTC)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc
    assert certificate.not_valid_after_utc - now <= datetime.timedelta(days=30)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_each_is_another() -> None:
    assert tls.self_signed("::1") != tls.self_signed("::1")


def test_a_certificate_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        tls.context(Settings(ssl_certfile=tmp_path / "none.pem", ssl_keyfile=tmp_path / "none.key"))


def test_a_file_that_is_no_certificate_or_another_ones_key_is_refused(tmp_path: Path) -> None:
    certificate, key = parts(tls.self_signed("127.0.0.1"), tmp_path)
    with pytest.raises(ssl.SSLError):
        tls.context(Settings(ssl_certfile=key, ssl_keyfile=key))
    key.write_bytes(tls.self_signed("127.0.0.1"))
    with pytest.raises(ssl.SSLError):
        tls.context(Settings(ssl_certfile=certificate, ssl_keyfile=key))
