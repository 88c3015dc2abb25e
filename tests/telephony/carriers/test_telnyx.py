"""Telnyx's stream: the messages of its documentation, and what is peculiar to it."""

import base64
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from telephony.carriers.telnyx import TelnyxProtocol
from telephony.codec import decode, encode, silence
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Mark,
    Media,
    Notice,
    Play,
    Played,
    Transfer,
)

# The examples of https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming
CONNECTED = '{ "event": "connected", "version": "1.0.0" }'
START = """{
  "event": "start",
  "sequence_number": "1",
  "start": {
    "user_id": "3e6f995f-85f7-4705-9741-53b116d28237",
    "call_control_id": "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
    "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
    "media_format": { "encoding": "PCMU", "sample_rate": 8000, "channels": 1 }
  },
  "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"
}"""
MEDIA = """{
  "event": "media",
  "sequence_number": "4",
  "media": { "track": "inbound", "chunk": "2", "timestamp": "5", "payload": "%s" },
  "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"
}"""
DTMF = """{ "event": "dtmf", "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC", "occurred_at": "2023-09-27T16:03:44Z",
  "sequence_number": "5", "dtmf": { "digit": "1" } }"""
MARK = """{ "event": "mark", "sequence_number": "4", "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC",
  "mark": { "name": "my label" } }"""
STOP = """{ "event": "stop", "sequence_number": "5", "stop": { "user_id": "3e6f995f-85f7-4705-9741-53b116d28237",
  "call_control_id": "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ" },
  "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC" }"""
ERROR = """{ "event": "error", "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC",
  "payload": { "code": 100002, "title": "unknown_event", "detail": "The event name is not recognised." } }"""
PACKET = bytes(range(160))


def start(**changed: object) -> str:
    message = json.loads(START)
    message["start"].update(changed)
    return json.dumps(message)


def media(chunk: int, payload: bytes = PACKET) -> str:
    told = {"track": "inbound", "chunk": str(chunk), "timestamp": str(20 * chunk)}
    return json.dumps({"event": "media", "media": {**told, "payload": base64.b64encode(payload).decode()}})


def begun(**changed: object) -> TelnyxProtocol:
    made = TelnyxProtocol()
    made.receive(start(**changed))
    return made


def of(encoding: str, rate: int = 8000) -> Mapping[str, object]:
    return {"media_format": {"encoding": encoding, "sample_rate": rate, "channels": 1}}


def payloads(messages: Sequence[str | bytes]) -> bytes:
    return b"".join(base64.b64decode(json.loads(message)["media"]["payload"]) for message in messages)


def test_its_own_examples_are_understood() -> None:
    made = TelnyxProtocol()
    assert list(made.receive(CONNECTED)) == []
    [started] = made.receive(START)
    assert isinstance(started, CallStarted)
    assert started.call_id == "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ"
    assert started.format == AudioFormat(Encoding.MULAW, 8000)
    assert made.receive(MEDIA % base64.b64encode(PACKET).decode()) == [Media(PACKET, 0)]
    assert made.receive(DTMF) == [Dtmf("1")]
    assert made.receive(MARK) == [Played("my label")]
    [told] = made.receive(ERROR)
    assert isinstance(told, Notice) and "unknown_event" in told.message
    assert made.receive(STOP) == [CallEnded("caller hung up")]


def test_the_bot_is_told_who_calls_by_the_start_and_by_what_was_known_before() -> None:
    made = TelnyxProtocol({"From": "+1", "To": "+2", "shop": "7", "CallerName": "ANNA"})
    [started] = made.receive(start(custom_parameters={"shop": "8", "tier": "gold"}))
    assert isinstance(started, CallStarted)
    assert (started.caller, started.callee, started.caller_name) == ("+1", "+2", "ANNA")
    assert started.parameters == {"From": "+1", "To": "+2", "shop": "7", "tier": "gold", "CallerName": "ANNA"}
    [of_start] = TelnyxProtocol().receive(start(**{"from": "+3", "to": "+4"}))
    assert isinstance(of_start, CallStarted) and (of_start.caller, of_start.callee) == ("+3", "+4")


def test_what_we_say_is_in_the_form_of_its_documentation() -> None:
    made, stream = begun(), "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"
    [said] = made.send(Play(PACKET))
    assert json.loads(said) == {
        "event": "media",
        "stream_id": stream,
        "media": {"payload": base64.b64encode(PACKET).decode()},
    }
    [mark] = made.send(Mark("m"))
    assert json.loads(mark) == {"event": "mark", "stream_id": stream, "mark": {"name": "m"}}
    assert json.loads(made.send(Clear())[0]) == {"event": "clear", "stream_id": stream}
    with pytest.raises(LocalProtocolError, match="Telnyx's REST API"):
        made.send(Transfer("+49"))


def test_no_piece_is_shorter_than_twenty_milliseconds() -> None:
    assert payloads(begun().send(Play(PACKET + PACKET[:1]))) == PACKET + PACKET[:1] + silence(Encoding.MULAW, 159)


def test_media_that_overtook_each_other_are_heard_in_order() -> None:
    made = begun()
    heard = [event for chunk in (1, 3, 2, 4) for event in made.receive(media(chunk, bytes([chunk]) * 160))]
    assert heard == [Media(bytes([chunk]) * 160, 20 * (chunk - 1)) for chunk in (1, 2, 3, 4)]


def test_media_that_are_lost_are_waited_for_no_longer_than_three_packets() -> None:
    made = begun()
    heard = [made.receive(media(chunk)) for chunk in (1, 3, 4, 5, 6)]
    assert [len(events) for events in heard] == [1, 0, 0, 0, 5]
    assert heard[-1][0] == Media(silence(Encoding.MULAW, 160), 20, concealed=True)


def test_what_waited_is_heard_when_the_call_ends() -> None:
    made = begun()
    made.receive(media(1))
    made.receive(media(3))
    assert [type(event) for event in made.receive(STOP)] == [Media, Media, CallEnded]


def test_a_law_calls_are_heard_as_such_and_answered_in_the_codec_that_was_ordered() -> None:
    made = begun(**of("PCMA"))
    [heard] = made.receive(media(1, silence(Encoding.ALAW, 160)))
    assert isinstance(heard, Media) and not decode(heard.payload, Encoding.ALAW).max() > 0.001
    tone = (0.5 * np.sin(np.arange(160) * 0.3)).astype(np.float32)
    said = payloads(made.send(Play(encode(tone, Encoding.ALAW))))
    assert np.abs(decode(said, Encoding.MULAW) - tone).max() < 0.05
    ordered = TelnyxProtocol({"BidirectionalCodec": "PCMA"})
    ordered.receive(start(**of("PCMA")))
    assert payloads(ordered.send(Play(encode(tone, Encoding.ALAW)))) == encode(tone, Encoding.ALAW)


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000])
def test_linear_audio_is_big_endian_on_the_wire(rate: int) -> None:
    made = begun(**of("L16", rate))
    pcm = np.arange(rate // 50, dtype="<i2")
    assert made.receive(media(1, pcm.astype(">i2").tobytes())) == [Media(pcm.tobytes(), 0)]
    assert payloads(made.send(Play(pcm.tobytes()))) == pcm.astype(">i2").tobytes()


@pytest.mark.parametrize(
    "changed",
    [
        of("G722"),
        of("OPUS", 16_000),
        of("PCMU", 16_000),
        of("L16", 44_100),
        {"call_control_id": 7},
        of("AMR-WB", 16_000),
    ],
)
def test_a_start_that_cannot_be_carried_says_why(changed: Mapping[str, object]) -> None:
    with pytest.raises(RemoteProtocolError, match="unusable start"):
        TelnyxProtocol().receive(start(**changed))


def test_a_stream_that_is_linear_one_way_only_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="order it for both"):
        TelnyxProtocol({"BidirectionalCodec": "PCMU"}).receive(start(**of("L16", 16_000)))
