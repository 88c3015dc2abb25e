"""An application written for Twilio's ConversationRelay as a bot: one WebSocket a call, open as long as the call."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Final
from uuid import uuid4

import aiohttp

from bot.actions import Action, Hangup, Transfer
from bot.api import Bot, CallInfo, Heard, Partial, Turn
from bot.webhook import dialect
from bot.webhook.client import session
from bot.webhook.configuration import Configuration
from bot.webhook.dialect import EndSession, NotUnderstood, Understood
from bot.webhook.fault import HookFailed
from bot.webhook.recordings import Recordings
from bot.webhook.replies import Fetch

log = logging.getLogger(__name__)

_PING_S: Final = 20.0
_END: Final = Understood([], last=True)  # stands for a connection that is gone


class RelayBot(Bot):
    """One call's side of the session. What the application says unasked is spoken when the line is free."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._recordings = Recordings(configuration)
        self._call = CallInfo("")
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._heard: asyncio.Queue[Understood] = asyncio.Queue()  # from the application, not yet spoken
        self._deaf = False  # the caller interrupted: what still comes belongs to the answer that was cut off
        self._language = ""  # of the newest SetLanguage: tokens repeat it

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        """Open the session; what the application says then comes by `on_cue`."""
        self._call = call
        await self._open()
        nothing: tuple[str, ...] = ()
        for text in nothing:
            yield text

    async def on_cue(self) -> AsyncIterator[str | Action]:
        """Say what the application says unasked."""
        while not self._heard.empty():
            message = self._heard.get_nowait()
            async for piece in self._pieces(message):
                yield piece
            if not message.last and self._heard.empty():  # the middle of a sentence
                async for piece in self._answer():
                    yield piece

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        """Send the prompt and say what comes for it.

        Raises:
            HookFailed: nothing comes in time, or the connection is gone.
        """
        self._call = turn.call
        await self._open()
        if turn.keys is None:
            self._heard, self._deaf = asyncio.Queue(), False
            await self._send(dialect.prompt(turn.text, turn.language))
        said = False
        async for piece in self._answer():
            said = said or piece != ""
            yield piece
        if not said:
            raise HookFailed("the application has nothing to say")

    async def on_partial(self, partial: Partial) -> None:
        """Tell what the caller seems to be saying, where that is wanted."""
        if self._configuration.partials and self._socket:
            await self._send(dialect.prompt(partial.text, partial.language, last=False))

    async def on_dtmf(self, digit: str) -> None:
        """Tell of a key."""
        await self._open()
        await self._send(dialect.dtmf(digit))

    async def on_interrupted(self, heard: Heard) -> None:
        """Tell what was heard; the rest of that answer is not wanted any more."""
        self._heard, self._deaf = asyncio.Queue(), True
        await self._send(dialect.interrupt(heard))

    async def on_end(self, reason: str) -> None:
        """Close the session."""
        if self._reader:
            self._reader.cancel()
        if self._socket:
            await self._socket.close()
        await self._recordings.close()

    # ------------------------------------------------------------ the session

    async def _open(self) -> None:
        """Open the session, again where it was lost.

        Raises:
            HookFailed: the application cannot be reached.
        """
        if self._socket and not self._socket.closed:
            return
        how = self._configuration
        headers = {"X-Twilio-Signature": dialect.signature(how.secret, how.url)} if how.secret else {}
        try:
            async with asyncio.timeout(how.wait_s):
                http = await session()
                self._socket = await http.ws_connect(
                    how.url, headers=headers, heartbeat=_PING_S, max_msg_size=how.max_bytes
                )
                await self._socket.send_str(dialect.setup(self._call, f"VX{uuid4().hex}"))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HookFailed(f"the application cannot be reached: {error!r}") from None
        self._heard, self._deaf = asyncio.Queue(), False
        self._reader = asyncio.create_task(self._read(self._socket))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                break
            try:
                understood = dialect.understand(message.data)
            except NotUnderstood as why:
                log.warning("%s: the application: %s", self._call.call_id, why)
                await self._send(dialect.error(str(why)))
                continue
            if not self._deaf:
                self._heard.put_nowait(understood)
                self.cue()
        if socket is self._socket:  # it has no follower yet
            log.info("%s: the application closed the session", self._call.call_id)
            self._heard.put_nowait(_END)

    async def _send(self, message: str) -> None:
        """Send, as far as there is somebody to send to; who waits for an answer hears that there is none."""
        try:
            if self._socket and not self._socket.closed:
                await self._socket.send_str(message)
        except (aiohttp.ClientError, ConnectionError) as error:
            log.warning("%s: the application was not told: %r", self._call.call_id, error)

    # ------------------------------------------------------------ answers

    async def _answer(self) -> AsyncIterator[str | Action]:
        """Yield what comes, up to the end of the answer."""
        while True:
            try:
                async with asyncio.timeout(self._configuration.wait_s):
                    message = await self._heard.get()
            except TimeoutError:
                raise HookFailed("the application did not answer in time") from None
            if message is _END:
                raise HookFailed("the application closed the session")
            async for piece in self._pieces(message):
                yield piece
            if message.last:
                return

    async def _pieces(self, message: Understood) -> AsyncIterator[str | Action]:
        for item in message.items:
            match item:
                case Fetch():
                    yield await self._recordings.fetch(item)
                case EndSession(data):
                    yield self._farewell(data)
                case _ if not self._repeats(item):
                    yield item

    def _repeats(self, item: str | Action) -> bool:
        language = getattr(item, "language", "")
        again, self._language = bool(language) and language == self._language, language or self._language
        return again

    def _farewell(self, data: str) -> Action:
        """Return how a session that the application ended ends the call."""
        log.info("%s: the application ends the session, with %d characters of data", self._call.call_id, len(data))
        handoff = self._configuration.handoff
        if handoff.startswith("{") and handoff.endswith("}"):
            try:
                told = json.loads(data)
            except (ValueError, RecursionError):
                told = None
            handoff = str(told.get(handoff[1:-1], "")) if isinstance(told, dict) else ""
        try:
            return Transfer(handoff) if handoff and data else Hangup("the application ended the session")
        except ValueError as error:
            raise HookFailed(f"the application hands over to nobody: {error}") from None
