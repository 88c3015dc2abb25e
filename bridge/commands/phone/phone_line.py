"""The line that a simulated phone calls over: one call on one wire, seen from the caller's side."""

import base64
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

import aiohttp

from telephony.events import Clear, Mark, Play, Transcript

Message = str | bytes
Heard = Play | Mark | Clear | Transcript
"""What a phone may be told. `Play` has mu-law at 8 kHz here, whatever the wire carries."""


class PhoneLine(Protocol):
    """One call. The phone speaks and hears mu-law at 8 kHz; the line turns that into what its wire carries."""

    garbage: Message
    """A message that the wire does not understand."""
    steady: bool
    """Whether the server's audio never stops: what it has nothing to say in is silence."""
    close_code: int | None
    """WebSocket close code of the server; None while the call lasts, and where there is none."""

    def media(self, frame: bytes, chunk: int) -> Message:
        """Return the message that carries frame number `chunk`, from 1 on."""

    async def send(self, message: Message) -> None:
        """Send a message of the wire."""

    def receive(self) -> AsyncIterator[Heard]:
        """Yield what the server sends, until it hangs up or the connection breaks."""

    async def played(self, mark: str) -> None:
        """Tell that all audio before `mark` was heard or cleared."""

    async def press(self, digit: str) -> None:
        """Press a key: one of 0-9 * #."""

    async def hang_up(self) -> None:
        """End the call, as a caller does who puts the phone down."""

    async def close(self) -> None:
        """Close the connection, after `hang_up` or without."""

    def abort(self) -> None:
        """Break the connection, without a message."""


def break_off(connection: socket.socket | None) -> None:
    """Break `connection`, if there is one, without a word to the other side."""
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)


_ACCOUNT: Final = "AC00000000000000000000000000000000"


class TwilioLine:
    """Twilio Media Streams."""

    garbage: Message = '{"event": "media", "media": {"payload": "%%%"}}'
    steady = False

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> None:
        self.socket = wire
        self.close_code: int | None = None
        self._call_sid, self._stream_sid = call_sid, "MZ" + call_sid[2:]
        self._sequence = 0

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """Announce the call. `parameters`: custom parameters of the stream."""
        await self.socket.send_str(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        start = {
            "streamSid": self._stream_sid,
            "accountSid": _ACCOUNT,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "customParameters": dict(parameters),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        await self.send(self._message("start", {"start": start}))

    def media(self, frame: bytes, chunk: int) -> str:
        """See PhoneLine."""
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str((chunk - 1) * 20)}
        return self._message("media", {"media": {**media, "payload": base64.b64encode(frame).decode()}})

    async def send(self, message: Message) -> None:
        """See PhoneLine."""
        await (self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message))

    async def receive(self) -> AsyncIterator[Heard]:
        """See PhoneLine."""
        async for message in self.socket:
            match json.loads(message.data):
                case {"event": "media", "media": {"payload": payload}}:
                    yield Play(base64.b64decode(payload))
                case {"event": "mark", "mark": {"name": name}}:
                    yield Mark(name)
                case {"event": "clear"}:
                    yield Clear()
        self.close_code = self.socket.close_code

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("mark", {"mark": {"name": mark}}))

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}}))

    async def hang_up(self) -> None:
        """See PhoneLine."""
        await self.send(self._message("stop", {"stop": {"accountSid": _ACCOUNT, "callSid": self._call_sid}}))

    async def close(self) -> None:
        """See PhoneLine."""
        await self.socket.close()

    def abort(self) -> None:
        """See PhoneLine."""
        break_off(self.socket.get_extra_info("socket"))

    def _message(self, event: str, body: Mapping[str, object]) -> str:
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self._stream_sid, **body}
        return json.dumps(message)
