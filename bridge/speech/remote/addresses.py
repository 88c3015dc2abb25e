"""The addresses behind a name: a headless service has one for each of its servers, and they change."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

_LIMIT_S: Final = 5.0

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the IP addresses of a host, each once.

Raises:
    OSError: it has none, or nobody says so.
"""


async def resolve(host: str) -> Sequence[str]:
    """Ask as the system does: files, then DNS. See `Resolve`."""
    ask = asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.wait_for(ask, _LIMIT_S)
    except UnicodeError as error:  # a label of 64 letters, or none between two dots
        raise OSError(f"{host!r} is no name of a host") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def name_in(url: str) -> str:
    """Return the name of the host of `url`, "" where it is an address, or always this machine."""
    host = urlsplit(url).hostname or ""
    return "" if host == "localhost" or is_address(host) else host


def is_address(host: str) -> bool:
    """Return whether `host` is an IP address."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_v4(address: str) -> bool:
    """Return whether an IP address is one of IPv4."""
    return ":" not in address


class OneAddress(AbstractResolver):
    """Lets a client connect to one address of a name: Host header and certificate stay those of the name."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        of = socket.AF_INET if is_v4(self._address) else socket.AF_INET6
        found = ResolveResult(
            hostname=host, host=self._address, port=port, family=of, proto=0, flags=socket.AI_NUMERICHOST
        )
        return [found]

    async def close(self) -> None:
        """Nothing is held."""
