"""Bots that do not let a server end."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from bot.actions import Action, Hangup
from bot.api import Bot, CallInfo


class Swallows(Bot):
    """Takes no notice of being cancelled."""

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        for _ in range(1000):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
        yield ""


class Threads(Bot):
    """Leaves a thread behind that never ends."""

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        threading.Thread(target=time.sleep, args=[3600], name="left-behind").start()
        yield "hello"


class Blocks(Bot):
    """Holds the event loop."""

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        time.sleep(3600)  # noqa: ASYNC251 - what it is for
        yield ""


class Leaves(Bot):
    """Hangs up by itself once the server drains."""

    async def on_drain(self) -> None:
        self.cue()

    async def on_cue(self) -> AsyncIterator[str | Action]:
        yield "We have to stop here."
        yield Hangup("the bot is done")
