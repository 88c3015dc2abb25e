"""Twilio Media Streams: JSON text over a WebSocket, mu-law at 8 kHz in base64.

Messages: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import json
import re
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from reprlib import repr as shown
from typing import Final

from telephony.early import Early
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
    Malformed,
    Mark,
    Media,
    Notice,
    Play,
    Played,
    Problem,
    Reply,
    ReplyOver,
    SendDtmf,
    SendInfo,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    Transfer,
    WarmTransfer,
)
from telephony.jsontext import Fields, as_text, audio_of, json_object, key_of, object_of, refusal, text_of
from telephony.malformed import Malformations, Refused
from telephony.timeline import Timeline

MULAW_8K: Final = AudioFormat(Encoding.MULAW, 8000)
MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""8 s of audio; Twilio sends 20 ms."""
MAX_MALFORMED: Final = 100
"""Malformed messages, beyond the good ones, that a call survives."""
MAX_EARLY_CHARS: Final = 64 * 1024
"""What is kept for a start that comes late, of its base64: 6 s of audio."""
PLAY_BYTES: Final = 8000
"""Audio in one message to Twilio: 1 s."""

_MOST_TRACKS_TOLD: Final = 5
_SMALL_CHARS: Final = 300  # of a message without its audio
_SID: Final = re.compile("[\x21-\x7e]{1,128}")


class TwilioProtocol:
    """One stream of `<Connect><Stream>`: CREATED -start-> STARTED -stop-> ENDED. It answers nothing by itself.

    What comes before `start` is kept for it, and means what it would have meant behind it.
    """

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, steady=True, send_ahead_ms=20_000)

    def __init__(
        self,
        *,
        heard: Sequence[str] = ("inbound", "inbound_track"),
        unheard: Sequence[str] = ("outbound", "outbound_track"),
    ) -> None:
        """`heard`: names of the track that is the caller's; `unheard`: of one that is known, and not listened to."""
        self.timeline = Timeline(MULAW_8K)
        """Counts what was lost on the way."""
        self.tracks: Sequence[str] = ()
        """What the start says the stream has; () where it says nothing."""
        self._heard, self._known = heard, (*heard, *unheard)
        self._stream_sid = ""  # set by `start`
        self._early = Early[Fields](at_most=MAX_EARLY_CHARS)  # messages of a stream that has not started
        self._unheard: set[str] = set()  # tracks that were told of
        self._ended = False  # set by `stop`: what comes after is ignored
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: Twilio speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; unknown events and a repeated start mean nothing.

        Raises:
            RemoteProtocolError: `start` is unusable, or MAX_MALFORMED more messages were malformed than good.
        """
        if self._ended:
            return ()
        try:
            events = self._understand(json_object(message))
        except Refused as why:
            return self._malformations.tell(why)
        self._malformations.good()
        return events

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
            case Hangup() | Problem() | Transcript() | SpeechStarted() | SpeechStopped() | Reply() | ReplyOver():
                return ()
            case Transfer() | WarmTransfer() | SendDtmf() | SendInfo():
                raise LocalProtocolError(f"a Twilio stream cannot carry {command}: use Twilio's REST API")

    def _understand(self, message: Fields) -> Sequence[Event]:
        match message.get("event"):
            case "media" | "mark" | "dtmf" if not self._stream_sid:
                self._keep(message)
                return ()
            case "media":  # first: there are 50 a second
                return self._media(self._fields(message, "media"))
            case "mark":
                return [Played(text_of(self._fields(message, "mark"), "name", where="mark"))]
            case "dtmf":
                return [key_of(self._fields(message, "dtmf"), "digit", where="dtmf")]
            case "start":
                return () if self._stream_sid else self._start(message)
            case "stop":
                self._check_stream(message)
                self._ended = True
                return [CallEnded("caller hung up")]
            case str():
                return ()
            case event:
                raise refusal("event", event, "a string")

    def _start(self, message: Fields) -> Sequence[Event]:
        start = message.get("start")
        if not isinstance(start, dict):
            raise RemoteProtocolError("unusable start: field start is no object")
        stream_sid = _sid("streamSid", start.get("streamSid", message.get("streamSid")))
        call_sid = _sid("callSid", start.get("callSid", stream_sid))
        _check_format(start.get("mediaFormat"))
        parameters = _parameters(start.get("customParameters"))
        if account_sid := start.get("accountSid"):
            parameters.setdefault("AccountSid", as_text(account_sid))
        self._stream_sid = stream_sid
        self.tracks = _tracks(start.get("tracks"))
        early = self._heard_before()
        started = CallStarted(
            call_id=call_sid,
            format=MULAW_8K,
            caller=parameters.get("From", ""),
            callee=parameters.get("To", ""),
            parameters=parameters,
            direction="outbound" if parameters.get("Direction", "").startswith("outbound") else "inbound",
            caller_name=parameters.get("CallerName", ""),
            forwarded_from=parameters.get("ForwardedFrom", ""),
            stir_verstat=parameters.get("StirVerstat", ""),
            early_ms=sum(MULAW_8K.duration_ms(event.payload) for event in early if isinstance(event, Media)),
        )
        return [started, *early]

    def _keep(self, message: Fields) -> None:
        media = message.get("media")
        payload = media.get("payload") if isinstance(media, dict) else None
        self._early.keep(message, size=_SMALL_CHARS + (len(payload) if isinstance(payload, str) else 0))

    def _heard_before(self) -> Sequence[Event]:
        """Return what was kept for the start. What of it is malformed does not count: it may be of another stream."""
        events: list[Event] = []
        for message in self._early.take():
            try:
                events += self._understand(message)
            except Refused as why:
                events.append(Malformed(str(why)))
        return events

    def _media(self, media: Fields) -> Sequence[Event]:
        track = media.get("track", "inbound")
        if track not in self._heard:
            return self._not_heard(track)
        audio = audio_of(media, "payload", where="media", at_most=MAX_PAYLOAD_BYTES)
        number, timestamp_ms = _number(media, "chunk"), _number(media, "timestamp")
        return self.timeline.place(audio, number=number, timestamp_ms=timestamp_ms)

    def _not_heard(self, track: object) -> Sequence[Event]:
        """Return what is to be said of a track that is not the caller's: nothing of our own audio, in both tracks."""
        name = shown(track)
        if track in self._known or name in self._unheard or len(self._unheard) >= _MOST_TRACKS_TOLD:
            return ()
        self._unheard.add(name)
        return [Notice(f"the track {name} is not heard; allowed: 'inbound', 'outbound'")]

    def _fields(self, message: Fields, name: str) -> Fields:
        """Return what a message of the running stream is about."""
        self._check_stream(message)
        return object_of(message, name)

    def _check_stream(self, message: Fields) -> None:
        if self._stream_sid and (stream_sid := message.get("streamSid", self._stream_sid)) != self._stream_sid:
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
    if not isinstance(custom, dict):
        return {}  # PHP writes an empty object as []
    return {name: as_text(value) for name, value in custom.items()}


def _tracks(tracks: object) -> Sequence[str]:
    """Return the tracks by the names that media have: where a stream is ordered, Twilio calls them inbound_track."""
    if not isinstance(tracks, list):
        return ()
    return tuple(track.removesuffix("_track") for track in tracks if isinstance(track, str))


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
