"""The far side of one call on the wires of PBXs, and the table of all that are a WebSocket and no carrier's."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.commands.phone.carrier_lines import CALLED_AS
from bridge.commands.phone.client_lines import ClientLine, DeepgramLine, RealtimeLine
from bridge.commands.phone.pbx_line import PbxLine
from bridge.commands.phone.phone_line import Heard, Message
from telephony.events import Clear, Mark, Play


class AsteriskLine(PbxLine):
    """chan_websocket, with mu-law and plain commands."""

    garbage: Message = "DTMF_END digit:%"

    async def begin(self) -> None:
        """See PbxLine."""
        start = f"connection_id:{self.ident} channel:WebSocket/{self.ident} channel_id:{self.ident}"
        await self.socket.send_str(f"MEDIA_START {start} format:ulaw optimal_frame_size:160")

    def media(self, frame: bytes, chunk: int) -> Message:
        """See PhoneLine."""
        return frame

    def heard(self, payload: bytes) -> Play:
        """See PbxLine."""
        return Play(payload)

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        command, _, about = message.partition(" ")
        match command:
            case "MARK_MEDIA":
                return [Mark(about)]
            case "FLUSH_MEDIA":
                return [Clear()]
        return ()

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.socket.send_str(f"MEDIA_MARK_PROCESSED {mark}")

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.socket.send_str(f"DTMF_END digit:{digit}")


class JambonzLine(PbxLine):
    """jambonz `listen`."""

    async def begin(self) -> None:
        """See PbxLine."""
        await self.socket.send_json({"callSid": self.ident, "sampleRate": 8000, "mixType": "mono"})

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        match json.loads(message):
            case {"type": "mark", "data": {"name": name}}:
                return [Mark(name)]
            case {"type": "killAudio"}:
                return [Clear()]
        return ()

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.socket.send_json({"type": "mark", "data": {"name": mark, "event": "playout"}})

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.socket.send_json({"event": "dtmf", "dtmf": digit})


class AudioStreamLine(PbxLine):
    """mod_audio_stream."""

    async def begin(self) -> None:
        """See PbxLine."""
        await self.socket.send_json({"uuid": self.ident, "sampleRate": 8000})

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        match json.loads(message):
            case {"type": "streamAudio", "data": {"audioData": audio}}:
                return [self.heard(base64.b64decode(audio))]
        return ()


@dataclass(frozen=True, slots=True)
class PbxWire:
    """How a wire is reached, and what speaks it."""

    path: str
    subprotocols: tuple[str, ...]
    line: type[PbxLine]
    has_keys: bool = False
    has_bot: bool = True
    """False where what is said is written down, and nobody answers."""
    query: str = ""
    """What an address needs behind it."""


PBX_WIRES: Final[Mapping[str, PbxWire]] = {
    "plain": PbxWire("/ws", (), ClientLine, has_bot=False),
    "talk": PbxWire("/talk", (), ClientLine),
    "deepgram": PbxWire("/v1/listen", (), DeepgramLine, has_bot=False, query=DeepgramLine.query),
    "realtime": PbxWire("/v1/realtime", (), RealtimeLine),
    "asterisk": PbxWire("/asterisk/media", ("media",), AsteriskLine, has_keys=True),
    "jambonz": PbxWire("/jambonz", ("audio.jambonz.org",), JambonzLine, has_keys=True),
    "audiostream": PbxWire("/audiostream", (), AudioStreamLine),
}
"""By the names of telephony/wires.py."""
TALKING: Final = (*CALLED_AS, *(name for name, wire in PBX_WIRES.items() if wire.has_bot))
"""The wires that a bot speaks over."""


def path_of(wire: str) -> str:
    """Return where a server answers `wire`, one of `PBX_WIRES` or `CALLED_AS`."""
    return PBX_WIRES[wire].path if wire in PBX_WIRES else CALLED_AS[wire].path


def has_bot(wire: str) -> bool:
    """Return whether somebody answers on `wire`, one of `PBX_WIRES` or `CALLED_AS`."""
    return wire not in PBX_WIRES or PBX_WIRES[wire].has_bot


def asked_at(url: str, wire: str) -> str:
    """Return `url` with the query that `wire` needs, where it has none."""
    query = PBX_WIRES[wire].query if wire in PBX_WIRES else ""
    return f"{url}?{query}" if query and "?" not in url else url
