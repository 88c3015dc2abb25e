"""The frames between the bridge and the SIP process, and what a call makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Hangup,
    Join,
    Malformed,
    Mark,
    Media,
    Play,
    Played,
    Problem,
    SendDtmf,
    SendInfo,
    Transfer,
)
from telephony.sip import LONGEST_TEXT, MAX_RATE, SipProtocol
from telephony.sip_frames import FrameError, Frames, Kind, fields, frame, json_frame, on_the_wire, split

STARTED = json_frame(
    Kind.STARTED, 1, call_id="c1", rate=16_000, caller="alice", callee="bot", parameters={"X-Campaign": "7"}
)


def started() -> SipProtocol:
    protocol = SipProtocol(1)
    protocol.receive(STARTED)
    return protocol


def test_an_inbound_call_is_answered_first() -> None:
    assert SipProtocol(3).open() == [frame(Kind.ANSWER, 3)]


def test_an_outbound_call_is_dialled_first_with_its_headers() -> None:
    (data,) = SipProtocol(2, dial="sip:bob@example.com", headers={"X-Campaign": "7"}).open()
    assert isinstance(data, bytes)
    kind, call, body = split(data)
    assert (kind, call) == (Kind.DIAL, 2)
    assert fields(body) == {"target": "sip:bob@example.com", "headers": {"X-Campaign": "7"}}


def test_the_format_is_linear_at_the_rate_of_the_codec_and_headers_are_parameters() -> None:
    assert SipProtocol(1).receive(STARTED) == [
        CallStarted("c1", AudioFormat(Encoding.L16, 16_000), "alice", "bot", {"X-Campaign": "7"})
    ]


def test_what_the_caller_calls_itself_and_who_forwarded_the_call_are_told_in_the_words_of_all_wires() -> None:
    told = {"caller_name": "Anna", "forwarded_from": "+4940", "asserted_identity": "+4930", "stir_verstat": "X-A"}
    [started] = SipProtocol(1).receive(json_frame(Kind.STARTED, 1, call_id="c1", rate=8000, parameters=told))
    assert isinstance(started, CallStarted)
    assert (started.caller_name, started.forwarded_from, started.parameters) == ("Anna", "+4940", told)
    assert started.stir_verstat == "X-A"


def test_media_time_is_counted_from_the_audio_and_silence_that_stands_for_lost_audio_is_marked() -> None:
    protocol = started()
    audio = b"\x01\x02" * 320
    assert protocol.receive(frame(Kind.AUDIO, 1, audio)) == [Media(audio, 0)]
    assert protocol.receive(frame(Kind.SILENCE, 1, (640).to_bytes(4))) == [Media(bytes(1280), 20, concealed=True)]
    assert protocol.receive(frame(Kind.AUDIO, 1, audio)) == [Media(audio, 60)]


@pytest.mark.parametrize(
    ("data", "event"),
    [
        (frame(Kind.DIGIT, 1, b"#"), Dtmf("#")),
        (frame(Kind.PLAYED, 1, b"0:1"), Played("0:1")),
        (frame(Kind.TROUBLE, 1, b"no such target"), Malformed("no such target")),
        (json_frame(Kind.ENDED, 1, reason="the other side hung up"), CallEnded("the other side hung up")),
        (json_frame(Kind.ENDED, 1), CallEnded("the call ended")),
    ],
)
def test_what_the_stack_tells_is_an_event(data: bytes, event: object) -> None:
    assert started().receive(data) == [event]


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (Play(b"\1\0"), frame(Kind.PLAY, 1, b"\1\0")),
        (Mark("0:1"), frame(Kind.MARK, 1, b"0:1")),
        (Clear(), frame(Kind.CLEAR, 1)),
        (Hangup("done"), json_frame(Kind.HANGUP, 1, reason="done")),
        (Transfer("sip:desk@example.com"), json_frame(Kind.TRANSFER, 1, target="sip:desk@example.com")),
        (SendDtmf("12#"), json_frame(Kind.SEND_DIGITS, 1, digits="12#")),
        (
            Join("room-1"),
            json_frame(Kind.JOIN, 1, room="room-1"),
        ),
        (
            SendInfo("{}", "application/json", {"X-a": "b"}),
            json_frame(Kind.SEND_INFO, 1, body="{}", content_type="application/json", headers={"X-a": "b"}),
        ),
    ],
)
def test_what_we_ask_is_a_frame(
    command: Play | Mark | Clear | Hangup | Transfer | Join | SendDtmf | SendInfo, data: bytes
) -> None:
    assert started().send(command) == [data]


def test_a_telephone_reads_no_text() -> None:
    assert not started().send(Problem("what?"))


def test_audio_before_the_call_is_our_bug() -> None:
    with pytest.raises(LocalProtocolError):
        SipProtocol(1).send(Play(b"\0\0"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\0\0\0\1",
        frame(Kind.AUDIO, 1, b"\0\0"),
        frame(Kind.STARTED, 1, b"{"),
        frame(Kind.STARTED, 1, b"[]"),
        json_frame(Kind.STARTED, 1, rate=0, parameters={}),
        json_frame(Kind.STARTED, 1, rate=MAX_RATE + 1, parameters={}),
        frame(Kind.STARTED, 1, b"[" * 20_000),
        frame(Kind.SILENCE, 1, b"\1"),
        frame(Kind.PLAY, 1),
    ],
)
def test_a_stack_that_breaks_the_rules_ends_the_call(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        SipProtocol(1).receive(data)


@pytest.mark.parametrize("data", [frame(Kind.SILENCE, 1, b"\xff" * 4), frame(Kind.AUDIO, 1, b"odd"), STARTED])
def test_a_stack_that_breaks_the_rules_of_a_running_call_ends_it(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        started().receive(data)


@pytest.mark.parametrize("key", ["!", "12", "", "x"])
def test_what_is_no_key_is_told_and_goes_to_no_bot(key: str) -> None:
    assert [type(event) for event in started().receive(frame(Kind.DIGIT, 1, key.encode()))] == [Malformed]


def test_what_a_peer_writes_is_bounded_and_can_be_sent_on() -> None:
    [call] = SipProtocol(1).receive(
        json_frame(Kind.STARTED, 1, call_id="c", rate=8000, caller="\udcff", parameters={"X": "x" * 70_000})
    )
    assert isinstance(call, CallStarted)
    assert (call.caller, len(call.parameters["X"])) == ("?", LONGEST_TEXT)
    for kind in (Kind.TROUBLE, Kind.NOT_TRANSFERRED):
        [told] = started().receive(frame(kind, 1, b"x" * 70_000))
        assert len(str(told)) < LONGEST_TEXT + 100


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 16))
def test_frames_come_whole_however_the_stream_is_cut(bodies: list[bytes], step: int) -> None:
    sent = [frame(Kind.PLAY, number, body) for number, body in enumerate(bodies)]
    stream, frames = on_the_wire(sent), Frames()
    received = [data for i in range(0, len(stream), step) for data in frames.feed(stream[i : i + step])]
    assert received == sent


@pytest.mark.parametrize("stream", [b"\xff\xff\xff\xff", b"\0\0\0\1\1"])
def test_a_length_that_no_frame_has_is_no_stream_of_ours(stream: bytes) -> None:
    with pytest.raises(FrameError):
        Frames().feed(stream)
