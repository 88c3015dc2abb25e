"""Exotel's stream: the messages of its documentation, and what is peculiar to it."""

import base64
import json

import numpy as np
import pytest

from telephony.carriers.exotel import ExotelProtocol
from telephony.errors import RemoteProtocolError
from telephony.events import AudioFormat, CallEnded, CallStarted, Clear, Dtmf, Encoding, Mark, Media, Play, Played

# The examples of https://developer.exotel.com/docs/agentstream/websocket-protocol
CONNECTED = '{ "event": "connected" }'
START = """{
  "event": "start",
  "sequence_number": "1",
  "stream_sid": "MZxxxxxxxxxxxxxxxxxxxxxxxx",
  "start": {
    "stream_sid": "MZxxxxxxxxxxxxxxxxxxxxxxxx",
    "call_sid": "CAxxxxxxxxxxxxxxxxxxxxxxxx",
    "account_sid": "ACxxxxxxxxxxxxxxxxxxxxxxxx",
    "from": "+919876543210",
    "to": "+918047491899",
    "custom_parameters": { "key1": "value1" },
    "media_format": { "encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16" }
  }
}"""
MEDIA = """{ "event": "media", "sequence_number": "3", "stream_sid": "MZxxxxxxxxxxxxxxxxxxxxxxxx",
  "media": { "chunk": "2", "timestamp": "200", "payload": "%s" } }"""
DTMF = """{ "event": "dtmf", "sequence_number": "7", "stream_sid": "MZxxxxxxxxxxxxxxxxxxxxxxxx",
  "dtmf": { "digit": "5", "duration": "100" } }"""
MARK = """{ "event": "mark", "sequence_number": "15", "stream_sid": "MZxxxxxxxxxxxxxxxxxxxxxxxx",
  "mark": { "name": "reply-1" } }"""
STREAM = "MZxxxxxxxxxxxxxxxxxxxxxxxx"
PCM = np.arange(800, dtype="<i2").tobytes()


def test_its_own_examples_are_understood() -> None:
    made = ExotelProtocol({"shop": "7"})
    assert list(made.receive(CONNECTED)) == []
    [started] = made.receive(START)
    assert started == CallStarted(
        "CAxxxxxxxxxxxxxxxxxxxxxxxx",
        AudioFormat(Encoding.L16, 8000),
        caller="+919876543210",
        callee="+918047491899",
        parameters={"key1": "value1", "shop": "7"},
    )
    assert made.receive(MEDIA % base64.b64encode(PCM).decode()) == [Media(PCM, 0)]
    assert made.receive(DTMF) == [Dtmf("5")]
    assert made.receive(MARK) == [Played("reply-1")]
    assert made.receive(json.dumps({"event": "stop", "stream_sid": STREAM})) == [CallEnded("caller hung up")]


def test_what_we_say_is_in_the_form_of_its_documentation_and_in_multiples_of_320_bytes() -> None:
    made = ExotelProtocol()
    made.receive(START)
    [said] = made.send(Play(PCM[:500]))
    payload = base64.b64encode(PCM[:500].ljust(640, b"\0")).decode()
    assert json.loads(said) == {"event": "media", "stream_sid": STREAM, "media": {"payload": payload}}
    assert json.loads(made.send(Mark("m"))[0]) == {"event": "mark", "stream_sid": STREAM, "mark": {"name": "m"}}
    assert json.loads(made.send(Clear())[0]) == {"event": "clear", "stream_sid": STREAM}


@pytest.mark.parametrize(
    ("told", "audio"),
    [
        ({"encoding": "audio/x-raw", "sample_rate": "16000"}, AudioFormat(Encoding.L16, 16_000)),
        ({"encoding": "audio/x-raw", "sample_rate": 24_000}, AudioFormat(Encoding.L16, 24_000)),
        ({"encoding": "audio/x-mulaw", "sample_rate": "8000"}, AudioFormat(Encoding.MULAW, 8000)),
        ({}, AudioFormat(Encoding.L16, 8000)),
    ],
)
def test_its_formats_are_heard(told: object, audio: AudioFormat) -> None:
    message = json.loads(START)
    message["start"]["media_format"] = told
    [started] = ExotelProtocol().receive(json.dumps(message))
    assert isinstance(started, CallStarted) and started.format == audio


@pytest.mark.parametrize(
    "told", [{"sample_rate": "44100"}, {"encoding": "audio/x-mulaw", "sample_rate": "16000"}, {"bit_rate": "24"}]
)
def test_a_format_that_we_do_not_speak_is_named(told: object) -> None:
    message = json.loads(START)
    message["start"]["media_format"] = told
    with pytest.raises(RemoteProtocolError, match="media_format is"):
        ExotelProtocol().receive(json.dumps(message))
