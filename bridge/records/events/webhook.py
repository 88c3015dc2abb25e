"""Sends an event to the webhook: one signed POST, as a bot's webhook gets them. What it answers is not read."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import aiohttp

from bot.webhook.client import session
from bot.webhook.requests import signature
from bridge.records.events.sender import NotTaken

_LIMIT_S: Final = 10.0
"""For one event."""


class EventsWebhook:
    """One receiver."""

    def __init__(
        self, url: str, secret: Callable[[], str], *, clock: Callable[[], float] = time.time, limit_s: float = _LIMIT_S
    ) -> None:
        """`secret` returns what is signed with now, "" for nothing. `clock`: seconds since 1970."""
        self._url, self._secret, self._clock, self._limit_s = url, secret, clock, limit_s

    async def post(self, event: str, body: bytes) -> None:
        """Send `body` under the id `event`.

        Raises:
            NotTaken: no answer of 2xx in time.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": event, "User-Agent": "voice-bridge"}
        if secret := self._secret():
            timestamp = str(int(self._clock()))
            headers |= {"X-Bridge-Timestamp": timestamp, "X-Bridge-Signature": signature(secret, timestamp, body)}
        try:
            async with asyncio.timeout(self._limit_s):
                http = await session()
                async with http.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                    status = response.status
        except TimeoutError:
            raise NotTaken(f"no answer within {self._limit_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotTaken(f"{type(error).__name__}: {error}") from error
        if not 200 <= status < 300:
            raise NotTaken(f"it answers with status {status}; a redirect is not followed")
