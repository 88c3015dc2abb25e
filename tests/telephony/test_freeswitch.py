"""FreeSWITCH media sockets on the examples of their documents; tests/test_wires.py asks what it asks all wires."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Hangup,
    Malformed,
    Mark,
    Media,
    Play,
    Played,
    SendDtmf,
    Transfer,
)
from telephony.freeswitch import MAX_MALFORMED, AudioForkProtocol, AudioStreamProtocol

METADATA = {
    "sampleRate": 16000,
    "mixType": "mono",
    "callSid": "e3b7",
    "direction": "inbound",
    "from": "16173333456",
    "to": "15083084809",
    "sip": {"headers": {}},
    "answered": True,
}
PACKET = b"\1\0" * 320


def fork(**changed: object) -> AudioForkProtocol:
    protocol = AudioForkProtocol("fallback")
    protocol.receive(json.dumps({**METADATA, **changed}))
    return protocol


def test_the_metadata_say_which_call_it_is_and_at_what_rate() -> None:
    [started] = AudioForkProtocol("fallback").receive(json.dumps(METADATA))
    assert isinstance(started, CallStarted)
    assert (started.call_id, started.caller, started.callee) == ("e3b7", "16173333456", "15083084809")
    assert started.format == AudioFormat(Encoding.L16, 16_000)
    assert started.parameters["direction"] == "inbound" and "sip" not in started.parameters


def test_audio_is_placed_by_its_length() -> None:
    protocol = fork()
    assert protocol.receive(PACKET) == [Media(PACKET, 0)]
    assert protocol.receive(PACKET) == [Media(PACKET, 20)]


def test_a_stream_without_metadata_is_a_call_at_8_khz() -> None:
    started, media = AudioStreamProtocol("made up").receive(PACKET)
    assert started == CallStarted("made up", AudioFormat(Encoding.L16, 8000))
    assert media == Media(PACKET, 0)


def test_a_rate_may_be_written_as_a_decimal() -> None:
    [started] = AudioForkProtocol("x").receive('{"sampleRate": 16000.0}')
    assert isinstance(started, CallStarted) and started.format == AudioFormat(Encoding.L16, 16_000)


@pytest.mark.parametrize(("field", "value"), [("sampleRate", 11025), ("sampleRate", "8k"), ("mixType", "stereo")])
def test_metadata_that_cannot_be_used_end_the_call_and_name_the_field(field: str, value: object) -> None:
    with pytest.raises(RemoteProtocolError, match=field):
        AudioForkProtocol("x").receive(json.dumps({**METADATA, field: value}))


def test_keys_and_marks_come_back() -> None:
    protocol = fork()
    assert protocol.receive('{"event":"dtmf","dtmf":"2","duration":"1600"}') == [Dtmf("2")]
    assert protocol.receive('{"type":"mark","data":{"name":"m1","event":"playout"}}') == [Played("m1")]
    assert protocol.receive('{"type":"mark","data":{"name":"m2","event":"cleared"}}') == [Played("m2")]
    assert protocol.receive('{"type":"playDone","data":{"id":"1"}}') == ()


def test_commands_of_a_fork_are_jambonz_messages() -> None:
    protocol = fork()
    assert protocol.send(Play(PACKET)) == [PACKET]
    assert [
        json.loads(str(text)) for command in (Mark("m1"), Clear(), Hangup()) for text in protocol.send(command)
    ] == [
        {"type": "mark", "data": {"name": "m1"}},
        {"type": "killAudio"},
        {"type": "disconnect"},
    ]
    for command in (Transfer("+49"), SendDtmf("1")):
        with pytest.raises(LocalProtocolError):
            protocol.send(command)


def test_audio_of_a_stream_goes_back_as_json_at_its_own_rate() -> None:
    protocol = AudioStreamProtocol("x")
    with pytest.raises(LocalProtocolError, match="not known"):
        protocol.send(Play(PACKET))
    protocol.receive(json.dumps({"sampleRate": 16000}))
    [sent] = protocol.send(Play(PACKET))
    message = json.loads(str(sent))
    assert message["type"] == "streamAudio"
    assert (message["data"]["audioDataType"], message["data"]["sampleRate"]) == ("raw", 16000)
    assert base64.b64decode(message["data"]["audioData"]) == PACKET
    with pytest.raises(LocalProtocolError):
        protocol.send(Clear())


@pytest.mark.parametrize("bad", [b"", b"odd", "no JSON", "[]", '{"event":"dtmf","dtmf":"X"}', '{"type":"mark"}'])
def test_a_malformed_message_costs_itself_only_and_too_many_the_call(bad: str | bytes) -> None:
    protocol = fork()
    [malformed] = protocol.receive(bad)
    assert isinstance(malformed, Malformed)
    assert protocol.receive(PACKET) == [Media(PACKET, 0)]
    with pytest.raises(RemoteProtocolError, match="malformed"):
        for _ in range(MAX_MALFORMED):
            protocol.receive(bad)


@given(st.lists(st.binary(max_size=400) | st.text(max_size=100), max_size=30))
def test_whatever_comes_the_time_line_has_no_holes(messages: list[str | bytes]) -> None:
    protocol, end_ms = AudioForkProtocol("x"), 0.0
    for message in messages:
        try:
            events = protocol.receive(message)
        except RemoteProtocolError:
            return
        for event in events:
            if isinstance(event, Media):
                assert event.at_ms == int(end_ms)
                end_ms += len(event.payload) / 16
