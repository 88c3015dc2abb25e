"""A caller's leg, of which all that is heard and sent is recorded. What it does, `leg` does."""

from collections.abc import AsyncIterator

from bridge.leg import Leg
from bridge.recording.recorder import CallRecording
from telephony.events import Clear, Command, Event, Mark, Media, Play, Played


class RecordedLeg:
    """`leg`, with `recording` beside it."""

    def __init__(self, leg: Leg, recording: CallRecording) -> None:
        self.capabilities = leg.capabilities
        self._leg, self._recording = leg, recording

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Leg."""
        async for event in self._leg:
            match event:
                case Media(payload, at_ms):
                    self._recording.heard(payload, at_ms)
                case Played(mark):
                    self._recording.played(mark)
            yield event

    async def send(self, command: Command, /) -> None:
        """See Leg."""
        match command:
            case Play(payload):
                self._recording.play(payload)
            case Mark(name):
                self._recording.mark(name)
            case Clear():
                self._recording.clear()
        await self._leg.send(command)
