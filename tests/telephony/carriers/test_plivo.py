"""Plivo's stream and Vobiz's: the messages of their documentation, and what is peculiar to them."""

import base64
import json

import numpy as np
import pytest

from telephony.carriers.plivo import PlivoProtocol, VobizProtocol
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
    Play,
    Played,
    SendDtmf,
    Transfer,
)

# The forms of https://www.plivo.com/docs/voice-agents/audio-streaming/concepts/audio-streaming-reference
START = {
    "sequenceNumber": 0,
    "event": "start",
    "start": {
        "callId": "a1b2c3d4-0000-0000-0000-000000000000",
        "streamId": "b77e037d-4119-44b5-902d-25826b654539",
        "accountId": "10000",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 8000},
    },
    "extra_headers": "{}",
}
STREAM = "b77e037d-4119-44b5-902d-25826b654539"
PCM = np.arange(160, dtype="<i2").tobytes()


def start(**changed: object) -> str:
    return json.dumps({**START, **changed})


def media(payload: bytes = PCM) -> str:
    told = {"track": "inbound", "timestamp": "1701254400000", "chunk": 1}
    message = {"sequenceNumber": 1, "streamId": STREAM, "event": "media", "extra_headers": "{}"}
    return json.dumps({**message, "media": {**told, "payload": base64.b64encode(payload).decode()}})


def begun(kind: type[PlivoProtocol] = PlivoProtocol) -> PlivoProtocol:
    made = kind()
    made.receive(start())
    return made


def test_its_own_examples_are_understood() -> None:
    made = PlivoProtocol()
    [started] = made.receive(start())
    assert isinstance(started, CallStarted)
    assert started.call_id == "a1b2c3d4-0000-0000-0000-000000000000"
    assert started.format == AudioFormat(Encoding.L16, 8000)
    assert made.receive(media()) == [Media(PCM, 0)]
    key = {"event": "dtmf", "sequenceNumber": 2, "streamId": STREAM, "dtmf": {"track": "inbound", "digit": "1"}}
    assert made.receive(json.dumps(key)) == [Dtmf("1")]
    assert made.receive(json.dumps({"event": "playedStream", "streamId": STREAM, "name": "m"})) == [Played("m")]
    assert list(made.receive(json.dumps({"event": "clearedAudio", "streamId": STREAM, "sequenceNumber": 3}))) == []
    assert made.receive(json.dumps({"event": "stop", "streamId": STREAM})) == [CallEnded("caller hung up")]


@pytest.mark.parametrize("kind", [PlivoProtocol, VobizProtocol])
def test_what_we_say_is_in_the_form_of_its_documentation(kind: type[PlivoProtocol]) -> None:
    made = begun(kind)
    [said] = made.send(Play(PCM))
    payload = base64.b64encode(PCM).decode()
    assert json.loads(said) == {
        "event": "playAudio",
        "streamId": STREAM,
        "media": {"contentType": "audio/x-l16", "sampleRate": 8000, "payload": payload},
    }
    assert json.loads(made.send(Mark("m"))[0]) == {"event": "checkpoint", "streamId": STREAM, "name": "m"}
    assert json.loads(made.send(Clear())[0]) == {"event": "clearAudio", "streamId": STREAM}
    assert json.loads(made.send(SendDtmf("12#"))[0]) == {"event": "sendDTMF", "streamId": STREAM, "dtmf": "12#"}
    with pytest.raises(LocalProtocolError, match=f"{made.dialect.carrier}'s REST API"):
        made.send(Transfer("+49"))


@pytest.mark.parametrize(
    "told", ['{"shop": "7", "From": "+0"}', {"shop": 7, "From": "+0"}, "shop=7,From=+0", "shop=7, From=+0,x"]
)
def test_the_bot_is_told_what_the_stream_was_ordered_with(told: object) -> None:
    [started] = PlivoProtocol({"From": "+1", "To": "+2"}).receive(start(extra_headers=told))
    assert isinstance(started, CallStarted)
    assert (started.caller, started.callee) == ("+1", "+2")  # what our own answer said, not what anybody may write
    assert started.parameters == {"shop": "7", "From": "+1", "To": "+2"}


@pytest.mark.parametrize("told", [None, 7, [], "", "{", "=", ",", "\x00"])
def test_extra_headers_that_are_none_tell_nothing(told: object) -> None:
    [started] = PlivoProtocol().receive(start(extra_headers=told))
    assert isinstance(started, CallStarted) and not started.parameters


@pytest.mark.parametrize(
    "told",
    [
        {"encoding": "audio/x-opus", "sampleRate": 8000},
        {"encoding": "audio/x-mulaw", "sampleRate": 16_000},
        {"encoding": "audio/x-l16", "sampleRate": 44_100},
        {"encoding": ["audio/x-l16"], "sampleRate": 8000},
        {"encoding": "audio/x-l16", "sampleRate": "8000"},
    ],
)
def test_a_format_that_we_do_not_speak_is_named(told: object) -> None:
    with pytest.raises(RemoteProtocolError, match="mediaFormat is"):
        PlivoProtocol().receive(start(start={**START["start"], "mediaFormat": told}))  # type: ignore[dict-item]
