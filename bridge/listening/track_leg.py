"""One side of a call that is only listened to, as a leg: it is heard, and what it says is told to the feed."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from bridge.leg import HangupCause
from bridge.legs.base import PassiveLeg, Silence, first, until_end
from bridge.legs.inbox import Inbox
from telephony.errors import RemoteProtocolError
from telephony.events import CallEnded, CallStarted, Capabilities, Command, Event, Transcript
from telephony.twilio_listen import TwilioListenProtocol

_MOST_WAITING = 3000
"""Events that may wait for a side that does not keep up: a minute of audio."""


class TrackLeg(PassiveLeg):
    """A leg without a voice. Whoever reads the socket gives it each message."""

    capabilities = Capabilities(transcripts=True, steady=True)

    def __init__(
        self, protocol: TwilioListenProtocol, *, idle_s: float, tell: Callable[[str, Transcript], None]
    ) -> None:
        """`tell` takes the track and what was said on it; `idle_s`: a stream that is silent for so long is over."""
        self.protocol = protocol
        self.reason = ""
        """Why it is over, once it is."""
        self._tell = tell
        self._silence = Silence(idle_s)
        self._inbox = Inbox[Event](_MOST_WAITING)
        self._over = False  # nobody listens any more

    def take(self, message: str | bytes) -> Sequence[Event]:
        """Take a message of the stream; return what it meant to this side."""
        if self._over:
            return ()
        self._silence.broken()
        try:
            events = self.protocol.receive(message)
        except RemoteProtocolError as error:
            self._over = True
            self._inbox.put_always(error)
            return ()
        self._inbox.put(*events)
        return events

    def ended(self, reason: str) -> None:
        """Note that the stream is over."""
        self._inbox.put_always(CallEnded(reason))

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg. The call's id has the track behind it: each side has its own lines in the log."""
        started, _ = await first(self._receive, timeout_s=timeout_s, missing="no start message")
        return replace(started, call_id=f"{started.call_id}/{self.protocol.track}")

    def __aiter__(self) -> AsyncIterator[Event]:
        return until_end((), self._receive)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """See OpeningLeg."""
        return self._silence.watch(gone)

    async def send(self, command: Command, /) -> None:
        """Tell a transcript to the feed; all else has nowhere to go."""
        if isinstance(command, Transcript):
            self._tell(self.protocol.track, command)

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Listen no more. The stream itself is closed once all of its sides are over."""
        self._over, self.reason = True, reason

    async def _receive(self) -> Sequence[Event]:
        return (await self._inbox.get(),)
