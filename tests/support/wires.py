"""Example traffic of every wire, so that one test can ask them all."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from telephony.audiosocket import AudioSocketProtocol, frame
from telephony.plain import PlainProtocol
from telephony.wire import Wire
from telephony.wire_protocol import WireProtocol
from telephony.wires import WIRES

Message = str | bytes
PACKET: Final = bytes(range(160)) * 2
"""160 samples of 16 bits, or 320 of 8."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a peer of one wire says."""

    begin: Sequence[Message]
    """Up to and with what starts the call."""
    media: Callable[[int], Message]
    """The packet of this number, from 1, with 20 ms of audio or more."""
    stop: Message | None = None
    """None where the end of the socket is the end of the call."""
    dtmf: Message | None = None
    """The key 5."""
    played: Callable[[str], Message] | None = None
    """The answer to the mark of this name."""


def text(**fields: object) -> str:
    return json.dumps(fields)


def b64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def _plain(played: Callable[[str], Message] | None = None) -> Traffic:
    config = text(type="config", sample_rate=8000, encoding="int16")
    return Traffic([config], lambda number: PACKET, played=played)


_TWILIO: Final = Traffic(
    begin=[
        text(event="connected", protocol="Call", version="1.0.0"),
        text(
            event="start",
            streamSid="MZ1",
            start={
                "streamSid": "MZ1",
                "callSid": "CA1",
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            },
        ),
    ],
    media=lambda number: text(
        event="media",
        streamSid="MZ1",
        media={"track": "inbound", "chunk": str(number), "timestamp": str(number * 20), "payload": b64(PACKET[:160])},
    ),
    stop=text(event="stop", streamSid="MZ1", stop={}),
    dtmf=text(event="dtmf", streamSid="MZ1", dtmf={"digit": "5"}),
    played=lambda name: text(event="mark", streamSid="MZ1", mark={"name": name}),
)

_TELNYX: Final = Traffic(
    begin=[
        text(event="connected", version="1.0.0"),
        text(
            event="start",
            sequence_number="1",
            stream_id="S1",
            start={
                "call_control_id": "v2:C1",
                "from": "+4915",
                "to": "+4930",
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            },
        ),
    ],
    media=lambda number: text(
        event="media",
        sequence_number=str(number + 1),
        stream_id="S1",
        media={"track": "inbound", "chunk": str(number), "timestamp": str(number * 20), "payload": b64(PACKET[:160])},
    ),
    stop=text(event="stop", stream_id="S1", stop={"call_control_id": "v2:C1"}),
    dtmf=text(event="dtmf", stream_id="S1", dtmf={"digit": "5"}),
    played=lambda name: text(event="mark", stream_id="S1", mark={"name": name}),
)

_PLIVO: Final = Traffic(
    begin=[
        text(
            sequenceNumber=0,
            event="start",
            start={
                "callId": "C1",
                "streamId": "S1",
                "accountId": "A1",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
            },
            extra_headers="{}",
        )
    ],
    media=lambda number: text(
        event="media",
        streamId="S1",
        media={"track": "inbound", "timestamp": str(20 * number), "chunk": number, "payload": b64(PACKET[:160])},
        extra_headers="{}",
    ),
    stop=text(event="stop", streamId="S1"),
    dtmf=text(event="dtmf", streamId="S1", dtmf={"track": "inbound", "digit": "5", "timestamp": "100"}),
    played=lambda name: text(event="playedStream", streamId="S1", name=name),
)

_ASTERISK: Final = Traffic(
    begin=["MEDIA_START connection_id:c1 channel:WebSocket/c1/0x1 channel_id:17.2 format:ulaw optimal_frame_size:160"],
    media=lambda number: PACKET[:160],
    dtmf="DTMF_END digit:5 channel_id:17.2",
    played=lambda name: f"MEDIA_MARK_PROCESSED {name}",
)

TRAFFIC: Final[dict[str, Traffic]] = {
    "plain": _plain(),
    "talk": _plain(played=lambda name: text(type="mark", name=name)),
    "deepgram": Traffic([text(type="KeepAlive")], lambda number: PACKET * 2, stop=text(type="CloseStream")),
    "realtime": Traffic(
        begin=[
            text(type="session.update", session={"type": "realtime", "instructions": "Be brief."}),
            text(type="input_audio_buffer.append", audio=""),
        ],
        media=lambda number: text(type="input_audio_buffer.append", audio=b64(PACKET * 3)),
    ),
    "twilio": _TWILIO,
    "listen": Traffic(begin=_TWILIO.begin, media=_TWILIO.media, stop=_TWILIO.stop, dtmf=_TWILIO.dtmf),
    "telnyx": _TELNYX,
    "plivo": _PLIVO,
    "vobiz": _PLIVO,
    "signalwire": _TWILIO,
    "2600hz": _TWILIO,
    "exotel": Traffic(
        begin=[
            text(event="connected"),
            text(
                event="start",
                sequence_number="1",
                stream_sid="MZ1",
                start={
                    "stream_sid": "MZ1",
                    "call_sid": "CA1",
                    "account_sid": "AC1",
                    "from": "+4915",
                    "to": "+4930",
                    "custom_parameters": {"key1": "value1"},
                    "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"},
                },
            ),
        ],
        media=lambda number: text(
            event="media",
            stream_sid="MZ1",
            media={"chunk": str(number), "timestamp": str(number * 20), "payload": b64(PACKET)},
        ),
        stop=text(event="stop", stream_sid="MZ1", stop={"call_sid": "CA1", "reason": "callended"}),
        dtmf=text(event="dtmf", stream_sid="MZ1", dtmf={"digit": "5", "duration": "100"}),
        played=lambda name: text(event="mark", stream_sid="MZ1", mark={"name": name}),
    ),
    "genesys": Traffic(
        begin=[
            text(
                version="2",
                id="S1",
                type="open",
                seq=1,
                serverseq=0,
                position="PT0S",
                parameters={
                    "organizationId": "O1",
                    "conversationId": "C1",
                    "participant": {"id": "P1", "ani": "+4915", "aniName": "Anna", "dnis": "+4930"},
                    "media": [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
                },
            )
        ],
        media=lambda number: PACKET[:160],
        dtmf=text(version="2", id="S1", type="dtmf", seq=2, serverseq=1, parameters={"digit": "5"}),
        stop=text(version="2", id="S1", type="close", seq=2, serverseq=1, parameters={"reason": "end"}),
    ),
    "azure": Traffic(
        begin=[
            text(
                kind="AudioMetadata",
                audioMetadata={"subscriptionId": "S1", "encoding": "PCM", "sampleRate": 16_000, "channels": 1},
            )
        ],
        media=lambda number: text(
            kind="AudioData",
            audioData={"timestamp": "2024-11-15T19:16:12.925Z", "data": b64(2 * PACKET), "silent": False},
        ),
        dtmf=text(kind="DtmfData", dtmfData={"data": "5"}),
    ),
    "audiocodes": Traffic(
        begin=[
            text(
                type="session.initiate",
                conversationId="C1",
                botName="bot",
                caller="+4915",
                expectAudioMessages=True,
                supportedMediaFormats=["raw/lpcm16_8"],
            ),
            text(type="userStream.start", conversationId="C1"),
        ],
        media=lambda number: text(type="userStream.chunk", conversationId="C1", audioChunk=b64(PACKET)),
        dtmf=text(type="activities", conversationId="C1", activities=[{"type": "event", "name": "dtmf", "value": "5"}]),
        stop=text(type="session.end", conversationId="C1", reasonCode="client-side", reason="Client Side"),
    ),
    "vonage": Traffic(
        begin=[text(**{"event": "websocket:connected", "content-type": "audio/l16;rate=8000"}, CallSid="C1")],
        media=lambda number: PACKET,
        dtmf=text(event="websocket:dtmf", digit="5", duration=260),
        played=lambda name: text(event="websocket:notify", payload={"name": name}),
    ),
    "asterisk": _ASTERISK,
    "jambonz": Traffic(
        begin=[text(callSid="CA1", to="+4930", sampleRate=8000, mixType="mono", **{"from": "+4915"})],
        media=lambda number: PACKET,
        dtmf=text(event="dtmf", dtmf="5", duration="1600"),
        played=lambda name: text(type="mark", data={"name": name, "event": "playout"}),
    ),
    "audiostream": Traffic(begin=[text(uuid="CA1", sampleRate=8000)], media=lambda number: PACKET),
}

QUERY: Final = {"deepgram": "?encoding=linear16&sample_rate=16000"}
"""What the addresses of sockets need behind them."""

STREAMS: Final[dict[str, Traffic]] = {
    "audiosocket": Traffic(
        begin=[frame(0x01, bytes(range(16)))],
        media=lambda number: frame(0x10, PACKET),
        stop=frame(0x00),
        dtmf=frame(0x03, b"5"),
    ),
}
"""Wires over a stream of bytes, which have no texts and no messages."""

KNOWN: Final = [wire for wire in WIRES if wire.name in TRAFFIC]
"""The wires that can be asked here."""


def protocol(wire: Wire) -> WireProtocol:
    """Return the protocol of one call over `wire`, as the server makes it."""
    if issubclass(wire.protocol, AudioSocketProtocol):
        return cast(WireProtocol, wire.protocol())
    if wire.make:
        return wire.make()
    if issubclass(wire.protocol, PlainProtocol):
        return wire.protocol("session", refuse_language=lambda language: "")
    return cast(WireProtocol, wire.protocol())


def begun(wire: Wire) -> WireProtocol:
    """Return the protocol of a call that has started."""
    made = protocol(wire)
    made.open()
    for message in TRAFFIC[wire.name].begin:
        made.receive(message)
    return made
