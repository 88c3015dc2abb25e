"""A reply of the bot as the events of OpenAI's Realtime protocol: one response with one item, which has one part."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from telephony.events import AudioFormat

_BETA: Final = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
_MOST_BYTES: Final = 24_000
"""Audio in one event: half a second of 24 kHz."""

Message = dict[str, object]


@dataclass(slots=True)
class RealtimeResponse:
    """One response: opened by what comes first of it, and done once."""

    id: str
    item_id: str
    audio: AudioFormat
    beta: bool
    previous_item_id: str | None
    texts: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    opened: bool = False
    _begins_ms: list[int] = field(default_factory=list)  # where each of the texts begins

    @property
    def transcript(self) -> str:
        """What was said of it so far."""
        return " ".join(self.texts)

    @property
    def sent_ms(self) -> int:
        """How much audio of it was sent, milliseconds."""
        return self.sent_bytes * 1000 // (self.audio.encoding.sample_bytes * self.audio.sample_rate)

    def heard(self, end_ms: int) -> str:
        """Return the words said in its first `end_ms`: of a sentence that was cut, as many as fit its share."""
        words: list[str] = []
        ends_ms = [*self._begins_ms[1:], self.sent_ms]
        for text, begin_ms, stop_ms in zip(self.texts, self._begins_ms, ends_ms, strict=True):
            said = text.split()
            share = (end_ms - begin_ms) / (stop_ms - begin_ms) if stop_ms > begin_ms else 0.0
            words += said[: int(len(said) * min(max(share, 0.0), 1.0))]
        return " ".join(words)

    def open(self) -> Iterator[Message]:
        """Yield what comes before its first word; nothing the second time."""
        if self.opened:
            return
        self.opened = True
        yield self._whole("response.created", "in_progress")
        item = self._item("in_progress")
        yield {"type": "response.output_item.added", **self._at, "output_index": 0, "item": item}
        added = "conversation.item.created" if self.beta else "conversation.item.added"
        yield {"type": added, "previous_item_id": self.previous_item_id, "item": item}
        yield {"type": "response.content_part.added", **self._part_at, "part": {"type": "audio", "transcript": ""}}

    def say(self, text: str) -> Iterator[Message]:
        """Yield the words of the next sentence."""
        yield from self.open()
        yield self._event("response.output_audio_transcript.delta", delta=f" {text}" if self.texts else text)
        self.texts.append(text)
        self._begins_ms.append(self.sent_ms)

    def play(self, payload: bytes) -> Iterator[Message]:
        """Yield the next audio."""
        yield from self.open()
        self.sent_bytes += len(payload)
        for begin in range(0, len(payload), _MOST_BYTES):
            delta = base64.b64encode(payload[begin : begin + _MOST_BYTES]).decode()
            yield self._event("response.output_audio.delta", delta=delta)

    def end(self, reason: str = "") -> Iterator[Message]:
        """Yield its end: `reason` says why it was cut, "turn_detected" or "client_cancelled"; "" it was not."""
        status = "cancelled" if reason else "completed"
        if not self.opened:  # asked for, and there was nothing to say
            self.opened = True
            yield self._whole("response.created", "in_progress")
            yield self._whole("response.done", status, reason=reason, output=False)
            return
        part = {"type": "audio", "transcript": self.transcript}
        item = self._item("incomplete" if reason else "completed")
        yield self._event("response.output_audio.done")
        yield self._event("response.output_audio_transcript.done", transcript=self.transcript)
        yield {"type": "response.content_part.done", **self._part_at, "part": part}
        yield {"type": "response.output_item.done", **self._at, "output_index": 0, "item": item}
        if not self.beta:
            yield {"type": "conversation.item.done", "previous_item_id": self.previous_item_id, "item": item}
        yield self._whole("response.done", status, reason=reason)

    @property
    def _at(self) -> Message:
        return {"response_id": self.id}

    @property
    def _part_at(self) -> Message:
        return {**self._at, "item_id": self.item_id, "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **fields: object) -> Message:
        return {"type": _BETA.get(kind, kind) if self.beta else kind, **self._part_at, **fields}

    def _item(self, status: str) -> Message:
        kind = "audio" if self.beta else "output_audio"
        content: Sequence[Message] = [{"type": kind, "transcript": self.transcript}] if self.texts else []
        about = {"id": self.item_id, "object": "realtime.item", "type": "message", "status": status}
        return {**about, "role": "assistant", "content": content}

    def _whole(self, kind: str, status: str, *, reason: str = "", output: bool = True) -> Message:
        done = kind == "response.done"
        details = {"type": status, **({"reason": reason} if reason else {})} if done else None
        items = [self._item("incomplete" if reason else "completed")] if done and output else []
        about = {"id": self.id, "object": "realtime.response", "status": status, "status_details": details}
        return {"type": kind, "response": {**about, "output": items, "usage": None, "metadata": None}}


def error_message(
    message: str,
    *,
    kind: str = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
    event_id: str | None = None,
) -> Message:
    """Return the event that tells of what went wrong."""
    error = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
    return {"type": "error", "error": error}
