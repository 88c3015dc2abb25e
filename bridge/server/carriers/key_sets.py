"""The keys that carriers publish for their signatures: fetched when they are needed, kept for an hour."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import aiohttp

from bridge.legs.http_answer import BrokenAnswer, object_in, read_whole
from telephony.carriers.key_set import KeySet, key_set, keys_at
from telephony.jsontext import Fields

log = logging.getLogger(__name__)

KEPT_S: Final = 3600.0
AGAIN_S: Final = 30.0
"""So long nobody is asked again: whoever makes up key ids does not make us ask."""
RETRY_S: Final = 2.0
"""The same, after keys that could not be fetched."""


@dataclass(slots=True)
class _Kept:
    """What is known of one issuer."""

    keys: KeySet
    good_until_s: float
    next_s: float
    """From then on they may be asked for again."""


class KeySets:
    """Those of all carriers, by the addresses of their OpenID configurations."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        """`clock`: seconds, never goes back."""
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._asking = asyncio.Lock()

    async def known(self, address: str, key: str, *, limit_s: float) -> KeySet:
        """Return the keys that the configuration at `address` names, fetched anew where `key` is none of them.

        What cannot be fetched within `limit_s` is logged, and what was known before stays good until it is too old.
        """
        before = self._kept.get(address)
        if before and key in before.keys.keys and self._clock() < before.good_until_s:
            return before.keys  # whoever makes up a key id keeps nobody waiting who has a right one
        async with self._asking:
            now_s = self._clock()
            kept = self._kept.setdefault(address, _Kept(KeySet(), now_s, now_s))
            good = now_s < kept.good_until_s
            if now_s >= kept.next_s and not (good and key in kept.keys.keys):
                kept.next_s = now_s + RETRY_S
                try:
                    async with asyncio.timeout(limit_s):
                        kept.keys = await _fetched(address)
                    kept.good_until_s, kept.next_s, good = now_s + KEPT_S, now_s + AGAIN_S, True
                except (aiohttp.ClientError, OSError, BrokenAnswer) as error:  # a TimeoutError is an OSError
                    log.warning(
                        "the keys that %s names cannot be fetched: %s", address, str(error) or "no answer in time"
                    )
            return kept.keys if good else KeySet()


async def _fetched(address: str) -> KeySet:
    async with aiohttp.ClientSession() as session:
        configuration = await _object_at(session, address)
        at = keys_at(configuration)
        if not at.startswith("https://") and address.startswith("https://"):
            raise BrokenAnswer(f"names keys at {at!r}, which must be https://")
        found = key_set(configuration, await _object_at(session, at))
    if not found.keys:
        raise BrokenAnswer("names no issuer, or no RSA key")
    return found


async def _object_at(session: aiohttp.ClientSession, address: str) -> Fields:
    async with session.get(address, allow_redirects=False) as response:
        if response.status != 200:
            raise BrokenAnswer(f"answered {response.status} at {address}")
        return object_in(await read_whole(response))
