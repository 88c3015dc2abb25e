"""Twilio's line, as a simulated phone calls over it."""

import base64
import json
from collections.abc import Mapping
from typing import Final

import aiohttp

from bridge.commands.phone.phone_line import Heard, Message
from bridge.commands.phone.socket_line import SocketLine
from telephony.events import Clear, Mark, Play

_ACCOUNT: Final = "AC00000000000000000000000000000000"


class TwilioLine(SocketLine):
    """Twilio Media Streams."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> None:
        super().__init__(wire, call_sid=call_sid)
        self._stream_sid = "MZ" + call_sid[2:]

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine; `parameters` are custom ones of the stream."""
        await self.socket.send_str(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        start = {
            "streamSid": self._stream_sid,
            "accountSid": _ACCOUNT,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "customParameters": dict(parameters),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        await self.send(self._message("start", {"start": start}))

    def media(self, frame: bytes, chunk: int) -> str:
        """See PhoneLine."""
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str((chunk - 1) * 20)}
        return self._message("media", {"media": {**media, "payload": base64.b64encode(frame).decode()}})

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        match json.loads(message):
            case {"event": "media", "media": {"payload": payload}}:
                return Play(base64.b64decode(payload))
            case {"event": "mark", "mark": {"name": name}}:
                return Mark(name)
            case {"event": "clear"}:
                return Clear()
        return None

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("mark", {"mark": {"name": mark}}))

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}}))

    async def hang_up(self) -> None:
        """See PhoneLine."""
        await self.send(self._message("stop", {"stop": {"accountSid": _ACCOUNT, "callSid": self.call_sid}}))

    def _message(self, event: str, body: Mapping[str, object]) -> str:
        head = {"event": event, "sequenceNumber": self.next_number(), "streamSid": self._stream_sid}
        return json.dumps({**head, **body})
