"""Twilio Media Streams: JSON text over a WebSocket, mu-law at 8 kHz in base64.

Messages: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import json
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Sequence
from reprlib import repr as shown
from typing import Final

from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Encoding,
    Event,
    Hangup,
    Mark,
    Media,
    Play,
    Played,
    Problem,
    Reply,
    SendDtmf,
    SendInfo,
    Transcript,
    Transfer,
)
from telephony.jsontext import Fields, json_object, key_of, object_of, refusal, text_of
from telephony.malformed import Malformations, Refused
from telephony.timeline import Timeline

MULAW_8K: Final = AudioFormat(Encoding.MULAW, 8000)
MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""8 s of audio; Twilio sends 20 ms."""
MAX_MALFORMED: Final = 100
"""Malformed messages a call survives."""
PLAY_BYTES: Final = 8000
"""Audio in one message to Twilio: 1 s."""

_SID: Final = re.compile("[\x21-\x7e]{1,128}")


class TwilioProtocol:
    """One stream of `<Connect><Stream>`: CREATED -start-> STARTED -stop-> ENDED. It answers nothing by itself."""

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, steady=True, send_ahead_ms=20_000)

    def __init__(self) -> None:
        self.timeline = Timeline(MULAW_8K)
        """Counts what was lost on the way."""
        self._stream_sid = ""  # set by `start`
        self._ended = False  # set by `stop`: what comes after is ignored
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: Twilio speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; unknown events mean nothing.

        Raises:
            RemoteProtocolError: `start` is unusable, or more than MAX_MALFORMED messages were malformed.
        """
        if self._ended:
            return ()
        try:
            return self._understand(json_object(message))
        except Refused as why:
            return self._malformations.tell(why)

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`. To hang up is to close the socket, and so brings none.

        Raises:
            LocalProtocolError: audio before `start`, or what a stream cannot do.
        """
        match command:
            case Play(payload):
                return [self._message("media", payload=part) for part in _base64_parts(payload)]
            case Mark(name):
                return [self._message("mark", name=name)]
            case Clear():
                return [self._message("clear")]
            case Hangup() | Problem() | Transcript() | Reply():
                return ()
            case Transfer() | SendDtmf() | SendInfo():
                raise LocalProtocolError(f"a Twilio stream cannot carry {command}: use Twilio's REST API")

    def _understand(self, message: Fields) -> Sequence[Event]:
        match message.get("event"):
            case "media":  # first: there are 50 a second
                return self._media(self._fields(message, "media"))
            case "mark":
                return [Played(text_of(self._fields(message, "mark"), "name", where="mark"))]
            case "dtmf":
                return [key_of(self._fields(message, "dtmf"), "digit", where="dtmf")]
            case "start":
                return [self._start(message)]
            case "stop":
                self._check_stream(message)
                self._ended = True
                return [CallEnded("caller hung up")]
            case str():
                return ()
            case event:
                raise refusal("event", event, "a string")

    def _start(self, message: Fields) -> CallStarted:
        if self._stream_sid:
            raise Refused("field event: got a second 'start'; allowed: one a stream")
        start = message.get("start")
        if not isinstance(start, dict):
            raise RemoteProtocolError("unusable start: field start is no object")
        stream_sid = _sid("streamSid", start.get("streamSid", message.get("streamSid")))
        call_sid = _sid("callSid", start.get("callSid", stream_sid))
        _check_format(start.get("mediaFormat"))
        parameters = _parameters(start.get("customParameters"))
        self._stream_sid = stream_sid
        return CallStarted(
            call_id=call_sid,
            format=MULAW_8K,
            caller=parameters.get("From", ""),
            callee=parameters.get("To", ""),
            parameters=parameters,
            direction="outbound" if parameters.get("Direction", "").startswith("outbound") else "inbound",
        )

    def _media(self, media: Fields) -> Sequence[Media]:
        track = media.get("track", "inbound")
        if track != "inbound":
            if track == "outbound":  # our own audio, in streams that carry both
                return ()
            raise refusal("track", track, "'inbound', 'outbound'", where="media")
        payload = text_of(media, "payload", where="media")
        if len(payload) > MAX_PAYLOAD_BYTES * 4 // 3:
            raise Refused(f"field media.payload: got {len(payload)} characters; allowed: {MAX_PAYLOAD_BYTES} bytes")
        try:
            audio = a2b_base64(payload, strict_mode=True)
        except ValueError as error:
            raise refusal("payload", payload, f"base64 ({error})", where="media") from None
        number, timestamp_ms = _number(media, "chunk"), _number(media, "timestamp")
        return self.timeline.place(audio, number=number, timestamp_ms=timestamp_ms)

    def _fields(self, message: Fields, name: str) -> Fields:
        """Return what a message of the running stream is about."""
        if not self._stream_sid:
            raise Refused(f"field event: got {name!r} before 'start'")
        self._check_stream(message)
        return object_of(message, name)

    def _check_stream(self, message: Fields) -> None:
        if (stream_sid := message.get("streamSid", self._stream_sid)) != self._stream_sid:
            raise refusal("streamSid", stream_sid, repr(self._stream_sid))

    def _message(self, event: str, **fields: str) -> str:
        if not self._stream_sid:
            raise LocalProtocolError(f"{event} before Twilio's start: there is no stream yet")
        message: dict[str, object] = {"event": event, "streamSid": self._stream_sid}
        if fields:
            message[event] = fields
        return json.dumps(message, separators=(",", ":"))


def _number(fields: Fields, name: str) -> int | None:
    """Return a counter, which Twilio writes as a string; None where there is none."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str) and len(value) < 16 and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    raise refusal(name, value, "a whole number below 10^15", where="media")


def _parameters(custom: object) -> dict[str, str]:
    if custom is None:
        return {}
    if not isinstance(custom, dict):
        raise refusal("customParameters", custom, "an object", where="start")
    return {name: text_of(custom, name, where="start.customParameters") for name in custom}


def _sid(name: str, value: object) -> str:
    if not isinstance(value, str) or not _SID.fullmatch(value):
        raise RemoteProtocolError(f"unusable start: {name} is {shown(value)}")
    return value


def _check_format(media_format: object) -> None:
    match media_format:
        case None | {"encoding": "audio/x-mulaw", "sampleRate": 8000 | "8000"}:
            return
    raise RemoteProtocolError(f"unusable start: mediaFormat is {shown(media_format)[:60]}, not audio/x-mulaw at 8000")


def _base64_parts(payload: bytes) -> Iterator[str]:
    for start in range(0, len(payload), PLAY_BYTES):
        yield b2a_base64(payload[start : start + PLAY_BYTES], newline=False).decode()
