"""Vonage's socket: the messages of its documentation, and what is peculiar to it."""

import json

import numpy as np
import pytest

from telephony.carriers.vonage import VonageProtocol
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Malformed,
    Mark,
    Media,
    Play,
    Played,
    Transfer,
)

# The examples of https://developer.vonage.com/en/voice/voice-api/guides/websockets
CONNECTED = """{
    "event":"websocket:connected",
    "content-type":"audio/l16;rate=16000",
    "language": "en-GB",
    "callerID": "447700900123"
}"""
NESTED = """{ "event":"websocket:connected", "content-type":"audio/l16;rate=8000", "name": "J Doe", "age": 40,
    "address": { "line_1": "Apartment 14" }, "system_roles": [183493, 22], "enable_auditing": false }"""
DTMF = '{"event":"websocket:dtmf","digit":"5","duration":260}'
FRAME = np.arange(320, dtype="<i2").tobytes()


def begun(rate: int = 16_000) -> VonageProtocol:
    made = VonageProtocol()
    made.receive(CONNECTED.replace("16000", str(rate)))
    return made


def test_its_own_examples_are_understood() -> None:
    made = VonageProtocol({"CallSid": "63f61863", "From": "447700900000", "To": "442079460000"})
    [started] = made.receive(CONNECTED)
    assert isinstance(started, CallStarted)
    assert started.format == AudioFormat(Encoding.L16, 16_000)
    assert (started.call_id, started.caller, started.callee) == ("63f61863", "447700900000", "442079460000")
    assert started.parameters["language"] == "en-GB"
    assert made.receive(FRAME) == [Media(FRAME, 0)]
    assert made.receive(FRAME) == [Media(FRAME, 20)]
    assert made.receive(DTMF) == [Dtmf("5")]
    assert list(made.receive('{"event":"websocket:cleared"}')) == []
    assert made.receive('{"event":"websocket:notify","payload":{"name":"m"}}') == [Played("m")]


def test_headers_of_any_kind_are_parameters_in_text() -> None:
    [started] = VonageProtocol(new_id=lambda: "named-by-us").receive(NESTED)
    assert isinstance(started, CallStarted)
    assert started.call_id == "named-by-us"
    assert started.parameters == {
        "name": "J Doe",
        "age": "40",
        "address": '{"line_1": "Apartment 14"}',
        "system_roles": "[183493, 22]",
        "enable_auditing": "false",
    }


def test_what_we_know_of_the_call_counts_more_than_what_the_socket_says() -> None:
    [started] = VonageProtocol({"From": "1"}).receive('{"event":"websocket:connected","From":"2","CallSid":"c"}')
    assert isinstance(started, CallStarted) and (started.caller, started.call_id) == ("1", "c")


@pytest.mark.parametrize(("rate", "size"), [(8000, 320), (16_000, 640), (24_000, 960)])
def test_audio_goes_out_in_messages_of_twenty_milliseconds(rate: int, size: int) -> None:
    said = begun(rate).send(Play(b"\1\2" * size))
    assert [len(message) for message in said] == [size, size]
    [padded] = begun(rate).send(Play(b"\1\2"))
    assert padded == (b"\1\2").ljust(size, b"\0")


def test_what_else_we_say_is_in_the_form_of_its_documentation() -> None:
    made = begun()
    assert [json.loads(message) for message in made.send(Clear())] == [{"action": "clear"}]
    assert json.loads(made.send(Mark("m"))[0]) == {"action": "notify", "payload": {"name": "m"}}
    with pytest.raises(LocalProtocolError, match="Vonage's REST API"):
        made.send(Transfer("+49"))
    with pytest.raises(LocalProtocolError, match="first text"):
        VonageProtocol().send(Play(FRAME))


def test_audio_and_keys_before_the_first_text_are_kept_for_it() -> None:
    made = VonageProtocol()
    assert not [*made.receive(FRAME), *made.receive(DTMF)]
    [started, *rest] = made.receive(CONNECTED)
    assert isinstance(started, CallStarted) and started.early_ms == 20
    assert rest == [Media(FRAME, 0), Dtmf("5")]
    assert list(made.receive(CONNECTED)) == []


@pytest.mark.parametrize("kind", ["audio/l16;rate=44100", "audio/pcmu;rate=8000", "audio/l16", 7, ["x"], "x" * 500])
def test_audio_that_we_do_not_speak_is_named(kind: object) -> None:
    with pytest.raises(RemoteProtocolError, match="content-type is"):
        VonageProtocol().receive(json.dumps({"event": "websocket:connected", "content-type": kind}))


@pytest.mark.parametrize("text", ["{", "[]", '{"event":"websocket:dtmf"}', '{"event":"websocket:notify","payload":7}'])
def test_a_malformed_text_is_told_and_the_call_goes_on(text: str) -> None:
    made = begun()
    assert [type(event) for event in made.receive(text)] == [Malformed]
    assert made.receive(FRAME) == [Media(FRAME, 0)]
