"""How often one address may be wrong about a password. Pure: time is an argument."""

import ipaddress
from collections import OrderedDict
from typing import Final

from bridge.admission.bucket import Bucket

AT_ONCE: Final = 10
"""Wrong passwords that an address may give one after the other: a telephone that was set up badly tries a few times."""
A_MINUTE: Final = 10
"""More than that it may not, over time: a million guesses take ten weeks."""
RETRY_S: Final = 60 // A_MINUTE
"""Seconds after which it may try again."""
_MOST: Final = 10_000
"""Addresses that are remembered; who has more can guess more."""
_IPV6_BITS: Final = 64
"""Of an address, that one customer has for himself: he has all of those behind it."""


class Guesses:
    """The wrong passwords of all addresses."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()  # those last used at the end

    def allowed(self, address: str, now_s: float) -> bool:
        """Return whether `address` may give a password. `now_s` never goes back."""
        bucket = self._buckets.get(_whose(address))
        return bucket is None or bucket.has(now_s)

    def wrong(self, address: str, now_s: float) -> None:
        """Note that `address` gave a wrong one."""
        whose = _whose(address)
        self._buckets.setdefault(whose, Bucket(A_MINUTE / 60, burst=AT_ONCE)).take(now_s)
        self._buckets.move_to_end(whose)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)


def _whose(address: str) -> str:
    """Return what stands for all addresses of the same customer."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_BITS), strict=False))
