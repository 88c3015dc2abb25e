"""What the media sockets of many carriers share: JSON text, audio in base64, marks that come back, a start and a stop.

A dialect is data: how a carrier calls things. What its start says is the one thing that each reads by itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Final

from telephony.carriers.in_order import InOrder
from telephony.carriers.stream_fields import base64_text, fields_of, number_of, shown_fields
from telephony.codec import silence
from telephony.early import Early, with_early
from telephony.errors import LocalProtocolError
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
    Notice,
    Play,
    Played,
    Problem,
    Reply,
    ReplyOver,
    SpeechStarted,
    SpeechStopped,
    Transcript,
)
from telephony.jsontext import Fields, audio_of, json_object, key_of, object_of, refusal, text_of
from telephony.malformed import MAX_MALFORMED, Malformations, understood_late
from telephony.timeline import Timeline
from telephony.whole_samples import WholeSamples

MULAW_8K: Final = AudioFormat(Encoding.MULAW, 8000)
MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""8 s of mu-law; carriers send 20 to 100 ms."""
MAX_EARLY_CHARS: Final = 64 * 1024
"""What is kept for a start that comes late, of its base64: 6 s of mu-law."""
SMALL_CHARS: Final = 300
"""What a message counts for beside its audio."""
PLAY_MS: Final = 1000
"""Audio in one message to a carrier."""

_MOST_TRACKS_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a carrier calls things."""

    carrier: str
    """Its name, for people."""
    stream_id: str
    """Field with the id of the stream, in messages and perhaps in the start."""
    play: str = "media"
    play_in: str = "media"
    """The object that holds audio in that message."""
    mark: str = "mark"
    clear: str = "clear"
    played: str = "mark"
    """Event by which a mark comes back; its name is in an object of that name, or, where there is none, beside it."""
    whole_ms: int = 0
    """What is played comes in multiples of so much; a rest is filled up with silence. 0: any length."""
    waits_for_order: bool = False
    """Media may overtake each other: a number that is missing is waited for, for three packets."""


@dataclass(frozen=True, slots=True)
class StreamStart:
    """What a start says."""

    stream_id: str
    """"" where messages need none."""
    call: CallStarted
    tracks: Sequence[str] = ()


class JsonStream:
    """One stream: CREATED -start-> STARTED -stop-> ENDED. It answers nothing by itself.

    What comes before `start` is kept for it, and means what it would have meant behind it.
    """

    capabilities: Capabilities
    dialect: Dialect

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
        self._format = MULAW_8K  # of the call; the start may say another
        self._heard, self._known = heard, (*heard, *unheard)
        self._stream_id: str | None = None  # set by `start`
        self._early = Early[Fields](at_most=MAX_EARLY_CHARS)  # messages of a stream that has not started
        self._unheard: set[str] = set()  # tracks that were told of
        self._ended = False  # set by `stop`: what comes after is ignored
        self._malformations = Malformations(at_most=MAX_MALFORMED)
        self._order = InOrder[tuple[bytes, int | None]](3 if self.dialect.waits_for_order else 0)
        self._whole = WholeSamples()

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: carriers speak first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; unknown events and a repeated start mean nothing.

        Raises:
            RemoteProtocolError: `start` is unusable, or MAX_MALFORMED more messages were malformed than good.
        """
        if self._ended:
            return ()
        return self._malformations.weigh(lambda: self._understand(json_object(message)))

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`. To hang up is to close the socket, and so brings none.

        Raises:
            LocalProtocolError: audio before `start`, or what a stream cannot do.
        """
        match command:
            case Play(payload):
                play, inside = self.dialect.play, self.dialect.play_in
                return [self.message(play, **{inside: self.media(part)}) for part in self._parts(payload)]
            case Mark(name):
                return [self.mark(name)]
            case Clear():
                return [self.message(self.dialect.clear)]
            case Hangup() | Problem() | Transcript() | SpeechStarted() | SpeechStopped() | Reply() | ReplyOver():
                return ()
            case _:
                raise LocalProtocolError(
                    f"a {self.dialect.carrier} stream cannot carry {command}: use {self.dialect.carrier}'s REST API"
                )

    # ------------------------------------------------------------ what a dialect says otherwise

    def begun(self, start: Fields, message: Fields) -> StreamStart:
        """Return what a start says; `start` is the object in `message`.

        Raises:
            RemoteProtocolError: the call cannot be carried.
        """
        raise NotImplementedError

    def media(self, payload: bytes) -> Mapping[str, object]:
        """Return the object that carries audio of the call's format to the carrier."""
        return {"payload": base64_text(payload)}

    def heard(self, payload: bytes) -> bytes:
        """Return audio of the carrier in the call's format."""
        return payload

    def mark(self, name: str) -> str:
        """Return the message that asks for a mark."""
        return self.message(self.dialect.mark, mark={"name": name})

    # ------------------------------------------------------------ what comes in

    def _understand(self, message: Fields) -> Sequence[Event]:
        event = message.get("event")
        if not isinstance(event, str):
            raise refusal("event", event, "a string")
        if self._stream_id is None and event in {"media", "dtmf", self.dialect.played}:
            return self._keep(message)
        if event == "media":  # first: there are 50 a second
            return self._media(self._fields(message, "media"))
        if event == self.dialect.played:
            return [Played(self._played(message))]
        match event:
            case "dtmf":
                return [key_of(self._fields(message, "dtmf"), "digit", where="dtmf")]
            case "start":
                return () if self._stream_id is not None else self._start(message)
            case "stop":
                self._check_stream(message)
                self._ended = True
                return [*self._placed(self._order.rest()), CallEnded("caller hung up")]
            case "error":
                return [Notice(f"{self.dialect.carrier} tells of an error: {shown_fields(message)}")]
            case _:
                return ()

    def _start(self, message: Fields) -> Sequence[Event]:
        begun = self.begun(fields_of(message, "start"), message)
        self._stream_id, self._format, self.tracks = begun.stream_id, begun.call.format, begun.tracks
        self.timeline = Timeline(self._format)
        early = understood_late(self._early.take(), self._understand)
        return [with_early(begun.call, early), *early]

    def _keep(self, message: Fields) -> Sequence[Event]:
        media = message.get("media")
        payload = media.get("payload") if isinstance(media, dict) else None
        self._early.keep(message, size=SMALL_CHARS + (len(payload) if isinstance(payload, str) else 0))
        return ()

    def _media(self, media: Fields) -> Sequence[Event]:
        track = media.get("track", self._heard[0])
        if track not in self._heard:
            return self._not_heard(track)
        audio = self.heard(audio_of(media, "payload", where="media", at_most=MAX_PAYLOAD_BYTES))
        number, timestamp_ms = number_of(media, "chunk"), number_of(media, "timestamp")
        return self._placed(self._order.take(number, (audio, timestamp_ms)))

    def _placed(self, packets: Sequence[tuple[int | None, tuple[bytes, int | None]]]) -> Sequence[Event]:
        events: list[Event] = []
        for number, (audio, timestamp_ms) in packets:
            samples = self._whole.take(audio) if self._format.encoding is Encoding.L16 else audio
            events += self.timeline.place(samples, number=number, timestamp_ms=timestamp_ms)
        return events

    def _not_heard(self, track: object) -> Sequence[Event]:
        """Return what is to be said of a track that is not the caller's: nothing of our own audio, in both tracks."""
        name = shown(track)
        if track in self._known or name in self._unheard or len(self._unheard) >= _MOST_TRACKS_TOLD:
            return ()
        self._unheard.add(name)
        return [Notice(f"the track {name} is not heard; allowed: 'inbound', 'outbound'")]

    def _played(self, message: Fields) -> str:
        self._check_stream(message)
        inside = self.dialect.played == self.dialect.mark
        return text_of(object_of(message, "mark") if inside else message, "name", where="mark" if inside else "")

    def _fields(self, message: Fields, name: str) -> Fields:
        """Return what a message of the running stream is about."""
        self._check_stream(message)
        return object_of(message, name)

    def _check_stream(self, message: Fields) -> None:
        if self._stream_id and (found := message.get(self.dialect.stream_id, self._stream_id)) != self._stream_id:
            raise refusal(self.dialect.stream_id, found, repr(self._stream_id))

    # ------------------------------------------------------------ what goes out

    def _parts(self, payload: bytes) -> Iterator[bytes]:
        encoding, whole = self._format.encoding, self._format.bytes_in(self.dialect.whole_ms)
        if whole and (over := len(payload) % whole):
            payload += silence(encoding, (whole - over) // encoding.sample_bytes)
        return self._format.pieces(payload, at_most_ms=PLAY_MS)

    def message(self, event: str, **fields: object) -> str:
        """Return a message of the running stream with these fields.

        Raises:
            LocalProtocolError: there is no stream yet.
        """
        if self._stream_id is None:
            raise LocalProtocolError(f"{event} before {self.dialect.carrier}'s start: there is no stream yet")
        stream = {self.dialect.stream_id: self._stream_id} if self._stream_id else {}
        return json.dumps({"event": event, **stream, **fields}, separators=(",", ":"))
