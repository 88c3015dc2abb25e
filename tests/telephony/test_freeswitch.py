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
    Event,
    FormatChanged,
    Hangup,
    Malformed,
    Mark,
    Media,
    Notice,
    Play,
    Played,
    SendDtmf,
    Transfer,
)
from telephony.freeswitch import METADATA_MS, AudioForkProtocol, AudioStreamProtocol
from telephony.malformed import MAX_MALFORMED

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


def early(protocol: AudioStreamProtocol | AudioForkProtocol, packet: bytes, times: int) -> list[Event]:
    return [event for _ in range(times) for event in protocol.receive(packet)]


@pytest.mark.parametrize(
    ("length", "rate"), [(320, 8000), (640, 16_000), (960, 24_000), (1920, 48_000), (100, 8000), (3200, 8000)]
)
def test_a_stream_without_metadata_begins_after_half_a_second_at_the_rate_of_its_packets(
    length: int, rate: int
) -> None:
    protocol = AudioStreamProtocol("made up")
    packets = METADATA_MS * rate // 1000 * 2 // length
    assert early(protocol, bytes(length), packets - 1) == []
    started, notice, *heard = early(protocol, bytes(length), 2)
    assert isinstance(started, CallStarted) and isinstance(notice, Notice)
    assert (started.call_id, started.format) == ("made up", AudioFormat(Encoding.L16, rate))
    assert f"no metadata tell the sample rate: {rate} Hz" in notice.message
    assert sum(len(event.payload) for event in heard if isinstance(event, Media)) == length * (packets + 1)


@pytest.mark.parametrize("told", [16_000, "16000", 16_000.0, "16000.0", " 16000 "])
def test_metadata_behind_the_first_audio_tell_the_rate_of_all_of_it(told: object) -> None:
    protocol = AudioForkProtocol("made up")
    assert early(protocol, bytes(320), 5) == []
    started, *heard = protocol.receive(json.dumps({**METADATA, "sampleRate": told}))
    assert isinstance(started, CallStarted)
    assert (started.call_id, started.caller, started.early_ms) == ("e3b7", "16173333456", 50)
    assert started.format == AudioFormat(Encoding.L16, 16_000)
    assert heard == [Media(bytes(320), 10 * number) for number in range(5)]


def test_metadata_that_come_when_the_call_has_begun_change_its_rate() -> None:
    protocol = AudioStreamProtocol("made up")
    early(protocol, bytes(320), 100)
    notice, changed = protocol.receive(json.dumps({"sampleRate": "16000"}))
    assert isinstance(notice, Notice) and "the rate is 16000 Hz; guessed were 8000 Hz" in notice.message
    assert changed == FormatChanged(AudioFormat(Encoding.L16, 16_000))
    assert protocol.receive(bytes(640)) == [Media(bytes(640), 2000)]
    assert json.loads(str(protocol.send(Play(b"\1\0"))[0]))["data"]["sampleRate"] == 16_000
    assert protocol.receive(json.dumps({"sampleRate": 8000})) == (), "once is enough"


@pytest.mark.parametrize("again", [METADATA, {"sampleRate": "8k"}, {"mixType": "stereo"}])
def test_once_the_rate_is_told_no_metadata_change_or_end_the_call(again: dict[str, object]) -> None:
    protocol = fork()
    assert protocol.receive(json.dumps(again)) == ()
    assert protocol.receive(PACKET) == [Media(PACKET, 0)]


def test_late_metadata_that_agree_with_the_guess_change_nothing() -> None:
    protocol = AudioStreamProtocol("made up")
    early(protocol, bytes(640), 100)
    [notice] = protocol.receive(json.dumps({"sampleRate": 16_000}))
    assert isinstance(notice, Notice)


def test_metadata_without_a_rate_wait_for_audio_or_for_silence() -> None:
    protocol = AudioForkProtocol("x")
    assert protocol.quiet() == (), "nobody has said anything"
    assert protocol.receive('{"callSid": "c1"}') == ()
    started, notice = protocol.quiet()
    assert isinstance(started, CallStarted) and (started.call_id, started.format.sample_rate) == ("c1", 8000)
    assert isinstance(notice, Notice)
    assert protocol.quiet() == ()
    notice, changed, media = protocol.receive(bytes(640))
    assert isinstance(notice, Notice) and "packets of 640 bytes" in notice.message
    assert (changed, media) == (FormatChanged(AudioFormat(Encoding.L16, 16_000)), Media(bytes(640), 0))


def test_an_event_is_no_metadata_and_waits_for_them() -> None:
    protocol = AudioForkProtocol("x")
    assert protocol.receive('{"event":"dtmf","dtmf":"2","duration":"1600"}') == ()
    started, key = protocol.receive(json.dumps(METADATA))
    assert isinstance(started, CallStarted) and key == Dtmf("2")


def test_half_a_sample_is_not_heard() -> None:
    assert fork().receive(b"\1\0\2") == [Media(b"\1\0", 0)]
    assert fork().receive(b"") == ()


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


@pytest.mark.parametrize("bad", ["no JSON", "[]", '{"event":"dtmf","dtmf":"X"}', '{"type":"mark"}'])
def test_a_malformed_message_costs_itself_only_and_too_many_the_call(bad: str | bytes) -> None:
    protocol = fork()
    [malformed] = protocol.receive(bad)
    assert isinstance(malformed, Malformed)
    assert protocol.receive(PACKET) == [Media(PACKET, 0)]
    with pytest.raises(RemoteProtocolError, match="malformed"):
        for _ in range(MAX_MALFORMED + 1):
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
