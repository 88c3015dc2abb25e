"""A stream that is only listened to: both sides of a call, each transcribed as a call of its own."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from bot.api import CallInfo
from bridge.call.bot_side import call_info
from bridge.containment import cancelled
from bridge.leg import OpeningLeg
from bridge.listening.track_leg import TrackLeg
from bridge.listening.transcript_feed import ListeningBegan, ListeningEnded, SideSaid, TranscriptFeed
from bridge.timeouts import timeout
from telephony.events import CallStarted, Transcript
from telephony.twilio_listen import TRACKS, TwilioListenProtocol

log = logging.getLogger(__name__)

Carry = Callable[[OpeningLeg], Coroutine[None, None, None]]
"""Transcribes one side of a call; never raises."""

_CUT_OFF: Final = "the server has cut it off"


class ListenOnlyStream:
    """One socket of Twilio's `<Start><Stream>`."""

    def __init__(
        self, socket: web.WebSocketResponse, feed: TranscriptFeed, *, start_s: float, idle_s: float, close_s: float
    ) -> None:
        """`start_s`: it must say within so long what it is; `idle_s`: it is over when silent for so long;
        `close_s`: so long it may take to hang up in turn."""
        self._socket, self._feed, self._start_s, self._close_s = socket, feed, start_s, close_s
        self._legs = [TrackLeg(TwilioListenProtocol(track), idle_s=idle_s, tell=self._tell) for track in TRACKS]
        self._call = CallInfo("")  # set by the start

    async def run(self, carry: Carry) -> None:
        """Listen until the call is over."""
        try:
            async with timeout(self._start_s):
                started = await self._until_started()
        except TimeoutError:
            started = None
        if started is None:
            log.warning("a stream to be listened to did not say what it is, or not in a way that can be used")
            await self._socket.close(code=WSCloseCode.PROTOCOL_ERROR, message=b"no start message")
            return
        self._call = call_info(started)
        self._feed.publish(ListeningBegan(self._call))
        legs = [leg for leg in self._legs if leg.protocol.is_sent]
        try:
            await self._listen(legs, carry)
        finally:
            reason = next((leg.reason for leg in legs if leg.reason), _CUT_OFF)
            self._feed.publish(ListeningEnded(self._call, reason))
        with suppress(TimeoutError):  # it is over for us, whether Twilio hangs up in turn or not
            async with timeout(self._close_s):
                await self._socket.close()

    async def _until_started(self) -> CallStarted | None:
        """Return the start; None where the socket ends before."""
        async for message in self._socket:
            if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                events = [event for leg in self._legs for event in leg.take(message.data)]
                if started := next((event for event in events if isinstance(event, CallStarted)), None):
                    return started
        return None

    async def _listen(self, legs: Sequence[TrackLeg], carry: Carry) -> None:
        """Transcribe all sides; return when they are over."""
        reading = asyncio.create_task(self._read(legs))
        try:
            async with asyncio.TaskGroup() as sides:
                for leg in legs:
                    sides.create_task(carry(leg))
        finally:
            await cancelled(reading)

    async def _read(self, legs: Sequence[TrackLeg]) -> None:
        """Give each message to the sides of the call, until the socket ends."""
        async for message in self._socket:
            for leg in legs:
                leg.take(message.data)
        for leg in legs:
            leg.ended("caller hung up")

    def _tell(self, track: str, transcript: Transcript) -> None:
        self._feed.publish(SideSaid(self._call, track, transcript))
