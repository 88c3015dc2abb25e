"""The lines of carriers whose audio is binary, as a simulated phone calls over them."""

import json
from collections.abc import Mapping
from typing import Any

from bridge.commands.phone.phone_line import Heard, Message
from bridge.commands.phone.socket_line import SocketLine, WidebandLine
from telephony.events import Clear, Mark, Play


class GenesysLine(SocketLine):
    """Genesys AudioHook."""

    garbage: Message = '{"type": 7'

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine."""
        about = {
            "organizationId": "00000000-0000-0000-0000-000000000001",
            "conversationId": self.call_sid,
            "participant": {
                "id": "1",
                "ani": parameters.get("From", ""),
                "aniName": "",
                "dnis": parameters.get("To", ""),
            },
            "media": [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
            "inputVariables": dict(parameters),
        }
        await self.send(self._message("open", about))

    def media(self, frame: bytes, chunk: int) -> bytes:
        """See PhoneLine."""
        return frame

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        if isinstance(message, bytes):
            return Play(message)
        match json.loads(message):
            case {"type": "event", "parameters": {"entities": [{"type": "barge_in"}]}}:
                return Clear()
        return None

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("dtmf", {"digit": digit}))

    async def hang_up(self) -> None:
        """See PhoneLine."""
        await self.send(self._message("close", {"reason": "end"}))

    def _message(self, kind: str, about: Mapping[str, Any]) -> str:
        head = {"version": "2", "id": f"session-{self.call_sid}", "type": kind, "seq": int(self.next_number())}
        return json.dumps({**head, "serverseq": 0, "position": "PT0S", "parameters": about})


class VonageLine(WidebandLine):
    """Vonage's WebSocket endpoint, at 16 kHz."""

    garbage: Message = '{"event": 7'

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine."""
        head = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000"}
        await self.send(json.dumps({**head, "CallSid": self.call_sid, **parameters}))

    def media(self, frame: bytes, chunk: int) -> bytes:
        """See PhoneLine."""
        return self.widened(frame)

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        if isinstance(message, bytes):
            return self.narrowed(message)
        match json.loads(message):
            case {"action": "notify", "payload": {"name": str(name)}}:
                return Mark(name)
            case {"action": "clear"}:
                return Clear()
        return None

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.send(json.dumps({"event": "websocket:notify", "payload": {"name": mark}}))

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(json.dumps({"event": "websocket:dtmf", "digit": digit, "duration": 260}))

    async def hang_up(self) -> None:
        """See PhoneLine: the end of the socket is the end of the call."""
