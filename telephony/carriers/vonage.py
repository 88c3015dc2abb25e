"""Vonage's WebSocket endpoint: one text that says what comes, then binary L16 in both directions and texts in between.

Messages: https://developer.vonage.com/en/voice/voice-api/guides/websockets. What we send is cut into messages of 20 ms,
as the documents want; 3072 of them are buffered there. What the answer of the webhook puts into `headers` comes back in
the first text, beside `event` and `content-type`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import uuid4

from telephony.early import with_early
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Encoding,
    Event,
    Hangup,
    Mark,
    Play,
    Played,
    Problem,
    Reply,
    ReplyOver,
    SpeechStarted,
    SpeechStopped,
    Transcript,
)
from telephony.jsontext import Fields, as_text, json_object, key_of, object_of, text_of
from telephony.malformed import MAX_MALFORMED, Malformations
from telephony.stream_audio import StreamAudio

RATES: Final = (8000, 16_000, 24_000)
CALL_ID: Final = "CallSid"
"""The header that our answer tells the id of the telephone's leg by: the socket's own is another."""
MAX_EARLY_BYTES: Final = 64 * 1024
_FRAME_MS: Final = 20
_CONTENT_TYPE: Final = re.compile(r"audio/l16;\s*rate=(\d{4,5})")
_OWN: Final = frozenset({"event", "content-type"})


class VonageProtocol:
    """One socket: CREATED -websocket:connected-> STARTED. Its end is the call's."""

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, steady=True, send_ahead_ms=20_000)

    def __init__(
        self, told: Mapping[str, str] | None = None, *, new_id: Callable[[], str] = lambda: uuid4().hex
    ) -> None:
        """`told`: what is known of the call before its stream begins. `new_id`: names a call that nobody names."""
        self._told, self._new_id = told or {}, new_id
        self._audio = StreamAudio[str | bytes](waits_for="Vonage's first text", at_most=MAX_EARLY_BYTES)
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: Vonage speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; texts that are not known mean nothing.

        Raises:
            RemoteProtocolError: the audio is none that we speak, or MAX_MALFORMED more messages were malformed than
                good.
        """
        return self._malformations.weigh(lambda: self._understand(message))

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`. To hang up is to close the socket, and so brings none.

        Raises:
            LocalProtocolError: audio before the first text, or what this socket cannot do.
        """
        match command:
            case Play(payload):
                audio = self._audio.time.audio
                frame = audio.bytes_in(_FRAME_MS)
                return [piece.ljust(frame, b"\0") for piece in audio.pieces(payload, at_most_ms=_FRAME_MS)]
            case Mark(name):
                self._audio.check_begun()
                return [json.dumps({"action": "notify", "payload": {"name": name}})]
            case Clear():
                return [json.dumps({"action": "clear"})]
            case Hangup() | Problem() | Transcript() | SpeechStarted() | SpeechStopped() | Reply() | ReplyOver():
                return ()
            case _:
                raise LocalProtocolError(f"a socket of Vonage cannot carry {command}: use Vonage's REST API")

    def _understand(self, message: str | bytes) -> Sequence[Event]:
        if isinstance(message, bytes):
            return self._heard(message)
        fields = json_object(message)
        match fields.get("event"):
            case "websocket:connected":
                return () if self._audio.begun else self._start(fields)
            case "websocket:dtmf" | "websocket:notify" if not self._audio.begun:
                return self._audio.keep(message, size=len(message))
            case "websocket:dtmf":
                return [key_of(fields, "digit")]
            case "websocket:notify":
                return [Played(text_of(object_of(fields, "payload"), "name", where="payload"))]
            case _:
                return ()

    def _start(self, fields: Fields) -> Sequence[Event]:
        audio = AudioFormat(Encoding.L16, _rate(fields.get("content-type")))
        headers = {name: as_text(value) for name, value in fields.items() if name not in _OWN}
        parameters = {**headers, **self._told}
        early = self._audio.begin(audio, self._understand)
        started = CallStarted(
            call_id=parameters.get(CALL_ID) or parameters.get("uuid") or self._new_id(),
            format=audio,
            caller=parameters.get("From", ""),
            callee=parameters.get("To", ""),
            parameters=parameters,
        )
        return [with_early(started, early), *early]

    def _heard(self, payload: bytes) -> Sequence[Event]:
        if not self._audio.begun:
            return self._audio.keep(payload, size=len(payload) + 1)
        return self._audio.take(payload)


def _rate(content_type: object) -> int:
    """Return the rate that a content type tells, 16000 where there is none.

    Raises:
        RemoteProtocolError: it is none that we speak.
    """
    if content_type is None:
        return 16_000
    found = _CONTENT_TYPE.fullmatch(content_type) if isinstance(content_type, str) else None
    if found is None or int(found[1]) not in RATES:
        shown = as_text(content_type)[:60]
        raise RemoteProtocolError(
            f"unusable start: content-type is {shown}; allowed: audio/l16;rate=8000, 16000 or 24000"
        )
    return int(found[1])
