"""Targets in telephony/: whatever a peer sends breaks the rules of its wire and nothing else."""

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final
from xml.etree import ElementTree

from wires import KNOWN, TRAFFIC, protocol

from fuzzing.target import Target, clean, is_text, messages, pieces, records
from telephony import ari, audiosocket, rtp, sip, sip_frames, wyoming
from telephony.carriers import answers, signatures, tickets
from telephony.carriers.catalogue import CARRIERS
from telephony.codec import decode, encode
from telephony.deepgram import DeepgramProtocol
from telephony.deepgram_query import MAX_KEYTERMS, MAX_TERM_CHARS, listen_options
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Command,
    Dtmf,
    Encoding,
    Event,
    FormatChanged,
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
    SpeechStarted,
    SpeechStopped,
    Transcript,
    Transfer,
)
from telephony.jsontext import MAX_CHARS, json_object
from telephony.malformed import Refused
from telephony.outcome import NotAnswered, sip_outcome, twilio_outcome
from telephony.signature import twilio_signature_ok
from telephony.timeline import LEAP_MS, Timeline
from telephony.twilio_webhook import call_parameters
from telephony.twiml import twiml_stream, twiml_transfer
from telephony.wire import Wire
from telephony.wire_protocol import StartsQuietly, WireProtocol

LONGEST_TEXT: Final = 2000
"""Characters of what the peer, a log line or a close frame is told of one message."""
_KEYS: Final = frozenset("0123456789*#ABCD")
_LEAP_BYTES: Final = LEAP_MS * 192 * 4
_OF_STREAMS: Final = (
    *("telephony.timeline", "telephony.early", "telephony.whole_samples"),
    *("telephony.carriers.stream_fields", "telephony.carriers.in_order", "telephony.codec"),
)
_STREAM_AUDIO: Final = ("telephony.stream_audio", "telephony.early", "telephony.whole_samples")
_HELPERS: Final = {
    "plain": ["telephony.client_audio", "telephony.recognition"],
    "talk": ["telephony.plain", "telephony.client_audio", "telephony.recognition"],
    "deepgram": ["telephony.client_audio", "telephony.deepgram_query"],
    "realtime": [
        "telephony.bot_requests",
        "telephony.client_audio",
        "telephony.realtime_input",
        "telephony.realtime_response",
        "telephony.realtime_session",
    ],
    "twilio": [*_OF_STREAMS],
    "listen": [*_OF_STREAMS],
    "telnyx": [*_OF_STREAMS],
    "plivo": [*_OF_STREAMS],
    "vobiz": [*_OF_STREAMS],
    "signalwire": [*_OF_STREAMS],
    "2600hz": [*_OF_STREAMS],
    "exotel": [*_OF_STREAMS],
    "audiocodes": ["telephony.carriers.stream_fields", *_STREAM_AUDIO],
    "azure": ["telephony.carriers.stream_fields", *_STREAM_AUDIO],
    "genesys": ["telephony.carriers.stream_fields", *_STREAM_AUDIO],
    "vonage": [*_STREAM_AUDIO],
    "asterisk": ["telephony.asterisk_text", *_STREAM_AUDIO],
    "jambonz": ["telephony.freeswitch_metadata", "telephony.early", "telephony.whole_samples"],
    "audiostream": ["telephony.freeswitch_metadata", "telephony.early", "telephony.whole_samples"],
}
"""Modules that the protocol of a wire leaves work to, besides those that all have."""
_COMMANDS: Final[Sequence[Command]] = (
    Play(bytes(320)),
    Mark("reply-1.2"),
    Clear(),
    Transfer("+4930"),
    SendDtmf("12"),
    Problem("a problem"),
    Transcript("hello", "English", final=True, timestamp=1.0),
    SpeechStarted(40),
    SpeechStopped(80),
    Reply("Good morning."),
    ReplyOver(cut=False),
    Hangup("done"),
)


class Heard:
    """Checks the events of one call as they come: contiguous, bounded, and text that can be told on."""

    def __init__(self) -> None:
        self.started: CallStarted | None = None
        self._format: AudioFormat | None = None
        self._before_ms = self._bytes = 0  # in formats before this one, and in this one

    def take(self, events: Iterable[Event], *, came: int) -> None:
        """Check `events`, which a message of `came` bytes or characters brought."""
        told = 0
        for event in events:
            match event:
                case CallStarted():
                    assert self.started is None, "a call starts once"
                    assert 0 < event.format.sample_rate <= 192_000
                    words = [event.call_id, event.caller, event.callee, *event.parameters, *event.parameters.values()]
                    assert all(map(is_text, (*words, event.caller_name, event.forwarded_from, event.stir_verstat)))
                    assert event.early_ms >= 0
                    self.started, self._format = event, event.format
                case FormatChanged(audio):
                    self._change(audio)
                case Media():
                    told += len(event.payload)
                    self._place(event)
                case Dtmf(digit):
                    assert digit in _KEYS
                case Played(name):
                    assert is_text(name)
                case Malformed(why) | Notice(why) | CallEnded(why):
                    assert len(why) <= LONGEST_TEXT and is_text(why)
        assert told <= came + _LEAP_BYTES

    def _place(self, media: Media) -> None:
        assert self._format, "audio before the call"
        audio = self._format
        assert len(media.payload) % audio.encoding.sample_bytes == 0
        assert media.at_ms == self._before_ms + self._length_ms(audio)
        self._bytes += len(media.payload)
        if audio.encoding is Encoding.FLOAT32:
            assert abs(decode(media.payload, audio.encoding)).max() <= 1

    def _change(self, audio: AudioFormat) -> None:
        assert self._format, "a format before the call"
        assert 0 < audio.sample_rate <= 192_000
        self._before_ms += self._length_ms(self._format)
        self._format, self._bytes = audio, 0

    def _length_ms(self, audio: AudioFormat) -> int:
        return self._bytes // audio.encoding.sample_bytes * 1000 // audio.sample_rate


def _wire(wire: Wire) -> Callable[[bytes], None]:
    """Return the target of `wire`. Data that begin with 1e are a call that has started already."""

    def run(data: bytes) -> None:
        made, heard = protocol(wire), Heard()
        opening = TRAFFIC[wire.name].begin if data.startswith(b"\x1e") else ()
        made.open()
        try:
            for message in (*opening, *messages(data)):
                heard.take(made.receive(message), came=len(message))
                _say(made, _COMMANDS[:3])
            if isinstance(made, StartsQuietly):
                heard.take(made.quiet(), came=sum(map(len, messages(data))))
        except RemoteProtocolError as error:
            assert 0 < len(str(error)) <= LONGEST_TEXT and is_text(str(error))
        _say(made, _COMMANDS)

    return run


def _say(made: WireProtocol, commands: Sequence[Command]) -> None:
    for command in commands:
        with suppress(LocalProtocolError):
            assert all(isinstance(one, bytes) or is_text(one) for one in made.send(command))


def _deepgram_query(data: bytes) -> None:
    pairs = [(name, value) for name, _, value in (clean(one).partition("=") for one in records(data))]
    try:
        options = listen_options(pairs, language_of=lambda tag: tag.title())
    except Refused as why:
        assert 0 < len(str(why)) <= LONGEST_TEXT and is_text(str(why))
        return
    assert 8000 <= options.audio.sample_rate <= 48_000
    assert len(options.recognition.context) <= MAX_KEYTERMS * (MAX_TERM_CHARS + 2)
    made = DeepgramProtocol("r", options)
    made.receive(bytes(320))
    _say(made, _COMMANDS)


def _audiosocket(data: bytes) -> None:
    """The first record says how the stream is cut, the rest is the stream."""
    sizes, _, stream = data.partition(b"\x1e")
    assert _streamed(stream, sizes) == _streamed(stream, b""), "how a stream is cut makes no difference"


def _streamed(stream: bytes, sizes: bytes) -> list[object]:
    made, heard, all_of_it = audiosocket.AudioSocketProtocol(), Heard(), list[object]()
    try:
        for piece in pieces(stream, sizes):
            events = made.receive(piece)
            heard.take(events, came=len(stream))
            all_of_it += events
    except RemoteProtocolError as error:
        assert 0 < len(str(error)) <= LONGEST_TEXT
        return [str(error)]  # what came before it in the same piece is not told
    heard.take(made.quiet(), came=0)
    return all_of_it


def _wyoming(data: bytes) -> None:
    """The first record says how the stream is cut, the rest is the stream."""
    sizes, _, stream = data.partition(b"\x1e")
    assert _of_wyoming(stream, sizes) == _of_wyoming(stream, b""), "how a stream is cut makes no difference"


def _of_wyoming(stream: bytes, sizes: bytes) -> list[object]:
    made, all_of_it = wyoming.WyomingProtocol("s"), list[object]()
    try:
        for piece in pieces(stream, sizes):
            all_of_it += made.receive(piece)
    except RemoteProtocolError as error:
        assert 0 < len(str(error)) <= LONGEST_TEXT
        return [str(error)]  # what came before it in the same piece is not told
    assert sum(len(event.payload) for event in all_of_it if isinstance(event, Media)) <= len(stream)
    return all_of_it


def _sip_frames(data: bytes) -> None:
    """The first record says how the stream is cut; the rest are frames of one call, and then a stream of them."""
    sizes, *bodies = records(data)
    made, heard = sip.SipProtocol(1, dial="sip:a@b" if sizes.startswith(b"d") else ""), Heard()
    with suppress(RemoteProtocolError, NotAnswered):
        for body in bodies:
            heard.take(made.receive(body), came=sip_frames.LONGEST_FRAME)  # silence is a number of four bytes
    stream = sip_frames.on_the_wire(bodies)
    found: list[bytes] = []
    frames = sip_frames.Frames()
    with suppress(sip_frames.FrameError):
        for piece in pieces(stream, sizes):
            found += frames.feed(piece)
        assert found == bodies
    with suppress(sip_frames.FrameError):
        sip_frames.Frames().feed(data)


def _ari(data: bytes) -> None:
    for message in messages(data):
        try:
            event = ari.understand(message)
        except Refused as why:
            assert len(str(why)) <= LONGEST_TEXT and is_text(str(why))
            continue
        if isinstance(event, ari.Pressed):
            assert event.digit in _KEYS
        if isinstance(event, ari.Entered):
            assert is_text("".join((event.channel, event.caller, event.callee, *event.parameters.values())))
    with suppress(ValueError):
        ari.destination(clean(data), context="default")


def _rtp(data: bytes) -> None:
    """Each record is what passes until a packet comes, in two bytes and milliseconds, and that packet."""
    audio, heard, now_ms = AudioFormat(Encoding.MULAW, 8000), Heard(), 0.0
    heard.take([CallStarted("c", audio)], came=0)
    receiver = rtp.Receiver(audio, 0, now_ms)
    for record in records(data):
        now_ms += int.from_bytes(record[:2]) % 1000
        with suppress(Refused):
            packet = rtp.parse(record[2:])
            assert rtp.parse(rtp.build(packet)) == packet
            receiver.put(record[2:], now_ms)
        heard.take(receiver.take(now_ms), came=len(data))


def _timeline(data: bytes) -> None:
    """Each record is a packet: what it says of itself, its number, its timestamp, and then audio."""
    audio, heard = AudioFormat(Encoding.L16, 8000), Heard()
    heard.take([CallStarted("c", audio)], came=0)
    timeline = Timeline(audio)
    for record in records(data):
        if len(record) < 13:
            continue
        told, number, timestamp_ms = struct.unpack_from("!BIq", record)
        payload = record[13 : 13 + len(record[13:]) // 2 * 2]
        placed = timeline.place(
            payload, number=number if told & 1 else None, timestamp_ms=timestamp_ms if told & 2 else None
        )
        heard.take(placed, came=len(payload))


def _codec(data: bytes) -> None:
    for encoding in Encoding:
        try:
            samples = decode(data, encoding)
        except ValueError:
            assert len(data) % encoding.sample_bytes
            continue
        assert samples.dtype == "float32" and len(samples) == len(data) // encoding.sample_bytes
        again = encode(samples, encoding)
        assert len(again) == len(data)
        if encoding is Encoding.L16:
            assert again == data
        assert encode(decode(again, encoding), encoding) == again


def _jsontext(data: bytes) -> None:
    for message in (clean(data), data):
        try:
            assert all(is_text(name) for name in json_object(message))
        except Refused as why:
            assert len(str(why)) <= LONGEST_TEXT and is_text(str(why))
        else:
            assert len(message) <= MAX_CHARS


def _signature(data: bytes) -> None:
    """Records: the URL, the signature, then names and values of the form in turn."""
    url, signature, *form = [clean(record) for record in (*records(data), b"", b"")]
    params = dict(zip(form[::2], form[1::2], strict=False))
    assert not twilio_signature_ok(token="s3cret", signature=signature, url=url, params=params)


def _twiml(data: bytes) -> None:
    """Records: the host of the stream, then names and values of parameters in turn."""
    host, *rest = [clean(record) for record in records(data)]
    fields = dict(zip(rest[::2], rest[1::2], strict=False))
    assert all(name in fields for name in call_parameters(fields, fields))
    with suppress(ValueError):  # a query string
        xml = twiml_stream(f"wss://{host}/twilio/stream", fields)
        assert ElementTree.fromstring(xml).tag == "Response"
    assert ElementTree.fromstring(twiml_transfer(clean(data))).tag == "Response"
    for outcome in (sip_outcome(clean(data)), twilio_outcome(clean(data))):
        assert outcome.outcome


def _carrier_signatures(data: bytes) -> None:
    """Records: path and query of the address, the body, then names and values of headers in turn."""
    path, body, *rest = (*records(data), b"", b"")
    headers = {clean(name).lower(): clean(value) for name, value in zip(rest[::2], rest[1::2], strict=False)}
    form = {clean(name): [clean(value)] for name, value in zip(rest[::2], rest[1::2], strict=False)}
    url = f"https://bot.example.com/{clean(path)}"
    request = signatures.SignedRequest(url, 1_700_000_000.0, headers=headers, body=body, form=form)
    for carrier in CARRIERS:
        for key in ("s3cret", "n054wODrZz4nAuXQvQ9eMrEUf8sJoprK8Hff/Wwl2Jw="):
            assert (why := carrier.check(key, request)) and is_text(why), "nothing of a stranger is a carrier's"
    assert tickets.read(b"key", "telnyx", clean(path), now_s=1_700_000_000.0) is None


def _carrier_webhooks(data: bytes) -> None:
    """Records: a JSON body, then names and values of the query in turn."""
    body, *rest = (*records(data), b"")
    fields = {clean(name): clean(value) for name, value in zip(rest[::2], rest[1::2], strict=False)}
    told: Mapping[str, object] = {}
    with suppress(Refused):
        told = json_object(clean(body))
    for carrier in (carrier for carrier in CARRIERS if carrier.webhook):
        for asked in (carrier.asked(fields, {}, told), carrier.asked({}, fields, {})):
            assert all(is_text(word) for word in (*asked.told, *asked.told.values(), asked.answer))
            ticket = tickets.write(b"key", carrier.name, asked.told, now_s=0.0)
            assert len(ticket) < 2000 and ticket.isascii()
            known = tickets.read(b"key", carrier.name, ticket, now_s=1.0)
            assert (
                known is not None and known.items() <= {name: value[:256] for name, value in asked.told.items()}.items()
            )
        document = carrier.stream(f"wss://{clean(data)}/x", "PCMU", clean(data))
        if carrier.content_type == answers.XML:
            assert ElementTree.fromstring(document).tag == "Response"
        elif document:  # some carriers are answered over their API only
            json.loads(document)
    ElementTree.fromstring(f"<Dial>{answers.dial_in_xml(clean(data))}</Dial>")


def _modules(wire: Wire) -> list[str]:
    own = [kind.__module__ for kind in wire.protocol.__mro__ if kind.__module__.startswith("telephony.")]
    return [
        *dict.fromkeys(own),
        *_HELPERS.get(wire.name, ()),
        "telephony.media_time",
        "telephony.jsontext",
        "telephony.malformed",
    ]


TARGETS: Final = (
    *(Target(f"wire-{wire.name}", _wire(wire), _modules(wire)) for wire in KNOWN),
    Target("deepgram-query", _deepgram_query, ["telephony.deepgram_query"]),
    Target("audiosocket", _audiosocket, ["telephony.audiosocket", "telephony.early", "telephony.whole_samples"]),
    Target("wyoming", _wyoming, ["telephony.wyoming", "telephony.wyoming_messages", "telephony.whole_samples"]),
    Target("sip-frames", _sip_frames, ["telephony.sip", "telephony.sip_frames"]),
    Target("ari", _ari, ["telephony.ari"]),
    Target("rtp", _rtp, ["telephony.rtp", "telephony.reorder"]),
    Target("timeline", _timeline, ["telephony.timeline"]),
    Target("codec", _codec, ["telephony.codec"]),
    Target("jsontext", _jsontext, ["telephony.jsontext"]),
    Target(
        "carrier-signatures",
        _carrier_signatures,
        [
            "telephony.carriers.signatures",
            "telephony.carriers.azure_signature",
            "telephony.carriers.genesys_signature",
            "telephony.carriers.jwt",
            "telephony.carriers.key_set",
            "telephony.carriers.tickets",
        ],
    ),
    Target(
        "carrier-webhooks",
        _carrier_webhooks,
        [
            "telephony.carriers.webhooks",
            "telephony.carriers.event_grid",
            "telephony.carriers.answers",
            "telephony.carriers.tickets",
        ],
    ),
    Target("signature", _signature, ["telephony.signature"]),
    Target("twiml", _twiml, ["telephony.twiml", "telephony.outcome", "telephony.twilio_webhook"]),
)
