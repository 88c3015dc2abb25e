"""The caller's leg, of which all that is heard and sent is kept."""

import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Final

from bridge.capture.call_capture import CallCapture, LoopTurn
from bridge.capture.notation import event_line, told
from bridge.leg import Leg
from telephony.bot_requests import UserText
from telephony.events import (
    AudioFormat,
    Command,
    Dtmf,
    Encoding,
    Event,
    Media,
    Play,
    SendInfo,
    Transcript,
    WarmTransfer,
)

_SILENCE: Final = {Encoding.MULAW: b"\xff", Encoding.ALAW: b"\xd5"}
_ASKED_OF_PEER = SendInfo | WarmTransfer
"""Commands that the peer answers, and may refuse."""


class CapturedLeg:
    """`leg`, with `capture` beside it."""

    def __init__(self, leg: Leg, audio: AudioFormat, capture: CallCapture) -> None:
        self.capabilities = leg.capabilities
        self._leg, self._audio, self._capture = leg, audio, capture
        self._sent = 0

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Leg."""
        capture = self._capture
        turn = LoopTurn()
        try:
            async for event in self._leg:
                if isinstance(event, Media):
                    capture.media_ms = event.at_ms + self._audio.duration_ms(event.payload)
                capture.note("heard", {**turn.waited, **event_line(self._open(event))})
                yield event
                turn = LoopTurn()
        except Exception as error:  # it is kept on its way to whoever it is for
            capture.note("heard", {**turn.waited, "error": type(error).__name__, "text": str(error)})
            raise

    async def send(self, command: Command, /) -> None:
        """See Leg."""
        sent = summary(command, self._audio)
        if isinstance(command, _ASKED_OF_PEER):
            await self._capture.ask("send", sent, self._leg.send(command), lambda _: {})
            return
        turn, since_s = LoopTurn(), self._capture.clock_s()
        number, self._sent = self._sent, self._sent + 1
        self._capture.note("sent", sent)
        await self._leg.send(command)
        if not turn.waited:
            self._capture.note("left", {"sent": number}, since_s=since_s)

    def _open(self, event: Event) -> Event:
        """Return `event` without what is secret."""
        if not self._capture.secret():
            return event
        if isinstance(event, Media):
            silence = _SILENCE.get(self._audio.encoding, b"\0") * len(event.payload)
            return replace(event, payload=silence)
        if isinstance(event, UserText):
            return UserText("0" * len(event.text))
        return Dtmf("0") if isinstance(event, Dtmf) and event.digit.isdigit() else event


def summary(command: Command, audio: AudioFormat) -> Mapping[str, object]:
    """Return a line of what is sent. The audio is not in it: the voice's own is kept."""
    match command:
        case Play(payload):
            return {"command": "Play", "ms": audio.duration_ms(payload), "crc": zlib.crc32(payload)}
        case Transcript():
            return {"command": "Transcript", **told(replace(command, timestamp=0.0))}
    return {"command": type(command).__name__, **told(command)}
