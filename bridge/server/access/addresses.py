"""The addresses that this machine has, without asking anybody."""

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_SIOCGIFADDR: Final = 0x8915
_IF_INET6: Final = Path("/proc/net/if_inet6")
_TOWARDS: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of nobody (RFC 5737, 3849): a UDP socket towards one sends nothing, and learns its own."""


def own_addresses() -> list[str]:
    """Return them, without loopback and those of one link only. May block on the resolver.

    Elsewhere than on Linux these are the ones of the default route and of the host's name.
    """
    found = [*_by_interface(), *_by_route(), *_by_name()]
    addresses = [ipaddress.ip_address(address) for address in dict.fromkeys(found)]
    return [str(ip) for ip in addresses if not (ip.is_loopback or ip.is_link_local or ip.is_unspecified)]


def _by_interface() -> Iterator[str]:
    if sys.platform != "linux":
        return
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # it has none
                answer = fcntl.ioctl(asking, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                yield socket.inet_ntoa(answer[20:24])
    with suppress(OSError):  # no IPv6
        for line in _IF_INET6.read_text().splitlines():
            yield str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0])))


def _by_route() -> Iterator[str]:
    for family, towards in _TOWARDS:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((towards, 9))
            yield str(probe.getsockname()[0]).partition("%")[0]


def _by_name() -> Iterator[str]:
    with suppress(OSError):
        for *_, address in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM):
            yield str(address[0]).partition("%")[0]
