"""The address of a server, as a user gives it: which path it needs, and whether the server is believed to be it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

PATHS: Final = {"call": ("/twilio/stream",), "listen": ("/ws", "/", "/talk")}
"""Command -> where on a server it is answered, the usual path first."""
_SECURE: Final = {"ws": "wss", "http": "https", "wss": "ws", "https": "http"}


class NoAnswerThere(Exception):
    """Nobody answers the command at its address; the text says why, and what to give instead."""


def checked(url: str, command: str, *, wire: str = "") -> str:
    """Return `url` if `command` may be answered there. A path that we do not know may be another server's.

    `wire`: the path of another wire than the usual one, where the command speaks it.

    Raises:
        NoAnswerThere: it is none, or a path of ours that speaks another protocol.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SECURE or not parts.hostname:
        raise NoAnswerThere(f"url is {url!r}; it begins with ws:// or wss://, and a host follows")
    others = {path for name, paths in PATHS.items() if name != command for path in paths}
    path = parts.path.rstrip("/") or "/"
    if path in others and path not in {*PATHS[command], wire}:
        raise NoAnswerThere(f"url is {url!r}, where nobody answers `bridge {command}`; {_instead(url, command)}")
    return url


def trust(cafile: Path | None, *, insecure: bool) -> ssl.SSLContext | bool:
    """Return whom a client believes to be its server: `cafile` holds certificates in PEM; `insecure`: everybody.

    Raises:
        OSError: the file cannot be read. ValueError: both are given, or there is no certificate in it.
    """
    if cafile and insecure:
        raise ValueError("--cafile says whom to trust, --insecure trusts everybody: give one of them")
    if not cafile:
        return not insecure
    try:
        return ssl.create_default_context(cadata=cafile.read_text("ascii", errors="replace"))
    except ssl.SSLError as error:
        raise ValueError(f"--cafile {cafile}: no certificate in PEM ({error.reason or error})") from error


@contextmanager
def reaching(url: str, command: str) -> Iterator[None]:
    """Say of a failure to connect to `url` within the block what helps.

    Raises:
        NoAnswerThere: instead of what aiohttp raises for a wrong path, scheme or certificate.
    """
    parts = urlsplit(url)
    try:
        yield
    except aiohttp.WSServerHandshakeError as error:
        if error.status not in {404, 405}:
            raise
        raise NoAnswerThere(f"{url}: no such path (status {error.status}); {_instead(url, command)}") from error
    except aiohttp.ClientConnectorCertificateError as error:
        why = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        raise NoAnswerThere(f"{url}: {why}; --cafile FILE trusts a certificate of yours, --insecure any") from error
    except (aiohttp.ClientConnectorSSLError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientConnectorSSLError):
            raise  # nobody is there at all
        other = parts._replace(scheme=_SECURE[parts.scheme]).geturl()
        raise NoAnswerThere(f"{url}: {str(error) or 'the server hung up'}; the server may want {other}") from error


def _instead(url: str, command: str) -> str:
    place = urlsplit(url)
    [usual, *more] = (place._replace(path=path).geturl() for path in PATHS[command])
    rest = "; ".join(f"`bridge {name}` is for {', '.join(paths)}" for name, paths in PATHS.items() if name != command)
    also = f", {', '.join(PATHS[command][1:])} too" if more else ""
    return f"give {usual}{also} ({rest})"
