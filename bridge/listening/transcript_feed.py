"""What is said on calls that are only listened to, handed to whoever asked for it. Who is slow holds up no call."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bot.api import CallInfo
from telephony.events import Transcript

EVERY_CALL: Final = "*"
MOST_WAITING: Final = 1000
"""What may wait for one subscriber, in messages: minutes of talk on a busy server. Past that the oldest are lost."""
SPEAKERS: Final = {"inbound": "caller", "outbound": "agent"}
"""Who is heard on a track: the party whose leg has the stream is the caller, whoever of them called."""


class TooManyListeners(Exception):
    """Nobody more may listen; the text says how many do."""


class FeedClosed(Exception):
    """The server ends: nothing more will be said."""


@dataclass(frozen=True, slots=True)
class ListeningBegan:
    """A call is listened to from now on."""

    call: CallInfo


@dataclass(frozen=True, slots=True)
class SideSaid:
    """One side of a call said this, or seems to."""

    call: CallInfo
    track: str
    """Twilio's name of the side, "inbound" or "outbound"."""
    transcript: Transcript

    @property
    def speaker(self) -> str:
        """Who that is: "caller" or "agent"."""
        return SPEAKERS.get(self.track, self.track)


@dataclass(frozen=True, slots=True)
class ListeningEnded:
    """A call is over, or its stream is."""

    call: CallInfo
    reason: str


FeedEvent = ListeningBegan | SideSaid | ListeningEnded


class Subscription:
    """What waits for one subscriber."""

    def __init__(self, call_id: str) -> None:
        """`call_id`: the one call that is asked for, or EVERY_CALL."""
        self._call_id = call_id
        self._waiting: deque[FeedEvent] = deque()
        self._lost = 0
        self._closed = False
        self._more = asyncio.Event()

    def put(self, event: FeedEvent) -> None:
        """Add `event`, where it was asked for."""
        if self._call_id not in {EVERY_CALL, event.call.call_id}:
            return
        self._waiting.append(event)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._more.set()

    def close(self) -> None:
        """Let nothing more come; what waits is still there."""
        self._closed = True
        self._more.set()

    async def get(self) -> tuple[FeedEvent, int]:
        """Return the oldest event, once there is one, and how many before it were lost since the last one.

        Raises:
            FeedClosed: there is none, and none will come.
        """
        while not self._waiting:
            if self._closed:
                raise FeedClosed
            self._more.clear()
            await self._more.wait()
        lost, self._lost = self._lost, 0
        return self._waiting.popleft(), lost


class TranscriptFeed:
    """The calls that are listened to, and those who are told of them."""

    def __init__(self, *, most: int = 100) -> None:
        """`most`: so many may subscribe at a time."""
        self._most = most
        self._calls: dict[str, CallInfo] = {}
        self._subscriptions: set[Subscription] = set()

    def publish(self, event: FeedEvent) -> None:
        """Tell all who asked for the call. Never waits."""
        match event:
            case ListeningBegan(call):
                self._calls[call.call_id] = call
            case ListeningEnded(call):
                self._calls.pop(call.call_id, None)
        for subscription in self._subscriptions:
            subscription.put(event)

    def close(self) -> None:
        """Tell all who listen that nothing more will be said."""
        for subscription in self._subscriptions:
            subscription.close()

    @contextmanager
    def subscribe(self, call_id: str) -> Iterator[Subscription]:
        """Yield what waits for a subscriber, beginning with the calls that there are.

        Raises:
            TooManyListeners: nobody more may listen.
        """
        if len(self._subscriptions) >= self._most:
            raise TooManyListeners(f"{self._most} listen already")
        subscription = Subscription(call_id)
        for call in self._calls.values():
            subscription.put(ListeningBegan(call))
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
