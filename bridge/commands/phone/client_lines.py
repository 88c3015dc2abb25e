"""The far side of one session on the wires of clients: the bridge's own, Deepgram's and OpenAI's."""

import base64
import json
from collections.abc import AsyncIterator, Sequence

import aiohttp

from bridge.commands.phone.carrier_buffer import FRAME_BYTES, FRAME_MS
from bridge.commands.phone.pbx_line import PbxLine
from bridge.commands.phone.phone_line import Heard, Message
from telephony.events import Clear, Mark, Play, Transcript


class ClientLine(PbxLine):
    """`/ws` and `/talk`. The server names the session: `ident` is its name once the call has begun."""

    async def begin(self) -> None:
        """See PbxLine."""
        self.ident = str((await self.socket.receive_json())["session_id"])
        await self.socket.send_json({"type": "config", "sample_rate": 8000, "encoding": "int16"})

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        match json.loads(message):
            case {"type": "mark", "name": name}:
                return [Mark(name)]
            case {"type": "clear"}:
                return [Clear()]
            case {"type": "partial" | "final" as kind, "text": text}:
                return [Transcript(text, "", kind == "final", 0.0)]
        return ()

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.socket.send_json({"type": "mark", "name": mark})


class DeepgramLine(PbxLine):
    """Deepgram's streaming socket, in mu-law. Its client hears nothing, and is told what was said."""

    query = "encoding=mulaw&sample_rate=8000&interim_results=true"

    async def hang_up(self) -> None:
        """See PhoneLine."""
        await self.socket.send_json({"type": "CloseStream"})

    def media(self, frame: bytes, chunk: int) -> Message:
        """See PhoneLine."""
        return frame

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        match json.loads(message):
            case {"type": "Results", "is_final": bool(final), "channel": {"alternatives": [{"transcript": str(text)}]}}:
                return [Transcript(text, "", final, 0.0)]
        return ()


class RealtimeLine(PbxLine):
    """OpenAI's Realtime socket, in mu-law. The server names the session.

    As clients of OpenAI do, it throws away what it has to play once speech begins, and says how much was heard of it.
    """

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, ident: str) -> None:
        super().__init__(wire, ident)
        self._now_ms = self._until_ms = 0  # sent to the server; when all that came from it will have been played
        self._item, self._began_ms = "", 0  # the newest of the bot's items, and when it begins to be played
        self._partials = dict[str, str]()  # by the caller's items

    async def begin(self) -> None:
        """See PbxLine."""
        self.ident = str((await self.socket.receive_json())["session"]["id"]).removeprefix("sess_")
        mulaw = {"format": {"type": "audio/pcmu"}}
        audio = {"input": {**mulaw, "transcription": {"model": "bridge"}}, "output": mulaw}
        await self.socket.send_json({"type": "session.update", "session": {"type": "realtime", "audio": audio}})

    def media(self, frame: bytes, chunk: int) -> Message:
        """See PhoneLine."""
        self._now_ms = chunk * FRAME_MS
        return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(frame).decode()})

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        match json.loads(message):
            case {"type": "response.output_audio.delta", "item_id": str(item), "delta": str(audio)}:
                return [self._play(item, base64.b64decode(audio))]
            case {"type": "response.output_audio.done", "item_id": str(item)}:
                return [Mark(item)]
            case {"type": "input_audio_buffer.speech_started"} if self._now_ms < self._until_ms:
                self._until_ms = self._now_ms
                return [Clear()]
            case {
                "type": "conversation.item.input_audio_transcription.delta",
                "item_id": str(item),
                "delta": str(more),
            }:
                self._partials[item] = self._partials.get(item, "") + more
                return [Transcript(self._partials[item], "", False, 0.0)]
            case {
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": str(item),
                "transcript": str(text),
            }:
                self._partials.pop(item, None)
                return [Transcript(text, "", True, 0.0)]
        return ()

    async def receive(self) -> AsyncIterator[Heard]:
        """See PhoneLine."""
        async for heard in super().receive():
            if isinstance(heard, Clear):
                cut = {"item_id": self._item, "content_index": 0, "audio_end_ms": max(0, self._now_ms - self._began_ms)}
                await self.socket.send_json({"type": "conversation.item.truncate", **cut})
            yield heard

    def _play(self, item: str, audio: bytes) -> Play:
        begins_ms = max(self._now_ms, self._until_ms)
        if item != self._item:
            self._item, self._began_ms = item, begins_ms
        self._until_ms = begins_ms + len(audio) * FRAME_MS // FRAME_BYTES
        return Play(audio)
