"""What a request says of itself: the name it asked for, and where it came from."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from bridge.admission.refusals import Why
from bridge.server.access.refused import WrongHost
from bridge.settings import Settings, is_exposed, is_loopback

_FORWARDED_FOR: Final = "X-Forwarded-For"
_NAME_CHARS: Final = 100


def check_host(request: web.Request, settings: Settings) -> None:
    """Refuse names that are not this machine's where nobody else may come in.

    Any web page can have a name of its own resolve to 127.0.0.1 and then read from us what it likes (DNS rebinding);
    only the Host header tells. Who sends none is no browser.

    Raises:
        WrongHost: the request is for another name.
    """
    if is_exposed(settings) or settings.insecure:
        return
    for host in request.headers.getall(hdrs.HOST, ()):
        if not _is_this_machine(host, settings.host):
            raise WrongHost(
                Why.HOST,
                f"this server answers to localhost only, not to {host[:_NAME_CHARS]!r}: "
                "behind a proxy or a tunnel, start it with --public-url https://NAME",
            )


def _is_this_machine(host: str, own: str) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # no address
        return False
    return is_loopback(name) or name == own.lower()


def peer(request: web.Request, settings: Settings) -> str:
    """Return the address that a request came from; "" where it is gone already.

    Behind a trusted proxy it is the last that X-Forwarded-For names: our proxy wrote it, the peer the ones before.
    """
    if settings.trust_proxy_headers and (forwarded := request.headers.getall(_FORWARDED_FOR, ())):
        return forwarded[-1].rpartition(",")[2].strip()[:_NAME_CHARS]
    return request.remote or ""


def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the /64 that every customer has."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)
