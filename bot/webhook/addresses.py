"""Which addresses a recording may be fetched from that anybody could have named: those of the open internet.

A name is judged by what it resolves to, at the very connection, so that no second answer can lead elsewhere.
"""

import asyncio
import ipaddress
import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 as IPv6 (RFC 6052): what counts is the address inside."""


class NotPublic(OSError):
    """A host is none of the open internet."""


def is_public(address: str) -> bool:
    """Return whether a host with this address can be anybody's: no loopback, private, link-local or shared one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _TRANSLATED:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inside or ip
    return ip.is_global and not ip.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves names of the open internet, and no others."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver(asyncio.get_running_loop())

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where `host` is.

        Raises:
            NotPublic: one of its addresses is not of the open internet.
            OSError: it has none.
        """
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(each["host"]) for each in found):
            raise NotPublic(f"{host} is no host of the open internet")
        return found

    async def close(self) -> None:
        await self._resolver.close()
